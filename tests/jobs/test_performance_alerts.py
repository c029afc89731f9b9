from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reporter.alerts.model import AlertState, Level, Observation, Phase
from reporter.errors import LedgerError
from reporter.jobs.context import Context, Report
from reporter.jobs.loader import load_catalog
from reporter.periods.civil import Covers, before, covered
from reporter.trading.books import Ledger
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.targets import RiskLimits, Targets
from tests.jobs import odd
from tests.jobs.floor import HOME, Closed, database, floor, pay, told, usdt
from tests.jobs.watch import StillHistory
from tests.support import golden
from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage

NOW = "2026-10-30 14:45:00"
LOSS = Targets(limits=RiskLimits(daily_loss={"USDT": usdt("100")}))


def outcomes(
    ledger: Ledger, targets: Targets, now: str = NOW, alerts: Sequence[AlertState] = (), **params: Any
) -> list[Observation | Report]:
    """What the job finds, with these alerts open."""
    job = load_catalog([HOME]).jobs["performance_alerts"]
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    period = covered(Covers.TODAY, moment, "UTC")
    context: Context[Any] = Context(
        now=moment,
        period=period,
        previous=before(period),
        ledger=ledger,
        host=lambda: pytest.fail("limits asked the machine"),
        probe_all=lambda: pytest.fail("limits asked the probes"),
        readings=lambda _: pytest.fail("limits asked the probes"),
        targets=targets,
        history=StillHistory(alerts),
        params=job.params(**params),
        log=logging.getLogger("performance_alerts"),
    )
    return [one for one in job.function(context) if isinstance(one, Observation | Report)]


def seen(ledger: Ledger, targets: Targets, *given: Any, **params: Any) -> dict[str, Observation]:
    """What was observed, by subject without its kind."""
    found = outcomes(ledger, targets, *given, **params)
    return {one.subject.removeprefix("limit/"): one for one in found if isinstance(one, Observation)}


def levels(ledger: Ledger, targets: Targets, *given: Any, **params: Any) -> dict[str, str]:
    return {subject: str(one.level) for subject, one in seen(ledger, targets, *given, **params).items()}


def made(tmp_path: Path, *trades: Closed) -> Portfolio:
    return floor(database(tmp_path / "bot.sqlite", trades), starting=[usdt("1000")])


def hours(*pnl: str, agent: str = "A", day: str = "2026-10-30", **given: str) -> list[Closed]:
    return [Closed(f"{day} {hour:02}:00:00", agent, amount, **given) for hour, amount in enumerate(pnl)]


def hold(path: Path, *positions: tuple[str, float | None, float | None, float | None]) -> None:
    """Open positions: agent, size, current price and unrealised P&L."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO positions (agent, market, side, currency, size, current_price, unrealised_pnl) "
            "VALUES (?, 'BTC/USDT', 'long', 'USDT', ?, ?, ?)",
            positions,
        )


def standing(subject: str, level: Level, since: str) -> AlertState:
    moment = datetime.fromisoformat(since).replace(tzinfo=UTC)
    return AlertState(subject, Phase.OPEN, level, moment, opened_at=moment)


# --- The daily loss ---


@pytest.mark.parametrize(("pnl", "level"), [
    ("50", "ok"), ("0", "ok"), ("-79.99", "ok"), ("-80", "warning"), ("-99.99", "warning"), ("-100", "critical"),
    ("-300", "critical"),
])  # fmt: skip
def test_a_loss_warns_before_its_limit_and_is_critical_at_it(tmp_path: Path, pnl: str, level: str) -> None:
    assert levels(made(tmp_path, *hours(pnl)), LOSS) == {"daily_loss/live/USDT": level}


@pytest.mark.parametrize(("pnl", "known", "level"), [
    ("-97", Level.CRITICAL, "critical"), ("-94", Level.CRITICAL, "warning"), ("-77", Level.WARNING, "warning"),
    ("-75", Level.WARNING, "ok"),
])  # fmt: skip
def test_a_loss_that_wanders_about_its_limit_is_one_alert(tmp_path: Path, pnl: str, known: Level, level: str) -> None:
    alert = standing("limit/daily_loss/live/USDT", known, "2026-10-30 09:00:00")
    found = levels(made(tmp_path, *hours(pnl)), LOSS, NOW, [alert])
    assert found == {"daily_loss/live/USDT": level}


@pytest.mark.parametrize(("pnl", "said"), [
    ("-99.996", "Daily Loss: -99.996 USDT · Limit: -100.00 USDT (99.996% used)"),
    ("-79.6", "Daily Loss: -79.60 USDT · Limit: -100.00 USDT (79.6% used)"),
    ("-100", "Daily Loss: -100.00 USDT · Limit: -100.00 USDT (100% used)"),
])  # fmt: skip
def test_a_loss_below_its_limit_does_not_read_like_the_limit(tmp_path: Path, pnl: str, said: str) -> None:
    assert seen(made(tmp_path, *hours(pnl)), LOSS)["daily_loss/live/USDT"].detail == said


def test_an_alert_says_what_it_needs(tmp_path: Path) -> None:
    trades = [
        *hours("5", "-47.1", agent="Mean_Reversion_ETH"),
        Closed("2026-10-30 14:30:00", "Volume_ETH_v1", "-63.4"),
        *hours("-0.5", agent="C"),
        *hours("0.5", agent="D"),
    ]
    one = seen(made(tmp_path, *trades), LOSS)["daily_loss/live/USDT"]
    assert (one.headline, one.value, one.limit) == ("DAILY LOSS LIMIT REACHED", "-105.50 USDT", "-100.00 USDT")
    assert one.detail == "Daily Loss: -105.50 USDT · Limit: -100.00 USDT (106% used)"
    assert one.figure == 105.5
    assert one.notes == (
        "USDT · live",
        "30 min ago: -42.10 USDT → now -105.50 USDT",
        "Pulled by: Volume_ETH_v1 -63.40 USDT, Mean_Reversion_ETH -42.10 USDT, C -0.50 USDT, of -105.50 USDT in all",
    )


def test_yesterdays_alert_ends_with_its_day(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("-300", day="2026-10-29"), *hours("-90"))
    alert = standing("limit/daily_loss/live/USDT", Level.CRITICAL, "2026-10-29 22:00:00")
    one = seen(ledger, LOSS, "2026-10-30 00:00:00", [alert])["daily_loss/live/USDT"]
    assert one.level is Level.OK
    assert one.detail == "a new day: Daily Loss: 0.00 USDT · Limit: -100.00 USDT (0% used)"
    assert levels(ledger, LOSS, NOW, [alert]) == {"daily_loss/live/USDT": "warning"}


def test_yesterdays_alert_ends_though_nothing_was_traded_since(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", hours("-300", day="2026-10-29")))
    alert = standing("limit/daily_loss/live/USDT", Level.CRITICAL, "2026-10-29 22:00:00")
    one = seen(ledger, LOSS, "2026-10-30 00:00:00", [alert])["daily_loss/live/USDT"]
    assert one.level is Level.OK
    assert one.detail.startswith("a new day: ")


def test_what_is_open_counts_if_it_is_wanted(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("-60"))
    hold(tmp_path / "bot.sqlite", ("A", 1, 1, -45.5), ("A", 1, None, None))
    assert levels(ledger, LOSS) == {"daily_loss/live/USDT": "ok"}
    one = seen(ledger, LOSS, unrealised=True)["daily_loss/live/USDT"]
    assert (one.level, one.value) == (Level.CRITICAL, "-105.50 USDT")
    assert "Of it unrealised: -45.50 USDT, on 1 position" in one.notes
    assert "⚠️ 1 more without a price, not counted" in one.notes


# --- Whose limits ---


def test_currencies_and_modes_have_their_own(tmp_path: Path) -> None:
    trades = [*hours("-90"), *hours("-90", mode="paper"), *hours("-90", currency="EUR"), *hours("1", currency="BTC")]
    limits = RiskLimits(daily_loss={"USDT": usdt("100"), "EUR": usdt("50").__class__(Decimal(50), "EUR")})
    assert levels(made(tmp_path, *trades), Targets(limits=limits)) == {
        "daily_loss/live/EUR": "critical",
        "daily_loss/live/USDT": "warning",
        "daily_loss/paper/USDT": "warning",
    }


@pytest.mark.parametrize(("paper", "found"), [
    ("critical", {"daily_loss/paper/USDT": "critical"}),
    ("warning", {"daily_loss/paper/USDT": "warning"}),
    ("off", {}),
])  # fmt: skip
def test_paper_is_no_more_than_a_warning(tmp_path: Path, paper: str, found: dict[str, str]) -> None:
    assert levels(made(tmp_path, *hours("-150", mode="paper")), LOSS, paper=paper) == found


def test_paper_may_have_limits_of_its_own_and_says_what_it_is(tmp_path: Path) -> None:
    targets = Targets(limits=LOSS.limits, paper=RiskLimits(daily_loss={"USDT": usdt("500")}))
    ledger = made(tmp_path, *hours("-450", mode="paper"))
    one = seen(ledger, targets)["daily_loss/paper/USDT"]
    assert (one.level, one.limit) == (Level.WARNING, "-500.00 USDT")
    assert one.headline == "Approaching Daily Loss Limit (paper)"


def test_an_agent_has_the_first_limit_that_fits_it(tmp_path: Path) -> None:
    agents = {"Vol*": RiskLimits(daily_loss={"USDT": usdt("20")}), "*": RiskLimits(daily_loss={"USDT": usdt("50")})}
    ledger = made(tmp_path, *hours("-30", agent="Volume"), *hours("-30", agent="Momentum"))
    found = seen(ledger, Targets(agents=agents))
    assert {subject: str(one.level) for subject, one in found.items()} == {
        "daily_loss/live/USDT/bot/Volume": "critical",
        "daily_loss/live/USDT/bot/Momentum": "ok",
    }
    assert found["daily_loss/live/USDT/bot/Volume"].headline == "DAILY LOSS LIMIT REACHED: Volume"


# --- The other limits ---


def test_a_fall_counts_though_it_was_made_good(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("50", "-60", "40"), *hours("-41", agent="B"))
    agents = {"*": RiskLimits(drawdown={"USDT": usdt("60")})}
    assert levels(ledger, Targets(drawdown={"USDT": usdt("60")}, agents=agents), review=False) == {
        "drawdown/live/USDT": "critical",
        "drawdown/live/USDT/bot/A": "critical",
        "drawdown/live/USDT/bot/B": "ok",
    }


def test_below_its_peak_is_measured_from_the_highest_of_all_days(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("1000", day="2026-09-01"), *hours("-300", day="2026-09-02"), *hours("-20"))
    one = seen(ledger, Targets(limits=RiskLimits(below_peak=Decimal("0.2"))))["below_peak/live/USDT"]
    assert (one.level, one.value, one.limit) == (Level.WARNING, "-320.00 USDT (-16.00%)", "-20.0%")


def test_a_deposit_brings_nobody_nearer_to_the_peak(tmp_path: Path) -> None:
    made(tmp_path, *hours("1000", day="2026-09-01"), *hours("-300", day="2026-09-02"), *hours("-17"))
    ledger = floor(pay(tmp_path / "bot.sqlite", ("2026-10-02 12:00:00", "8300")), starting=[usdt("1000")])
    one = seen(ledger, Targets(limits=RiskLimits(below_peak=Decimal("0.2"))))["below_peak/live/USDT"]
    assert one.value == "-1,781.71 USDT (-15.14%)"  # 1700 of 2000 are 10,000 of 11,764.71


def test_below_the_peak_of_an_unknown_balance_is_unknown(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", hours("-3")))
    one = seen(ledger, Targets(limits=RiskLimits(below_peak=Decimal("0.2"))))["below_peak/live/USDT"]
    assert one.level is Level.UNKNOWN
    assert "starting_balance" in one.detail


@pytest.mark.parametrize("trades", [20, 30])
def test_the_win_rate_is_that_of_the_last_trades(tmp_path: Path, trades: int) -> None:
    days = [f"2026-10-{day:02}" for day in range(5, 30)]
    past = [trade for day in days for trade in hours("1", "1", day=day)]
    ledger = made(tmp_path, *past, *hours(*["-1"] * 12))
    one = seen(ledger, Targets(limits=RiskLimits(least_win_rate=Decimal("0.5"))), trades=trades)["win_rate/live/USDT"]
    share = f"{100 * (trades - 12) / trades:.1f}%"
    assert one.value == f"{share} of the last {trades} trades"
    assert one.level is (Level.WARNING if trades == 20 else Level.OK)


def test_a_few_trades_have_no_win_rate_to_alert_of(tmp_path: Path) -> None:
    targets = Targets(limits=RiskLimits(least_win_rate=Decimal("0.5")), review_after=4)
    assert not levels(made(tmp_path, *hours("-1", "-1", "-1")), targets)
    assert levels(floor(tmp_path / "bot.sqlite"), Targets(limits=targets.limits, review_after=3)) == {
        "win_rate/live/USDT": "warning"
    }


def test_losses_in_a_row_are_counted_over_midnight(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("1", "-1", "-1", day="2026-10-29"), *hours("-1"), *hours("1", agent="B"))
    targets = Targets(agents={"*": RiskLimits(losses_in_a_row=3)})
    assert levels(ledger, targets) == {
        "losses_in_a_row/live/USDT/bot/A": "warning",
        "losses_in_a_row/live/USDT/bot/B": "ok",
    }


def test_who_did_not_trade_today_is_watched_on(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", hours("-1", "-1", day="2026-10-27")))
    targets = Targets(
        agents={"*": RiskLimits(losses_in_a_row=2, daily_loss={"USDT": usdt("1")})}, review_win_rate=Decimal(1)
    )
    assert levels(ledger, targets) == {
        "daily_loss/live/USDT/bot/A": "ok",
        "losses_in_a_row/live/USDT/bot/A": "warning",
        "review/live/USDT/bot/A": "ok",
    }


def test_what_is_open_has_limits(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("1"))
    hold(tmp_path / "bot.sqlite", ("A", -2, 300, 1), ("B", 1, 250, 1), ("B", None, 7, None))
    targets = Targets(limits=RiskLimits(positions=3, exposure={"USDT": usdt("1000")}))
    found = seen(ledger, targets)
    assert (found["positions/live/USDT"].level, found["positions/live/USDT"].value) == (Level.CRITICAL, "3")
    assert (found["exposure/live/USDT"].level, found["exposure/live/USDT"].value) == (Level.WARNING, "850.00 USDT")
    assert "⚠️ 1 position of unknown size or price, not counted" in found["exposure/live/USDT"].notes


def test_an_agent_without_a_trade_has_no_win_rate_to_speak_of(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("1", agent="A"), *hours("2", agent="B", day="2026-10-10"))
    watched = Targets(review_win_rate=Decimal("0.4"), agents={"*": RiskLimits(least_win_rate=Decimal("0.1"))})
    assert seen(ledger, watched)["review/live/USDT/bot/B"].value == "0.00 USDT in 0 trades of 7 days"


def test_an_agent_under_review_is_told(tmp_path: Path) -> None:
    ledger = made(tmp_path, *hours("-1", "-1", "3", day="2026-10-28"), *hours("2", agent="B"))
    targets = Targets(review_win_rate=Decimal("0.4"), review_after=3)
    one = seen(ledger, targets)["review/live/USDT/bot/A"]
    assert (one.level, one.headline) == (Level.WARNING, "Agent Under Review: A")
    assert one.detail == "Review: 1.00 USDT, 33.3% WR in 3 trades of 7 days · Limit: 40.0% WR"
    assert levels(ledger, targets)["review/live/USDT/bot/B"] == "ok"


# --- What cannot be known ---


def test_a_limit_is_unknown_while_a_ledger_of_its_book_is_away(tmp_path: Path) -> None:
    path = database(tmp_path / "bot.sqlite", hours("-10"))
    one = seen(floor(path, tmp_path / "gone.sqlite", starting=[usdt("1000")]), LOSS)["daily_loss/live/USDT"]
    assert one.level is Level.UNKNOWN
    assert "gone cannot be read; without it, it is -10.00 USDT" in one.detail


def test_a_limit_that_is_reached_without_the_ledger_that_is_away_is_told(tmp_path: Path) -> None:
    path = database(tmp_path / "bot.sqlite", hours("-110"))
    one = seen(floor(path, tmp_path / "gone.sqlite", starting=[usdt("1000")]), LOSS)["daily_loss/live/USDT"]
    assert one.level is Level.CRITICAL
    assert "⚠️ Without gone, which cannot be read" in one.notes


def test_all_is_unknown_while_nothing_can_be_read(tmp_path: Path) -> None:
    alert = standing("limit/review/live/USDT/bot/A", Level.WARNING, "2026-10-29 22:00:00")
    found = seen(floor(tmp_path / "gone.sqlite"), LOSS, NOW, [alert])
    assert {subject: one.detail for subject, one in found.items() if one.level is Level.UNKNOWN} == {
        "daily_loss/live/USDT": "Daily Loss in USDT cannot be judged: gone cannot be read",
        "review/live/USDT/bot/A": "cannot be judged: gone cannot be read",
    }
    with pytest.raises(LedgerError, match="gone"):
        seen(floor(tmp_path / "gone.sqlite"), Targets())


def test_a_limit_in_a_currency_that_nobody_trades_is_told(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", hours("-110", currency="USDC")))
    one = seen(ledger, LOSS)["daily_loss/live/USDT"]
    assert one.level is Level.UNKNOWN
    assert one.detail == "Daily Loss in USDT cannot be judged: nothing is traded in it, but in USDC"


def test_an_alert_of_what_is_not_watched_any_more_ends(tmp_path: Path) -> None:
    alerts = [standing(f"limit/{what}", Level.WARNING, NOW) for what in ("positions/live/USDT", "of_a_users_own_job")]
    found = seen(made(tmp_path, *hours("1")), LOSS, NOW, alerts)
    assert found["positions/live/USDT"].level is Level.OK
    assert "not watched any more" in found["positions/live/USDT"].detail
    assert "of_a_users_own_job" not in found


EVERYTHING = RiskLimits(
    daily_loss={"USDT": usdt("2")},
    drawdown={"USDT": usdt("2")},
    below_peak=Decimal("0.01"),
    least_win_rate=Decimal("0.5"),
    losses_in_a_row=2,
    positions=1,
    exposure={"USDT": usdt("1")},
)


@pytest.mark.parametrize("odd_floor", odd.FLOORS)
def test_any_floor_is_watched(tmp_path: Path, odd_floor: Callable[[Path], Portfolio]) -> None:
    targets = Targets(limits=EVERYTHING, agents={"*": EVERYTHING}, review_win_rate=Decimal("0.5"), review_after=1)
    found = [one for one in outcomes(odd_floor(tmp_path), targets, odd.LATE) if isinstance(one, Observation)]
    assert len({one.subject for one in found}) == len(found)
    assert all(len(one.subject) <= 200 and one.detail for one in found)
    assert bool(found) is (odd_floor is not odd.no_ledger)


# --- The target ---


def test_a_target_that_is_reached_is_told_once_a_day(tmp_path: Path) -> None:
    trades = [Closed(f"2026-10-30 14:{minute}:00", "A", pnl) for minute, pnl in ((10, "40"), (20, "12.5"), (30, "3"))]
    targets = Targets(daily_pnl={"USDT": usdt("50")})
    ledger = made(tmp_path, *trades)
    assert golden.agrees("performance_alerts", told("performance_alerts", ledger, NOW, targets=targets))
    [report] = outcomes(ledger, targets, NOW)
    assert isinstance(report, Report)
    assert report.slot == "target/2026-10-30/live/USDT"
    for later, wanted in (("2026-10-30 15:20:00", True), (NOW, False)):
        assert not outcomes(ledger, targets, later, target=wanted)


# --- To the end: from a trade in a real database to Discord ---

CONFIG = """\
ledgers: {bot: {kind: native, url: bot.sqlite, starting_balance: 1000 USD}}
targets: {daily_loss: 100 USD}"""


def rounds(stage: Stage, path: Path, *pnl: float | None) -> None:
    """Trades that close, or none, each followed by a round."""
    for amount in pnl:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO trades (closed_at, agent, market, side, currency, pnl) "
                "VALUES (?, 'Mean_Reversion', 'M', 'up', 'USD', ?)",
                [] if amount is None else [(f"{stage.clock.wall():%Y-%m-%d %H:%M:%S}", amount)],
            )
        stage.clock.forward(minutes=5)
        stage.run("performance_alerts")
        stage.app.runner.tick(stage.app.runtime)
        stage.deliver()


def test_a_loss_becomes_an_alert_in_discord_and_ends_at_midnight(stage: Stage, discord: LocalDiscord) -> None:
    path = database(stage.folder / "bot.sqlite")
    stage.on_discord(discord, "  performance_alerts: {channel: daily}", more=CONFIG)
    rounds(stage, path, -42.1)
    assert not discord.messages("daily")
    rounds(stage, path, -43.2, -20.2, None, 2.0, -2.0)
    card, news = discord.messages("daily")
    text = str(news.embed)
    assert card.earlier[0]["embeds"][0]["title"] == "⚠️ Approaching Daily Loss Limit"
    assert card.embed["title"] == news.embed["title"] == "🚨 DAILY LOSS LIMIT REACHED"
    assert "Daily Loss: -$105.50 · Limit: -$100.00 (106% used)" in text
    assert "Pulled by: Mean\\\\_Reversion -$105.50, of -$105.50 in all" in text
    stage.clock.forward(hours=12)
    rounds(stage, path, None, None, None)
    last = discord.messages("daily")[-1].embed
    assert last["title"].startswith("✅ Resolved: daily loss: USD · live after 20m")
    assert "Now: a new day: Daily Loss: $0.00 · Limit: -$100.00 (0% used)" in last["description"]
