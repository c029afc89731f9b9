"""The basic types of trading: money, trades, positions, agents, account values, and what came in lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from reporter.errors import CurrencyMismatchError

# What an agent's status says when nobody expects it to run.
RETIRED = frozenset({"archived", "disabled", "inactive", "paused", "retired", "stopped"})
RUNNING = frozenset({"active", "running"})
# The clocks of two machines may differ by so much.
AHEAD = timedelta(minutes=1)


class Mode(StrEnum):
    """Whether the money was real."""

    LIVE = "live"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency. Amounts of different currencies are never added or compared."""

    amount: Decimal
    """The exact amount, in units of `currency`."""
    currency: str
    """The code or name of the currency, such as `USDT`."""

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
    """One closed trade."""

    id: str
    """The trade's id in its database."""
    ledger: str
    """The name of its ledger in the config."""
    agent: str
    """The bot or strategy that made it."""
    strategy: str | None
    """The strategy; None where the source does not name one."""
    market: str
    """The market, such as `BTC/USDT`."""
    side: str
    """`long` or `short`, as the source writes it."""
    opened_at: datetime | None
    """When it was opened; None where the source does not say."""
    closed_at: datetime
    """When it was closed."""
    size: Decimal | None
    """The size in units of the asset; None where unknown."""
    pnl: Money
    """What the trade made, net of fees and funding."""
    fees: Money | None
    """The fees, which `pnl` already holds; None where unknown."""
    mode: Mode
    """Whether the money was real."""
    entry_price: Decimal | None = None
    """The average entry price; None where unknown."""
    exit_price: Decimal | None = None
    """The average exit price; None where unknown."""
    entry_tag: str | None = None
    """The source's word for why it was opened."""
    exit_reason: str | None = None
    """The source's word for why it was closed."""
    funding: Money | None = None
    """Funding, positive where it was received; None where unknown."""
    volume: Money | None = None
    """The cost of every fill, of entries and exits; None where unknown."""
    leverage: Decimal | None = None
    """The ratio of the position to what was put up for it, above 0; None where unknown."""

    @property
    def held(self) -> timedelta | None:
        """How long it was open; None where the source does not know it, or says that it closed before it opened."""
        return self.closed_at - self.opened_at if self.opened_at and self.opened_at <= self.closed_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One open position."""

    id: str
    """The position's id in its database."""
    ledger: str
    """The name of its ledger in the config."""
    agent: str
    """The bot or strategy that holds it."""
    strategy: str | None
    """The strategy; None where the source does not name one."""
    market: str
    """The market, such as `BTC/USDT`."""
    side: str
    """`long` or `short`, as the source writes it."""
    opened_at: datetime | None
    """When it was opened; None where the source does not say."""
    size: Decimal | None
    """The size in units of the asset; None where unknown."""
    entry_price: Decimal | None
    """The average entry price; None where unknown."""
    current_price: Decimal | None
    """The current price; None without a source for it."""
    unrealised: Money | None
    """What closing it now would make; None without a current price."""
    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of its P&L."""
    priced_at: datetime | None = None
    """When the current price was taken; None where no source says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFill:
    """One fill: a part of an order, or all of it, that was executed at one price."""

    id: str
    """The fill's id in its database."""
    ledger: str
    """The name of its ledger in the config."""
    agent: str
    """The bot or strategy that made it."""
    strategy: str | None
    """The strategy; None where the source does not name one."""
    market: str
    """The market, such as `BTC/USDT`."""
    side: str
    """`buy` or `sell`."""
    at: datetime
    """When it was executed."""
    size: Decimal
    """The size in units of the asset."""
    price: Decimal
    """The price."""
    fees: Money | None
    """Its fee; None where unknown."""
    mode: Mode
    """Whether the money was real."""
    currency: str
    """The currency of its price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One bot or strategy. Its identity is (ledger, name)."""

    ledger: str
    """The name of its ledger in the config."""
    name: str
    """The bot's or strategy's name."""
    strategy: str | None = None
    """The strategy; None where the source does not name one."""
    mode: Mode = Mode.LIVE
    """Whether its money is real."""
    currency: str = ""
    """The currency of its P&L."""
    capital: Money | None = None
    """The capital that the source allocates to it; None where unknown."""
    status: str | None = None
    """The source's word for its state, such as `running`."""
    last_seen: datetime | None = None
    """Its last sign of life; None where the source keeps none."""

    def is_ahead(self, now: datetime, silent_after: timedelta | None) -> bool:
        """Whether it was last seen at a time to come: kept in another zone, or by a wrong clock. That says nothing."""
        return self.last_seen is not None and silent_after is not None and self.last_seen - now > AHEAD

    def runs(self, now: datetime, silent_after: timedelta | None) -> bool | None:
        """Whether it runs; None where nobody expects it to, or nothing is known."""
        status = (self.status or "").casefold()
        if status in RETIRED:
            return None
        if self.is_ahead(now, silent_after):
            return False
        if self.last_seen is not None and silent_after is not None:
            return now - self.last_seen <= silent_after
        return status in RUNNING if status else None


@dataclass(frozen=True, slots=True)
class Holding:
    """How long trades were open."""

    n: int
    """The number of trades with a known opening."""
    total: timedelta
    """The sum of their holding times."""
    shortest: timedelta
    """The shortest holding time."""
    longest: timedelta
    """The longest holding time."""

    @property
    def average(self) -> timedelta:
        """The mean holding time."""
        return self.total / self.n


@dataclass(frozen=True, slots=True)
class Streaks:
    """Trades won or lost in a row, in the order in which they closed; a flat one ends a streak."""

    current: int = 0
    """The streak that the last trade belongs to: 3 is three wins, -2 two losses, 0 a flat trade or none."""
    longest_wins: int = 0
    """The most wins in a row."""
    longest_losses: int = 0
    """The most losses in a row."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What was paid into an account and taken out of it in a stretch of time."""

    deposited: Decimal = Decimal(0)
    """The amount paid in, 0 or more."""
    withdrawn: Decimal = Decimal(0)
    """The amount taken out, 0 or more."""

    def __add__(self, other: Flow) -> Flow:
        return Flow(self.deposited + other.deposited, self.withdrawn + other.withdrawn)

    def __bool__(self) -> bool:
        return bool(self.deposited or self.withdrawn)

    @property
    def net(self) -> Decimal:
        """The amount paid in less the amount taken out."""
        return self.deposited - self.withdrawn


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What an account was worth at a moment, by the source's own snapshot."""

    ledger: str
    """The name of its ledger in the config."""
    at: datetime
    """When the snapshot was taken."""
    equity: Money
    """What the account was worth."""
    mode: Mode
    """Whether the money was real."""
    agent: str | None = None
    """The agent whose account it is; None for the account of the whole ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedSum:
    """The result of arrived trades of one mode and currency."""

    mode: Mode
    """Whether the money was real."""
    trades: int
    """The number of closed trades."""
    wins: int
    """The number of trades with a profit."""
    losses: int
    """The number of trades with a loss."""
    pnl: Money
    """What they made, net of fees and funding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSum:
    """What arrived fills of one mode and currency amount to."""

    mode: Mode
    """Whether the money was real."""
    fills: int
    """The number of fills."""
    bought: Money
    """What was paid for all that was bought, before fees."""
    sold: Money
    """What all that was sold brought in, before fees."""
    fees: Money | None
    """The fees; None where one of them is unknown."""


# What an open position and the trade that it becomes have in common: agent, market, side, and when it was opened.
OpenKey = tuple[str, str, str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEvents:
    """Rows of a bot's table `events` that were not known before, in the order of their ids."""

    newest: int
    """The highest id that was looked at; 0 where the table has no row."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """The rows by their columns; `fields` is JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What of one ledger came in a stretch of time and was not known before: its closed trades, or its fills."""

    ledger: str
    """The name of the ledger in the config."""
    closed: tuple[Trade, ...]
    """The trades, oldest first: all of them, or as many as were asked for."""
    ids: Mapping[str, datetime]
    """The ids of all that came, each with the time of its close or fill."""
    sums: tuple[ArrivedSum, ...] = ()
    """The results of the trades by mode and currency, live before paper."""
    by_fill: bool = False
    """Whether these are fills: no trades and no positions then."""
    fills: tuple[OrderFill, ...] = ()
    """The fills, oldest first: all of them, or as many as were asked for."""
    fill_sums: tuple[FillSum, ...] = ()
    """What all of them amount to by mode and currency, live before paper."""
    positions: tuple[Position, ...] = ()
    """The positions that are open and were opened in the stretch."""
    newest: datetime | None = None
    """When the newest trade of the stretch closed, known or not, or its newest fill was; None without any."""
    ahead: datetime | None = None
    """The latest time of a close or fill that lies beyond the stretch, in the future; None without any."""
    open: tuple[OpenKey, ...] = ()
    """What is open now, whenever it was opened, as far as that is known."""
