"""A daemon that was down for days: a run in progress at the kill does not block the rest."""

from __future__ import annotations

import pytest

from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

FAILS_WHILE_TOLD_TO = DAILY.replace(
    "    yield", "    import os\n    if os.path.getsize(FLAG):\n        raise ValueError('no')\n    yield"
)
MISSED = ["daily 2026-10-31", "daily 2026-11-01", "daily 2026-11-02", "daily 2026-11-03"]


@pytest.fixture(params=["sqlite", "postgresql"])
def daily(request: pytest.FixtureRequest, stage: Stage) -> Stage:
    """A daily report that fails while the file `flag` says so, on a store of each kind."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        stage.environ["STORE"] = server.url(schema=server.new_schema())
    flag = stage.write("flag", "")
    return stage.report("daily", FAILS_WHILE_TOLD_TO.replace("FLAG", repr(str(flag)))).on_screen("  daily:")


def test_what_was_cut_off_days_ago_is_told(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    [turn] = daily.app.planner.tick(daily.app.runtime)
    assert daily.app.planner.claim(turn)
    daily.restart().clock.forward(days=3)
    assert daily.told() == MISSED


def test_what_failed_for_days_and_was_cut_off_at_last_is_given_up(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    daily.write("flag", "fail")
    daily.tick()
    daily.clock.forward(days=2)
    [turn] = daily.app.planner.tick(daily.app.runtime)
    assert daily.app.planner.claim(turn)
    daily.write("flag", "")
    daily.restart().clock.forward(hours=1)
    assert daily.told() == []
    assert daily.told() == MISSED[1:3]


def test_what_failed_once_before_nobody_was_there_is_tried_again(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    daily.write("flag", "fail")
    daily.tick()
    daily.write("flag", "")
    daily.restart().clock.forward(days=3)
    assert daily.told() == MISSED


def test_what_fails_after_a_long_absence_has_all_the_time_of_a_first_try(daily: Stage) -> None:
    daily.tick()
    daily.restart().clock.forward(days=4)
    daily.write("flag", "fail")
    daily.tick()
    daily.write("flag", "")
    daily.clock.forward(minutes=1)
    assert daily.told() == MISSED
