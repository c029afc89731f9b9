"""The result of one ledger for a period, by book and line; computes the opening balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from reporter.trading.books import By, Equity, Fault, Figures, LeftOut, Open, Unrated, UnreadableValue
from reporter.trading.freshness import Freshness
from reporter.trading.ledger.path_metrics import PathMetrics
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import Agent, Flow, Mode, Money

BookKey = tuple[Mode, str]  # mode and currency
LineKey = tuple[str, Mode, str]  # agent (or strategy, market, hour …), mode and currency


@dataclass(frozen=True, slots=True)
class CashFlow:
    """What was paid into a book's account, less what was taken out: `before` a period in all (None where a payment
    cannot be read), and on each of its days (none, where nothing was paid on any)."""

    before: Decimal | None = Decimal(0)
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableTrades:
    """How many closed trades of a ledger cannot be read.

    `nowhere` are of the period, and of no line; `stray` may have closed at any time. `before` are older than it, by
    their book, or by None where nobody knows it. `first` names some of the values that cannot be read, those of
    positions and of the account as well; `faults` counts the trades by why they cannot be read.
    """

    nowhere: int = 0
    stray: int = 0
    before: Mapping[BookKey | None, int] = field(default_factory=dict)
    first: tuple[UnreadableValue, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.nowhere or self.stray or self.before)

    def older_than(self, book: BookKey) -> int:
        """Those that may belong to a book's opening balance, of before the period."""
        return self.before.get(book, 0) + self.before.get(None, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerResult:
    """One ledger's figures of a period, under the line or book that they belong to. `made_by` is `Reader.made_by`.

    `mode` is what a ledger without any trade is taken for. `days` is the length of every `daily`. `before` is what each
    agent had realised when the period began, `paid` what was paid into the accounts. `paths` is what the order of a
    book's trades tells. `equity` and `open` are of the books that have accounts and positions, if that was asked for.
    `freshness` is how old the newest trade is, where the settings say how old it may be; `unrated` are trades whose fee
    has no rate.
    """

    settings: LedgerSettings
    made_by: str
    mode: Mode
    by: By
    days: int
    figures: dict[LineKey, Figures]
    before: dict[LineKey, Decimal]
    paid: dict[BookKey, CashFlow]
    paths: dict[BookKey, PathMetrics]
    agents: list[Agent]
    equity: dict[BookKey, Equity]
    open: dict[BookKey, Open]
    unreadable: UnreadableTrades = UnreadableTrades()
    freshness: Freshness | None = None
    unrated: Mapping[BookKey, tuple[Unrated, ...]] = field(default_factory=dict)

    def books(self) -> set[BookKey]:
        """Every book that this ledger has a part in; a starting balance alone makes one too."""
        books = {(mode, currency) for _, mode, currency in [*self.figures, *self.before]}
        books |= {(agent.mode, agent.currency) for agent in self.agents}
        books |= self.equity.keys() | self.open.keys()
        seen = {currency for _, currency in books}
        starting = {money.currency for money in self.settings.starting_balance}
        return books | {(self.mode, currency) for currency in starting - seen}

    @property
    def doubtful(self) -> bool:
        """Whether its figures may be old: its newest trade is older than it may be, or it has none."""
        return self.freshness is not None and (self.freshness.stale or not self.freshness.known)

    def starting(self, book: BookKey) -> Money | None:
        """What the account of a book began with; where the settings name no mode, each mode's began with the same."""
        mode, currency = book
        if self.settings.mode not in {None, mode}:
            return None
        return next((money for money in self.settings.starting_balance if money.currency == currency), None)

    def funded(self, book: BookKey) -> Money | None:
        """What had been put into the account of a book when the period began: the starting balance, what was paid in
        since, less what was taken out."""
        start, paid = self.starting(book), self.paid.get(book, CashFlow()).before
        return None if start is None or paid is None else start + Money(paid, start.currency)

    def flows(self, book: BookKey) -> tuple[Flow, ...]:
        """What was paid in and out on each day of the period; empty where nothing was, or no balance is known."""
        return () if self.starting(book) is None else self.paid.get(book, CashFlow()).flows

    def opening(self, book: BookKey) -> Money | None:
        """The balance when the period began: what had been put in, and what was realised since."""
        if self.unreadable.stray or self.unreadable.older_than(book):
            return None
        funded = self.funded(book)
        realised = sum((pnl for (_, *own), pnl in self.before.items() if tuple(own) == book), Decimal(0))
        return None if funded is None else funded + Money(realised, funded.currency)

    def left_out(self, book: BookKey) -> LeftOut | None:
        """What is missing from a book because it cannot be read, and what of it is not known for that reason."""
        own = sum(figures.unreadable for figures in self.lines(book).values())
        trades, stray = own + self.unreadable.nowhere, self.unreadable.stray
        before, first = self.unreadable.older_than(book), self.unreadable.first
        if not (trades or stray or before or first):
            return None
        return LeftOut(self.settings.name, trades, stray, before, first, self.unreadable.faults)

    def lines(self, book: BookKey) -> dict[str, Figures]:
        """The figures of a book's lines by their key; an agent that did not trade has zeros."""
        traded = {key: figures for (key, *own), figures in self.figures.items() if tuple(own) == book}
        everybody = {"agent": self._agents_of(book), "ledger": {self.settings.name}}
        idle = everybody.get(self.by, set()) - traded.keys()
        return traded | {name: combined([], book[1], self.days) for name in idle}

    def capital(self, name: str, book: BookKey) -> Money | None:
        """The capital allocated to an agent, by the settings or else by the ledger itself."""
        said = self.settings.capital.get(name)
        if said and said.currency == book[1]:
            return said
        allocated = (
            agent.capital for agent in self.agents if (agent.name, agent.mode, agent.currency) == (name, *book)
        )
        return next(allocated, None)

    def _agents_of(self, book: BookKey) -> set[str]:
        known = {agent.name for agent in self.agents if (agent.mode, agent.currency) == book}
        return known | {name for name, *own in self.before if tuple(own) == book}
