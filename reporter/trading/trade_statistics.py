"""Win rate, profit factor, payoff, expectancy, SQN and agent status, from other figures.

An undefined figure is None, never 0 or infinity. Every formula and its source stand in docs/figures.md too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import sqrt

from reporter.trading.books import Figures
from reporter.trading.equity_curve import (
    Curve,
    DateSpan,
    Day,
    Drawdown,
    curve,
    curve_of,
    curve_of_series,
    drawdown,
    trading_days,
)
from reporter.trading.return_ratios import (
    NEVER_CLOSES,
    Basis,
    annual_return,
    calmar,
    cvar,
    daily_returns,
    max_drawdown,
    sharpe,
    sortino,
    var,
    volatility,
)
from reporter.trading.targets import Targets
from reporter.trading.trades import Holding, Money, Streaks, Trade

# The words of `reporter.risk` and `reporter.curves` are for jobs too.
__all__ = [
    "FEW",
    "NEVER_CLOSES",
    "Basis",
    "Curve",
    "DateSpan",
    "Day",
    "Drawdown",
    "Status",
    "annual_return",
    "average_loss",
    "average_win",
    "best",
    "calmar",
    "combined",
    "curve",
    "curve_of",
    "curve_of_series",
    "cvar",
    "daily_returns",
    "deepest_fall",
    "drawdown",
    "expectancy",
    "few",
    "max_drawdown",
    "payoff",
    "profit_factor",
    "sharpe",
    "sortino",
    "sqn",
    "status",
    "trading_days",
    "var",
    "volatility",
    "worst",
]

# Below so many trades (or days), a rate or a ratio of them says little. At 20, the standard error of a win rate of 50 %
# is 11 points.
FEW = 20
# A variance of this share of the mean square is the noise of the sums: all trades made the same.
_ALIKE = Decimal("1e-12")


def combined(parts: Sequence[Figures], currency: str, days: int = 0) -> Figures:
    """The figures of several sets of trades of one currency taken together; `days` is the length of `daily`.

    Fees, funding and volume are unknown as soon as one part's are; streaks as soon as two parts have trades, since
    nothing says how those alternated. Raises CurrencyMismatchError when a part is of another currency.
    """
    nothing = Money(Decimal(0), currency)
    return Figures(
        trades=sum(part.trades for part in parts),
        wins=sum(part.wins for part in parts),
        losses=sum(part.losses for part in parts),
        flat=sum(part.flat for part in parts),
        pnl=sum((part.pnl for part in parts), nothing),
        fees=_known_sum([part.fees for part in parts], nothing),
        gross_profit=sum((part.gross_profit for part in parts), nothing),
        gross_loss=sum((part.gross_loss for part in parts), nothing),
        best=best([part.best for part in parts if part.best]),
        worst=worst([part.worst for part in parts if part.worst]),
        daily=tuple(sum((part.daily[day] for part in parts), Decimal(0)) for day in range(days)),
        funding=_known_sum([part.funding for part in parts], nothing),
        volume=_known_sum([part.volume for part in parts], nothing),
        longs=sum(part.longs for part in parts),
        shorts=sum(part.shorts for part in parts),
        squares=sum((part.squares for part in parts), Decimal(0)),
        holding=_holding([part.holding for part in parts if part.holding]),
        streaks=_streaks([part for part in parts if part.trades or part.unreadable]),
        unreadable=sum(part.unreadable for part in parts),
    )


def _known_sum(amounts: Sequence[Money | None], nothing: Money) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, nothing) if len(known) == len(amounts) else None


def _holding(parts: Sequence[Holding]) -> Holding | None:
    if not parts:
        return None
    return Holding(
        n=sum(part.n for part in parts),
        total=sum((part.total for part in parts), timedelta()),
        shortest=min(part.shortest for part in parts),
        longest=max(part.longest for part in parts),
    )


def _streaks(parts: Sequence[Figures]) -> Streaks | None:
    if not parts:
        return Streaks()
    return parts[0].streaks if len(parts) == 1 else None


def best(trades: Sequence[Trade]) -> Trade | None:
    """The trade that made the most, of equal ones the first."""
    return min(trades, key=lambda trade: (-trade.pnl.amount, *_place(trade)), default=None)


def worst(trades: Sequence[Trade]) -> Trade | None:
    """The trade that made the least, of equal ones the first."""
    return min(trades, key=lambda trade: (trade.pnl.amount, *_place(trade)), default=None)


def _place(trade: Trade) -> tuple[datetime, str, int, str]:
    """Which of two trades is the first; of one moment it is the one with the lower id, 9 before 10."""
    return trade.closed_at, trade.ledger, len(trade.id), trade.id


def deepest_fall(changes: Iterable[Decimal]) -> Decimal:
    """How deep a running sum fell below its highest point so far, the start included: an amount, zero or negative."""
    level = peak = fall = Decimal(0)
    for change in changes:
        level += change
        peak = max(peak, level)
        fall = min(fall, level - peak)
    return fall


def profit_factor(figures: Figures) -> Decimal | None:
    """Gross profit over gross loss; None when nothing was lost."""
    ratio = figures.gross_profit / figures.gross_loss
    return -ratio if ratio is not None else None


def expectancy(figures: Figures) -> Money | None:
    """What a trade made on average; None without trades."""
    if not figures.trades:
        return None
    return Money(figures.pnl.amount / figures.trades, figures.pnl.currency)


def average_win(figures: Figures) -> Money | None:
    """What a winning trade made on average; None without one."""
    if not figures.wins:
        return None
    return Money(figures.gross_profit.amount / figures.wins, figures.gross_profit.currency)


def average_loss(figures: Figures) -> Money | None:
    """What a losing trade made on average, a negative amount; None without one."""
    if not figures.losses:
        return None
    return Money(figures.gross_loss.amount / figures.losses, figures.gross_loss.currency)


def payoff(figures: Figures) -> Decimal | None:
    """The average win over the average loss; None without a win or without a loss."""
    win, loss = average_win(figures), average_loss(figures)
    ratio = win / loss if win and loss else None
    return -ratio if ratio is not None else None


def sqn(figures: Figures) -> float | None:
    """The system quality number: sqrt(n) * mean / stdev of the trades' P&L, with the sample deviation.

    Van K. Tharp, "The Definitive Guide to Position Sizing", 2008. It grows with n, and is meant for 30 trades or more.
    None for fewer than two trades, or when all made the same.
    """
    n, total = figures.trades, figures.pnl.amount
    if n < 2:
        return None
    variance = (figures.squares - total * total / n) / (n - 1)
    if variance <= figures.squares * _ALIKE:
        return None
    return sqrt(n) * float(total / n) / sqrt(variance)


def few(n: int) -> bool:
    """Whether a figure that rests on `n` trades (or days) should be shown with a mark, such as `(n=6)`."""
    return n < FEW


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
