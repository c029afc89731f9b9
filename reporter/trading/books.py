"""Books, lines and series: the figures of one mode and one currency, and the `Ledger` interface that jobs query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

from reporter.periods.civil import Period
from reporter.trading.trades import Agent, EquityPoint, Flow, Holding, Mode, Money, Position, Streaks, Trade

# What the lines of a book may be.
By = Literal["agent", "strategy", "market", "side", "entry_tag", "exit_reason", "ledger", "weekday", "hour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The sums over a set of closed trades of one mode and one currency.

    `flat` trades made exactly 0 and are neither wins nor losses. `gross_loss` is zero or negative. `fees`, `funding`
    (positive where received) and `volume` (the cost of every fill, of entries and exits) are None as soon as they are
    unknown of one trade. A trade whose side is in other words than docs/native-schema.md knows is neither long nor
    short. `squares` is the sum of the squared results. `holding` is None where no trade knows when it was opened.
    `streaks` is None where the order of the trades is not known.
    """

    trades: int
    wins: int
    losses: int
    flat: int
    pnl: Money
    fees: Money | None
    gross_profit: Money
    gross_loss: Money
    best: Trade | None = None
    worst: Trade | None = None
    # P&L of each civil day of the period in order, idle days as 0; empty when it was not asked for.
    daily: tuple[Decimal, ...] = ()
    # What was paid into and out of the capital of a book or a line on each of those days; empty where nothing was.
    flows: tuple[Flow, ...] = ()
    funding: Money | None = None
    volume: Money | None = None
    longs: int = 0
    shorts: int = 0
    squares: Decimal = Decimal(0)
    holding: Holding | None = None
    streaks: Streaks | None = None

    @property
    def win_rate(self) -> Decimal | None:
        """Wins as a share (0..1) of all closed trades, flat ones included; None without trades."""
        return Decimal(self.wins) / self.trades if self.trades else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine(Figures):
    """One agent's (or strategy's, market's, hour's …) share of a book.

    `label` is what to show: an agent's name, with its ledger only where two ledgers share it. `ledger` is empty for a
    line that several ledgers have a part in, which no agent's is. `capital` is what ratios are taken of when the period
    began, and `capital_basis` says which capital that is; the starting balance moves with what was paid in and out.
    """

    key: str
    ledger: str
    label: str
    capital: Money | None = None
    capital_basis: Literal["allocated capital", "starting balance"] | None = None

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
        )


@dataclass(frozen=True, slots=True)
class Unread:
    """A ledger that could not be read, why, and since when (as far as we know)."""

    ledger: str
    why: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A book's open positions, as they stand when asked.

    `unrealised` is the sum over those with a price, and None where positions are open and none has one; `unpriced` is
    how many have none. `priced_at` is when the oldest of the prices was taken, None where no source says it.
    """

    positions: int
    unrealised: Money | None
    unpriced: int = 0
    priced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """What a book's accounts were worth at the ends of a period, and what explains the change.

    `opening` and `closing` are the sources' last snapshots at or before each end, `opened_at` and `closed_at` the
    oldest moments of those; None where there is none of some ledger. The parts are of the time between the snapshots,
    not between the ends of the period: `realised` P&L (net of fees and funding, so `fees` holds only what a source
    does not count in its P&L), the change of unrealised P&L, and deposits net of withdrawals. A part that a source
    does not know is None, and its amount is then inside `unexplained`.
    """

    opening: Money | None
    opened_at: datetime | None
    closing: Money | None
    closed_at: datetime | None
    realised: Money | None = None
    unrealised_change: Money | None = None
    fees: Money | None = None
    deposits: Money | None = None

    @property
    def change(self) -> Money | None:
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
    def unknown(self) -> tuple[str, ...]:
        """The parts that the sources do not know, in words."""
        parts = {"unrealised P&L": self.unrealised_change, "deposits and withdrawals": self.deposits}
        return tuple(name for name, part in parts.items() if part is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(Figures):
    """Every figure of one mode and one currency on the floor.

    `opening` and `closing` are the balance at the ends of the period: starting balances plus what was realised and paid
    in up to then, less what was taken out; None when no starting balance is known. `drawdown` is the deepest fall of
    realised equity below its highest point since the start of the period, zero or negative, exact to the trade.
    `equity` and `open` are there when they were asked for; `equity` only where a source keeps snapshots.
    """

    mode: Mode
    currency: str
    opening: Money | None = None
    closing: Money | None = None
    drawdown: Money | None = None
    lines: tuple[BookLine, ...] = ()
    ledgers: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = field(default=())
    equity: Equity | None = None
    open: Open | None = None

    @property
    def title(self) -> str:
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
        not half of it, or more than twice. Then a starting balance is wrong, or payments were not told."""
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
    """One agent's part of a `Series`: its P&L of each day, and the capital that ratios are taken of, as on a `Line`.

    `flows` are those of the capital on each of the days, empty where nothing was paid.
    """

    key: str
    ledger: str
    label: str
    pnl: tuple[Decimal, ...]
    capital: Money | None = None
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A book's realised P&L day by day: `pnl` belongs to `days`, the civil days in order, idle ones as 0.

    `opening` is the balance before the first day, None where it is not known, as on a `Book`; `flows` is what was paid
    in and out on each day, empty where nothing was.
    """

    mode: Mode
    currency: str
    days: tuple[date, ...]
    pnl: tuple[Decimal, ...]
    opening: Money | None = None
    flows: tuple[Flow, ...] = ()
    agents: tuple[AgentSeries, ...] = ()
    ledgers: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHealth:
    """Whether a trading database answers. `latency` is in seconds; `error` is a sentence without secrets."""

    ledger: str
    kind: str
    reachable: bool
    latency: float | None = None
    newest_trade_at: datetime | None = None
    clock: datetime | None = None  # the database server's own time, where it has one
    error: str | None = None


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

    def closed_trades(self, period: Period, *, limit: int | None = None) -> list[Trade]:
        """Closed trades of the period, oldest first."""

    def stream(self, period: Period, only: Collection[str] = ()) -> Iterator[Trade]:
        """All closed trades of the period, oldest first, with little memory; `only` of these ledgers, else of all."""

    def stream_days(self, period: Period, only: Collection[str] = ()) -> Iterator[tuple[date, Mode, BookLine]]:
        """What each agent did on each civil day on which it traded, in order of days."""

    def open_positions(self) -> list[Position]: ...

    def agents(self) -> list[Agent]: ...

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
