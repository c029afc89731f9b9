"""Compares a book with its targets and with the period before, and ranks the agents that contribute to its P&L."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reporter.trading.books import Book, BookLine, Figures, Series
from reporter.trading.equity_curve import Curve, curve, curve_of_series
from reporter.trading.return_ratios import NEVER_CLOSES, Basis
from reporter.trading.targets import Targets
from reporter.trading.trades import Flow, Money


@dataclass(frozen=True, slots=True)
class TargetProgress:
    """What was aimed at in one book, as far as the config says. It is false where nothing was."""

    book: Book
    """The book."""
    daily: Money | None
    """The daily P&L to reach; None without a target."""
    win_rate: Decimal | None
    """The win rate to pass, as a share (0 to 1); None without a target."""
    drawdown: Money | None
    """The drawdown to stay under, a positive amount; None without a target."""

    def __bool__(self) -> bool:
        return any(target is not None for target in (self.daily, self.win_rate, self.drawdown))

    @property
    def achieved(self) -> Decimal | None:
        """The P&L as a share of the daily target."""
        return self.book.pnl / self.daily if self.daily else None

    @property
    def win_rate_met(self) -> bool | None:
        """Whether the win rate is above its target; None where either is unknown."""
        if self.win_rate is None or self.book.win_rate is None:
            return None
        return self.book.win_rate > self.win_rate

    @property
    def drawdown_kept(self) -> bool | None:
        """Whether the drawdown is below its limit; None where either is unknown."""
        if self.drawdown is None or self.book.drawdown is None:
            return None
        return -self.book.drawdown < self.drawdown

    @property
    def days_reached(self) -> int | None:
        """On how many days of the period the daily target was reached; None without one, or without daily figures."""
        if not self.daily or not self.book.daily:
            return None
        return sum(pnl >= self.daily.amount for pnl in self.book.daily)


def target_progress(book: Book, targets: Targets) -> TargetProgress:
    """The targets of a book's currency beside what the book made."""
    return TargetProgress(
        book=book,
        daily=targets.daily_pnl.get(book.currency),
        win_rate=targets.win_rate,
        drawdown=targets.drawdown.get(book.currency),
    )


# Ratios of fewer days with trades say nothing: of a month with one trade the Sharpe ratio is
# the same, whatever that made.
ENOUGH_DAYS = 5
A_WEEK = 7


@dataclass(frozen=True, slots=True)
class DailyHistory:
    """The days that led a book to where it stands: day by day what was realised, and the curve of that."""

    series: Series
    """What was realised on each day."""
    curve: Curve
    """The equity curve of those days, with its ratios."""

    @property
    def title(self) -> str:
        """Currency and mode, as a heading: `USDT · live`."""
        return f"{self.series.currency} · {self.series.mode}"

    @property
    def drawn(self) -> Curve:
        """The curve to show: without the days that it begins with on which nothing was won, lost or paid, as those
        before a floor's first trade.

        A week is left of it at least.
        """
        one = self.series
        flows = one.flows or (Flow(),) * len(one.days)
        busy = next((place for place, (pnl, flow) in enumerate(zip(one.pnl, flows, strict=True)) if pnl or flow), 0)
        first = max(0, min(busy, len(one.days) - A_WEEK))
        basis = self.curve.basis
        return curve(one.days[first:], one.pnl[first:], one.opening, one.currency, basis, flows=flows[first:])

    @property
    def made(self) -> Money:
        """The P&L of all of the days."""
        return Money(sum(self.series.pnl, Decimal(0)), self.series.currency)

    @property
    def stands(self) -> Money | None:
        """The balance at the end; None where that of the beginning or a trade is not known."""
        paid = Money(sum(self.series.flows, Flow()).net, self.series.currency)
        opening = None if self.series.unreadable else self.series.opening
        return None if opening is None else opening + self.made + paid

    @property
    def busy(self) -> int:
        """On how many days anything was won or lost."""
        return sum(bool(pnl) for pnl in self.series.pnl)

    @property
    def last_busy(self) -> date | None:
        """The last day on which anything was won or lost; None where that was on none of these days."""
        return max((day for day, pnl in zip(self.series.days, self.series.pnl, strict=True) if pnl), default=None)

    @property
    def enough(self) -> bool:
        """Whether ratios of these days say anything."""
        return self.busy >= ENOUGH_DAYS

    def belongs_to(self, book: Book) -> bool:
        """Whether these are the days of that book, and of the same ledgers."""
        same = (self.series.mode, self.series.currency) == (book.mode, book.currency)
        return same and set(self.series.ledgers) >= set(book.ledgers)


def daily_history(series: Series, basis: Basis = NEVER_CLOSES) -> DailyHistory:
    """The days of a series with their equity curve, for the year that ratios are made for."""
    return DailyHistory(series, curve_of_series(series, basis))


@dataclass(frozen=True, slots=True)
class PeriodChange:
    """How the figures of a period differ from those of the one before."""

    pnl: Money
    """How much more P&L was made."""
    trades: int
    """How many more trades were closed."""
    win_rate: Decimal | None
    """The difference of the win rates, as a share (-1 to 1); None where either is unknown."""
    before: Figures
    """The figures of the period before."""


def change_from(book: Book, before: Book | None) -> PeriodChange | None:
    """What a book made more than in the period before; None where that is not known of the same ledgers and trades."""
    if before is None or before.ledgers != book.ledgers or (before.unreadable and not book.unreadable):
        return None
    return PeriodChange(
        pnl=book.pnl - before.pnl,
        trades=book.trades - before.trades,
        win_rate=_less(book.win_rate, before.win_rate),
        before=before,
    )


def _less(now: Decimal | None, then: Decimal | None) -> Decimal | None:
    return None if now is None or then is None else now - then


def _pnl(lines: Iterable[BookLine], currency: str) -> Money:
    return sum((line.pnl for line in lines), Money(Decimal(0), currency))


@dataclass(frozen=True, slots=True)
class Contributors:
    """A book's agents that traded: who gained most, who lost most, and all others. Together they made its P&L."""

    top: list[BookLine]
    """The lines that gained most, best first."""
    under: list[BookLine]
    """The lines that lost most, worst first."""
    others: list[BookLine]
    """All other lines that traded."""
    idle: list[BookLine]
    """The lines without a trade."""
    currency: str
    """The currency of every amount."""

    @property
    def others_pnl(self) -> Money:
        """The P&L of the other lines together."""
        return _pnl(self.others, self.currency)


def contributors(book: Book, count: int) -> Contributors:
    """Who of a book's lines carried it and who cost it: at most `count` of either; a line at 0 is neither."""
    traded = sorted((line for line in book.lines if line.trades), key=lambda line: line.pnl, reverse=True)
    top = [line for line in traded if line.pnl.amount > 0][:count]
    under = [line for line in reversed(traded) if line.pnl.amount < 0][:count]
    others = [line for line in traded if not _among(line, top) and not _among(line, under)]
    return Contributors(top, under, others, [line for line in book.lines if not line.trades], book.currency)


def _among(line: BookLine, lines: Sequence[BookLine]) -> bool:
    return any(line is one for one in lines)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A book by its agents, its markets …: what moved most, and the others. Together they made the book's P&L."""

    heading: str
    """The heading to show."""
    shown: list[BookLine]
    """The lines that moved most, best first."""
    others: list[BookLine]
    """All other lines."""
    currency: str
    """The currency of every amount."""

    @property
    def others_pnl(self) -> Money:
        """The P&L of the other lines together."""
        return _pnl(self.others, self.currency)


def breakdown(heading: str, lines: Sequence[BookLine], currency: str, count: int) -> Breakdown:
    """Show `count` of a book's lines, those that moved most."""
    moved = sorted(lines, key=lambda line: (abs(line.pnl), line.trades), reverse=True)
    shown = sorted(moved[:count], key=lambda line: line.pnl, reverse=True)
    return Breakdown(heading, shown, moved[count:], currency)
