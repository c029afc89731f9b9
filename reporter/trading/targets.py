"""Limits and targets that the user sets for the trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase

from reporter.trading.trades import Mode, Money


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What a book, or an agent in it, may not pass; None or empty where nothing was said."""

    daily_loss: Mapping[str, Money] = field(default_factory=dict)
    """The largest loss of a day, a positive amount by currency."""
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    """The deepest fall within a day, a positive amount by currency."""
    below_peak: Decimal | None = None
    """How far the account may be below the highest end of a day ever, as a share (0 to 1)."""
    least_win_rate: Decimal | None = None
    """The lowest win rate, as a share (0 to 1)."""
    losses_in_a_row: int | None = None
    """The most losses in a row."""
    positions: int | None = None
    """The most open positions."""
    exposure: Mapping[str, Money] = field(default_factory=dict)
    """The largest size times price of open positions, a positive amount by currency."""

    def __or__(self, other: RiskLimits) -> RiskLimits:
        """These limits, and the other's where these say nothing."""
        return RiskLimits(
            daily_loss={**other.daily_loss, **self.daily_loss},
            drawdown={**other.drawdown, **self.drawdown},
            below_peak=self.below_peak or other.below_peak,
            least_win_rate=self.least_win_rate or other.least_win_rate,
            losses_in_a_row=self.losses_in_a_row or other.losses_in_a_row,
            positions=self.positions or other.positions,
            exposure={**other.exposure, **self.exposure},
        )


@dataclass(frozen=True, slots=True)
class Targets:
    """What the user wants to reach or not to pass; None or empty where nothing was said."""

    daily_pnl: Mapping[str, Money] = field(default_factory=dict)
    """The P&L to reach in a day, by currency."""
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    """The drawdown to stay under in a day, a positive amount by currency."""
    win_rate: Decimal | None = None
    """The win rate to pass, as a share (0 to 1)."""
    review_win_rate: Decimal | None = None
    """The win rate below which an agent is under review, as a share (0 to 1)."""
    review_after: int = 20
    """The number of trades from which a win rate counts."""
    limits: RiskLimits = RiskLimits()
    """The limits of a book."""
    paper: RiskLimits = RiskLimits()
    """The limits of a paper book that differ."""
    agents: Mapping[str, RiskLimits] = field(default_factory=dict)
    """The limits of agents, by name or pattern."""

    def limits_of(self, mode: Mode) -> RiskLimits:
        """What a book of that mode may not pass."""
        own = self.limits | RiskLimits(drawdown=self.drawdown)
        return self.paper | own if mode is Mode.PAPER else own

    def limits_of_agent(self, name: str) -> RiskLimits:
        """What an agent may not pass: of each limit the first entry counts that fits its name and says it."""
        found = RiskLimits()
        for pattern, limits in self.agents.items():
            found = found | limits if name == pattern or fnmatchcase(name, pattern) else found
        return found
