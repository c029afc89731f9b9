"""Figures that are computed from other figures. What is undefined is None, never 0 or infinity.

Every formula and its source stand in docs/figures.md too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from math import fsum, sqrt

from reporter.context import Targets
from reporter.trades import Figures, Money, Trade

# Daily returns that differ less than this are all the same, and their ratio to the mean says nothing.
_NO_SPREAD = 1e-12


def combined(parts: Sequence[Figures], currency: str, days: int = 0) -> Figures:
    """The figures of several sets of trades of one currency taken together; `days` is the length of `daily`.

    Fees are unknown as soon as one part's are. Raises CurrencyMismatchError when a part is of another currency.
    """
    nothing = Money(Decimal(0), currency)
    fees = [part.fees for part in parts]
    return Figures(
        trades=sum(part.trades for part in parts),
        wins=sum(part.wins for part in parts),
        losses=sum(part.losses for part in parts),
        flat=sum(part.flat for part in parts),
        pnl=sum((part.pnl for part in parts), nothing),
        fees=None if None in fees else sum((fee for fee in fees if fee), nothing),
        gross_profit=sum((part.gross_profit for part in parts), nothing),
        gross_loss=sum((part.gross_loss for part in parts), nothing),
        best=best([part.best for part in parts if part.best]),
        worst=worst([part.worst for part in parts if part.worst]),
        daily=tuple(sum((part.daily[day] for part in parts), Decimal(0)) for day in range(days)),
    )


def best(trades: Sequence[Trade]) -> Trade | None:
    """The trade that made the most, of equal ones the first."""
    return min(trades, key=lambda trade: (-trade.pnl.amount, trade.closed_at), default=None)


def worst(trades: Sequence[Trade]) -> Trade | None:
    """The trade that made the least, of equal ones the first."""
    return min(trades, key=lambda trade: (trade.pnl.amount, trade.closed_at), default=None)


def deepest_fall(changes: Iterable[Decimal]) -> Decimal:
    """How deep a running sum fell below its highest point so far, the start included: an amount, zero or negative."""
    level = peak = fall = Decimal(0)
    for change in changes:
        level += change
        peak = max(peak, level)
        fall = min(fall, level - peak)
    return fall


def daily_returns(daily_pnl: Sequence[Decimal], capital: Decimal) -> list[float] | None:
    """Each day's P&L as a share of the equity it began with, at first `capital`; None once that is not positive."""
    equity = list(accumulate(daily_pnl, initial=capital))[:-1]
    if any(worth <= 0 for worth in [capital, *equity]):
        return None
    return [float(pnl / worth) for pnl, worth in zip(daily_pnl, equity, strict=True)]


def sharpe(daily_pnl: Sequence[Decimal], capital: Decimal, days_per_year: int = 365) -> float | None:
    """The annualised Sharpe ratio of daily equity returns, days without trades included.

    mean(r) / stdev(r) * sqrt(days_per_year), with the sample deviation (ddof 1) and a risk-free rate of 0 (W. F.
    Sharpe, "The Sharpe Ratio", 1994). 365 days, because crypto and prediction markets do not close; use 252 for
    exchanges that do. None for fewer than two days, when equity was used up, or when all returns are the same.
    """
    returns = daily_returns(daily_pnl, capital)
    if returns is None or len(returns) < 2:
        return None
    mean = fsum(returns) / len(returns)
    spread = sqrt(fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return mean / spread * sqrt(days_per_year) if spread > _NO_SPREAD else None


def max_drawdown(daily_pnl: Sequence[Decimal], capital: Decimal) -> Decimal | None:
    """The deepest fall of equity at the end of a day below its highest so far, as a share of that peak: -0.1 is -10 %.

    The start counts as a peak, so a loss on the first day is a drawdown. None without a positive capital.
    """
    if capital <= 0:
        return None
    equity = list(accumulate(daily_pnl, initial=capital))
    peaks = accumulate(equity, max)
    return min(worth / peak - 1 for worth, peak in zip(equity, peaks, strict=True))


def profit_factor(figures: Figures) -> Decimal | None:
    """Gross profit over gross loss; None when nothing was lost."""
    ratio = figures.gross_profit / figures.gross_loss
    return -ratio if ratio is not None else None


def expectancy(figures: Figures) -> Money | None:
    """What a trade made on average; None without trades."""
    if not figures.trades:
        return None
    return Money(figures.pnl.amount / figures.trades, figures.pnl.currency)


class Status(StrEnum):
    """How an agent stands."""

    HEALTHY = "healthy"
    MONITORING = "monitoring"
    UNDER_REVIEW = "under review"


def status(figures: Figures, targets: Targets) -> Status:
    """How an agent stands by its figures of a period and the user's targets.

    - under review: its loss is the drawdown limit of its currency or more; or its win rate is below `review_win_rate`.
    - monitoring: it lost money; or its win rate is below the target.
    - healthy: otherwise, also without a trade.

    A win rate counts from `review_after` trades on, since a few say nothing of a rate; a target that is not set
    judges nobody.
    """
    limit = targets.drawdown.get(figures.pnl.currency)
    rate = figures.win_rate if figures.trades >= targets.review_after else None
    if (limit and -figures.pnl >= limit) or _below(rate, targets.review_win_rate):
        return Status.UNDER_REVIEW
    if figures.pnl.amount < 0 or _below(rate, targets.win_rate):
        return Status.MONITORING
    return Status.HEALTHY


def _below(rate: Decimal | None, target: Decimal | None) -> bool:
    return rate is not None and target is not None and rate < target
