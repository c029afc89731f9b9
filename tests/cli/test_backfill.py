"""Past periods by hand: reported in order, listed with what is owed, and an edit explained before it takes effect."""

from __future__ import annotations

import pytest

from reporter.cli.run_history import run_history
from reporter.errors import ReporterError
from reporter.jobs import changes
from tests.support.discord.faults import Limited
from tests.support.discord.local import LocalDiscord
from tests.support.processes import daemon, reporter
from tests.support.stage import DAILY, Stage

HOURLY = DAILY.replace('covers="yesterday", schedule="daily at 00:00"', 'covers="last hour", schedule="every hour"')


@pytest.fixture
def daily(stage: Stage, discord: LocalDiscord) -> Stage:
    return stage.report("daily", DAILY).on_discord(discord, "  daily:")


def test_backfill_tells_in_order_and_leaves_out_what_was_told(daily: Stage, discord: LocalDiscord) -> None:
    assert reporter(daily, "run-job", "daily", "--at", "2026-10-02").returncode == 0
    done = reporter(daily, "backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-03")
    assert (done.returncode, done.stderr) == (0, "")
    assert [message.title for message in discord.messages("daily")] == ["2026-10-02", "2026-10-01", "2026-10-03"]
    assert "daily 2026-10-02 was sent before" in done.stdout
    assert "late" not in discord.messages("daily")[1].text


def test_backfill_stops_at_what_fails_and_says_how_to_go_on(daily: Stage, discord: LocalDiscord) -> None:
    broken = DAILY.replace(
        "    yield", "    if ctx.period.label == '2026-10-02':\n        raise ValueError('no')\n    yield"
    )
    daily.report("daily", broken)
    done = reporter(daily, "backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-03")
    assert done.returncode == 1
    assert "daily 2026-10-02: daily.py:9: ValueError: no" in done.stderr
    assert "run the same command again to continue" in done.stderr
    assert [message.title for message in discord.messages("daily") if message.title.startswith("2026")] == [
        "2026-10-01"
    ]


@pytest.mark.full  # it waits for as long as a user would
def test_where_discord_asks_for_a_pause_the_code_says_that_all_is_queued(daily: Stage, discord: LocalDiscord) -> None:
    discord.fail(Limited(60), times=5)
    done = reporter(daily, "backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-02")
    assert done.returncode == 75
    assert done.stdout.count("queued, not delivered yet") == 2


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [("2026-10-30", None, 1), ("2026-10-01", "2026-10-03", 3), ("2026-W40", "2026-W40", 7), ("2026-09", "2026-09", 30)],
)
def test_a_range_is_named_by_dates_weeks_or_months(stage: Stage, first: str, last: str | None, count: int) -> None:
    app = stage.report("daily", DAILY).on_screen("  daily:").app
    assert len(app.periods_between(app.job("daily"), first, last)) == count


def test_a_day_of_hours_is_named_by_its_date(stage: Stage) -> None:
    app = stage.report("daily", HOURLY).on_screen("  daily:", "Europe/Berlin").app
    assert len(app.periods_between(app.job("daily"), "2026-10-25", "2026-10-25")) == 25


def test_a_job_about_the_present_has_nothing_to_make_up_for(stage: Stage) -> None:
    app = stage.on_screen("  health_probe:").app
    with pytest.raises(ReporterError, match="health_probe covers the present"):
        app.periods_between(app.job("health_probe"), "2026-10-25", None)


@pytest.mark.parametrize(
    ("first", "last", "code", "says"),
    [
        ("2026-10-03", "2026-10-01", 1, "nothing lies between 2026-10-03 and 2026-10-01: --from must be before --to"),
        ("2199-01-01", "2199-01-02", 0, "daily: nothing to send, because no day of that time is over yet"),
    ],
)
def test_a_range_without_a_period_is_told(daily: Stage, first: str, last: str, code: int, says: str) -> None:
    done = reporter(daily, "backfill", "daily", "--from", first, "--to", last)
    assert done.returncode == code
    assert says in done.stdout + done.stderr


def lines(stage: Stage, name: str = "daily") -> str:
    return "\n".join(run_history(stage.app.store, stage.app.job(name), 10))


def test_runs_says_what_was_told_what_was_left_out_and_what_is_owed(stage: Stage) -> None:
    fails = DAILY.replace(
        "    yield", "    if ctx.period.label == '2026-11-07':\n        raise ValueError('no')\n    yield"
    )
    stage.report("daily", fails).on_screen("  daily: {catch_up: latest}", "Europe/Berlin").tick()
    assert lines(stage) == "daily: every day at 00:00\n  nothing yet"
    stage.restart().clock.forward(days=3)
    stage.told()
    stage.clock.forward(days=5)
    stage.told()
    shown = lines(stage)
    assert "2026-11-02       sent      2026-11-03 13:00:00 CET, took " in shown
    assert "2026-11-01       given up  left out: catch_up is latest" in shown
    assert "2026-11-07       owed      tried 1×, next 2026-11-08 13:00:30 CET: daily.py:9: ValueError: no" in shown


def test_runs_skipped_for_overlap_are_counted(stage: Stage) -> None:
    bound = stage.on_screen("  health_probe:").app.job("health_probe")
    for _ in range(3):
        stage.app.runner.skipped(bound)
    assert "3 runs skipped in total, because the run before was still going" in lines(stage, "health_probe")


def test_runs_is_a_command(daily: Stage) -> None:
    reporter(daily, "run-job", "daily", "--at", "2026-10-30")
    shown = reporter(daily, "runs").stdout
    assert shown.startswith("daily: every day at 00:00\n  2026-10-30       sent      ")
    assert reporter(daily, "runs", "dayly").stderr == "reporter: there is no job dayly: did you mean daily?\n"


def test_an_edit_is_explained_before_it_is_taken_up(daily: Stage, discord: LocalDiscord) -> None:
    first = reporter(daily, "check", "--diff").stdout
    assert first.startswith("no daemon has run on this store yet: everything is new to it\ndaily is new (every day")
    with daemon(daily.folder, daily.clock.now, daily.environ) as running:
        running.says("daily: every day")
        running.stop()
    assert reporter(daily, "check", "--diff").stdout == "nothing of a job changes\n"
    daily.on_discord(discord, "  daily: {schedule: daily at 09:00, settle: 5s}")
    shown = reporter(daily, "check", "--diff").stdout
    assert shown.startswith("daily changed (every day at 09:00, to daily)\n")
    assert "  schedule: daily at 00:00 → daily at 09:00\n  settle: 1m → 5s\n" in shown
    assert shown.count("  next ") == 5


def test_a_renamed_job_is_neither_new_nor_gone() -> None:
    before = {"daily": {"runs": "every day", "channel": "pnl"}}
    after = {"summary": {"runs": "every day", "channel": "pnl", "renamed_from": "daily"}}
    assert changes.differences(before, after) == ["daily is called summary now, and keeps its past"]
