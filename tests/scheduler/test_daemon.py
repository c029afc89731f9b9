"""The daemon as a process: midnight comes, the process is killed or stopped, its config is edited."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from datetime import UTC, datetime

import pytest

from tests.support.discord.local import LocalDiscord
from tests.support.paths import DATA
from tests.support.processes import daemon, reporter, until
from tests.support.stage import DAILY, Stage
from tests.trading.ledger.databases import native_postgresql, native_sqlite

FREQTRADE = DATA / "freqtrade.sqlite"
BEFORE_MIDNIGHT = datetime(2026, 10, 30, 23, 59, 57, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 10, 31, 0, 5, tzinfo=UTC)

HANGS = DAILY.replace(
    "    yield", "    import threading\n    ctx.log.info('hangs')\n    threading.Event().wait()\n    yield"
)


@pytest.fixture
def floor(stage: Stage, discord: LocalDiscord) -> Stage:
    """The stock daily summary on a real freqtrade database."""
    shutil.copy(FREQTRADE, stage.folder / "bot.sqlite")
    ledger = "ledgers: {bot: {kind: freqtrade, url: bot.sqlite, starting_balance: 10000 USDT}}"
    return stage.on_discord(discord, "  daily_summary: {settle: 1s}", more=ledger)


def test_midnight_brings_one_summary_and_a_restart_no_second(floor: Stage, discord: LocalDiscord) -> None:
    with daemon(floor.folder, BEFORE_MIDNIGHT, floor.environ) as running:
        running.says("daily_summary: every day at 00:00, next Sat 2026-10-31 00:00:01 UTC")
        [message] = discord.wait_for("daily")
        assert "2026-10-30" in message.title
        assert running.stop() < 20
        assert running.process.returncode == 0
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ) as again:
        again.says("next Sun 2026-11-01 00:00:01 UTC")
        threading.Event().wait(1.5)
        again.stop()
    assert len(discord.everything()) == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_footer_of_a_report_names_a_ledger_that_nobody_writes_to(
    stage: Stage, discord: LocalDiscord, engine: str, request: pytest.FixtureRequest
) -> None:
    """It is Friday midnight; the stock exchange closed four hours ago, half an hour after its last trade."""
    on_server = engine == "postgresql"
    names = ("spot", "futures", "stocks")
    made = {
        name: native_postgresql(request.getfixturevalue("server")) if on_server else native_sqlite(stage.folder)
        for name in names
    }
    made["spot"].trade(1, "2026-10-30 23:30:00")
    made["futures"].trade(1, "2026-10-30 10:00:00")
    made["stocks"].trade(1, "2026-10-30 19:30:30")
    rules = {"spot": "1h", "futures": "12h", "stocks": '{warn: 30m, when: "mon-fri 09:30-16:00 America/New_York"}'}
    stage.environ |= {name.upper(): bot.url for name, bot in made.items()}
    entries = ", ".join(f"{name}: {{kind: native, url: env:{name.upper()}, fresh: {rules[name]}}}" for name in names)
    stage.on_discord(discord, "  daily_summary: {settle: 1s}", more=f"ledgers: {{{entries}}}")
    with daemon(stage.folder, BEFORE_MIDNIGHT, stage.environ) as running:
        running.says("daily_summary: every day")
        [message] = discord.wait_for("daily")
    assert "futures: newest trade 14h ago, limit 12h" in message.text
    assert "spot: newest" not in message.text
    assert "stocks: newest" not in message.text


def test_killed_before_midnight_it_makes_up_for_the_report(floor: Stage, discord: LocalDiscord) -> None:
    with daemon(floor.folder, BEFORE_MIDNIGHT.replace(hour=12), floor.environ) as running:
        running.says("daily_summary: every day")
        until((floor.folder / "state/reporter.sqlite").exists, lambda: running.log)
        threading.Event().wait(1)
        running.stop(signal.SIGKILL)
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ):
        [message] = discord.wait_for("daily")
    assert "2026-10-30" in message.title


def test_it_stops_soon_while_a_query_hangs(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", HANGS).on_discord(discord, "  daily: {settle: 0s}")
    with daemon(stage.folder, BEFORE_MIDNIGHT, stage.environ) as running:
        running.says("daily: every day")
        running.says("hangs")
        assert running.stop() < 20
        assert "the daemon is stopping; the run was left and will be made up for" in running.log


def test_a_second_daemon_on_the_store_is_refused_in_a_sentence(floor: Stage) -> None:
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ) as first:
        first.says("daily_summary: every day")
        second = reporter(floor, "run")
        assert second.returncode == 1
        assert "reporter: another reporter daemon (process" in second.stderr
        assert "already uses the store" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_report_is_added_while_it_runs(floor: Stage, discord: LocalDiscord) -> None:
    with daemon(floor.folder, AFTER_MIDNIGHT.replace(hour=15), floor.environ) as running:
        running.says("daily_summary: every day")
        floor.report("pnl_pulse", PNL_PULSE, PNL_LETTER)
        config = (floor.folder / "config/reporter.yaml").read_text()
        floor.write("config/reporter.yaml", config.replace("jobs:\n", "jobs:\n  pnl_pulse: {channel: daily}\n"))
        running.says("pnl_pulse is new (every 5 minutes)")
        [message] = discord.wait_for("daily")
        assert message.title == "💹 P&L so far — 2026-10-31"
        assert "on 1 trades, win rate 100.0%" in message.text


def test_an_edit_with_a_mistake_changes_nothing_and_says_why(floor: Stage, discord: LocalDiscord) -> None:
    with daemon(floor.folder, BEFORE_MIDNIGHT, floor.environ) as running:
        running.says("daily_summary: every day")
        config = (floor.folder / "config/reporter.yaml").read_text()
        floor.write("config/reporter.yaml", config.replace("settle: 1s", "setle: 1s"))
        running.says("the edited config cannot be used; still running version")
        running.says("did you mean `settle`?")
        assert "2026-10-30" in discord.wait_for("daily")[0].title


def test_an_emptied_config_ends_nothing_and_what_was_warned_of_is_not_said_again(floor: Stage) -> None:
    config = (floor.folder / "config/reporter.yaml").read_text()
    floor.write("config/reporter.yaml", f"{config}alerts: {{maintenance: [{{subjects: channel/x, {SUNDAYS}}}]}}\n")
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ) as running:
        running.says("daily_summary: every day")
        floor.write("config/reporter.yaml", "\n")
        running.says("reporter.yaml: this file is empty")
        floor.write("config/reporter.yaml", f"{config}alerts: {{maintenance: [{{subjects: channel/x, {SUNDAYS}}}]}}\n#")
        running.says("applied: no job changed")
        assert running.log.count("`channel/x` matches nothing that is watched") == 1


SUNDAYS = "schedule: weekly on sun at 02:00, duration: 2h"


def test_hangup_applies_the_config_at_once(floor: Stage) -> None:
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ) as running:
        running.says("daily_summary: every day")
        os.kill(running.process.pid, signal.SIGHUP)
        running.says("applied: no job changed")


def test_a_clock_set_forward_is_noticed_and_the_report_comes(floor: Stage, discord: LocalDiscord) -> None:
    with daemon(floor.folder, AFTER_MIDNIGHT, floor.environ) as running:
        running.says("daily_summary: every day")
        threading.Event().wait(1)
        floor.write("clock", "86400")
        running.says("the clock was moved by +86400 s")
        assert "2026-10-31" in discord.wait_for("daily")[0].title


PNL_PULSE = '''\
"""Where the day stands, every five minutes."""
from collections.abc import Iterator
from reporter import Context, Report, job

@job(covers="today", schedule="every 5m")
def pnl_pulse(ctx: Context) -> Iterator[Report]:
    yield Report(books=ctx.ledger.performance(ctx.period), slot="pnl")
'''

PNL_LETTER = """\
{# templates/pnl_pulse.md.j2 #}
# 💹 P&L so far — {{ period.label }}
{% for book in books %}
### {{ book.title }}
{{ book.pnl | money }} on {{ book.trades }} trades, win rate {{ book.win_rate | pct }}
{% endfor %}
"""


def test_a_suspect_is_looked_at_again_ahead_of_its_turn(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("watch", WATCH).on_discord(discord, "  watch:")
    with daemon(stage.folder, AFTER_MIDNIGHT, stage.environ) as running:
        running.says("looked", times=3)
        assert re.search(r"\[[0-9a-f]{8}\] looked", running.log)
        [alert] = discord.wait_for("daily")
    assert "The oven is cold" in alert.text


WATCH = '''\
"""Looks once an hour."""
from reporter import Context, Level, Observation, job

@job(covers="now", schedule="every 1h")
def watch(ctx: Context):
    """Looks once an hour."""
    ctx.log.info("looked")
    yield Observation("probe/oven", Level.CRITICAL, "the oven is cold")
'''
