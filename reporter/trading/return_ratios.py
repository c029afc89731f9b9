"""Sharpe, Sortino, Calmar, volatility, VaR and drawdown of a series of daily returns.

Returns are those of days, idle days included: a day's P&L divided by the capital at work. Returns and ratios are
floats, because roots and powers are. An undefined figure is None, never 0 or infinity. Every formula and its source
stand in docs/figures.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, repeat
from math import fsum, prod, sqrt
from operator import mul

from reporter.trading.trades import Flow

# Returns that differ less than this are all the same, and their ratio to the mean says nothing.
NO_SPREAD = 1e-12
# The worst days that value at risk looks at, and how many days must be there for them to be one whole day.
TAIL = 0.05
ENOUGH_FOR_A_TAIL = 20
NO_FLOW = Flow()


@dataclass(frozen=True, slots=True)
class Basis:
    """The year that ratios are made for. A market that closes has no Saturdays and Sundays in its series."""

    days_per_year: int = 365
    """The trading days of a year: 365 for a market that never closes, 252 for one that closes at weekends."""
    risk_free: Decimal = Decimal(0)
    """The risk-free return of a year, as a share: 0.04 is 4 %."""

    @property
    def closes(self) -> bool:
        """Whether the market closes at weekends."""
        return self.days_per_year < 365

    @property
    def a_day(self) -> float:
        """The risk-free return of a day, as a share, compounding to the year's rate."""
        return float(float(1 + self.risk_free) ** (1 / self.days_per_year) - 1)

    @property
    def usual(self) -> bool:
        """Whether reports need not name it."""
        return self == NEVER_CLOSES


NEVER_CLOSES = Basis()


def daily_returns(daily_pnl: Sequence[Decimal], capital: Decimal, flows: Sequence[Flow] = ()) -> list[float]:
    """Each day's P&L as a share of what it was made with: the equity it began with, at first `capital`, and what was
    paid in on that day. What was taken out was there until its end.

    So returns are time-weighted: no payment is a gain or a loss (GIPS Standards, 2020). Empty once a day begins with no
    equity or less: a return on nothing is no number, and those before it say nothing about the whole.
    """
    found, equity = [], capital
    for pnl, flow in zip(daily_pnl, flows or repeat(NO_FLOW, len(daily_pnl)), strict=True):
        equity += flow.deposited
        if equity <= 0:
            return []
        found.append(float(pnl / equity))
        equity += pnl - flow.withdrawn
    return found


def sharpe(returns: Sequence[float], basis: Basis = NEVER_CLOSES) -> float | None:
    """The annualised Sharpe ratio: (mean(r) - riskless) / stdev(r) * sqrt(days per year), with the sample deviation.

    W. F. Sharpe, "The Sharpe Ratio", 1994. None for fewer than two days, or when all returns are the same.
    """
    spread = _spread(returns)
    return (_mean(returns) - basis.a_day) / spread * sqrt(basis.days_per_year) if spread else None


def sortino(returns: Sequence[float], basis: Basis = NEVER_CLOSES) -> float | None:
    """The annualised Sortino ratio: as Sharpe's, over the downside deviation sqrt(sum(min(r - riskless, 0)²) / n).

    The mean square is taken over all n days, not over the losing ones alone (F. A. Sortino and L. N. Price,
    "Performance Measurement in a Downside Risk Framework", 1994). None for fewer than two days, or when no return was
    below the riskless one.
    """
    if len(returns) < 2:
        return None
    excess = [one - basis.a_day for one in returns]
    downside = sqrt(fsum(min(one, 0) ** 2 for one in excess) / len(excess))
    return _mean(excess) / downside * sqrt(basis.days_per_year) if downside > NO_SPREAD else None


def volatility(returns: Sequence[float], basis: Basis = NEVER_CLOSES) -> float | None:
    """The annualised sample deviation of daily returns, a share; None for fewer than two days."""
    spread = _spread(returns)
    return None if spread is None else spread * sqrt(basis.days_per_year)


def annual_return(returns: Sequence[float], basis: Basis = NEVER_CLOSES) -> float | None:
    """What a year of such days would return, compounded (CAGR): product(1 + r) ** (days per year / n) - 1, a share.

    None for fewer than two days, when the last one lost more than there was, and when it is more than a float can hold.
    """
    growth = prod(1 + one for one in returns)
    if len(returns) < 2 or growth < 0:
        return None
    try:
        return float(growth ** (basis.days_per_year / len(returns)) - 1)
    except OverflowError:
        return None


def max_drawdown(returns: Sequence[float]) -> float:
    """The deepest fall of equity at the end of a day below its highest so far, as a share of that peak: -0.1 is -10 %.

    The start counts as a peak, so a loss on the first day is a drawdown; 0 when equity never fell.
    """
    equity = list(accumulate((1 + one for one in returns), mul, initial=1.0))
    peaks = accumulate(equity, max)
    return min(worth / peak - 1 for worth, peak in zip(equity, peaks, strict=True))


def calmar(returns: Sequence[float], basis: Basis = NEVER_CLOSES) -> float | None:
    """Annual return over the maximum drawdown of the same days (T. W. Young, "Calmar Ratio", Futures, 1991).

    None where the annual return is, and when equity never fell.
    """
    yearly, fall = annual_return(returns, basis), max_drawdown(returns)
    return None if yearly is None or -fall <= NO_SPREAD else yearly / -fall


def var(returns: Sequence[float]) -> float | None:
    """The 95 % value at risk of a day by history: the return (a loss is negative) that 5 % of days fall short of.

    The 5 % quantile, interpolated between the two nearest days. None for fewer than 20 days, of which 5 % are less
    than one day.
    """
    if len(returns) < ENOUGH_FOR_A_TAIL:
        return None
    worst = sorted(returns)
    at, part = divmod(TAIL * (len(worst) - 1), 1)
    return worst[int(at)] + (worst[int(at) + 1] - worst[int(at)]) * part


def cvar(returns: Sequence[float]) -> float | None:
    """The mean return of the days at or below the 95 % value at risk; None where that is.

    R. T. Rockafellar and S. Uryasev, "Optimization of Conditional Value-at-Risk", 2000.
    """
    if len(returns) < ENOUGH_FOR_A_TAIL:
        return None
    return _mean(sorted(returns)[: int(TAIL * (len(returns) - 1)) + 1])


def _mean(numbers: Sequence[float]) -> float:
    return fsum(numbers) / len(numbers)


def _spread(returns: Sequence[float]) -> float | None:
    """The sample deviation, exactly 0 where all are the same; None for fewer than two."""
    if len(returns) < 2:
        return None
    mean = _mean(returns)
    spread = sqrt(fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1))
    return spread if spread > NO_SPREAD else 0.0
