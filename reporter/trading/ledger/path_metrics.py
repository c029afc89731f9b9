"""Figures that depend on the order of trades: drawdown, streaks, and the first of equal best or worst trades."""

# ruff: noqa: PLR1730 - this is done for each trade of a history, and a call of max() costs as much as all the rest

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from reporter.trading.ledger.sources.base import number
from reporter.trading.trades import Mode, Streaks

# Results are added as whole numbers of 1e-8, the last digit that is kept: exact, and quicker than Decimal.
UNITS = 10**8


@dataclass(slots=True)
class PathMetrics:
    """A running result, from 0 at the start. Amounts are in units of 1e-8, `squares` in those squared."""

    level: int = 0
    peak: int = 0
    deepest: int = 0
    run: int = 0
    wins: int = 0
    losses: int = 0
    squares: int = 0

    def step(self, change: int) -> None:
        """Take the next trade's result."""
        level = self.level = self.level + change
        self.squares += change * change
        if change > 0:
            run = self.run = self.run + 1 if self.run > 0 else 1
            if run > self.wins:
                self.wins = run
            if level > self.peak:
                self.peak = level
        elif change < 0:
            run = self.run = self.run - 1 if self.run < 0 else -1
            if -run > self.losses:
                self.losses = -run
            if level - self.peak < self.deepest:
                self.deepest = level - self.peak
        else:
            self.run = 0

    @property
    def fall(self) -> Decimal:
        """How deep it fell below its highest point so far: zero or negative."""
        return decimal(self.deepest)

    @property
    def streaks(self) -> Streaks:
        return Streaks(self.run, self.wins, self.losses)


@dataclass(slots=True)
class LinePath(PathMetrics):
    """The same of one line, with the ids of its best and worst trade, of equal ones the first."""

    best: int = 0
    worst: int = 0
    best_id: Any = None
    worst_id: Any = None

    def take(self, change: int, trade: Any) -> None:
        """Take the next trade."""
        if self.best_id is None:
            self.best = self.worst = change
            self.best_id = self.worst_id = trade
        elif change > self.best:
            self.best, self.best_id = change, trade
        elif change < self.worst:
            self.worst, self.worst_id = change, trade
        self.step(change)


@dataclass(slots=True)
class TradeWalk:
    """The paths of a ledger's books and of their lines."""

    lines: dict[tuple[str, Mode, str], LinePath] = field(default_factory=dict)
    books: dict[tuple[Mode, str], PathMetrics] = field(default_factory=dict)


def units(result: Any) -> int:
    """A stored result in units of 1e-8. Raises LedgerError for what is not a finite number."""
    try:
        return round(result * UNITS) if result else 0
    except (ValueError, TypeError, ArithmeticError):
        number(result)  # says what is wrong with it
        raise


def decimal(found: int) -> Decimal:
    """An amount in units of 1e-8 as an ordinary one."""
    return Decimal(found).scaleb(-8)


def walked(rows: Iterable[Any], line_of: Callable[[Any, str, str], tuple[str, Mode, str]]) -> TradeWalk:
    """Go through the trades in order: rows of id, result, and a line as the database calls it."""
    walk = TradeWalk()
    known: dict[Any, tuple[LinePath, PathMetrics]] = {}
    for trade, result, key, mode, currency in rows:
        paths = known.get((key, mode, currency))
        if paths is None:
            line = line_of(key, mode, currency)
            paths = walk.lines.setdefault(line, LinePath()), walk.books.setdefault(line[1:], PathMetrics())
            known[key, mode, currency] = paths
        change = units(result)
        paths[0].take(change, trade)
        paths[1].step(change)
    return walk


def overlaid(steps: Iterable[tuple[datetime, str, int]], book: tuple[Mode, str]) -> TradeWalk:
    """Go through the trades of several ledgers in one book, in order: each with its line and its change in units."""
    walk = TradeWalk(books={book: PathMetrics()})
    for _, line, change in steps:
        walk.lines.setdefault((line, *book), LinePath()).step(change)
        walk.books[book].step(change)
    return walk
