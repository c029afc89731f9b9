"""What goes wrong beside the work costs a round and is told; it ends no daemon and holds nobody up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reporter.edits import differences, terms
from tests.delivery.test_store_full import full
from tests.discord.local import LocalDiscord
from tests.processes import daemon
from tests.stage import DAILY, Stage

BEFORE_MIDNIGHT = datetime(2026, 10, 30, 23, 59, 57, tzinfo=UTC)
DAILY_AT = 'covers="yesterday", schedule="daily at 00:00"'
NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


def job(name: str, body: str, terms: str = 'covers="now", schedule="every 30s"') -> str:
    """A job's file."""
    return f'''\
from pathlib import Path
from typing import Any

from reporter import Context, Params, Report, job


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
            running.says("taken up")
            running.says("the planner could not look", times=2)
        [alert] = discord.wait_for("daily")
    assert "no price for DOGE" in alert.text


def test_parameters_that_json_has_no_form_for_end_no_daemon(stage: Stage) -> None:
    code = job("odd", "yield Report(facts={})", 'covers="now", schedule="every 30s", params=Odd')
    stage.report("odd", code.replace("@job", "class Odd(Params):\n    what: Any = object()\n\n\n@job"))
    before = terms(stage.on_screen("  odd:").app.wiring)
    stage.reload()
    assert differences(before, terms(stage.app.wiring)) == []


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
        running.says("hangs", times=4)
        assert running.stop() < 3
