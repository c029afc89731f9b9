"""The answers of the table's operations, on a small floor: right to the cent, and the same wherever they are asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reporter.alerts.model import Level, Observation
from reporter.errors import ReporterError
from reporter.operations.incidents import story
from reporter.operations.operation import NotAllowedError, Role
from reporter.operations.table import OPERATIONS
from tests.operations.floors import CONFIG, OWNER, VIEWER, ask, floor, with_a_daemon
from tests.support.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    found = floor(tmp_path_factory.mktemp("floor"))
    with with_a_daemon(found):
        yield found
    found.close()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "status",
            ["🟢 All systems operational", "0 open positions", "USDT · live: +3.75 USDT (+0.37%) today, 1 trade"],
        ),
        ("status", ["USDT · paper: +100.00 USDT"]),
        ("pnl", ["Real-Time P&L – 2026-10-31", "Realised P&L: +3.75 USDT"]),
        ("pnl daily", ["Daily Performance Report – 2026-10-30", "+8.25 USDT"]),
        ("pnl daily 2026-10-29", ["Daily Performance Report – 2026-10-29", "-4.00 USDT"]),
        ("pnl yesterday", ["Daily Performance Report – 2026-10-30"]),
        ("PnL 30/10/2026", ["Daily Performance Report – 2026-10-30"]),
        ("pnl last week", ["Weekly Report – 2026-W43"]),
        ("pnl Month", ["Monthly Report – 2026-09"]),
        ("pnl weekly", ["Weekly Report – 2026-W43"]),
        ("pnl monthly", ["Monthly Report – 2026-09"]),
        ("performance", ["Monthly Report – 2026-10 (so far)", "+8.00 USDT"]),
        ("leaderboard", ["Agent Leaderboard – 2026-W43"]),
        ("agents", ["Momentum_BTC_v1 · +3.75 USDT today (1 trade)", "Volume_ETH_v1", "Paper_v1 (paper)"]),
        ("positions", ["0 Open Positions", "Nothing is open."]),
        ("trades 2", ["Last 2 Trades", "+100.00 USDT BTC/USDT long · Paper_v1 (paper) · 3h ago", "+3.75 USDT"]),
        ("trades of Volume_ETH_v1", ["Last 1 Trade of Volume_ETH_v1", "-2.25 USDT ETH/USDT"]),
        ("trades of volume_eth_v1", ["Last 1 Trade of Volume_ETH_v1"]),
        ("portfolio", ["Balance: 1,008.00 USDT, from 1,004.25 USDT this morning"]),
        ("report daily_summary", ["Daily Performance Report – 2026-10-30"]),
        ("latency", ["floor (database):"]),
        ("uptime", ["Nothing was watched yet"]),
        ("stats", ["Runs: 0", "No message was sent."]),
        ("outbox", ["The outbox is empty"]),
        ("alerts", ["Alerts are on", "Nothing is failing."]),
        (
            "help",
            [
                "pnl [today|daily|weekly|monthly] [DATE]: P&L",
                "silence SUBJECT [for SPAN] [until TIME] [because REASON]",
            ],
        ),
        ("help trades", ["trades [N] [of AGENT]"]),
        ("start", ["Hello anna", "You are owner here."]),
    ],
)
def test_a_question_is_answered(stage: Stage, question: str, said: list[str]) -> None:
    answer = ask(stage, question)
    assert [one for one in said if one not in answer] == [], answer


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("report daily_sumary", "did you mean daily_summary?"),
        ("trades of Momentum", "there is no agent Momentum: did you mean Momentum_BTC_v1?"),
        ("explain nothing", "there is no subject nothing"),
        ("ack db", "db has no open incident"),
        ("uptime db", "nothing that is watched has the name db"),
        ("pnl daily 2027-01-01", "has not begun yet"),
    ],
)
def test_what_cannot_be_answered_says_why(stage: Stage, question: str, why: str) -> None:
    with pytest.raises(ReporterError, match=why.replace("?", r"\?")):
        ask(stage, question)


def test_a_role_sees_and_does_what_is_its_own(stage: Stage) -> None:
    for operation in OPERATIONS:
        if operation.role > Role.VIEWER:
            with pytest.raises(NotAllowedError, match=f"`{operation.name}` needs the role"):
                ask(stage, operation.name, VIEWER)
    with pytest.raises(NotAllowedError, match="needs the role operator, and yours is viewer"):
        ask(stage, "alerts off", VIEWER)
    assert "silence SUBJECT" not in ask(stage, "help", VIEWER)
    assert "Alerts are on" in ask(stage, "alerts", VIEWER)


def test_alerts_go_off_for_a_while_and_on_again(tmp_path: Path) -> None:
    stage = floor(tmp_path)
    assert "Alerts are off until 2026-10-31 15:00:00 CET" in ask(stage, "alerts off")
    assert "by anna" in ask(stage, "alerts", VIEWER)
    with with_a_daemon(stage):
        assert "Alerts are on" in ask(stage, "alerts on")
        ask(stage, "alerts off for 10m")
        stage.clock.forward(minutes=11)
        assert "Alerts are on" in ask(stage, "alerts")
    stage.close()


def test_a_silence_says_what_it_matches(stage: Stage) -> None:
    answer = ask(stage, "silence nowhere for 10m because of tests", OWNER)
    assert "nowhere is silenced" in answer
    assert "for 10m, by anna: of tests" in answer
    assert "It matches no known subject" in answer


def test_what_is_not_there_says_where_it_is_listed_in_chat_too(stage: Stage) -> None:
    for question in ("unsilence zzzzzz", "explain zzzzzz"):
        with pytest.raises(ReporterError, match="`alerts` in chat, or `reporter"):
            ask(stage, question)


def test_a_silence_takes_a_name_without_its_kind_and_can_be_ended(tmp_path: Path) -> None:
    stage = floor(tmp_path)
    seen = Observation("limit/daily_loss/live/USDT", Level.CRITICAL, "it is passed")
    stage.app.runner.observe(stage.app.runtime, [seen])
    assert "🔇 limit/daily_loss/live/USDT is silenced" in ask(stage, "silence daily_loss for 2 hours")
    assert "limit/daily_loss/live/USDT: anna had silenced it" in ask(stage, "unsilence daily_loss")
    stage.clock.forward(seconds=1)
    with pytest.raises(ReporterError, match="there is no silence daily_loss"):
        ask(stage, "unsilence daily_loss")
    with pytest.raises(ReporterError, match="did you mean limit/daily_loss/live/USDT"):
        ask(stage, "explain loss")
    stage.close()


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("until morning", "2026-11-01 08:00:00 CET, for 19h"),
        ("until 18:30", "2026-10-31 18:30:00 CET, for 5h 30m"),
        ("until 9:00", "2026-11-01 09:00:00 CET, for 20h"),
        ("until 2026-11-02", "2026-11-02 00:00:00 CET, for 1 day, 11 hours"),
    ],
)
def test_a_silence_may_end_at_a_moment(stage: Stage, words: str, until: str) -> None:
    assert f"Until {until}, by anna: of noise" in ask(stage, f"silence db {words} because of noise")


@pytest.mark.parametrize(("words", "why"), [("until 2026-10-30", "is over"), ("until noon", "noon")])
def test_a_silence_does_not_end_in_the_past(stage: Stage, words: str, why: str) -> None:
    with pytest.raises(ReporterError, match=why):
        ask(stage, f"silence db {words}")


def test_without_a_daemon_the_title_says_so_and_since_when(tmp_path: Path) -> None:
    stage = floor(tmp_path)
    answer = ask(stage, "status").splitlines()
    assert answer[0] == "⚪ No daemon runs: nothing is sent or watched"
    assert answer[1] == "No daemon has run a job on this store yet. reporter run, or the service, starts one."
    stage.run("daily_summary")
    assert ask(stage, "status").splitlines()[0].startswith("⚪"), "a run by hand is none of a daemon"
    stage.tick()
    stage.clock.forward(days=1)
    assert stage.told() == ["daily_summary 2026-10-31"]
    seen = [Observation("limit/daily_loss", Level.WARNING, "the limit is near")] * 3
    stage.app.runner.observe(stage.app.runtime, seen)
    stage.clock.forward(hours=3)
    answer = ask(stage, "status").splitlines()
    assert answer[0] == "🔴 No daemon runs: nothing is sent or watched"
    assert answer[1].startswith("The last run of a job by a daemon began 2026-11-01 13:00:00 CET, 3h ago.")
    assert "🚨 Failing when a daemon last ran" in answer
    assert ask(stage, "alerts").startswith("⚪ No daemon runs: nothing is watched\nThe last run of a job")
    assert story(stage.app, None)[0].startswith("No daemon runs, so nothing is watched. A daemon last began a job at")
    with with_a_daemon(stage):
        assert ask(stage, "status").startswith("🟡 1 warning")
        assert ask(stage, "alerts").startswith("🔔 Alerts are on")
    stage.close()


def test_a_floor_that_cannot_be_read_is_told_and_not_called_zero(tmp_path: Path) -> None:
    stage = floor(tmp_path)
    assert stage.app
    (tmp_path / "trading.sqlite").write_bytes(b"not a database" * 100)
    with with_a_daemon(stage):
        answer = ask(stage, "status")
    assert answer.startswith("🔴 Trading data is missing")
    assert "could not be read" in answer
    assert "0 open positions" not in answer
    stage.close()


JOB = '''
from reporter import Context, Report, job

@job(covers="today", schedule="every hour", answers=("pnl today",))
def mine(ctx: Context):
    """My own answer."""
    yield Report()
'''


def test_a_job_of_the_user_may_answer_a_question(tmp_path: Path) -> None:
    stage = floor(tmp_path).report("mine", JOB, "# Mine for {{ period.label }}\n")
    assert ask(stage, "pnl").startswith("Mine for 2026-10-31")
    stage.close()


def test_an_agent_that_trades_live_and_on_paper_has_its_figures_named(tmp_path: Path) -> None:
    found = floor(tmp_path)
    with closing(sqlite3.connect(tmp_path / "trading.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO trades (closed_at, agent, pnl, market, side, mode, currency) "
            "VALUES ('2026-10-31 08:30:00', 'Momentum_BTC_v1', 7, 'BTC/USDT', 'long', 'paper', 'USDT')"
        )
    with with_a_daemon(found):
        answer = ask(found, "agents")
    found.close()
    assert "live +3.75 USDT today (1 trade) · 📄 paper +7.00 USDT today (1 trade)" in answer


@pytest.mark.parametrize("question", ["pnl daily", "pnl weekly", "pnl monthly", "pnl today", "portfolio", "status"])
def test_without_a_starting_balance_there_is_no_balance_to_show(tmp_path: Path, question: str) -> None:
    found = floor(tmp_path, CONFIG.replace(", starting_balance: 1000 USDT", ""))
    with with_a_daemon(found):
        answer = ask(found, question)
    found.close()
    assert "(N/A)" not in answer
    assert "Balance" not in answer
