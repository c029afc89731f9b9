"""The series of days for our ratios and others': ordinary ones, and ones that make formulas fail."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

from reporter.trading.trades import Flow
from tests.support.paths import DATA

FIRST = date(2026, 1, 1)


@dataclass(frozen=True)
class Case:
    """What each day made on a capital, what was paid in (or, below 0, out) on it, and the year ratios are made by."""

    name: str
    capital: Decimal
    daily: tuple[Decimal, ...]
    first: date = FIRST
    days_per_year: int = 365
    risk_free: Decimal = Decimal(0)
    paid: tuple[Decimal, ...] = ()

    @property
    def equity(self) -> list[Decimal]:
        """At the start, and at the end of each day: of the units that the capital bought at the start.

        Who pays in buys units at the price of the evening before, and who takes out sells some at that of the evening:
        the price of a unit knows of no payment.
        """
        if not self.paid:
            return list(accumulate(self.daily, initial=self.capital))
        units = Decimal(1)
        prices = [worth := self.capital]
        for made, paid in zip(self.daily, self.paid, strict=True):
            units += max(paid, Decimal(0)) / worth * units
            worth += max(paid, Decimal(0)) + made
            price = worth / units
            prices.append(price)
            units += min(paid, Decimal(0)) / price
            worth += min(paid, Decimal(0))
        return prices

    @property
    def flows(self) -> tuple[Flow, ...]:
        return tuple(Flow(max(paid, Decimal(0)), max(-paid, Decimal(0))) for paid in self.paid)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(len(self.daily))]


def of(name: str, *daily: str, capital: str = "1000") -> Case:
    return Case(name, Decimal(capital), tuple(map(Decimal, daily)))


def walk(name: str, seed: int, days: int, *, idle: float = 0.3, spread: float = 25, drift: float = 1) -> Case:
    """A random walk in cents, of which a share of the days is idle."""
    chance = random.Random(seed)
    amounts = (0 if chance.random() < idle else chance.gauss(drift, spread) for _ in range(days))
    return Case(name, Decimal(10_000), tuple(round(Decimal(amount), 2) for amount in amounts))


def paid(days: int, amounts: Mapping[int, int]) -> tuple[Decimal, ...]:
    return tuple(Decimal(amounts.get(day, 0)) for day in range(days))


def cases() -> Iterator[Case]:
    yield walk("a month with idle days", 1, 30)
    yield walk("a quarter that loses", 2, 91, drift=-9)
    yield walk("a year, mostly idle", 3, 365, idle=0.8)
    yield walk("1,000 days", 4, 1000)
    yield walk("nineteen days", 5, 19)
    yield walk("twenty days", 6, 20)
    yield walk("a wild fortnight", 7, 14, idle=0.1, spread=2500)
    month = walk("a month", 8, 42, idle=0)
    yield Case("252 days a year", month.capital, month.daily, days_per_year=252)
    yield Case("a risk-free rate of 4 %", month.capital, month.daily, risk_free=Decimal("0.04"))
    yield Case("ten times the capital is paid in", month.capital, month.daily, paid=paid(42, {20: 100_000}))
    yield Case("nearly all is taken out", month.capital, month.daily, paid=paid(42, {20: -9_000}))
    often = {day: (-1) ** day * 50 * day for day in range(0, 42, 3)}
    yield Case("paid in and out all the time", month.capital, month.daily, paid=paid(42, often))
    yield of("no day")
    yield of("one day", "12.5")
    yield of("two days", "12.5", "-3")
    yield of("two equal returns", "10", "10.1")
    yield of("a month of equal returns", *(str(Decimal("1.001") ** n) for n in range(30)))
    yield of("nothing was traded", *["0"] * 30)
    yield of("one trade in a month", *["0"] * 14, "25", *["0"] * 15)
    yield of("only wins", *["3.2", "0", "7", "1.1"] * 6)
    yield of("only losses", *["-3.2", "0", "-7", "-1.1"] * 6)
    yield of("a loss on the first day", "-120", "40", "0", "60", "35")
    yield of("all is lost on the last day", "20", "-30", "-990")
    yield of("all is lost, and idle days follow", "20", "-1020", *["0"] * 20)
    yield of("more is lost than there was", "20", "-1500", "100")
    yield of("twice the money every day", "1000", "2000", "4000", "8000")
    yield from real()


def real() -> Iterator[Case]:
    """The days of a freqtrade account and of each of its strategies, as freqtrade counts them."""
    kept = json.loads((DATA / "freqtrade.expected.json").read_text(encoding="utf-8"))
    days = sorted(kept["daily"]["UTC"])
    yield _real("freqtrade", kept["daily"]["UTC"], days)
    for strategy in sorted({key.split("|")[1] for key in kept["daily_by_strategy"]}):
        own = {key.split("|")[0]: row for key, row in kept["daily_by_strategy"].items() if key.endswith(strategy)}
        yield _real(f"freqtrade's {strategy}", own, days)


def _real(name: str, rows: dict[str, dict[str, float]], days: list[str]) -> Case:
    made = (round(Decimal(repr(rows[day]["abs_profit"])), 8) if day in rows else Decimal(0) for day in days)
    return Case(name, Decimal(10_000), tuple(made), first=date.fromisoformat(days[0]))
