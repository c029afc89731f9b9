"""The basic types of trading: money, trades, positions, agents, and account values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from reporter.errors import CurrencyMismatchError


class Mode(StrEnum):
    """Whether the money was real."""

    LIVE = "live"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency. Amounts of different currencies are never added or compared."""

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.amount), self.currency)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __truediv__(self, other: Money) -> Decimal | None:
        """The ratio of two amounts; None when the divisor is zero."""
        divisor = self._same(other)
        return self.amount / divisor if divisor else None

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be added or compared")
        return other.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One closed trade. `pnl` is net of fees and funding, which are information and may be unknown.

    `funding` is positive where it was received. `volume` is what was turned over: the cost of every fill, of entries
    and exits.
    """

    id: str
    ledger: str
    agent: str
    strategy: str | None
    market: str
    side: str
    opened_at: datetime | None
    closed_at: datetime
    size: Decimal | None
    pnl: Money
    fees: Money | None
    mode: Mode
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None
    entry_tag: str | None = None
    exit_reason: str | None = None
    funding: Money | None = None
    volume: Money | None = None

    @property
    def held(self) -> timedelta | None:
        """How long it was open; None where the source does not know when it was opened."""
        return self.closed_at - self.opened_at if self.opened_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One open position. `unrealised` is None when no current price is known; `priced_at` says how old the price is."""

    id: str
    ledger: str
    agent: str
    strategy: str | None
    market: str
    side: str
    opened_at: datetime | None
    size: Decimal | None
    entry_price: Decimal | None
    current_price: Decimal | None
    unrealised: Money | None
    mode: Mode
    currency: str
    priced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One bot or strategy. Its identity is (ledger, name)."""

    ledger: str
    name: str
    strategy: str | None = None
    mode: Mode = Mode.LIVE
    currency: str = ""
    capital: Money | None = None
    status: str | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """How long trades were open, over the `n` whose opening is known; `total` is the sum of their times."""

    n: int
    total: timedelta
    shortest: timedelta
    longest: timedelta

    @property
    def average(self) -> timedelta:
        return self.total / self.n


@dataclass(frozen=True, slots=True)
class Streaks:
    """Trades won or lost in a row, in the order in which they closed; a flat one ends a streak.

    `current` is the one that the last trade belongs to: 3 is three wins, -2 two losses, 0 a flat trade or none at all.
    """

    current: int = 0
    longest_wins: int = 0
    longest_losses: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """What was paid into an account and taken out of it in a stretch of time; neither is ever below 0."""

    deposited: Decimal = Decimal(0)
    withdrawn: Decimal = Decimal(0)

    def __add__(self, other: Flow) -> Flow:
        return Flow(self.deposited + other.deposited, self.withdrawn + other.withdrawn)

    def __bool__(self) -> bool:
        return bool(self.deposited or self.withdrawn)

    @property
    def net(self) -> Decimal:
        return self.deposited - self.withdrawn


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What an account was worth at a moment, by the source's own snapshot."""

    ledger: str
    at: datetime
    equity: Money
    mode: Mode
    agent: str | None = None
