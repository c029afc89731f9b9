"""The contract of a source, a kind of trading database: the canonical columns as expressions over its own tables."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, cast, extract, func, literal_column, select

from reporter.errors import LedgerError
from reporter.trading.ledger.sources.readable import Readable

# What trades without a strategy (or agent) are counted under.
UNNAMED = "unnamed"

# The words for the two sides of a market that are known (docs/native-schema.md); there may be others.
LONG = ("long", "buy", "yes", "up")
SHORT = ("short", "sell", "no", "down")

Column = ColumnElement[Any]
Rows = Select[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeColumns:
    """One closed trade. What the database does not know is `null()`.

    `mode` yields `live` or `paper`; `pnl` is net of fees and funding, and `funding` positive where it was received;
    `volume` is the cost of every fill, and `leverage` the ratio of the position to what was put up for it; `id` and
    `closed_at` are bare columns, and `id` is unique. Of a trade that cannot be read `pnl`, `currency` or `mode` is
    NULL, or `closed_at` has not the form that `Readable.formed` wants.
    """

    id: Column
    agent: Column
    strategy: Column
    market: Column
    side: Column
    opened_at: Column
    closed_at: Column
    size: Column
    entry_price: Column
    exit_price: Column
    pnl: Column
    fees: Column
    mode: Column
    currency: Column
    entry_tag: Column
    exit_reason: Column
    funding: Column
    volume: Column
    leverage: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionColumns:
    """One open position. What the database does not know is `null()`."""

    id: Column
    agent: Column
    strategy: Column
    market: Column
    side: Column
    opened_at: Column
    size: Column
    entry_price: Column
    current_price: Column
    unrealised: Column
    priced_at: Column
    mode: Column
    currency: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentColumns:
    """One agent."""

    name: Column
    strategy: Column
    mode: Column
    currency: Column
    capital: Column
    status: Column
    last_seen: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityColumns:
    """What one part of an account was worth; the parts of one moment, agent, mode and currency are added.

    `unrealised` is what of it is not realised yet, `deposited` what was paid in, less what was taken out, since the
    snapshot before; `null()` where the database does not know.
    """

    at: Column
    agent: Column
    mode: Column
    currency: Column
    equity: Column
    unrealised: Column
    deposited: Column


@dataclass(frozen=True, slots=True)
class Timing:
    """How a dialect reckons with times: whole `seconds` since 1970 (UTC), how many seconds lie `between` two, and the
    whole `quotient` of two numbers."""

    seconds: Callable[[Column], ColumnElement[int]]
    between: Callable[[Column, Column], Column]
    quotient: Callable[[Column, Column], Column] = operator.floordiv


@dataclass(frozen=True, slots=True)
class Cell:
    """A column as it is `stored`, what is `read` of it (NULL where it cannot be read), and what can be, in words.

    A row without a value that is `needed` belongs nowhere; of others an empty value is one that is not known.
    """

    stored: Column
    read: Column
    form: str
    needed: bool = False

    @property
    def name(self) -> str:
        return str(self.stored.key)

    @property
    def wrong(self) -> ColumnElement[bool]:
        return self.read.is_(None) if self.needed else and_(self.stored.is_not(None), self.read.is_(None))


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of a table that have a form to hold, in the rows that count."""

    table: str
    id: Column
    cells: tuple[Cell, ...]
    where: ColumnElement[bool]


def timing(dialect: str) -> Timing:
    """SQLite's functions know milliseconds, those of PostgreSQL and MySQL microseconds."""
    if dialect == "sqlite":
        return Timing(
            # Without its fraction, which SQLite would round up into the next second.
            seconds=lambda at: cast(func.strftime("%s", func.substr(at, 1, 19)), Integer),
            between=lambda start, end: (func.julianday(end) - func.julianday(start)) * literal_column("86400.0"),
        )
    if dialect == "mysql":
        since_1970: tuple[Column, Column] = literal_column("SECOND"), literal_column("'1970-01-01'")
        return Timing(
            seconds=lambda at: func.timestampdiff(*since_1970, at, type_=BigInteger),
            between=lambda start, end: (
                func.timestampdiff(literal_column("MICROSECOND"), start, end) / literal_column("1000000.0")
            ),
            # A floor is a decimal there.
            quotient=lambda number, by: number.op("DIV", precedence=8, return_type=Integer())(by),
        )
    return Timing(
        # A double, unlike extract's numeric: cheaper, and its whole seconds are exact until 2242.
        seconds=lambda at: cast(func.floor(func.date_part("epoch", at)), BigInteger),
        between=lambda start, end: extract("epoch", end) - extract("epoch", start),
    )


class Keys(Protocol):
    """Among which rows trades are, by their keys. Hours are counted since 1970."""

    def among(self, since: datetime | None, until: datetime) -> ColumnElement[bool]:
        """Whether a row may be a trade that closed in a stretch of time. The `values` are parameters."""

    def values(self, since: datetime | None, until: datetime) -> dict[str, Any]:
        """The parameters of `among`."""

    def first(self) -> ColumnElement[bool]:
        """Whether a row may be the trade that closed first."""

    def last(self) -> ColumnElement[bool]:
        """Whether a row may be the trade that closed last."""

    def hour_after(self, start: int, end: int, most: int) -> int:
        """The hour up to which about so many trades closed after an hour, `end` at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A kind of trading database, for one dialect and ledger: every query is written over this and nothing else.

    `trades`, `positions` and `equity` keep only the rows that count. `stored` turns an aware moment into the form that
    time columns hold, so that they are compared as they are and an index can serve. `deposited` is what snapshots hold
    of payments, as it is stored, for an index too. `timing` reckons with stored times. `readable` says whether a
    stored value can be read; `cells` are the columns for which that matters, those of the trades and positions first.
    `lists_agents` says that agents have a table of their own; otherwise they are known by their trades. `costly` says
    that what a column holds has to be looked up elsewhere, and should not be looked up twice. `tells_deposits` says
    that snapshots of the account tell what was paid in and out. `open_with_result` are the ids of open rows that hold a
    result. `raw` has the trades as they are stored, unchecked: it costs a database less. `keys` say among which rows
    the trades of a stretch are, where no index leads to them. `events` is what a bot has to say. `fills` has each fill
    of an order, where the database keeps them. `unpriced` is the token of a trade's fee that has no rate.
    """

    trades: Rows
    raw: Rows
    trade_id: Column
    closed_at: Column
    positions: Rows
    agents: Rows
    lists_agents: bool
    equity: Rows
    equity_at: Column
    equity_table: str
    deposited: Column
    tables: tuple[str, ...]
    stored: Callable[[datetime], datetime | str]
    timing: Timing
    readable: Readable
    cells: tuple[Cells, ...]
    costly: bool = False
    tells_deposits: bool = False
    open_with_result: Rows | None = None
    keys: Keys | None = None
    events: Rows | None = None
    fills: Rows | None = None
    unpriced: Column | None = None


def canonical(columns: TradeColumns | PositionColumns | AgentColumns | EquityColumns) -> Rows:
    """Select the columns under their canonical names."""
    return select(*(getattr(columns, field.name).label(field.name) for field in fields(columns)))


def as_text(moment: datetime) -> str:
    """The shortest UTC text of a moment, `2026-10-30 00:00:00[.ffffff]`.

    SQLite compares such times as text. The shortest form is a prefix of every other text of the same moment, and thus
    never greater, so `>=` and `<` are right for rows with a fraction of a second and for rows without.
    """
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") if moment.microsecond else text[:19]


def as_aware(moment: datetime) -> datetime:
    """A moment for `timestamp with time zone` columns."""
    return moment.astimezone(UTC)


def as_naive(moment: datetime) -> datetime:
    """A moment as UTC without a zone, for `timestamp` columns."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def moment(value: Any) -> datetime | None:
    """A stored time in UTC, which is also the zone of one that names none. Raises LedgerError for what is no time."""
    if value is None:
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise LedgerError(f"{value!r} is not a time that can be read") from None


def number(value: Any) -> Decimal | None:
    """A stored price or size, with all its digits. Raises LedgerError for what is not a finite number."""
    if value is None:
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except (ArithmeticError, TypeError, ValueError):
        raise LedgerError(f"{value!r} is not a number") from None
    if not found.is_finite():
        raise LedgerError(f"{found} is not a finite number")
    return found


def amount(value: Any) -> Decimal:
    """A stored or summed amount of money, rounded to 1e-8, which takes the noise of floats away; nothing is 0."""
    return round(number(value) or Decimal(0), 8) + 0  # + 0 makes -0 a plain zero
