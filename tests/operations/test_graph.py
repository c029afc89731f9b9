"""The operation graph: what is drawn of a probe, of a limit, and of what has no figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reporter.alerts.model import Level, Observation
from reporter.errors import ReporterError
from reporter.messages.message import Message
from reporter.operations.answering import Door
from reporter.operations.graph import _quantities, _unit
from reporter.probes.number_formats import in_bytes, percent, seconds, weight_of
from reporter.store import uptime
from tests.operations.floors import OWNER, ask, floor
from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(tmp_path)
    found = floor(tmp_path)
    yield found
    found.close()


def seen(stage: Stage, subject: str, level: Level, value: str | None = None, figure: float | None = None) -> None:
    stage.clock.forward(minutes=5)
    limit = "2s" if subject.startswith("probe") else None
    one = Observation(subject, level, "seen", value, limit, figure=figure, every=timedelta(minutes=5))
    with stage.app.store.begin() as connection:  # as the run of a job saves it
        uptime.record(connection, [one], stage.clock.wall(), one.every)
    stage.app.runner.observe(stage.app.runtime, [one])


def drawn(stage: Stage, text: str) -> Message:
    [message] = Door(stage.app, lambda _: None).answer(text, OWNER)
    return message


def probed(stage: Stage) -> None:
    for number in range(24):
        slow = 10 <= number < 14
        took = 2.5 if slow else 0.02 + number / 1000
        level = Level.CRITICAL if slow else Level.OK
        seen(stage, "probe/db", level, "2.5s" if slow else f"{took * 1000:.0f}ms", took)


def test_a_probe_is_drawn_with_its_limit_and_its_levels(stage: Stage) -> None:
    probed(stage)
    message = drawn(stage, "graph db for 2h")
    [picture] = message.attachments
    assert picture.name == "graph.png"
    assert picture.content.startswith(b"\x89PNG")
    assert picture.alt == "db over 2h: ok, 43ms"
    said = ask(stage, "graph db for 2h")
    assert "Critical" in said
    assert re.search(r"Mean\n\d+ms\nLowest\n20ms\nHighest\n2\.5s", said)


def test_a_limit_is_drawn_by_how_much_of_it_is_used(stage: Stage) -> None:
    for used in (20.0, 60.0, 105.0):
        level = Level.CRITICAL if used > 100 else Level.OK
        seen(stage, "limit/daily_loss/live/USDT", level, "-10.50 USDT", used)
    assert "Highest\n105%" in ask(stage, "graph limit/daily_loss/live/USDT")
    assert drawn(stage, "graph limit/daily_loss/live/USDT").attachments


def test_what_has_no_figures_is_drawn_by_its_incidents(stage: Stage) -> None:
    for level in (Level.CRITICAL, Level.CRITICAL, Level.CRITICAL, Level.OK):
        seen(stage, "job/daily_summary", level)
    stage.clock.forward(hours=1)
    message = drawn(stage, "graph job/daily_summary")
    assert message.attachments
    assert "Critical" in ask(stage, "graph job/daily_summary")


def test_the_picture_is_the_same_after_a_restart(stage: Stage) -> None:
    probed(stage)
    before = drawn(stage, "graph probe/db").attachments[0].content
    stage.restart()
    assert drawn(stage, "graph probe/db").attachments[0].content == before


def test_a_subject_that_is_not_known_names_the_nearest(stage: Stage) -> None:
    probed(stage)
    with pytest.raises(ReporterError, match="did you mean probe/db"):
        ask(stage, "graph probe/bd")


@pytest.mark.parametrize(
    ("words", "figure", "unit"),
    [
        ("12ms", 0.0121, seconds),
        ("3h 5m", 11100.0, seconds),
        ("2 days, 3h", 183600.0, seconds),
        ("82%", 82.0, percent),
        (weight_of(10 * 2**30, 2.3), 2.3, percent),
        ("234.0 MiB of 10.0 GiB (2.3%)", 234.0 * 2**20, in_bytes),
        ("1.5 GiB", 1.5 * 2**30, in_bytes),
    ],
)
def test_the_unit_is_that_of_the_quantity_that_is_the_figure(words: str, figure: float, unit: object) -> None:
    assert _unit(words, figure, figure) is unit
    assert unit in [one for one, _ in _quantities(words)]
