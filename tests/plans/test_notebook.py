"""Plans are written by their authors alone, and nothing is ever overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from reporter.plans.model import PlanChart
from reporter.plans.notebook import LONGEST_TEXT, Notebook, PlanRefusedError, day_of
from reporter.plans.settings import Writer
from reporter.store.plans import PlanTable
from tests.plans.desk import BOSS, DARIA, IVO, MORNING, SETTINGS, Desk, desk

DAY = date(2026, 11, 27)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        yield found


def test_an_edit_keeps_every_version(kept: Desk) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "long BTC above 950", DARIA, MORNING)
        notebook.edit("coach_d", "flat today", DARIA, MORNING + timedelta(hours=1))
        plan = notebook.withdraw("d", DARIA, MORNING + timedelta(hours=2))
    acts = [(version.number, version.act, version.text) for version in plan.versions]
    assert acts == [(1, "written", "long BTC above 950"), (2, "edited", "flat today"), (3, "withdrawn", "flat today")]
    assert plan.withdrawn


def test_the_day_is_that_of_the_authors_zone(kept: Desk) -> None:
    with kept.notebook() as notebook:
        plan = notebook.write("i", "wait", IVO, MORNING.replace(hour=16))
    assert plan.newest.day == "2026-11-28"


@pytest.mark.parametrize("act", ["write", "edit", "withdraw"])
def test_only_the_author_may_write(kept: Desk, act: str) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "mine", DARIA, MORNING)
        given = ("d", IVO, MORNING) if act == "withdraw" else ("d", "yours", IVO, MORNING)
        with pytest.raises(PlanRefusedError, match=r"only Daria may (write|edit|delete) the plans of d"):
            getattr(notebook, act)(*given)


def test_a_user_of_one_service_is_not_that_of_another(kept: Desk) -> None:
    with kept.notebook() as notebook, pytest.raises(PlanRefusedError, match="only i may write"):
        notebook.write("i", "wait", Writer("discord:2", "stranger"), MORNING)


def test_the_owner_writes_for_an_author_and_is_named(kept: Desk) -> None:
    with kept.notebook() as notebook:
        assert notebook.write("d", "for her", BOSS, MORNING).newest.writer_name == "owner for d"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda n: n.write("x", "t", DARIA, MORNING), "there is no author x: known are d, i"),
        (lambda n: n.write("d", " \n", DARIA, MORNING), "a plan needs a text"),
        (lambda n: n.write("d", "x" * (LONGEST_TEXT + 1), DARIA, MORNING), "at most 8000 characters"),
        (lambda n: n.edit("d", "t", DARIA, MORNING), "Daria has no plan for 2026-11-27: write one with `plan d TEXT`"),
        (lambda n: n.withdraw("d", DARIA, MORNING, day=date(2026, 1, 1)), "no plan for 2026-01-01"),
        (lambda n: day_of("27.11.", DAY), "27.11. is no day: write such as 2026-11-29"),
    ],
)
def test_each_refusal_is_a_sentence(kept: Desk, asked: object, sentence: str) -> None:
    with kept.notebook() as notebook, pytest.raises(PlanRefusedError, match=sentence.replace(".", r"\.")):
        asked(notebook)  # type: ignore[operator]


def test_a_second_plan_for_the_day_is_refused_until_the_first_is_withdrawn(kept: Desk) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "one", DARIA, MORNING)
        with pytest.raises(PlanRefusedError, match="has a plan for 2026-11-27 already: change it with `edit d TEXT`"):
            notebook.write("d", "two", DARIA, MORNING)
        notebook.withdraw("d", DARIA, MORNING)
        again = notebook.write("d", "two", DARIA, MORNING)
    assert [version.text for version in again.versions] == ["one", "one", "two"]


@pytest.mark.parametrize(
    ("day", "length"), [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23)], ids=["clocks back", "clocks forward"]
)
def test_yesterday_and_today_are_civil_days_where_clocks_change(kept: Desk, day: date, length: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    settings = replace(SETTINGS, authors={"d": replace(SETTINGS.authors["d"], zone=zone)})
    begins = datetime.combine(day, time(), zone).astimezone(UTC)
    with kept.store.begin() as connection:
        notebook = Notebook(PlanTable(connection), settings)
        notebook.write("d", "of yesterday", DARIA, begins - timedelta(minutes=1))
        notebook.write("d", "of today", DARIA, begins + timedelta(hours=length, minutes=-1))
        notebook.write("d", "of tomorrow", DARIA, begins + timedelta(hours=length))
        late = begins + timedelta(hours=length, minutes=-1)
        yesterday = day_of("yesterday", late.astimezone(zone).date())
        edited = notebook.edit("d", "edited", DARIA, late, day=yesterday)
        found = {n: notebook.find("d", day + timedelta(days=n)) for n in (-1, 0, 1)}
    assert edited.newest.day == (day - timedelta(days=1)).isoformat()
    assert {n: plan and plan.newest.text for n, plan in found.items()} == {
        -1: "edited",
        0: "of today",
        1: "of tomorrow",
    }


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.full)])
def test_concurrent_edits_lose_none(kept: Desk, count: int) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "start", DARIA, MORNING)

    def edit(number: int) -> None:
        with kept.notebook() as notebook:
            notebook.edit("d", f"edit {number}", DARIA, MORNING)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(edit, range(count)))
    with kept.notebook() as notebook:
        plan = notebook.find("d", DAY)
    assert plan
    assert [version.number for version in plan.versions] == list(range(1, count + 2))
    assert {version.text for version in plan.versions[1:]} == {f"edit {number}" for number in range(count)}


def test_pictures_stay_with_the_plan_within_their_number(kept: Desk) -> None:
    one, two = PlanChart("a.png", "image/png", b"1"), PlanChart("b.png", "image/png", b"2")
    with kept.notebook() as notebook:
        notebook.write("d", "see", DARIA, MORNING, charts=[one])
        plan = notebook.edit("d", "see both", DARIA, MORNING, charts=[two])
        assert [(chart.name, chart.number) for chart in plan.charts] == [("a.png", 1), ("b.png", 2)]
        with pytest.raises(PlanRefusedError, match="at most 2 pictures; this one would have 3"):
            notebook.edit("d", "more", DARIA, MORNING, charts=[one])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE plan_versions SET text = 'other' WHERE number = 1 AND author = 'd'",
        "UPDATE plan_versions SET at = '2026-11-27 01:00:00.000000' WHERE number = 2",
        "DELETE FROM plan_versions WHERE number = 1",
        "UPDATE plan_charts SET content = x'00'",
    ],
)
def test_a_changed_row_breaks_the_chain(kept: Desk, change: str) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "see", DARIA, MORNING, charts=[PlanChart("a.png", "image/png", b"1")])
        notebook.edit("d", "see again", DARIA, MORNING)
        notebook.write("i", "wait", IVO, MORNING)
    with kept.store.begin() as connection:
        assert PlanTable(connection).broken_links() == []
        connection.execute(text(change))
        assert {version.author for version in PlanTable(connection).broken_links()} == {"d"}


def test_a_secret_in_a_plan_is_not_kept(kept: Desk) -> None:
    hook = "https://discord.com/api/webhooks/123456789012345678/" + "aB3" * 22
    with kept.notebook() as notebook:
        assert "aB3aB3" not in notebook.write("d", f"post to {hook}", DARIA, MORNING).newest.text
    with kept.store.read() as connection:
        assert PlanTable(connection).broken_links() == []
