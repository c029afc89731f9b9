"""Limits and targets that the user sets for the trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase

from reporter.trading.trades import Mode, Money


@dataclass(frozen=True, slots=True)
class Limits:
    """What a book, or an agent in it, may not pass; None or empty where nothing was said.

    Amounts are positive and kept by currency; rates are shares (0..1). `daily_loss` and `drawdown` are of one day,
    `below_peak` is of all time: how far the account may be below the highest that it ended a day at.
    """

    daily_loss: Mapping[str, Money] = field(default_factory=dict)
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    below_peak: Decimal | None = None
    least_win_rate: Decimal | None = None
    losses_in_a_row: int | None = None
    positions: int | None = None
    exposure: Mapping[str, Money] = field(default_factory=dict)

    def __or__(self, other: Limits) -> Limits:
        """These limits, and the other's where these say nothing."""
        return Limits(
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
    """What the user wants to reach or not to pass; None or empty where nothing was said.

    Amounts are kept by currency; rates are shares (0..1). `drawdown` limits are positive amounts. `limits` are those of
    a book, `paper` those of a paper book that differ, and `agents` those of agents, by name or pattern.
    """

    daily_pnl: Mapping[str, Money] = field(default_factory=dict)
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    win_rate: Decimal | None = None
    review_win_rate: Decimal | None = None
    review_after: int = 20
    limits: Limits = Limits()
    paper: Limits = Limits()
    agents: Mapping[str, Limits] = field(default_factory=dict)

    def limits_of(self, mode: Mode) -> Limits:
        """What a book of that mode may not pass."""
        own = self.limits | Limits(drawdown=self.drawdown)
        return self.paper | own if mode is Mode.PAPER else own

    def limits_of_agent(self, name: str) -> Limits:
        """What an agent may not pass: of each limit the first entry counts that fits its name and says it."""
        found = Limits()
        for pattern, limits in self.agents.items():
            found = found | limits if name == pattern or fnmatchcase(name, pattern) else found
        return found
