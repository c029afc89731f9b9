"""All ledgers as one portfolio: adds their results into books of one mode and currency, with opening balances."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from heapq import merge
from typing import Any, TypeVar

from reporter.errors import LedgerError, nearest
from reporter.periods.civil import INSTANT, Period, Unit, containing
from reporter.periods.deadlines import SideThreads, SideWork
from reporter.periods.time_text import duration_text
from reporter.trading.books import (
    ANY_TRADE,
    AgentSeries,
    AllTime,
    Book,
    BookLine,
    By,
    Equity,
    Facet,
    Figures,
    LedgerHealth,
    LedgerShare,
    LeftOut,
    Open,
    RankedTrades,
    RankPlace,
    Series,
    TradeFilter,
    TradeOrder,
    TradePage,
    TradePlace,
    Unrated,
    Unread,
    UnreadableValue,
)
from reporter.trading.ledger.account_snapshots import added
from reporter.trading.ledger.balances import BookKey, LedgerResult, LineKey
from reporter.trading.ledger.checks import LedgerChecks
from reporter.trading.ledger.grouping import in_order
from reporter.trading.ledger.path_metrics import PathMetrics, TradeWalk, overlaid
from reporter.trading.ledger.reader import Reader
from reporter.trading.ledger.rollup_buckets import Rollups
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sqlite_file import undisturbed
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import (
    Agent,
    Arrivals,
    EquityPoint,
    Flow,
    Mode,
    Money,
    OpenKey,
    Position,
    Trade,
    WrittenEvents,
)

T = TypeVar("T")


class Portfolio:
    """The trading databases of a floor, read-only: a `Ledger`. Safe to share among threads.

    `timeout` (seconds) bounds what one ledger may take; see `Database`. `now` is the clock by which a trade can have
    closed in the future; without it none has. Raises LedgerError for settings that can never work: a kind, dialect or
    URL that is not known. A database that is away is no such error: it is unread until it is back.

    A book's balances are None when the starting balance of one of its ledgers is not known, or when a ledger that has
    one in this currency could not be read.
    """

    def __init__(
        self, ledgers: Sequence[LedgerSettings], *, timeout: float = 10, now: Callable[[], datetime] | None = None
    ) -> None:
        self._readers = [Reader(settings, timeout, now) for settings in ledgers]
        self._timeout = timeout
        self._side_threads = SideThreads("ledger-aside")

    def stamp(self) -> str | None:
        """What changes with every write to any of the databases; None where that cannot be told."""
        found = [reader.stamp() for reader in self._readers]
        return repr(found) if all(found) else None

    def performance(
        self, period: Period, *, by: By = "agent", daily: bool = False, account: bool = False
    ) -> list[Book]:
        """The books of a period: live before paper, then by currency; lines by P&L, best first."""
        answers, unread = self._results(lambda reader: reader.performance(period, by, daily=daily, account=account))
        asked = _Asked(period, by, answers, unread, _shared_keys(answers), account)
        return [self._book(book, asked) for book in _books(answers)]

    def daily_series(self, period: Period, *, whole: bool = False) -> list[Series]:
        """What was realised on each civil day of the period, or `whole`: from the first trade to the period's end."""
        stretch = self._since_the_start(period) if whole else period
        days = stretch.days()
        answers, unread = self._results(lambda reader: reader.daily(stretch, days, whole=whole))
        asked = _Asked(stretch, "agent", answers, unread, _shared_keys(answers))
        dates = tuple(date.fromisoformat(day.label) for day in days)
        return [self._series(book, asked, dates) for book in _books(answers)]

    def all_time(self, until: datetime) -> list[AllTime]:
        """What each ledger realised in each book since its first trade, with its deepest fall."""
        found, _ = self._ask(lambda reader: reader.all_time(until))
        return sorted(
            (one for own in found for one in own), key=lambda one: (*_live_first((one.mode, one.currency)), one.ledger)
        )

    def closed_trades(self, period: Period, *, limit: int | None = None) -> list[Trade]:
        """Closed trades of the period, oldest first."""
        found, _ = self._ask(lambda reader: reader.closed_trades(period, limit))
        return list(merge(*found, key=lambda trade: trade.closed_at))[:limit]

    def newest_trades(
        self, period: Period, limit: int, *, only: TradeFilter = ANY_TRADE, after: TradePlace | None = None
    ) -> TradePage:
        """A page of closed trades that pass a filter, newest first; `after` is where the page before ended."""
        known = after or {}

        def ask(reader: Reader) -> list[tuple[Trade, tuple[Any, Any]]]:
            if only.ledger not in {None, reader.name}:
                return []
            return reader.newest_trades(period, limit + 1, only, known.get(reader.name))

        found, unread = self._ask(ask)
        newest = list(merge(*found, key=lambda one: one[0].closed_at, reverse=True))
        page = newest[:limit]
        place = {**known, **{trade.ledger: place for trade, place in page}}
        return TradePage(tuple(trade for trade, _ in page), place if len(newest) > limit else None, tuple(unread))

    def ranked_trades(
        self,
        period: Period,
        limit: int,
        order: TradeOrder,
        *,
        only: TradeFilter = ANY_TRADE,
        after: Mapping[str, RankPlace] | None = None,
    ) -> RankedTrades:
        """The first closed trades of the period in an order; `after` has the last one shown of each ledger."""
        known = after or {}

        def ask(reader: Reader) -> list[tuple[Trade, RankPlace]]:
            if only.ledger not in {None, reader.name}:
                return []
            return reader.ranked_trades(period, limit, order, only, known.get(reader.name))

        found, unread = self._ask(ask)
        return RankedTrades(tuple(order.merged(found))[:limit], tuple(unread))

    def count_trades(
        self, period: Period, *, only: TradeFilter = ANY_TRADE, by: Facet | None = None
    ) -> Mapping[str, int]:
        """How many closed trades of the period pass a filter, by a name; of the ledgers that can be read."""
        found, _ = self._ask(
            lambda reader: reader.count_trades(period, only, by) if only.ledger in {None, reader.name} else {}
        )
        return sum(map(Counter[str], found), Counter[str]())

    def stream(self, period: Period, only: Collection[str] = ()) -> Iterator[Trade]:
        """All closed trades of the period, oldest first, with little memory; `only` of these ledgers, else of all.

        Unlike other questions it fails when any of the ledgers cannot be read, and perhaps only half-way.
        """
        return merge(*(reader.stream(period) for reader in self._only(only)), key=lambda trade: trade.closed_at)

    def stream_days(self, period: Period, only: Collection[str] = ()) -> Iterator[tuple[date, Mode, BookLine]]:
        """What each agent did on each civil day on which it traded, in order of days; otherwise as `stream`."""
        days = [_of_ledger(reader.name, reader.stream_days(period)) for reader in self._only(only)]
        return merge(*days, key=lambda found: found[0])

    def left_out(self, period: Period, only: Collection[str] = ()) -> list[LeftOut]:
        """What of the closed trades of a period cannot be read, by ledger; otherwise as `stream`."""
        found = (undisturbed(partial(reader.left_out, period)) for reader in self._only(only))
        return [one for one in found if one.trades or one.stray]

    def unrated(self, period: Period, only: Collection[str] = ()) -> list[Unrated]:
        """The closed trades of a period whose fee is in a token without a rate; otherwise as `stream`."""
        return [one for reader in self._only(only) for one in undisturbed(partial(reader.unrated, period))]

    def closings(self, period: Period, only: Collection[str] = (), agent: str | None = None) -> list[datetime]:
        """The minutes in which trades closed, in order, of one agent or of all; as `stream` for the rest."""
        return sorted(
            {minute for reader in self._only(only) for minute in undisturbed(partial(reader.closings, period, agent))}
        )

    def _only(self, names: Collection[str]) -> list[Reader]:
        known = [reader.name for reader in self._readers]
        if not known:
            raise LedgerError("no ledger is configured")
        if unknown := sorted(set(names) - set(known)):
            near = nearest(unknown[0], known)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
            raise LedgerError(f"there is no ledger {unknown[0]}: {hint}")
        return [reader for reader in self._readers if not names or reader.name in names]

    def names(self) -> list[str]:
        """The names of the ledgers, in the order of the config."""
        return [reader.name for reader in self._readers]

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
        """What came into one ledger in a period, but for the trades with known ids. Raises LedgerError."""
        (reader,) = self._only([ledger])
        if self._hangs(reader):
            raise LedgerError(f"{ledger}: {self._no_answer}")
        return undisturbed(partial(reader.arrivals, period, known, most, positions=positions, held=held, fills=fills))

    def written_events(
        self, ledger: str, after: int | None, among: Collection[int] = (), *, most: int = 1000
    ) -> WrittenEvents | None:
        """New rows of a ledger's table `events`; None where it has none. Raises LedgerError."""
        (reader,) = self._only([ledger])
        if self._hangs(reader):
            raise LedgerError(f"{ledger}: {self._no_answer}")
        return undisturbed(partial(reader.written_events, after, among, most))

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
        """Each ledger, asked now, all at once. A ledger that hangs is not reachable and holds up no other."""
        asked = [(reader, self._side_threads.begin(reader.name, reader.health)) for reader in self._readers]
        return [self._answer(reader, work) for reader, work in asked]

    def _answer(self, reader: Reader, work: SideWork[LedgerHealth]) -> LedgerHealth:
        try:
            return work.result(self._timeout)
        except TimeoutError:
            return LedgerHealth(ledger=reader.name, kind=reader.settings.kind, reachable=False, error=self._no_answer)

    def warnings(self) -> list[str]:
        """What `check` should warn of: rights that are too wide, and values that cannot be read. `health` reports a
        ledger that cannot be read at all."""
        found: list[str] = []
        for reader in self._readers:
            with suppress(LedgerError):
                found += reader.warnings()
        return found

    def check(
        self, now: datetime, only: Collection[str] = (), told: Callable[[str, int, int], None] = lambda *_: None
    ) -> Iterator[LedgerChecks]:
        """Every row of these ledgers checked, else of all; `told` is called with a ledger's name and how many of how
        many trades were. A ledger that cannot be read says why."""
        for reader in self._only(only):
            try:
                yield reader.check(now, partial(told, reader.name))
            except LedgerError as error:
                yield LedgerChecks(reader.name, reader.settings.kind, unread=reader.why(error))

    def close(self) -> None:
        """End the sessions with servers that are kept for the next look."""
        for reader in self._readers:
            reader.close()

    def _results(self, question: Callable[[Reader], LedgerResult]) -> tuple[list[LedgerResult], list[Unread]]:
        """As `_ask`; a ledger whose every trade cannot be read has no book, and is one that gave no answer."""
        answers, unread = self._ask(question)
        lost = [answer for answer in answers if answer.unreadable and not answer.books()]
        unread += [Unread(answer.settings.name, _none_read(answer.unreadable.first)) for answer in lost]
        kept = [answer for answer in answers if answer not in lost]
        if not kept:
            raise LedgerError("; ".join(f"{one.ledger}: {one.why}" for one in unread))
        return kept, unread

    def _ask(self, question: Callable[[Reader], T]) -> tuple[list[T], list[Unread]]:
        """Every ledger's answer, and the ledgers that gave none. Raises LedgerError when there is no answer at all."""
        answers: list[T] = []
        unread: list[Unread] = []
        for reader in self._readers:
            if self._hangs(reader):
                unread.append(Unread(reader.name, self._no_answer))
                continue
            try:
                answers.append(undisturbed(partial(question, reader)))
            except LedgerError as error:
                unread.append(Unread(reader.name, reader.why_unread(error)))
        if not answers:
            raise LedgerError("; ".join(f"{one.ledger}: {one.why}" for one in unread) or "no ledger is configured")
        return answers, unread

    def _hangs(self, reader: Reader) -> bool:
        """Whether the last look at a ledger's health goes on for longer than it may, as with a file on a server that is
        gone: another question would hang too."""
        return self._side_threads.hangs(reader.name, self._timeout)

    def use(self, rollups: Rollups) -> None:
        """Take sums of the past from roll-ups where those are verified."""
        for reader in self._readers:
            reader.rollups = rollups

    @property
    def readers(self) -> tuple[Reader, ...]:
        """A reader for each ledger."""
        return tuple(self._readers)

    def chosen(self, names: Collection[str]) -> list[Reader]:
        """The readers of these ledgers, else of all. Raises LedgerError where there is none, or none of a name."""
        return self._only(names)

    @property
    def _no_answer(self) -> str:
        return f"no answer within {duration_text(self._timeout)}"

    def _since_the_start(self, period: Period) -> Period:
        began, _ = self._ask(Reader.began)
        first = min((moment for moment in began if moment), default=period.start)
        return replace(period, start=containing(Unit.DAY, min(first, period.end - INSTANT), period.zone).start)

    def _book(self, key: BookKey, asked: _Asked) -> Book:
        parts = [answer for answer in asked.answers if key in answer.books()]
        paths = self._paths(key, asked, parts)
        opening = self._opening(key, parts, asked.unread)
        lines = [*_agents(parts, key, asked.shared)] if asked.by == "agent" else _merged(parts, key, paths)
        left_out = tuple(found for part in parts if (found := part.left_out(key)))
        whole = combined(lines, key[1], parts[0].days)
        if missing := sum(one.trades for one in left_out):
            paths = None  # one of those may lie anywhere among the others
            whole = replace(whole, fees=None, funding=None, volume=None, unreadable=missing)
        whole = replace(whole, streaks=paths.books[key].streaks if paths else None, flows=_flows(parts, key))
        paid = sum(whole.flows, Flow()).net
        return Book(
            **_members(whole),
            mode=key[0],
            currency=key[1],
            opening=opening,
            closing=None if opening is None or missing else opening + whole.pnl + Money(paid, key[1]),
            drawdown=Money(paths.books[key].fall, key[1]) if paths else None,
            lines=tuple(sorted(lines, key=_place(asked.by))),
            ledgers=tuple(part.settings.name for part in parts),
            unread=tuple(asked.unread),
            left_out=left_out,
            stale=tuple(
                part.freshness
                for part in asked.answers
                if part.freshness and part.doubtful and (part in parts or not part.books())
            ),
            unrated=tuple(one for part in parts for one in part.unrated.get(key, ())),
            equity=self._equity(key, asked, parts),
            open=_open(parts, key) if asked.account else None,
            period=asked.period,
            shares=tuple(_share(part, key) for part in parts),
        )

    def _series(self, key: BookKey, asked: _Asked, days: tuple[date, ...]) -> Series:
        parts = [answer for answer in asked.answers if key in answer.books()]
        lines = [*_agents(parts, key, asked.shared)]
        whole = combined(lines, key[1], parts[0].days)
        return Series(
            mode=key[0],
            currency=key[1],
            days=days,
            pnl=whole.daily,
            opening=self._opening(key, parts, asked.unread),
            flows=_flows(parts, key),
            agents=tuple(_course(line) for line in sorted(lines, key=lambda line: line.label)),
            ledgers=tuple(part.settings.name for part in parts),
            unread=tuple(asked.unread),
            left_out=tuple(found for part in parts if (found := part.left_out(key))),
        )

    def _opening(self, key: BookKey, parts: Sequence[LedgerResult], unread: Sequence[Unread]) -> Money | None:
        if self._may_be_away(key, unread):
            return None
        openings = [part.opening(key) for part in parts]
        return None if None in openings else sum((money for money in openings if money), Money(Decimal(0), key[1]))

    def _may_be_away(self, key: BookKey, unread: Sequence[Unread]) -> bool:
        """Whether a ledger that could not be read has, as far as we know, a part in a book."""
        away = {one.ledger for one in unread}
        return any(reader.may_hold(key) for reader in self._readers if reader.name in away)

    def _equity(self, key: BookKey, asked: _Asked, parts: Sequence[LedgerResult]) -> Equity | None:
        """The accounts of all ledgers of a book; None where one of them keeps no snapshots."""
        kept = [part.equity[key] for part in parts if key in part.equity]
        if not kept or len(kept) < len(parts) or self._may_be_away(key, asked.unread):
            return None
        return added(kept, key[1])

    def _paths(self, key: BookKey, asked: _Asked, parts: Sequence[LedgerResult]) -> TradeWalk | None:
        """Of one ledger what it found itself; of several, their trades laid over each other in order of time."""
        traded = [part for part in parts if key in part.paths]
        if len(traded) < 2:
            return TradeWalk(books={key: traded[0].paths[key] if traded else PathMetrics()})
        readers = {reader.name: reader for reader in self._readers}
        steps = [readers[part.settings.name].steps(asked.period, key, asked.by) for part in traded]
        try:
            return overlaid(merge(*steps, key=lambda step: step[0]), key)
        except LedgerError:
            return None  # it went away since it was asked for the sums: the figure is not known


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all ledgers were asked, and what they answered. `shared` are the keys that more than one of them has."""

    period: Period
    by: By
    answers: Sequence[LedgerResult]
    unread: Sequence[Unread]
    shared: set[str]
    account: bool = False


def _books(answers: Sequence[LedgerResult]) -> list[BookKey]:
    return sorted({book for answer in answers for book in answer.books()}, key=_live_first)


def _live_first(book: BookKey) -> tuple[bool, str]:
    mode, currency = book
    return mode is not Mode.LIVE, currency


def _place(by: By) -> Callable[[BookLine], Any]:
    if order := in_order(by):
        return lambda line: order(line.key)
    return lambda line: (-line.pnl.amount, -line.trades, line.label)


def _shared_keys(answers: Sequence[LedgerResult]) -> set[str]:
    """The keys of lines that more than one ledger has, in whatever book."""
    counts = Counter(
        key for answer in answers for key in {key for book in answer.books() for key in answer.lines(book)}
    )
    return {key for key, ledgers in counts.items() if ledgers > 1}


def _agents(parts: Sequence[LedgerResult], book: BookKey, shared: set[str]) -> Iterator[BookLine]:
    """A line an agent of a ledger."""
    for part in parts:
        name, funded = part.settings.name, part.funded(book)
        for key, figures in part.lines(book).items():
            allocated = part.capital(key, book)
            yield BookLine(
                **_members(replace(figures, flows=() if allocated else part.flows(book))),
                key=key,
                ledger=name,
                label=f"{key} ({name})" if key in shared else key,
                capital=allocated or funded,
                capital_basis="allocated capital" if allocated else "starting balance" if funded else None,
            )


def _share(part: LedgerResult, book: BookKey) -> LedgerShare:
    whole = combined(list(part.lines(book).values()), book[1])
    return LedgerShare(
        ledger=part.settings.name, trades=whole.trades, pnl=whole.pnl, fees=whole.fees, made_by=part.made_by
    )


def _merged(parts: Sequence[LedgerResult], book: BookKey, paths: TradeWalk | None) -> list[BookLine]:
    """A line a key, whichever ledgers it is made of."""
    found: dict[str, list[tuple[LedgerResult, Figures]]] = defaultdict(list)
    for part in parts:
        for key, figures in part.lines(book).items():
            found[key].append((part, figures))
    return [_line(key, own, book, paths) for key, own in found.items()]


def _line(key: str, own: Sequence[tuple[LedgerResult, Figures]], book: BookKey, paths: TradeWalk | None) -> BookLine:
    whole = combined([figures for _, figures in own], book[1], own[0][0].days)
    path = paths.lines.get((key, *book)) if paths else None
    if whole.streaks is None and path and not whole.unreadable:
        whole = replace(whole, streaks=path.streaks)
    funded = [part.funded(book) for part, _ in own]
    known = [money for money in funded if money]
    capital = sum(known, Money(Decimal(0), book[1])) if len(known) == len(funded) else None
    return BookLine(
        **_members(replace(whole, flows=_flows([part for part, _ in own], book) if capital else ())),
        key=key,
        ledger=own[0][0].settings.name if len(own) == 1 else "",
        label=key,
        capital=capital,
        capital_basis="starting balance" if capital else None,
    )


def _of_ledger(name: str, days: Iterator[tuple[date, LineKey, Figures]]) -> Iterator[tuple[date, Mode, BookLine]]:
    for day, (key, mode, _), figures in days:
        yield day, mode, BookLine(**_members(figures), key=key, ledger=name, label=key)


def _course(line: BookLine) -> AgentSeries:
    return AgentSeries(
        key=line.key, ledger=line.ledger, label=line.label, pnl=line.daily, capital=line.capital, flows=line.flows
    )


def _flows(parts: Sequence[LedgerResult], book: BookKey) -> tuple[Flow, ...]:
    """What was paid into the accounts of all ledgers, and taken out of them."""
    found = [flows for part in parts if (flows := part.flows(book))]
    return tuple(sum(day, Flow()) for day in zip(*found, strict=True))


def _open(parts: Sequence[LedgerResult], book: BookKey) -> Open:
    """The open positions of all ledgers."""
    found = [part.open[book] for part in parts if book in part.open]
    known = [one.unrealised for one in found if one.unrealised is not None]
    nothing = Money(Decimal(0), book[1])
    return Open(
        positions=sum(one.positions for one in found),
        unrealised=sum(known, nothing) if known or not found else None,
        unpriced=sum(one.unpriced for one in found),
        priced_at=min((one.priced_at for one in found if one.priced_at), default=None),
        why="; ".join(dict.fromkeys(one.why for one in found if one.why)),
    )


def _none_read(first: Sequence[UnreadableValue]) -> str:
    return "none of its trades can be read" + (f" ({first[0]})" if first else "")


def _members(figures: Figures) -> dict[str, Any]:
    return {member.name: getattr(figures, member.name) for member in fields(Figures)}
