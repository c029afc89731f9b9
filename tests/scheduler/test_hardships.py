"""A fault outside the work costs a round and is reported; it ends no daemon and delays nothing else."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from reporter.errors import StoreError
from reporter.jobs.changes import differences, terms
from reporter.store import tables
from tests.delivery.test_store_full import full
from tests.support.discord.faults import Limited
from tests.support.discord.local import LocalDiscord
from tests.support.processes import daemon
from tests.support.stage import DAILY, Stage

BEFORE_MIDNIGHT = datetime(2026, 10, 30, 23, 59, 57, tzinfo=UTC)
DAILY_AT = 'covers="yesterday", schedule="daily at 00:00"'
NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


def job(name: str, body: str, terms: str = 'covers="now", schedule="every 30s"') -> str:
    """A job's file."""
    return f'''\
from pathlib import Path
from typing import Any

from reporter import Context, Level, Observation, Params, Report, job


@job({terms})
def {name}(ctx: Context):
    """Does one thing."""
    {body}
'''


def test_a_job_that_breaks_while_the_store_is_full_is_told_of_afterwards(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily:")
    with daemon(stage.folder, NOON, stage.environ) as running:
        running.says("daily: every day")
        with full(running):
            stage.report("daily", "raise ValueError('no price for DOGE')")
            running.says("applied: ")
            running.says("the planner could not look")
        [alert] = discord.wait_for("daily")
    assert "no price for DOGE" in alert.text


def test_parameters_that_json_has_no_form_for_end_no_daemon(stage: Stage) -> None:
    code = job("odd", "yield Report(facts={})", 'covers="now", schedule="every 30s", params=Odd')
    stage.report("odd", code.replace("@job", "class Odd(Params):\n    what: Any = object()\n\n\n@job"))
    before = terms(stage.on_screen("  odd:").app.runtime.jobs)
    stage.reload()
    assert differences(before, terms(stage.app.runtime.jobs)) == []


@pytest.mark.parametrize("end", ["SystemExit(0)", "KeyboardInterrupt"])
def test_a_job_that_ends_the_program_has_failed(stage: Stage, end: str) -> None:
    stage.report("quits", job("quits", f"raise {end}")).on_screen("  quits:")
    outcome = stage.run("quits").outcome
    assert outcome
    assert f"it ended itself with {end.partition('(')[0]}" in str(outcome.error)


def test_it_stops_at_once_however_many_jobs_wait_for_their_turn(stage: Stage, discord: LocalDiscord) -> None:
    names = [f"hangs{number}" for number in range(7)]
    for name in names:
        stage.report(name, job(name, "ctx.log.info('hangs'); __import__('threading').Event().wait(); yield", DAILY_AT))
    stage.on_discord(discord, "".join(f"  {name}: {{settle: 0s}}\n" for name in names))
    with daemon(stage.folder, BEFORE_MIDNIGHT, stage.environ) as running:
        running.says("] hangs\n", times=4)
        running.stop()
    assert "INFO    [-] stopped\n" in running.log, running.log
    assert "Traceback" not in running.log


def test_a_run_that_hangs_holds_one_thread_however_often_its_turn_comes(stage: Stage) -> None:
    go = stage.folder / "go"
    body = f"[None for _ in iter(lambda: Path({str(go)!r}).exists(), True)]; yield Report(facts={{}})"
    stage.report("hangs", job("hangs", body, 'covers="now", schedule="every 30s", deadline=0.001'), "# Well\n")
    stage.on_screen("  hangs:")
    errors = [str(outcome and outcome.error) for outcome in (stage.run("hangs").outcome for _ in range(3))]
    assert "no result within" in errors[0]
    assert all("hangs still" in error for error in errors[1:])
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "job-hangs"]
    go.touch()
    thread.join(10)
    assert "hangs still" not in str(stage.run("hangs").outcome)


def test_a_clock_set_back_does_not_bring_a_pause_of_the_service_back(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily:").run("daily", "2026-10-01")
    discord.fail(Limited(0.1, scope="global"))
    stage.run("daily", "2026-10-02")
    stage.clock.forward(minutes=1)
    stage.deliver()
    stage.clock.now -= timedelta(days=2)
    stage.tick()
    stage.run("daily", "2026-10-03")
    assert [message.title[-2:] for message in discord.messages("daily")] == ["01", "02", "03"]


def test_a_zone_that_is_gone_keeps_no_other_job_from_its_turn(stage: Stage) -> None:
    stage.report("daily", DAILY).report("other", DAILY.replace("def daily", "def other"))
    stage.on_screen("  other:\n  daily:").tick()
    with stage.app.store.begin() as connection:
        odd = update(tables.schedules).where(tables.schedules.c.job == "other")
        connection.execute(odd.values(zone="Europe/Atlantis"))
    stage.restart().clock.forward(days=1)
    assert stage.told() == ["daily 2026-10-31"]


def test_a_job_that_rested_over_its_hour_is_not_run_when_it_comes_back(stage: Stage) -> None:
    stage.report("daily", job("daily", "yield Report(facts={})", 'covers="today", schedule="daily at 14:00"'))
    planner = stage.on_screen("  daily:").app.planner
    assert planner.open_turns(stage.app.runtime) == []
    stage.on_screen("  daily: {enabled: false}").reload()
    stage.clock.forward(hours=4)
    assert planner.open_turns(stage.app.runtime) == []
    stage.on_screen("  daily:").reload()
    assert planner.open_turns(stage.app.runtime) == []
    stage.clock.forward(days=1)
    assert [bound.name for bound in planner.open_turns(stage.app.runtime)] == ["daily"]


@pytest.mark.full
def test_a_store_whose_connections_are_all_in_use_is_a_failure_of_the_store(stage: Stage) -> None:
    store = stage.report("daily", DAILY).on_screen("  daily:").app.store
    with ExitStack() as looks:
        for _ in range(12):
            looks.enter_context(store.read())
        with pytest.raises(StoreError, match="cannot be used"):
            looks.enter_context(store.read())


@pytest.mark.full
def test_a_suspicion_begins_no_look_beside_the_one_under_way(stage: Stage, discord: LocalDiscord) -> None:
    body = "ctx.log.info('begins'); __import__('time').sleep(4); ctx.log.info('ends'); yield COLD"
    body = body.replace(
        "COLD", "__import__('reporter').Observation('probe/oven', __import__('reporter').Level.CRITICAL)"
    )
    stage.report("watch", job("watch", body, 'covers="now", schedule="every 11s"')).on_discord(discord, "  watch:")
    with daemon(stage.folder, NOON, stage.environ) as running:
        running.says("ends", times=3)
        looks = re.findall(r"(begins|ends)$", running.log, re.MULTILINE)
    assert looks[:6] == ["begins", "ends"] * 3
