"""All ledgers as one floor: their figures laid together in books, each of one mode and one currency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from heapq import merge
from typing import Any, TypeVar

from reporter.errors import LedgerError
from reporter.ledger.answer import Answer, BookKey
from reporter.ledger.reader import Reader
from reporter.ledger.settings import LedgerSettings
from reporter.metrics import combined, deepest_fall
from reporter.periods import Period
from reporter.trades import (
    Agent,
    Book,
    By,
    EquityPoint,
    Figures,
    LedgerHealth,
    Line,
    Mode,
    Money,
    Position,
    Series,
    Trade,
    Unread,
)

T = TypeVar("T")


class Floor:
    """The trading databases of a floor, read-only: a `Ledger`. Safe to share among threads.

    `timeout` (seconds) bounds what one ledger may take; see `Database`. Raises LedgerError for settings that can never
    work: a kind, dialect or URL that is not known. A database that is away is no such error: it is unread until it is
    back.

    A book's balances are None when the starting balance of one of its ledgers is not known, or when a ledger that has
    one in this currency could not be read.
    """

    def __init__(self, ledgers: Sequence[LedgerSettings], *, timeout: float = 10) -> None:
        self._readers = [Reader(settings, timeout) for settings in ledgers]

    def performance(
        self, period: Period, *, by: By = "agent", daily: bool = False, account: bool = False
    ) -> list[Book]:
        """The books of a period: live before paper, then by currency; lines by P&L, best first."""
        answers, unread = self._ask(lambda reader: reader.performance(period, by, daily=daily))
        books = sorted({book for answer in answers for book in answer.books()}, key=_live_first)
        shared = _shared_keys(answers)
        return [self._book(book, period, answers, unread, shared) for book in books]

    def daily_series(self, period: Period, *, whole: bool = False) -> list[Series]:
        """What was realised on each civil day of the period, or since the first trade."""
        return []

    def closed_trades(self, period: Period, *, limit: int | None = None) -> list[Trade]:
        """Closed trades of the period, oldest first."""
        found, _ = self._ask(lambda reader: reader.closed_trades(period, limit))
        return list(merge(*found, key=lambda trade: trade.closed_at))[:limit]

    def open_positions(self) -> list[Position]:
        """Open positions, ledger by ledger."""
        found, _ = self._ask(Reader.open_positions)
        return [position for positions in found for position in positions]

    def agents(self) -> list[Agent]:
        """The agents, by their names."""
        found, _ = self._ask(Reader.agents)
        return sorted((agent for agents in found for agent in agents), key=lambda agent: (agent.name, agent.ledger))

    def equity(self, period: Period) -> list[EquityPoint]:
        """The sources' own snapshots of the account's worth, oldest first."""
        found, _ = self._ask(lambda reader: reader.equity(period))
        return list(merge(*found, key=lambda point: point.at))

    def health(self) -> list[LedgerHealth]:
        """Each ledger, asked now."""
        return [reader.health() for reader in self._readers]

    def warnings(self) -> list[str]:
        """What `check` should tell: rights that are too wide. A ledger that cannot be read is told by `health`."""
        found: list[str] = []
        for reader in self._readers:
            with suppress(LedgerError):
                found += reader.warnings()
        return found

    def close(self) -> None:
        """Nothing is held open between two looks, so there is nothing to do; here for whoever builds a floor."""

    def _ask(self, question: Callable[[Reader], T]) -> tuple[list[T], list[Unread]]:
        """Every ledger's answer, and the ledgers that gave none. Raises LedgerError when there is no answer at all."""
        answers: list[T] = []
        unread: list[Unread] = []
        for reader in self._readers:
            try:
                answers.append(question(reader))
            except LedgerError as error:
                unread.append(Unread(reader.name, reader.why(error)))
        if not answers:
            raise LedgerError("; ".join(f"{one.ledger}: {one.why}" for one in unread) or "no ledger is configured")
        return answers, unread

    def _book(
        self, key: BookKey, period: Period, answers: Sequence[Answer], unread: Sequence[Unread], shared: set[str]
    ) -> Book:
        parts = [answer for answer in answers if key in answer.books()]
        lines = [line for part in parts for line in _lines(part, key, shared)]
        whole = combined(lines, key[1], parts[0].days)
        opening = self._opening(key, parts, unread)
        return Book(
            **_members(whole),
            mode=key[0],
            currency=key[1],
            opening=opening,
            closing=None if opening is None else opening + whole.pnl,
            drawdown=self._drawdown(key, period, parts),
            lines=tuple(sorted(lines, key=_best_first)),
            ledgers=tuple(part.settings.name for part in parts),
            unread=tuple(unread),
        )

    def _opening(self, key: BookKey, parts: Sequence[Answer], unread: Sequence[Unread]) -> Money | None:
        away = {one.ledger for one in unread}
        if any(reader.may_hold(key) for reader in self._readers if reader.name in away):
            return None
        openings = [part.opening(key) for part in parts]
        return None if None in openings else sum((money for money in openings if money), Money(Decimal(0), key[1]))

    def _drawdown(self, key: BookKey, period: Period, parts: Sequence[Answer]) -> Money | None:
        """Of one ledger what it computed itself; of several, their changes laid over each other in order of time."""
        traded = [part for part in parts if key in part.falls]
        if len(traded) < 2:
            return Money(traded[0].falls[key] if traded else Decimal(0), key[1])
        readers = {reader.name: reader for reader in self._readers}
        try:
            changes = [readers[part.settings.name].changes(period, key) for part in traded]
        except LedgerError:
            return None  # it went away since it was asked for the sums: the figure is not known
        return Money(deepest_fall(pnl for _, pnl in merge(*changes, key=lambda change: change[0])), key[1])


def _live_first(book: BookKey) -> tuple[bool, str]:
    mode, currency = book
    return mode is not Mode.LIVE, currency


def _best_first(line: Line) -> tuple[Decimal, int, str]:
    return -line.pnl.amount, -line.trades, line.label


def _shared_keys(answers: Sequence[Answer]) -> set[str]:
    """The keys of lines that more than one ledger has, in whatever book."""
    counts = Counter(
        key for answer in answers for key in {key for book in answer.books() for key in answer.lines(book)}
    )
    return {key for key, ledgers in counts.items() if ledgers > 1}


def _lines(part: Answer, book: BookKey, shared: set[str]) -> Iterator[Line]:
    name = part.settings.name
    for key, figures in part.lines(book).items():
        allocated, starting = part.capital(key, book), part.starting(book)
        yield Line(
            **_members(figures),
            key=key,
            ledger=name,
            label=f"{key} ({name})" if key in shared else key,
            capital=allocated or starting,
            capital_basis="allocated capital" if allocated else "starting balance" if starting else None,
        )


def _members(figures: Figures) -> dict[str, Any]:
    return {member.name: getattr(figures, member.name) for member in fields(Figures)}
