"""The equity curve of a book or an agent: its daily returns, its drawdown and its ratios.

Amounts are Decimal. docs/figures.md gives the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from reporter.periods.civil import Period
from reporter.trading.books import AgentSeries, Figures, Series
from reporter.trading.return_ratios import (
    NEVER_CLOSES,
    NO_FLOW,
    Basis,
    annual_return,
    calmar,
    cvar,
    daily_returns,
    sharpe,
    sortino,
    var,
    volatility,
)
from reporter.trading.trades import Flow, Money

_SATURDAY = 5
_DAY = timedelta(days=1)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Day:
    """What one civil day made."""

    date: date
    """The civil day."""
    pnl: Money
    """What was realised on it."""
    flow: Flow = NO_FLOW
    """What was paid in before its first trade and taken out after its last."""


@dataclass(frozen=True, slots=True)
class DateSpan:
    """When equity was below a peak."""

    peak: date
    """The last day that ended at the peak; where that was the start, the day before the first."""
    trough: date
    """The day of the deepest fall."""
    recovered: date | None
    """The first day that ended at the peak's equity again; None if that is still to come."""
    end: date
    """The last day of the series."""

    @property
    def days(self) -> int:
        """Calendar days from the peak to the recovery, or to the end of the series."""
        return ((self.recovered or self.end) - self.peak).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall of equity at the ends of days below its highest so far, the start included; and the present one.

    The deepest is that of the largest share; without a positive capital it is that of the largest amount.
    """

    amount: Money
    """The deepest fall, zero or negative."""
    share: Decimal | None
    """The deepest fall as a share of its peak: -0.1 is -10 %; None without a positive capital."""
    current: Money
    """The fall at the end of the series, zero or negative."""
    current_share: Decimal | None
    """The same as a share of the peak; None without a positive capital."""
    span: DateSpan | None
    """When equity was below the peak; None if it never fell."""


@dataclass(frozen=True)
class Curve:
    """The equity curve of a book or an agent: its capital and what each trading day made.

    Each figure is computed when it is first asked for, and None where it is undefined; those that are ratios need a
    capital.
    """

    days: tuple[Day, ...]
    """The trading days in order."""
    capital: Money | None
    """The balance before the first day; None where unknown."""
    currency: str
    """The currency of every amount."""
    basis: Basis = NEVER_CLOSES
    """The year that the ratios are made for."""

    @property
    def n(self) -> int:
        """How many days the ratios rest on."""
        return len(self.days)

    @cached_property
    def returns(self) -> list[float]:
        """The return of each day, as a share; empty without a capital, and once equity was used up."""
        if self.capital is None:
            return []
        pnl, flows = [day.pnl.amount for day in self.days], [day.flow for day in self.days]
        return daily_returns(pnl, self.capital.amount, flows)

    @property
    def paid(self) -> bool:
        """Whether there were payments: its levels then include deposits and withdrawals."""
        return self.capital is not None and any(day.flow for day in self.days)

    @cached_property
    def levels(self) -> list[Decimal]:
        """The balance at the start and at the end of each day; from 0, and of P&L alone, without a capital."""
        return [level for level, _ in _levels(self.days, self.capital)]

    @cached_property
    def falls(self) -> list[Decimal]:
        """How far each of the levels is below the highest until then, see `drawdown`: zero or negative."""
        return [level - peak for level, peak in _levels(self.days, self.capital)]

    @cached_property
    def sharpe(self) -> float | None:
        """The annualised Sharpe ratio; None where undefined."""
        return sharpe(self.returns, self.basis)

    @cached_property
    def sortino(self) -> float | None:
        """The annualised Sortino ratio; None where undefined."""
        return sortino(self.returns, self.basis)

    @cached_property
    def calmar(self) -> float | None:
        """The Calmar ratio: annual return over the deepest drawdown; None where undefined."""
        return calmar(self.returns, self.basis)

    @cached_property
    def volatility(self) -> float | None:
        """The annualised deviation of the returns, as a share; None where undefined."""
        return volatility(self.returns, self.basis)

    @cached_property
    def annual_return(self) -> float | None:
        """The compounded return of a year, as a share; None where undefined."""
        return annual_return(self.returns, self.basis)

    @cached_property
    def var(self) -> float | None:
        """The 95 % value at risk of a day, as a share of the equity; None for fewer than 20 days."""
        return var(self.returns)

    @cached_property
    def cvar(self) -> float | None:
        """The mean return of the days at or below the value at risk, as a share; None for fewer than 20 days."""
        return cvar(self.returns)

    @cached_property
    def drawdown(self) -> Drawdown:
        """The deepest fall and the present one, with their dates."""
        return drawdown(self.days, self.capital, self.currency)

    @property
    def best_day(self) -> Day | None:
        """The day that made the most of those on which anything was won or lost, of equal ones the first."""
        return max(self._busy, key=lambda day: day.pnl.amount, default=None)

    @property
    def worst_day(self) -> Day | None:
        """The day that made the least of those on which anything was won or lost, of equal ones the first."""
        return min(self._busy, key=lambda day: day.pnl.amount, default=None)

    @property
    def _busy(self) -> list[Day]:
        return [day for day in self.days if day.pnl]


def curve(
    days: Sequence[date],
    daily_pnl: Sequence[Decimal],
    capital: Money | None,
    currency: str,
    basis: Basis = NEVER_CLOSES,
    *,
    flows: Sequence[Flow] = (),
) -> Curve:
    """The equity curve of what each of these consecutive civil days made; `capital` stood there before the first.

    `flows` is what was paid in and out on each of the days; none where nothing was. For the history of a book or an
    agent see `curve_of_series`. Raises ValueError when there are more days than amounts or flows, or fewer.
    """
    paid = flows or [NO_FLOW] * len(days)
    made = [Day(at, Money(pnl, currency), flow) for at, pnl, flow in zip(days, daily_pnl, paid, strict=True)]
    return Curve(tuple(trading_days(made, basis)), capital, currency, basis)


def curve_of(figures: Figures, period: Period, capital: Money | None, basis: Basis = NEVER_CLOSES) -> Curve:
    """The equity curve of a book (whose capital is its `opening`) or a line in a period.

    Raises ValueError when the figures were not asked for with `daily=True`.
    """
    days = [date.fromisoformat(day.label) for day in period.days()]
    if len(figures.daily) != len(days):
        raise ValueError(f"the figures of {period.label} have no P&L of each day: ask for them with daily=True")
    return curve(days, figures.daily, capital, figures.pnl.currency, basis, flows=figures.flows)


def curve_of_series(series: Series, basis: Basis = NEVER_CLOSES, agent: AgentSeries | None = None) -> Curve:
    """The equity curve of a book's history, or of that of one of its agents."""
    pnl, capital, flows = (series.pnl, series.opening, series.flows)
    if agent:
        pnl, capital, flows = (agent.pnl, agent.capital, agent.flows)
    return curve(series.days, pnl, capital, series.currency, basis, flows=flows)


def trading_days(days: Sequence[Day], basis: Basis) -> list[Day]:
    """The days that a market trades. Where it closes at weekends, a weekend's P&L counts with the day after.

    At the end of the series, where that day is not in it, it counts with the day before; a series of nothing but a
    weekend has no trading day.
    """
    if not basis.closes:
        return list(days)
    found: list[Day] = []
    waiting: list[Day] = []
    for day in days:
        if day.date.weekday() >= _SATURDAY:
            waiting.append(day)
        else:
            found.append(_with(day, waiting))
            waiting.clear()
    return [*found[:-1], *(_with(last, waiting) for last in found[-1:])]


def _with(day: Day, closed: Sequence[Day]) -> Day:
    """A day, and what was made and paid on days without a market beside it."""
    pnl = sum((one.pnl for one in closed), day.pnl)
    return Day(day.date, pnl, sum((one.flow for one in closed), day.flow))


def drawdown(days: Sequence[Day], capital: Money | None, currency: str) -> Drawdown:
    """The deepest fall of the curve of these days and the present one, with their dates."""
    levels = _levels(days, capital if _begins(days, capital) > 0 else None)
    falls = [level - peak for level, peak in levels]
    shares = _shares(levels) if _begins(days, capital) > 0 else None
    depths = (
        [round(share, 18) for share in shares] if shares else falls
    )  # a payment may cost an equal share its last digit
    low = depths.index(min(depths))
    return Drawdown(
        amount=Money(falls[low], currency),
        share=shares[low] if shares else None,
        current=Money(falls[-1], currency),
        current_share=shares[-1] if shares else None,
        span=_span(days, falls, low) if low else None,
    )


def _begins(days: Sequence[Day], capital: Money | None) -> Decimal:
    """What the first day began with."""
    return _NOTHING if capital is None else sum((day.flow.deposited for day in days[:1]), capital.amount)


def _shares(levels: Sequence[tuple[Decimal, Decimal]]) -> list[Decimal] | None:
    """How far each level is below its peak, as a share of it; None where something was lost of nothing."""
    if any(level < peak <= 0 for level, peak in levels):
        return None
    return [(level - peak) / peak if level < peak else _NOTHING for level, peak in levels]


def _levels(days: Sequence[Day], capital: Money | None) -> list[tuple[Decimal, Decimal]]:
    """The balance and the highest so far, at the start and at the end of each day.

    What is paid in or out moves the highest in proportion, as a fund's high-water mark is: 5 % below it is 5 % below it
    after a payment too, and a deposit makes no loss good. Without a capital there are no proportions, and no payments.
    """
    level = peak = _NOTHING if capital is None else capital.amount
    found = [(level, peak)]
    for day in days:
        flow = NO_FLOW if capital is None else day.flow
        level, peak = _paid(level, peak, flow.deposited)
        level += day.pnl.amount
        level, peak = _paid(level, max(level, peak), -flow.withdrawn)
        found.append((level, peak))
    return found


def _paid(level: Decimal, peak: Decimal, amount: Decimal) -> tuple[Decimal, Decimal]:
    if level == peak or level <= 0:
        return level + amount, peak + amount
    return level + amount, peak * (level + amount) / level if amount else peak


def _span(days: Sequence[Day], falls: Sequence[Decimal], low: int) -> DateSpan:
    """When a fall was: it began where there was none last, the start being the end of the day before the first."""
    ends = [days[0].date - _DAY, *(day.date for day in days)]
    peak = max(at for at in range(low) if not falls[at])
    back = next((at for at in range(low, len(falls)) if not falls[at]), None)
    return DateSpan(ends[peak], ends[low], None if back is None else ends[back], ends[-1])
