"""Books, lines and series: the figures of one mode and one currency, and the `Ledger` interface that jobs query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from heapq import merge
from typing import Any, Literal, Protocol

from reporter.periods.civil import Period
from reporter.trading.freshness import Freshness
from reporter.trading.trades import (
    Agent,
    Arrivals,
    EquityPoint,
    Flow,
    Holding,
    Mode,
    Money,
    OpenKey,
    Position,
    Streaks,
    Trade,
    WrittenEvents,
)

# So many characters are shown of a value that cannot be read.
LONGEST_VALUE = 40
# So many of the values that cannot be read are named.
NAMED = 3

# What the lines of a book may be.
By = Literal["agent", "strategy", "market", "side", "entry_tag", "exit_reason", "ledger", "weekday", "hour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The sums over a set of closed trades of one mode and one currency."""

    trades: int
    """The number of closed trades."""
    wins: int
    """Trades that made more than 0."""
    losses: int
    """Trades that made less than 0."""
    flat: int
    """Trades that made exactly 0; neither wins nor losses."""
    pnl: Money
    """Realised P&L, net of fees and funding."""
    fees: Money | None
    """The sum of fees; None as soon as one trade's are unknown."""
    gross_profit: Money
    """The sum of the wins."""
    gross_loss: Money
    """The sum of the losses, zero or negative."""
    best: Trade | None = None
    """The trade that made the most; None without trades."""
    worst: Trade | None = None
    """The trade that made the least; None without trades."""
    daily: tuple[Decimal, ...] = ()
    """The amount made on each civil day of the period in order, idle days as 0; empty unless asked for with `daily`."""
    flows: tuple[Flow, ...] = ()
    """Deposits and withdrawals of each of those days; empty where there were none."""
    funding: Money | None = None
    """The sum of funding, positive where received; None as soon as one trade's is unknown."""
    volume: Money | None = None
    """The cost of every fill, of entries and exits; None as soon as one trade's is unknown."""
    longs: int = 0
    """Trades that were long."""
    shorts: int = 0
    """Trades that were short; a side in other words than the schema knows is neither."""
    squares: Decimal = Decimal(0)
    """The sum of the squared amounts of the trades, for deviations."""
    holding: Holding | None = None
    """How long trades were open; None where no trade knows when it was opened."""
    streaks: Streaks | None = None
    """Wins and losses in a row; None where the order of the trades is unknown."""
    unreadable: int = 0
    """Closed trades that cannot be read. No other figure counts them; fees, funding, volume and streaks are None."""

    @property
    def win_rate(self) -> Decimal | None:
        """Wins as a share (0..1) of all closed trades, flat ones included; None without trades."""
        return Decimal(self.wins) / self.trades if self.trades else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine(Figures):
    """One agent's (or strategy's, market's, hour's …) share of a book."""

    key: str
    """What identifies the line in its book: an agent's name, a market, an hour."""
    ledger: str
    """The name of the agent's ledger; empty for a line that several ledgers have a part in."""
    label: str
    """The name to show: an agent's name, with its ledger only where two ledgers share it."""
    capital: Money | None = None
    """The capital that ratios are taken of, at the start of the period; None where unknown."""
    capital_basis: Literal["allocated capital", "starting balance"] | None = None
    """Which capital that is."""

    def idle(self) -> BookLine:
        """The same agent without a trade."""
        nothing = Money(Decimal(0), self.pnl.currency)
        return replace(
            self,
            trades=0,
            wins=0,
            losses=0,
            flat=0,
            pnl=nothing,
            fees=None if self.fees is None else nothing,
            gross_profit=nothing,
            gross_loss=nothing,
            best=None,
            worst=None,
            daily=(),
            flows=(),
            funding=None if self.funding is None else nothing,
            volume=None if self.volume is None else nothing,
            longs=0,
            shorts=0,
            squares=Decimal(0),
            holding=None,
            streaks=Streaks(),
            unreadable=0,
        )


@dataclass(frozen=True, slots=True)
class Unread:
    """A ledger that could not be read."""

    ledger: str
    """The name of the ledger in the config."""
    why: str
    """Why it could not be read, as a sentence without secrets."""
    since: datetime | None = None
    """Since when; None where our own history does not know."""


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """A stored value that cannot be read."""

    table: str
    """The name of its table."""
    id: str
    """The id of its row."""
    column: str
    """The name of its column."""
    value: str | None
    """The value as text; None where nothing is stored."""
    form: str
    """What can be read there, in words."""

    def __str__(self) -> str:
        """`trades 17: pnl is 'n/a', not a number`."""
        value = "empty" if self.value is None else repr(self.value[:LONGEST_VALUE])
        return f"{self.table} {self.id}: {self.column} is {value}, not {self.form}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why trades of a ledger cannot be read: a column is empty in them, or holds what it should not."""

    trades: int
    """The number of these trades; one with several faults is counted once, by the first."""
    first: UnreadableValue
    """The value of the first of them, by id."""

    def __str__(self) -> str:
        """`400 whose pnl is not a number, first 17: 'n/a'`."""
        one = self.first
        if one.value is None:
            return f"{self.trades:,} whose {one.column} is empty, first {one.id}"
        return f"{self.trades:,} whose {one.column} is not {one.form}, first {one.id}: {one.value[:LONGEST_VALUE]!r}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows of a ledger that cannot be read, and that no figure counts."""

    ledger: str
    """The name of the ledger in the config."""
    trades: int
    """The number of closed trades of the period that cannot be read."""
    stray: int = 0
    """The number of closed trades without a time that can be read; they may be of any period."""
    before: int = 0
    """The number of closed trades of before the period that cannot be read. They and the stray ones make the balances
    unknown."""
    first: tuple[UnreadableValue, ...] = ()
    """The first of the values that cannot be read."""
    faults: tuple[Fault, ...] = ()
    """The trades by why they cannot be read, most first: those of the whole ledger, whatever the book."""

    def __str__(self) -> str:
        """Each trade that cannot be read by its value, or where they are too many, how many have each fault."""
        if sum(fault.trades for fault in self.faults) <= NAMED:
            return ", ".join(map(str, self.first))
        return "; ".join(map(str, [*self.faults, *self.first[NAMED:]]))


@dataclass(frozen=True, slots=True)
class Unrated:
    """Trades of a book whose fee is in a token that has no rate: nobody knows the fee."""

    ledger: str
    """The name of the ledger in the config."""
    token: str
    """The token of the fees."""
    trades: int
    """The number of these trades."""
    of: int
    """The number of all closed trades that the ledger has in the book, with those that cannot be read."""
    first: str
    """The id of the first of these trades."""

    def __str__(self) -> str:
        """`fees: 3 of 412 trades without a rate of BNB, first 17`."""
        return f"fees: {self.trades:,} of {self.of:,} trades without a rate of {self.token}, first {self.first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A book's open positions, as they stand when asked."""

    positions: int
    """The number of open positions."""
    unrealised: Money | None
    """The sum over the positions with a price; None where positions are open and none has one."""
    unpriced: int = 0
    """The number of positions without a price."""
    priced_at: datetime | None = None
    """When the oldest of the prices was taken; None where no source says."""
    why: str = ""
    """Why positions have no price, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """What a book's accounts were worth at the ends of a period, and what explains the change.

    The parts are of the time between the snapshots, not between the ends of the period. A part that a source does not
    know is None, and its amount is then inside `unexplained`.
    """

    opening: Money | None
    """What the accounts were worth at the last snapshot before the period; None where a ledger keeps none."""
    opened_at: datetime | None
    """The oldest moment of those snapshots."""
    closing: Money | None
    """What the accounts were worth at the last snapshot of the period."""
    closed_at: datetime | None
    """The oldest moment of those snapshots."""
    realised: Money | None = None
    """Realised P&L between the snapshots."""
    unrealised_change: Money | None = None
    """The change of unrealised P&L between the snapshots; None where unknown."""
    fees: Money | None = None
    """Fees that the source does not count in its P&L; None where unknown."""
    deposits: Money | None = None
    """Deposits less withdrawals between the snapshots; None where unknown."""

    @property
    def change(self) -> Money | None:
        """How much more the accounts were worth at the closing snapshot; None where either is unknown."""
        return None if self.opening is None or self.closing is None else self.closing - self.opening

    @property
    def unexplained(self) -> Money | None:
        """The change of equity less every part of it that is known; None where the change is not known."""
        if self.change is None or self.realised is None:
            return None
        rest = self.change - self.realised
        for part in (self.unrealised_change, self.deposits):
            rest = rest - part if part else rest
        return rest + self.fees if self.fees else rest

    @property
    def balanced(self) -> bool:
        """Whether the known parts explain the change: what is left is less than a millionth of the account."""
        worth = max((abs(end.amount) for end in (self.opening, self.closing) if end), default=Decimal(0))
        return self.unexplained is not None and abs(self.unexplained.amount) <= worth / 1_000_000

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that the sources do not know, in words."""
        parts = {"unrealised P&L": self.unrealised_change, "deposits and withdrawals": self.deposits}
        return tuple(name for name, part in parts.items() if part is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerShare:
    """One ledger's part of a book."""

    ledger: str
    """The name of the ledger in the config."""
    trades: int
    """The number of its closed trades."""
    pnl: Money
    """Its realised P&L."""
    fees: Money | None
    """The sum of its fees; None where unknown."""
    made_by: str
    """A fingerprint of how its figures are made: its kind, mode and mapping, and this program's rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllTime:
    """What one ledger realised in a book since its first trade, and its deepest fall since then."""

    ledger: str
    """The name of the ledger in the config."""
    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of its amounts."""
    since: datetime
    """The hour of the first trade."""
    trades: int
    """The number of its closed trades."""
    pnl: Money
    """Its realised P&L."""
    drawdown: Money
    """The deepest fall of what was realised below its highest before, exact to the trade: zero or negative."""
    peak_at: datetime
    """The hour in which that fall began: its first where there was none."""
    trough_at: datetime
    """The hour in which that fall was deepest."""
    below: Money
    """How far it stands below its highest at the end: zero or negative."""

    def belongs_to(self, book: Book) -> bool:
        """Whether these are figures of a book."""
        return (self.mode, self.currency) == (book.mode, book.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(Figures):
    """Every figure of one mode and one currency."""

    mode: Mode
    """Whether the money is real: `live` or `paper`."""
    currency: str
    """The currency of every amount in the book."""
    opening: Money | None = None
    """The balance at the start: starting balances, realised P&L and payments; None where no starting balance is
    known."""
    closing: Money | None = None
    """The balance at the end."""
    drawdown: Money | None = None
    """The deepest fall of realised equity below its highest point of the period, zero or negative, exact to the
    trade."""
    lines: tuple[BookLine, ...] = ()
    """The book by agent, or by what `by` asked for, best first."""
    ledgers: tuple[str, ...] = ()
    """The names of the ledgers that the book is made of."""
    unread: tuple[Unread, ...] = field(default=())
    """The ledgers that are missing from it."""
    left_out: tuple[LeftOut, ...] = ()
    """What is missing from it of the ledgers that it is made of."""
    stale: tuple[Freshness, ...] = ()
    """The ledgers whose newest trade is older than they may be, and those without any trade, of which nobody knows."""
    unrated: tuple[Unrated, ...] = ()
    """The trades whose fee is in a token without a rate, by ledger and token."""
    equity: Equity | None = None
    """What the accounts were worth; None unless asked for with `account`, or where no source keeps snapshots."""
    open: Open | None = None
    """The open positions; None unless asked for with `account`."""
    period: Period | None = None
    """The period that the figures are of."""
    shares: tuple[LedgerShare, ...] = ()
    """The part of each ledger in the figures."""

    @property
    def title(self) -> str:
        """Currency and mode, as a heading: `USDT · live`."""
        return f"{self.currency} · {self.mode}"

    @property
    def flow(self) -> Flow:
        """What was paid in and out in the period."""
        return sum(self.flows, Flow())

    @property
    def base(self) -> Money | None:
        """What the P&L is a share of: the opening balance, and what was paid in and out for as long as it was there.

        The modified Dietz method by days (GIPS Standards, 2020): a deposit counts from the beginning of its day, a
        withdrawal from the end of it. None where the opening balance is not known.
        """
        if self.opening is None:
            return None
        days = len(self.flows)
        left = range(days, 0, -1)
        weighted = (flow.deposited * n - flow.withdrawn * (n - 1) for n, flow in zip(left, self.flows, strict=True))
        return self.opening + Money(sum(weighted, Decimal(0)) / max(days, 1), self.currency)

    @property
    def pnl_ratio(self) -> Decimal | None:
        """P&L as a share of its base; None where that is unknown, or nothing or less."""
        return share_of(self.pnl, self.base)

    @property
    def astray(self) -> bool:
        """Whether the balance is so far from what the account was worth that no open position is likely to explain it:
        not half of it, or more than twice. Then a starting balance is wrong, or payments are missing."""
        worth = self.equity.closing if self.equity else None
        if worth is None or self.closing is None or worth.amount <= 0:
            return False
        return not worth.amount / 2 <= self.closing.amount <= worth.amount * 2

    def counterpart(self, books: Iterable[Book]) -> Book | None:
        """The book of this mode and currency among those of another period; None where it is not kept."""
        return next((book for book in books if (book.mode, book.currency) == (self.mode, self.currency)), None)

    def same_agent(self, line: BookLine) -> BookLine | None:
        """This book's line of the agent whose line in another period is given; None where there is none."""
        return next((own for own in self.lines if (own.ledger, own.key) == (line.ledger, line.key)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSeries:
    """One agent's part of a `Series`."""

    key: str
    """The agent's name."""
    ledger: str
    """The name of the agent's ledger."""
    label: str
    """The name to show."""
    pnl: tuple[Decimal, ...]
    """The amount made on each of the days."""
    capital: Money | None = None
    """The capital that ratios are taken of; None where unknown."""
    flows: tuple[Flow, ...] = ()
    """Deposits and withdrawals of that capital on each day; empty where there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A book's realised P&L day by day."""

    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of every amount in the series."""
    days: tuple[date, ...]
    """The civil days in order."""
    pnl: tuple[Decimal, ...]
    """The amount made on each of the days, idle days as 0."""
    opening: Money | None = None
    """The balance before the first day; None where unknown."""
    flows: tuple[Flow, ...] = ()
    """Deposits and withdrawals of each day; empty where there were none."""
    agents: tuple[AgentSeries, ...] = ()
    """The same by agent."""
    ledgers: tuple[str, ...] = ()
    """The names of the ledgers that the series is made of."""
    unread: tuple[Unread, ...] = ()
    """The ledgers that are missing from it."""
    left_out: tuple[LeftOut, ...] = ()
    """What is missing from it of the ledgers that it is made of."""

    @property
    def unreadable(self) -> int:
        """The number of closed trades of these days that cannot be read, and that are not in the amounts."""
        return sum(one.trades for one in self.left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHealth:
    """Whether a trading database answers."""

    ledger: str
    """The name of the ledger in the config."""
    kind: str
    """The kind of its database, such as `freqtrade`."""
    reachable: bool
    """Whether it answered."""
    latency: float | None = None
    """How long the answer took, in seconds; None without one."""
    newest_trade_at: datetime | None = None
    """When its newest trade closed, of those that did not close in the future; None where there is none."""
    ahead_at: datetime | None = None
    """When the trade closed that is the furthest in the future; None where there is none."""
    freshness: Freshness | None = None
    """How old its newest trade is beside how old it may be; None where the config does not say."""
    clock: datetime | None = None
    """The database server's own time; None where it has none."""
    error: str | None = None
    """Why it did not answer, as a sentence without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFilter:
    """Which trades are wanted; None is every one."""

    ledger: str | None = None
    """The name of the ledger in the config."""
    agent: str | None = None
    """The bot or strategy that made it."""
    strategy: str | None = None
    """The strategy."""
    market: str | None = None
    """The market, such as `BTC/USDT`."""
    side: str | None = None
    """The side, as the source writes it."""
    mode: str | None = None
    """`live` or `paper`."""
    currency: str | None = None
    """The currency of its P&L."""
    result: Literal["win", "loss"] | None = None
    """Trades that made more than 0, or less."""
    exit_reason: str | None = None
    """Why it was closed, as the source writes it; `no reason` for trades that say none."""


ANY_TRADE = TradeFilter()

# Where a page ended: of each ledger the stored time and the id of the last trade shown.
TradePlace = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class TradePage:
    """Some trades, newest first."""

    trades: tuple[Trade, ...]
    """The trades."""
    next: TradePlace | None
    """Where the next page begins; None where there are no more."""
    unread: tuple[Unread, ...] = ()
    """The ledgers that are missing from it."""


# Where a trade stands in an order: its currency or "", its value, its stored time and its id.
RankPlace = tuple[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """An order of trades other than by time. Amounts are in order within each currency."""

    by: Literal["pnl", "fees", "held", "volume"]
    """What is compared; `held` is how long the position was open."""
    descending: bool = True
    """Whether the largest comes first. Trades that do not know the value come last in both directions."""

    def merged(self, parts: Iterable[Sequence[tuple[Trade, RankPlace]]]) -> Iterator[tuple[Trade, RankPlace]]:
        """Several rows of trades that are in this order, as one; of equal trades those of the earlier row first."""
        sign = -1 if self.descending else 1
        return merge(*parts, key=lambda one: (one[1][0], sign * one[1][1]))


@dataclass(frozen=True, slots=True)
class RankedTrades:
    """Some trades in an order, each with its place in its ledger."""

    trades: tuple[tuple[Trade, RankPlace], ...]
    """The trades and their places."""
    unread: tuple[Unread, ...] = ()
    """The ledgers that are missing from it."""


Facet = Literal["agent", "market", "exit_reason"]


class Ledger(Protocol):
    """The floor's trading databases as one, read-only.

    Every method raises LedgerError when no ledger at all can be read. Where some can, what it returns is made of those,
    and books say which are missing.
    """

    def performance(
        self, period: Period, *, by: By = "agent", daily: bool = False, account: bool = False
    ) -> list[Book]:
        """The books of a period: live before paper, then by currency; lines by P&L, best first, hours and weekdays in
        their order.

        A line is a key: an agent of one ledger, or what all ledgers traded of a strategy, in a market, on a weekday …
        A book of an agent that did not trade in the period is there all the same, with its agent's line at zero.
        `daily` asks for the P&L of each day too, `account` for `equity` and `open`.
        """

    def daily_series(self, period: Period, *, whole: bool = False) -> list[Series]:
        """What was realised on each civil day of the period, or `whole`: from the first trade to the period's end.

        Books are in the order of `performance`, agents by name.
        """

    def all_time(self, until: datetime) -> list[AllTime]:
        """What each ledger realised in each book since its first trade, with its deepest fall.

        A ledger with a long past is left out until its roll-up is built, and one with a trade that cannot be read.
        """

    def closed_trades(self, period: Period, *, limit: int | None = None) -> list[Trade]:
        """Closed trades of the period, oldest first."""

    def newest_trades(
        self, period: Period, limit: int, *, only: TradeFilter = ANY_TRADE, after: TradePlace | None = None
    ) -> TradePage:
        """A page of closed trades of the period that pass a filter, newest first."""

    def ranked_trades(
        self,
        period: Period,
        limit: int,
        order: TradeOrder,
        *,
        only: TradeFilter = ANY_TRADE,
        after: Mapping[str, RankPlace] | None = None,
    ) -> RankedTrades:
        """The first closed trades of the period in an order, of those that pass a filter. All of the period are looked
        at; `after` has the place of the last one shown of each ledger."""

    def count_trades(
        self, period: Period, *, only: TradeFilter = ANY_TRADE, by: Facet | None = None
    ) -> Mapping[str, int]:
        """How many closed trades of the period pass a filter, by agent, market or exit; else under the key ""."""

    def stream(self, period: Period, only: Collection[str] = ()) -> Iterator[Trade]:
        """All closed trades of the period, oldest first, with little memory; `only` of these ledgers, else of all."""

    def stream_days(self, period: Period, only: Collection[str] = ()) -> Iterator[tuple[date, Mode, BookLine]]:
        """What each agent did on each civil day on which it traded, in order of days."""

    def names(self) -> list[str]:
        """The names of the ledgers, in the order of the config."""

    def arrivals(
        self,
        ledger: str,
        period: Period,
        known: Collection[str],
        *,
        most: int = 1000,
        positions: bool = False,
        held: Collection[OpenKey] = (),
        fills: bool = False,
    ) -> Arrivals:
        """What came into one ledger in a period, but for the trades with known ids; at most so many trades in full.

        With `positions` also what is open. Of what was `held` and is open no more, a trade that closed before the
        period counts too: its close was written late. With `fills` a database that has fills gives these, and neither
        trades nor positions. Raises LedgerError when this ledger cannot be read.
        """

    def written_events(
        self, ledger: str, after: int | None, among: Collection[int] = (), *, most: int = 1000
    ) -> WrittenEvents | None:
        """The rows of a native ledger's table `events` with an id above `after`, or one of `among`.

        No rows where `after` is None, and None where the ledger has no such table. Raises LedgerError when this ledger
        cannot be read.
        """

    def left_out(self, period: Period, only: Collection[str] = ()) -> list[LeftOut]:
        """What of the closed trades of a period cannot be read, by ledger; `only` of these ledgers, else of all."""

    def unrated(self, period: Period, only: Collection[str] = ()) -> list[Unrated]:
        """The closed trades of a period whose fee has no rate, by token; `only` of these ledgers, else of all."""

    def open_positions(self) -> list[Position]:
        """Every open position."""

    def agents(self) -> list[Agent]:
        """Every agent that the sources know."""

    def equity(self, period: Period) -> list[EquityPoint]:
        """The sources' own snapshots of the account's worth, oldest first; empty where a source keeps none."""

    def health(self) -> list[LedgerHealth]:
        """Each configured ledger, asked now. Never raises."""


def leading(books: Iterable[Book]) -> list[Book]:
    """The books by which a floor is measured: the live ones, or all where nothing is traded but on paper."""
    books = list(books)
    return [book for book in books if book.mode is Mode.LIVE] or books


def share_of(pnl: Money, base: Money | None) -> Decimal | None:
    """A result as a share of what it was made with; None where that is unknown, or nothing or less."""
    return pnl / base if base and base.amount > 0 else None


def ranks(amounts: Sequence[Decimal]) -> list[int]:
    """Places in a ranking of amounts sorted from the best: equal amounts share a place (1, 2, 2, 4)."""
    places: list[int] = []
    for index, amount in enumerate(amounts):
        places.append(places[-1] if index and amount == amounts[index - 1] else index + 1)
    return places
