"""Unusual trading histories that every report must handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Money
from tests.jobs.floor import Closed, Idle, database, floor, pay, usdt
from tests.support.paths import DATA

# A day, in a week, in a month that are over at `THEN`, and the day before it.
DAY, EARLIER, THEN = "2026-10-31", "2026-10-30", "2026-11-02 00:16:00"
LATE = f"{DAY} 23:30:00"
FREQTRADE = DATA / "freqtrade.sqlite"


def one(path: Path, *trades: Closed, agents: tuple[Idle, ...] = ()) -> Portfolio:
    return floor(database(path / "bot.sqlite", trades, agents), starting=[usdt("1000")])


def a_day(agent: str, *pnl: str, day: str = DAY, **given: str) -> Iterator[Closed]:
    """A trade an hour."""
    return (Closed(f"{day} {hour:02}:30:00", agent, amount, **given) for hour, amount in enumerate(pnl))


def two_currencies(path: Path) -> Portfolio:
    trades = [*a_day("A", "5", "-3"), *a_day("B", "0.001", "-0.0005", currency="BTC", market="ETH/BTC")]
    starting = [usdt("1000"), Money(usdt("0.1").amount, "BTC")]
    return floor(database(path / "bot.sqlite", trades), starting=starting)


def live_and_paper(path: Path) -> Portfolio:
    return one(path, *a_day("A", "5", "-3"), *a_day("B", "700", "-30", mode="paper"))


def an_idle_agent(path: Path) -> Portfolio:
    return one(path, *a_day("A", "5", "-3"), agents=(Idle("A"), Idle("Sleeper", "500")))


def a_single_trade(path: Path) -> Portfolio:
    return one(path, Closed(f"{DAY} 12:00:00", "A", "-4.2"))


def only_flat_trades(path: Path) -> Portfolio:
    return one(path, *a_day("A", "0", "0", "0"), *a_day("B", "0"))


def three_hundred_agents(path: Path) -> Portfolio:
    names = [f"agent_{number:03}_with_a_rather_long_name" for number in range(300)]
    return one(path, *(Closed(f"{DAY} 12:00:00", name, str(n - 150)) for n, name in enumerate(names)))


def three_hundred_markets(path: Path) -> Portfolio:
    names = [f"M{number:03}/USDT" for number in range(300)]
    return one(path, *(Closed(f"{DAY} 12:00:00", "A", str(n - 140), name) for n, name in enumerate(names)))


def names_of_many_bytes(path: Path) -> Portfolio:
    return one(path, *a_day("𝕄𝕠𝕞𝕖𝕟𝕥𝕦𝕞 🚀" * 20, "5", "-3", "0"), *a_day("x\n# @everyone **p** ||x||", "2"))


def a_fortune(path: Path) -> Portfolio:
    return one(path, *a_day("A", "987654321012.34", "-123456789012.34"), *a_day("B", "0.00000001"))


def nobody_told_the_balance(path: Path) -> Portfolio:
    return floor(database(path / "bot.sqlite", a_day("A", "5", "-3", "1")))


def ruin(path: Path) -> Portfolio:
    return one(path, *a_day("A", "-600", "-700", day=EARLIER), *a_day("A", "10", "-5"))


def paid_in_and_out(path: Path) -> Portfolio:
    one(path, *a_day("A", "5", "-3", day=EARLIER), *a_day("A", "5", "-3"), agents=(Idle("B", "70"),))
    pay(path / "bot.sqlite", (f"{EARLIER} 12:00:00", "9000"), (f"{DAY} 12:00:00", "-9990"), (f"{DAY} 13:00:00", "100"))
    return floor(path / "bot.sqlite", starting=[usdt("1000")])


def one_of_two_away(path: Path) -> Portfolio:
    return floor(database(path / "bot.sqlite", a_day("A", "5", "-3")), path / "gone.sqlite", starting=[usdt("1000")])


def nothing_traded(path: Path) -> Portfolio:
    return one(path)


def no_ledger(path: Path) -> Portfolio:
    return floor()


def freqtrades_own(_: Path) -> Portfolio:
    return Portfolio(
        [LedgerSettings(name="ft", kind="freqtrade", url=str(FREQTRADE), starting_balance=(usdt("1000"),))]
    )


FLOORS: list[Callable[[Path], Portfolio]] = [
    two_currencies,
    live_and_paper,
    an_idle_agent,
    a_single_trade,
    only_flat_trades,
    three_hundred_agents,
    three_hundred_markets,
    names_of_many_bytes,
    a_fortune,
    nobody_told_the_balance,
    ruin,
    paid_in_and_out,
    one_of_two_away,
    nothing_traded,
    no_ledger,
    freqtrades_own,
]
