"""Reads one trading database: runs the queries, and returns our own types."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property, partial
from hashlib import sha256
from operator import attrgetter
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal_column,
    select,
    table,
    text,
)

from reporter.errors import LedgerError
from reporter.periods.civil import INSTANT, Period
from reporter.periods.clock import SystemClock
from reporter.secret import Secret
from reporter.trading.books import (
    AllTime,
    By,
    Equity,
    Facet,
    Figures,
    LedgerHealth,
    LeftOut,
    Open,
    RankPlace,
    TradeFilter,
    TradeOrder,
    UnreadableValue,
)
from reporter.trading.ledger import account_snapshots, queries, rights, rows
from reporter.trading.ledger.balances import BookKey, CashFlow, LedgerResult, LineKey, UnreadableTrades
from reporter.trading.ledger.buckets import (
    HOUR,
    Anchor,
    Bucket,
    Courses,
    Extent,
    Hour,
    Realised,
    Recount,
    Rollups,
    TradeId,
    courses,
    figures_of,
    fine,
    from_fine,
    hours_of,
    ran,
    start_of,
)
from reporter.trading.ledger.cash_flows import paid
from reporter.trading.ledger.catalog import has_table
from reporter.trading.ledger.checks import LATEST, LedgerChecks, RowChecks, Trouble, compared, finding
from reporter.trading.ledger.clickhouse import SCHEMES, ClickHouse
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.derived import FILLS, DerivedDatabase
from reporter.trading.ledger.files import Files, file_kind
from reporter.trading.ledger.grouping import Grouping, grouping
from reporter.trading.ledger.key_blocks import ANY_HOUR, FAR, KeyBlock, KnownKeys, has_index, hour_of, statement
from reporter.trading.ledger.path_metrics import LinePath, TradeWalk, units, walked
from reporter.trading.ledger.prices import PriceSource
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources import hummingbot, jesse
from reporter.trading.ledger.sources.base import Cell, Cells, Rows, Source, amount, moment
from reporter.trading.ledger.sources.freqtrade import freqtrade
from reporter.trading.ledger.sources.mapped import mapped_database
from reporter.trading.ledger.sources.native import LATER, native
from reporter.trading.ledger.sqlite_file import TOO_LONG, DisturbedError, undisturbed
from reporter.trading.ledger.write_stamp import write_stamp
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import Agent, Arrivals, EquityPoint, Mode, OpenKey, Position, Trade, WrittenEvents

T = TypeVar("T")

# Rows that are fetched at once: more than these are not kept in memory together.
_BATCH = 5000
_IDS = 1000
_DAYS = 31
# Of more positions that vanish in one moment, no closes of long ago are looked for.
_GONE = 100
# A table with fewer trades needs no index on their closing time.
_LARGE = 100_000
# A period with fewer trades is read from the database itself: figures then follow every edit at once.
MANY_TRADES = 500
# Trades that are gone through where no roll-up has them.
_UNKEPT = 20_000
_EPOCH = datetime.fromtimestamp(0, UTC)

# Raise this where figures are made in another way than before: sums that were kept are then made again.
FIGURES = 2

# Where a connection keeps what was found out about the state that it sees.
_SEEN = "reporter.seen"

NO_PRICES = "freqtrade stores no price"

_NO_BOUNDS: Mapping[str, Any] = {}

# So many of the values that cannot be read are named.
NAMED = 3

# Another machine's clock may be so far ahead of ours; a trade that closed further ahead has a wrong time.
AHEAD = timedelta(minutes=1)


class UnreadableTradesError(LedgerError):
    """Trades cannot be read, and what is asked for is only known with them."""


class Reader:
    """One ledger. Every method but `health` raises LedgerError when it cannot be read."""

    def __init__(self, settings: LedgerSettings, timeout: float, now: Callable[[], datetime] | None = None) -> None:
        self.settings = settings
        self.rollups: Rollups | None = None
        self.many = MANY_TRADES
        self._clock_of_ours = now
        self._has_index = False
        self._present: set[str] = set()  # what was found in the database, and is taken for there until a look fails
        self._fitted: dict[tuple[tuple[str, str], ...], Source] = {}
        self._statements: dict[tuple[object, ...], Any] = {}
        self._prices = PriceSource(settings.prices, now or SystemClock().wall) if settings.prices else None
        self._database = _database(settings, timeout)
        self._mode = settings.mode or _mode_by_name(self._database)
        self._source = _source(settings, self._database.dialect, self._mode)

    @property
    def name(self) -> str:
        return self.settings.name

    def stamp(self) -> str | None:
        """What changes with every write; None where that cannot be told, or where prices come from elsewhere."""
        file = self._database.file if isinstance(self._database, Database) and self._prices is None else None
        return write_stamp(file, self._clock_of_ours()) if file and self._clock_of_ours else None

    def close(self) -> None:
        """End the session that is kept for the next look."""
        database = self._database.source if isinstance(self._database, DerivedDatabase) else self._database
        if isinstance(database, Database):
            database.close()

    def _now(self) -> datetime | None:
        return self._clock_of_ours() + AHEAD if self._clock_of_ours else None

    def why(self, error: LedgerError) -> str:
        """The error's sentence without this ledger's name, for where that stands beside it."""
        return str(error).removeprefix(f"{self.name}: ")

    def why_unread(self, error: LedgerError) -> str:
        """The same, with the index that an answer which took too long would have needed."""
        why = self.why(error)
        if TOO_LONG not in why:
            return why
        with suppress(LedgerError):
            return "; ".join([why, *undisturbed(self._missing_index)])
        return why

    def may_hold(self, book: BookKey) -> bool:
        """Whether a book has, by the settings, a starting balance of this ledger in it."""
        mode, currency = book
        own = self._mode if self.settings.kind == "freqtrade" else self.settings.mode
        return own in {None, mode} and any(money.currency == currency for money in self.settings.starting_balance)

    def performance(self, period: Period, by: By, *, daily: bool, account: bool) -> LedgerResult:
        """The figures of a period, all from one state of the database."""
        days = period.days() if daily else []
        with self._look(account=account) as (connection, source):
            figures, walk, nowhere, timed = self._figures(connection, source, period, by, days)
            before, lost = self._before(connection, source, period)
            stray = lost + self._stray(connection, source, period, before.extent, timed=timed)
            inside = nowhere + sum(own.unreadable for own in figures.values())
            equities = self._equities(connection, source, period) if account else {}
            unreadable = self._unreadable(connection, source, before, inside, nowhere, stray)
            held = self._held(connection, source) if account and self._prices else []
            if account:
                unreadable = self._with_account(connection, source, unreadable, equities)
            found = LedgerResult(
                settings=self.settings,
                made_by=self.made_by,
                mode=self._mode,
                by=by,
                days=len(days),
                figures=figures,
                paths=dict(walk.books),
                before=before.totals(),
                paid=self._paid(connection, source, period),
                agents=self._agents(connection, source) if source.lists_agents else [],
                equity=equities,
                open=self._open(connection, source) if account else {},
                unreadable=unreadable,
            )
        # The server of the prices is asked once the database is let go.
        return replace(found, open=rows.open_with(*self._prices.priced(held))) if self._prices and account else found

    def _held(self, connection: Connection, source: Source) -> list[Position]:
        return [rows.position(row, self.name) for row in connection.execute(source.positions) if _of_a_book(row)]

    def _open(self, connection: Connection, source: Source) -> dict[BookKey, Open]:
        asked = self._once(source, ("open",), partial(queries.open_sums, source))
        found = rows.open_positions(connection.execute(asked))
        if self.settings.kind != "freqtrade":
            return found
        return {book: replace(one, why=NO_PRICES if one.unpriced else "") for book, one in found.items()}

    def daily(self, period: Period, days: Sequence[Period], *, whole: bool) -> LedgerResult:
        """What each agent realised on each of a period's days, all from one state of the database; `whole` says that
        the period begins with the first trade, so that there is nothing before it."""
        with self._look() as (connection, source):
            found = self._realised(connection, source, period.start, period.end, days)
            found, _ = self._timed(connection, source, found, period.start, period.end)
            before, lost = self._before(connection, source, period, nothing=whole)
            stray = lost + self._stray(connection, source, period, found.extent)
            inside = sum(found.unreadable.values())
            nowhere = found.unreadable.get(None, 0)
            return LedgerResult(
                settings=self.settings,
                made_by=self.made_by,
                mode=self._mode,
                by="agent",
                days=len(days),
                figures={
                    line: rows.realised(line[2], daily, found.unreadable.get(line, 0))
                    for line, daily in found.amounts.items()
                },
                paths={},
                before=before.totals(),
                paid=self._paid(connection, source, period),
                agents=self._agents(connection, source) if source.lists_agents else [],
                equity={},
                open={},
                unreadable=self._unreadable(
                    connection, source, replace(before, extent=found.extent), inside, nowhere, stray
                ),
            )

    def all_time(self, until: datetime) -> list[AllTime]:
        """What each book realised before a moment, with its deepest fall; nothing where a long past is not kept, or a
        trade cannot be read."""
        with self._look() as (connection, source):
            kept = self._courses(connection, source, hour_of(until))
            since = start_of(kept.extent.until) if kept else _EPOCH
            found = connection.execute(queries.counted(source, since, until, _UNKEPT + 1)).all()
            apart = self._apart(connection, source, kept.extent, _EPOCH, until) if kept else []
        if len(found) > _UNKEPT or apart != [] or any(row.state != queries.READABLE for row in found):
            return []
        hours = {hour: own.books for hour, own in hours_of(found)[0].items()}
        ran = courses(hours, kept.books if kept else {})
        return [course.told(self.name, book) for book, course in ran.items()]

    def _courses(self, connection: Connection, source: Source, until: int) -> Courses | None:
        kept = self.rollups.courses(self.name, self.definition, until) if self.rollups else None
        return kept if kept and self._stands(connection, source, kept.extent.anchor) else None

    def began(self) -> datetime | None:
        """When the first trade closed."""
        with self._look() as (connection, source):
            return moment(connection.execute(queries.oldest(source)).scalar())

    def steps(self, period: Period, book: BookKey, by: By) -> Iterator[tuple[datetime, str, int]]:
        """When, in which line and by how much (in units of 1e-8) a book changed, in order."""
        with self._look() as (connection, source):
            named = grouping(by, source, period, self.name)
            found = queries.steps(queries.keyed(source, period, named), book[0].value, book[1])
            for row in connection.execute(found, execution_options=_STREAMED):
                yield rows.known(row.closed_at), named.name(row.key), units(row.pnl)

    def closed_trades(self, period: Period, limit: int | None) -> list[Trade]:
        with self._look() as (connection, source):
            return [
                rows.trade(row, self.name) for row in connection.execute(queries.oldest_first(source, period, limit))
            ]

    def newest_trades(
        self, period: Period, limit: int, only: TradeFilter, before: tuple[Any, Any] | None
    ) -> list[tuple[Trade, tuple[Any, Any]]]:
        """The newest trades that pass a filter, each with its place: the stored time and the id."""
        with self._look() as (connection, source):
            found = connection.execute(queries.newest_first(source, period, limit, only, before)).all()
            return [(rows.trade(row, self.name), (row.closed_at, row.id)) for row in found]

    def ranked_trades(
        self, period: Period, limit: int, order: TradeOrder, only: TradeFilter, after: RankPlace | None
    ) -> list[tuple[Trade, RankPlace]]:
        """The first trades in an order, of those that pass a filter, each with its place."""
        with self._look() as (connection, source):
            places = connection.execute(queries.ranked(source, period, limit, order, only, after)).all()
            chosen = queries.these(source, period, [place.id for place in places])
            found = {row.id: row for row in connection.execute(chosen)} if places else {}
            return [
                (rows.trade(found[one.id], self.name), (one.book, one.value, one.closed_at, one.id)) for one in places
            ]

    def count_trades(self, period: Period, only: TradeFilter, by: Facet | None) -> dict[str, int]:
        """How many trades pass a filter, by a name."""
        with self._look() as (connection, source):
            return {row.name: row.number for row in connection.execute(queries.how_many(source, period, only, by))}

    def stream(self, period: Period, batch: int = _BATCH) -> Iterator[Trade]:
        """The closed trades of a period in order, however many: each batch is a look of its own, so that nobody who
        reads slowly keeps a bot from writing."""
        last: tuple[Any, Any] | None = None
        while True:
            found = undisturbed(partial(self._batch, period, batch, last))
            yield from (rows.trade(row, self.name) for row in found)
            if len(found) < batch:
                return
            last = (found[-1].closed_at, found[-1].id)

    def _batch(self, period: Period, batch: int, last: tuple[Any, Any] | None) -> Sequence[Row[Any]]:
        with self._look() as (connection, source):
            return connection.execute(queries.oldest_first(source, period, batch, last)).all()

    def stream_days(self, period: Period) -> Iterator[tuple[date, LineKey, Figures]]:
        """What each agent did on each civil day on which it traded, in order, however many; looks as `stream` does."""
        named = grouping("agent", self._source, period, self.name)
        days = period.days()
        for first in range(0, len(days), _DAYS):
            some = days[first : first + _DAYS]
            stretch = replace(period, start=some[0].start, end=some[-1].end)
            found = undisturbed(partial(self._days, stretch, named, some))
            readable = [row for row in found if row.trades and _belongs(row)]
            for row in sorted(readable, key=lambda row: (row.day, row.key)):
                line = named.name(row.key), rows.mode(row.mode), row.currency
                yield date.fromisoformat(some[row.day].label), line, rows.sums(row)

    def _days(self, stretch: Period, named: Grouping, days: Sequence[Period]) -> Sequence[Row[Any]]:
        with self._look() as (connection, source):
            return self._sums(connection, source, stretch, named, days)[1]

    def closings(self, period: Period, agent: str | None) -> list[datetime]:
        """The minutes in which trades closed, of one agent or of all, in order."""
        with self._look() as (connection, source):
            minutes = connection.execute(queries.closing_minutes(source, period, agent)).scalars()
            return [datetime.fromtimestamp(minute * 60, UTC) for minute in sorted(map(int, minutes))]

    @cached_property
    def definition(self) -> str:
        """What the figures are made by and which database they are made from; kept sums of another do not count."""
        # By the statement for SQLite, whatever the dialect: the same rows are made into the same figures in each.
        asked = queries.counted(_source(self.settings, "sqlite", self._mode), _EPOCH, _EPOCH)
        made_by = [asked, self.settings.kind, self._mode.value, dict(self.settings.mapping), FIGURES]
        return f"{_fingerprint(made_by)}-{_fingerprint([self._database.address])}"

    @property
    def made_by(self) -> str:
        """The part of the definition that says what the figures are made by, whichever database they are made from."""
        return self.definition.partition("-")[0]

    def totals(self, period: Period) -> dict[BookKey, Figures]:
        """The sums of each book in a period."""
        with self._look() as (connection, source):
            named = grouping("ledger", source, period, self.name)
            _, found, _ = self._sums(connection, source, period, named, [])
            return {(rows.mode(row.mode), row.currency): rows.sums(row) for row in found if _of_a_book(row)}

    def recount(self, start: int, end: int, most: int, marked_from: int | None = None) -> Recount:
        """What closed in these hours (counted since 1970), or in the first of them, with about `most` trades: whole
        hours, and at least one, all from one state of the database; see `hours_of`. Raises UnreadableTradesError."""
        with self._look() as (connection, source):
            end = source.keys.hour_after(start, end, most) if source.keys else end
            found = self._counted(connection, source, start, end, most)
            hours = range(start, end)
            last = _hour(source, found[-1], hours) if len(found) == most else end
            if last == start:  # one hour has more trades than that
                end = start + 1
                found = self._counted(connection, source, start, end, None)
            elif last < end:
                end = last
                found = found[: bisect_left(found, last, key=lambda row: _hour(source, row, hours))]
            readable = [row for row in found if row.state == queries.READABLE]
            odd = ((_hour(source, row, hours), row.id) for row in found if row.state != queries.READABLE)
            unreadable = tuple(odd) if len(readable) < len(found) else ()
            if not all(isinstance(id_, int | str) for _, id_ in unreadable):
                raise UnreadableTradesError(
                    f"{_number(len(unreadable))} cannot be read, and has no id that could be kept"
                )
            return Recount(start, end, *hours_of(readable, marked_from), unreadable)

    def _counted(
        self, connection: Connection, source: Source, start: int, end: int, most: int | None
    ) -> Sequence[Row[Any]]:
        return connection.execute(queries.counted(source, start_of(start), start_of(end), most)).all()

    def arrivals(
        self,
        period: Period,
        known: Collection[str],
        most: int,
        *,
        positions: bool,
        held: Collection[OpenKey] = (),
        fills: bool = False,
    ) -> Arrivals:
        """The closed trades of a period but for those with known ids, all from one state of the database.

        And those of what was held and is open no more, though they closed before the period. With `fills` a database
        that has fills gives these instead.
        """
        if fills and self._source.fills is not None:
            return self._arrived_fills(self._source.fills, period, known, most)
        with self._look() as (connection, source):
            rows_found = connection.execute(queries.arrived(source, period)).all()
            new = [row for row in rows_found if str(row.id) not in known]
            chosen: dict[Any, Trade] = {}
            for first in range(0, min(len(new), most), _IDS):
                ids = [row.id for row in new[first : min(first + _IDS, most)]]
                found = connection.execute(queries.these(source, period, ids))
                chosen |= {row.id: rows.trade(row, self.name) for row in found}
            found_open = filter(_of_a_book, connection.execute(source.positions).all()) if positions else ()
            still_open = [rows.position(row, self.name) for row in found_open]
            open_now = tuple(key for key in map(rows.open_key, still_open) if key)
            late = self._late(connection, source, period, set(held).difference(open_now)) if positions else []
            newest = moment(connection.execute(queries.newest(source)).scalar())
        return Arrivals(
            ledger=self.name,
            closed=(*(rows.trade(row, self.name) for row in late), *(chosen[row.id] for row in new[:most])),
            ids={str(row.id): rows.known(row.closed_at) for row in (*late, *new)},
            sums=rows.arrived([*late, *new]),
            positions=tuple(one for one in still_open if _opened_in(one, period)),
            open=open_now,
            newest=rows.known(rows_found[-1].closed_at) if rows_found else None,
            ahead=newest if newest and newest >= period.end else None,
        )

    def _arrived_fills(self, kept: Rows, period: Period, known: Collection[str], most: int) -> Arrivals:
        with self._database.snapshot() as connection:
            found = connection.execute(queries.arrived_fills(self._source, kept, period)).all()
            new = [row for row in found if row.id not in known]
            newest = moment(connection.execute(queries.newest_fill(kept)).scalar())
        return Arrivals(
            ledger=self.name,
            by_fill=True,
            closed=(),
            ids={row.id: rows.known(row.at) for row in new},
            fills=tuple(rows.fill(row, self.name) for row in new[:most]),
            fill_sums=rows.fill_sums(new),
            newest=rows.known(found[-1].at) if found else None,
            ahead=newest if newest and newest >= period.end else None,
        )

    def _late(
        self, connection: Connection, source: Source, period: Period, gone: Collection[OpenKey]
    ) -> list[Row[Any]]:
        """The trades that these positions have become, closed before the period, oldest first."""
        if not gone:
            return []
        past = replace(period, start=_EPOCH, end=period.start)
        found = connection.execute(queries.opened_at(source, past, sorted(gone)[:_GONE])).all()
        return [row for row in found if rows.open_key(rows.trade(row, self.name)) in gone]

    def written_events(self, after: int | None, among: Collection[int], most: int) -> WrittenEvents | None:
        """The rows of the table `events` above an id, and those of these ids; None where there is no such table."""
        if self._source.events is None:
            return None
        with self._snapshot() as connection:
            if not has_table(connection, "events"):
                return None
            if after is None:
                return WrittenEvents(newest=connection.execute(queries.last_event(self._source.events)).scalar() or 0)
            found = connection.execute(queries.events_after(self._source.events, after, among, most)).all()
        return WrittenEvents(newest=max([after, *(row.id for row in found)]), rows=tuple(map(rows.event, found)))

    def open_positions(self) -> list[Position]:
        with self._look(trades=False) as (connection, source):
            held = self._held(connection, source)
        return self._prices.priced(held)[0] if self._prices else held

    def agents(self) -> list[Agent]:
        with self._look(trades=False) as (connection, source):
            return self._agents(connection, source, seen=True)

    def equity(self, period: Period) -> list[EquityPoint]:
        with self._look(trades=False, account=True) as (connection, source):
            if not self._keeps_equity(connection):
                return []
            return list(rows.points(connection.execute(queries.equity(source, period)), self.name))

    def health(self) -> LedgerHealth:
        """Whether the ledger answers. Its latency is that of a connection and the simplest question."""

        def ask() -> tuple[float, datetime | None, datetime | None, datetime | None]:
            started = perf_counter()
            with self._snapshot() as connection:
                clock = self._clock(connection)
                latency = perf_counter() - started
                source, now = self._narrowed(connection, self._source), self._now()
                newest = moment(connection.execute(queries.newest(source)).scalar())
                if newest is None or now is None or newest < now:
                    return latency, clock, newest, None
                return latency, clock, moment(connection.execute(queries.newest(source, now)).scalar()), newest

        try:
            latency, clock, newest, ahead = undisturbed(ask)
        except LedgerError as error:
            return LedgerHealth(ledger=self.name, kind=self.settings.kind, reachable=False, error=self.why(error))
        return LedgerHealth(
            ledger=self.name,
            kind=self.settings.kind,
            reachable=True,
            latency=latency,
            newest_trade_at=newest,
            ahead_at=ahead,
            clock=clock,
        )

    def warnings(self) -> list[str]:
        """What is unwise in how we may read it, which is rights that are too wide; and what in it cannot be read."""
        found = [f"{self.name}: {value}" for value in self.unreadable_values(NAMED)]
        if self._is_without_prices():
            found.append(f"{self.name}: {NO_PRICES}, so open positions have no P&L: name `prices` for this ledger")
        database = self._database.source if isinstance(self._database, DerivedDatabase) else self._database
        if not isinstance(database, Database):
            return found
        advice = [f"{self.name}: {one}" for one in self._missing_index()]
        if database.dialect == "sqlite":
            return [*found, *advice]
        tables = () if database is not self._database else self._source.tables
        with database.snapshot() as connection:
            found += [f"{self.name}: {warning}" for warning in rights.warnings(connection, tables)]
        return [*found, *advice]

    def _missing_index(self) -> list[str]:
        """Which index a large table of trades lacks."""
        if not self.lacks_index():
            return []
        with self._look() as (connection, source):
            last = connection.execute(source.trades.with_only_columns(func.max(source.trade_id))).scalar()
        if (last or 0) < _LARGE:
            return []
        made = statement(self._database.dialect, self._source)
        return [f"no index leads to the closing time of its trades; reports are quicker with: {made}"]

    def _is_without_prices(self) -> bool:
        if self._prices or self.settings.kind != "freqtrade":
            return False
        with self._look(trades=False) as (connection, source):
            return bool(self._held(connection, source))

    def left_out(self, period: Period) -> LeftOut:
        """How many closed trades of a period, and of no period, cannot be read."""
        with self._look() as (connection, source):
            extent = self._extent(connection, source)
            lost, inside = (
                sum(row.rows for row in self._looked_for(connection, source, extent, period.start, period.end, asked))
                for asked in (queries.lost, queries.timeless)
            )
            older = self._looked_for(connection, source, extent, None, period.start, queries.timeless)
            trades, stray = lost - inside, inside + sum(row.rows for row in older)
            stray += self._stray(connection, source, period, extent, timed=True)
            wanted = [source.cells[0]] if trades or stray else []
            first = self._values(connection, source, wanted, needed=True, extent=extent)
        return LeftOut(self.name, trades, stray, first=first)

    def unreadable_values(self, limit: int) -> list[UnreadableValue]:
        """The first values of each table that cannot be read, in the whole past. A table that is not there has none."""
        with self._look(account=True) as (connection, source):
            kept = [cells for cells in source.cells if has_table(connection, cells.table)]
            return [*self._values(connection, source, kept, needed=False, limit=limit)]

    def check(self, now: datetime, told: Callable[[int, int], None]) -> LedgerChecks:
        """Every row checked; `told` is called with how many of how many trades were."""
        checks = RowChecks(self.settings.kind, now)
        found = LedgerChecks(self.name, self.settings.kind)
        of = undisturbed(self._count)
        for rows_by_id in self._by_id():
            for row in rows_by_id:
                checks.look(row._mapping)
            told(checks.trades, of)
        found.trades = checks.trades
        found.findings = checks.findings()
        found.advice = undisturbed(self._missing_index)
        found.open, with_result = undisturbed(self._check_open)
        found.findings += [with_result, undisturbed(partial(self._compare, checks))]
        return found

    def _count(self) -> int:
        with self._snapshot() as connection:
            rows_of = self._fitting(connection, ["trades"]).trades.subquery()
            return int(connection.execute(select(func.count()).select_from(rows_of)).scalar_one())

    def _by_id(self) -> Iterator[Sequence[Row[Any]]]:
        """All closed trades in batches, each a look of its own; computed rows are all read in one."""
        last: Any = None
        limit = None if isinstance(self._database, DerivedDatabase) else _BATCH
        while True:
            found = undisturbed(partial(self._after, last, limit))
            yield found
            if limit is None or len(found) < limit:
                return
            last = found[-1].id

    def _after(self, last: Any, limit: int | None) -> Sequence[Row[Any]]:
        with self._snapshot() as connection:
            source = self._fitting(connection, ["trades"])
            return connection.execute(queries.by_id(source, last, limit)).all()

    def _check_open(self) -> tuple[int, Trouble]:
        kind = self.settings.kind
        with_result = finding("open rows with a result", kind, "odd" if kind == "mapping" else "note")
        with self._snapshot() as connection:
            positions = connection.execute(self._source.positions).all()
            for id_ in self._open_with_result(connection):
                with_result.add(id_)
        with_result.of = len(positions)
        return len(positions), with_result

    def _open_with_result(self, connection: Connection) -> list[Any]:
        if isinstance(self._database, DerivedDatabase):
            return list(connection.execute(text("SELECT id FROM positions WHERE pnl <> 0")).scalars())
        wanted = self._source.open_with_result
        return [] if wanted is None else list(connection.execute(wanted).scalars())

    def _compare(self, checks: RowChecks) -> Trouble:
        with self._snapshot() as connection:
            source = self._fitting(connection, ["trades"])
            added: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
            for row in connection.execute(queries.history(source, None, LATEST)):
                added[str(row.mode), str(row.currency)] += amount(row.pnl)
        return compared(self.settings.kind, checks, added)

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """One state of the database. What was found out about it is kept in `info` for as long as it lasts.

        Raises DisturbedError where tables or columns are gone that were there before: what fits is then found anew.
        """
        try:
            with self._database.snapshot() as connection:
                connection.info[_SEEN] = {}
                yield connection
        except LedgerError as error:
            known = bool(self._present)
            self._present.clear()
            if known and " is missing" in str(error):
                raise DisturbedError(str(error)) from None
            raise

    @contextmanager
    def _look(self, *, trades: bool = True, account: bool = False) -> Iterator[tuple[Connection, Source]]:
        """One state of the database, and the source that fits it where it is asked for trades or for the account."""
        with self._snapshot() as connection:
            wanted = ["trades"] * trades + ["equity"] * (account and self._keeps_equity(connection))
            source = self._fitting(connection, wanted)
            if trades:
                source = self._narrowed(connection, source)
            yield connection, source

    def _keeps_equity(self, connection: Connection) -> bool:
        """Older versions of freqtrade keep none."""
        name = self._source.equity_table
        if name not in self._present and has_table(connection, name):
            self._present.add(name)
        return name in self._present

    def _narrowed(self, connection: Connection, source: Source) -> Source:
        """The source whose trades are found by their keys, where no index leads to them and their keys are known."""
        if self.rollups is None or self._has_index or isinstance(self._database, DerivedDatabase):
            return source
        self._has_index = has_index(connection, source)
        known = self.rollups.keys(self.name, self.definition)
        if known is None or not known[0].blocks or not self._stands(connection, source, known[1]):
            return source
        return replace(source, keys=KnownKeys(known[0], source.trade_id))

    def lacks_index(self) -> bool:
        """Whether no index leads to the trades of a stretch of time, though their keys are numbers that could."""
        if isinstance(self._database, DerivedDatabase):
            return False
        with self._snapshot() as connection:
            source = self._fitting(connection, ["trades"])
            if has_index(connection, source):
                return False
            last = connection.execute(source.trades.with_only_columns(func.max(source.trade_id))).scalar()
            return isinstance(last, int)

    def next_block(self, after: int, size: int) -> tuple[KeyBlock, list[int]] | None:
        """The next so many closed trades by their keys, and what is open between; None while they are fewer."""
        with self._snapshot() as connection:
            source = self._fitting(connection, ["trades"])
            last, oldest, newest, count, lost = connection.execute(queries.block(source, after, size)).one()
            whole = count == size
            return self._block(connection, source, (after + 1, last), (oldest, newest), lost) if whole else None

    def block_again(self, block: KeyBlock) -> tuple[KeyBlock, list[int]]:
        """A block as it is now, and what is open in it."""
        with self._snapshot() as connection:
            source = self._fitting(connection, ["trades"])
            _, oldest, newest, _, lost = connection.execute(queries.extent(source, block.first, block.last)).one()
            return self._block(connection, source, (block.first, block.last), (oldest, newest), lost)

    def _block(
        self, connection: Connection, source: Source, keys: tuple[int, int], ends: tuple[Any, Any], lost: int
    ) -> tuple[KeyBlock, list[int]]:
        first, last = (hour_of(rows.known(end)) if end is not None else 0 for end in ends)
        still_open = list(connection.execute(queries.open_keys(source, *keys)).scalars())
        return KeyBlock(*keys, first, ANY_HOUR if lost else last), still_open

    def _fitting(self, connection: Connection, tables: Sequence[str]) -> Source:
        """The source without the columns that a database of an earlier day lacks."""
        if self.settings.kind != "native":
            return self._source
        unknown = [name for name in tables if f"{name} is whole" not in self._present]
        lacking = tuple((name, column) for name in unknown for column in LATER[name] - _columns(connection, name))
        if not lacking:
            self._present.update(f"{name} is whole" for name in unknown)
        if lacking and lacking not in self._fitted:
            self._fitted[lacking] = native(self._database.dialect, lacking)
        return self._fitted[lacking] if lacking else self._source

    def _clock(self, connection: Connection) -> datetime | None:
        """The server's time. A SQLite file has no clock of its own."""
        if self._database.dialect == "sqlite":
            connection.execute(text("SELECT 1"))
            return None
        now = func.utc_timestamp(literal_column("6")) if self._database.dialect == "mysql" else func.clock_timestamp()
        return moment(connection.execute(select(now)).scalar())

    def _figures(
        self, connection: Connection, source: Source, period: Period, by: By, days: Sequence[Period]
    ) -> tuple[dict[LineKey, Figures], TradeWalk, int, bool]:
        """Each line's figures, how many trades cannot be read and are of no line, and whether each time could be read.

        What can be summed is summed by the database, the rest is found by going through.
        """
        kept = self._kept_figures(connection, source, period) if by == "agent" and not days else None
        if kept:
            return kept
        named = grouping(by, source, period, self.name)

        def line_of(key: Any, mode: str, currency: str) -> LineKey:
            return named.name(key), rows.mode(mode), currency

        asked, sums, timed = self._sums(connection, source, period, named, days)
        lines = [row for row in sums if _belongs(row)]
        nowhere = sum(row.rows for row in sums if not _belongs(row))
        if not lines:
            return {}, TradeWalk(), nowhere, timed
        many = sum(row.trades for row in sums) > _BATCH
        bounds = queries.bounds(source, since=period.start, until=period.end)
        in_order = connection.execute(asked.in_order, bounds, execution_options=_STREAMED if many else {})
        walk = walked(in_order, line_of)
        figures = rows.figures(((line_of(row.key, row.mode, row.currency), row) for row in lines), len(days))
        return self._with_order(connection, source, period, figures, walk), walk, nowhere, timed

    def _kept_figures(
        self, connection: Connection, source: Source, period: Period
    ) -> tuple[dict[LineKey, Figures], TradeWalk, int, bool] | None:
        """Each agent's figures from what is kept of a period with many trades; the rest of it is read from the source.
        And how many trades cannot be read and are of no line, and whether each time could be read.

        None where that is not known or holds no longer, and where a trade can be read that is in no sum.
        """
        start, end = hour_of(period.start + timedelta(hours=1) - INSTANT), hour_of(period.end)
        if self.rollups is None or start >= end:
            return None
        kept = self.rollups.stretch(self.name, self.definition, (start, end), self.many)
        if kept is None or not self._stands(connection, source, kept.extent.anchor):
            return None
        apart = self._apart(connection, source, kept.extent, period.start, period.end)
        before = self._hours_of(connection, source, period.start, start_of(start))
        after = self._hours_of(connection, source, start_of(kept.extent.until), period.end)
        if apart is None or before is None or after is None:
            return None
        whole = Hour()
        for own in (*before, kept.whole, *after):
            whole.take(own)
        walk = TradeWalk(books={book: ran(bucket) for book, bucket in whole.books.items()})
        figures = self._with_extremes(connection, source, period, whole.lines)
        if not figures:
            return None
        lost = Counter(_line(row) for row in apart if row.state == queries.UNREADABLE)
        timed = all(row.state != queries.TIMELESS for row in apart)
        return _with_unreadable(figures, lost), walk, lost[None], timed

    def _hours_of(
        self, connection: Connection, source: Source, since: datetime, until: datetime
    ) -> Sequence[Hour] | None:
        """What the source has between two moments, hour by hour; None where a trade cannot be read."""
        if since >= until:
            return ()
        bounds = queries.bounds(source, since=since, until=until)
        asked = self._once(source, ("counted",), partial(queries.counted, source, since, until), bounds)
        found = connection.execute(asked, bounds).all()
        if any(row.state != queries.READABLE for row in found):
            return None
        return [hour for _, hour in sorted(hours_of(found)[0].items())]

    def _with_extremes(
        self, connection: Connection, source: Source, period: Period, lines: Mapping[LineKey, Bucket]
    ) -> dict[LineKey, Figures] | None:
        """The figures of lines with their best and worst trades; None where one of these is gone or has changed."""
        ends = [one for bucket in lines.values() for one in (bucket.best, bucket.worst) if one]
        if len(ends) < 2 * len(lines):
            return None
        trades = self._by_ids(connection, source, period, sorted({id_ for _, id_ in ends}))
        if any(id_ not in trades or units(trades[id_].pnl.amount) != result for result, id_ in ends):
            return None
        return {
            line: replace(
                figures_of(bucket, line[2]),
                best=bucket.best and trades[bucket.best[1]],
                worst=bucket.worst and trades[bucket.worst[1]],
            )
            for line, bucket in lines.items()
        }

    def _sums(
        self, connection: Connection, source: Source, period: Period, named: Grouping, days: Sequence[Period]
    ) -> tuple[queries.PeriodStatements, Sequence[Row[Any]], bool]:
        """The trades of a period and their sums: without checks, or with them where something could not be read; and
        whether everything could."""

        def build() -> queries.PeriodStatements:
            return queries.of_period(source, period, named, days, raw=True)

        bounds = queries.bounds(source, since=period.start, until=period.end)
        asked = self._once(source, (named.by,), build, bounds) if named.by and not days else build()
        sums = connection.execute(asked.sums, bounds).all()
        sound = queries.sound(sums)
        if not sound:
            asked = queries.of_period(source, period, named, days)
            sums = connection.execute(asked.sums, bounds).all()
        return asked, sums, sound

    def _once(
        self, source: Source, name: tuple[object, ...], build: Callable[[], T], bounds: Mapping[str, Any] = _NO_BOUNDS
    ) -> T:
        """What is asked of a source, built once for each set of parameters: to build it takes longer than the answer.

        `bounds` are the moments and keys among them.
        """
        key = (id(source.trades), frozenset(bounds), *name)
        if key not in self._statements:
            self._statements[key] = build()
        return self._statements[key]  # type: ignore[no-any-return]

    def _with_order(
        self, connection: Connection, source: Source, period: Period, figures: dict[LineKey, Figures], walk: TradeWalk
    ) -> dict[LineKey, Figures]:
        """Figures with what was found by going through."""
        ids = sorted({id_ for path in walk.lines.values() for id_ in (path.best_id, path.worst_id)})
        trades = self._by_ids(connection, source, period, ids)

        def completed(own: Figures, path: LinePath) -> Figures:
            squares = Decimal(f"{path.squares}E-16")
            best, worst = trades[path.best_id], trades[path.worst_id]
            streaks = None if own.unreadable else path.streaks
            return replace(own, best=best, worst=worst, squares=squares, streaks=streaks)

        return {line: completed(own, walk.lines[line]) if own.trades else own for line, own in figures.items()}

    def _by_ids(self, connection: Connection, source: Source, period: Period, ids: Sequence[Any]) -> dict[Any, Trade]:
        trades: dict[Any, Trade] = {}
        for first in range(0, len(ids), _IDS):
            some = ids[first : first + _IDS]
            bounds = queries.bounds(source, since=period.start, until=period.end)
            asked = self._once(source, ("these",), partial(queries.these, source, period, some), bounds)
            found = connection.execute(asked, {**bounds, "ids": some})
            trades |= {row.id: rows.trade(row, self.name) for row in found}
        return trades

    def _realised(
        self,
        connection: Connection,
        source: Source,
        since: datetime | None,
        until: datetime,
        days: Sequence[Period] = (),
    ) -> LineResults:
        """What each agent realised before a moment, in one amount or in one a day.

        Every figure that needs the whole past is made of this. Sums that were kept, and are verified, take the place of
        the scan; what closed after them is read from the source.
        """
        kept = self._kept(connection, source, since, until, days)
        extent = kept.extent if kept else None
        parts: dict[LineKey, list[int]] = defaultdict(lambda: [0] * max(len(days), 1))
        unreadable: Counter[LineKey | None] = Counter()
        if kept:
            for line, amounts in kept.lines.items():
                for day, amount in amounts.items():
                    parts[line][day] += amount
        for row in self._history(connection, source, extent, since, until, days):
            own = _line(row)
            unreadable[own] += row.rows - row.trades if own else row.rows
            if own and row.trades:
                parts[own][row.day] += fine(row.pnl)
        realised = {line: tuple(map(from_fine, own)) for line, own in parts.items()}
        return LineResults(realised, +unreadable, extent)

    def _history(
        self,
        connection: Connection,
        source: Source,
        extent: Extent | None,
        since: datetime | None,
        until: datetime,
        days: Sequence[Period],
    ) -> Iterator[Row[Any]]:
        """What closed in a stretch and is in no sum that is kept."""
        if extent is None:
            yield from self._scanned(connection, source, since, until, days)
            return
        kept_until = start_of(extent.until)
        for first, last, only in self._apart_of(connection, source, extent, since, min(until, kept_until)):
            asked = queries.history(source, first, last, days, only=only)
            yield from connection.execute(asked)
        if kept_until < until:
            yield from self._scanned(connection, source, kept_until, until, days)

    def _scanned(
        self, connection: Connection, source: Source, since: datetime | None, until: datetime, days: Sequence[Period]
    ) -> Sequence[Row[Any]]:
        """Asked without checks, which costs less, and again with them where something could not be read."""
        bounds = queries.bounds(source, since=since, until=until)
        if days:
            asked = queries.history(source, since, until, days, raw=True)
        else:
            build = partial(queries.history, source, since, until, raw=True)
            asked = self._once(source, ("history",), build, bounds)
        found = connection.execute(asked, bounds).all()
        if queries.sound(found):
            return found
        return connection.execute(queries.history(source, since, until, days)).all()

    def _kept(
        self, connection: Connection, source: Source, since: datetime | None, until: datetime, days: Sequence[Period]
    ) -> Realised | None:
        """The sums that were kept and may take the place of a scan, if the database is still the one they are of."""
        if self.rollups is None or (since is not None and not days):
            return None
        if days:
            if any(day.start.timestamp() % HOUR for day in days):
                return None  # where days begin at half past, hours do not add up to them
            starts = sorted({hour_of(moment) for moment in (*(day.start for day in days), days[-1].end)})
            found = self.rollups.days(self.name, self.definition, tuple(starts)) if starts[1:] else None
        else:
            found = self.rollups.realised(self.name, self.definition, hour_of(until))
        return found if found and self._stands(connection, source, found.extent.anchor) else None

    def _extent(self, connection: Connection, source: Source) -> Extent | None:
        """Of which hours sums are kept, if the database is still the one they are of."""
        found = self.rollups.extent(self.name, self.definition) if self.rollups else None
        return found if found and self._stands(connection, source, found.anchor) else None

    def _has_older(self, connection: Connection, source: Source, moment: datetime) -> bool:
        """Whether the database sorts a trade before all that was counted: it is new, or its time cannot be read."""
        seen, name = connection.info[_SEEN], f"older than {moment}"
        if name not in seen:
            bounds = queries.bounds_of_older(source, moment)
            asked = self._once(source, ("older",), partial(queries.older, source, moment), bounds)
            seen[name] = connection.execute(asked, bounds).first() is not None
        return bool(seen[name])

    def _apart_of(
        self, connection: Connection, source: Source, extent: Extent, since: datetime | None, until: datetime
    ) -> Iterator[tuple[datetime | None, datetime, tuple[TradeId, ...] | None]]:
        """Where trades of a stretch may be that no kept sum has although its hours are kept: between two moments, and
        with which ids alone."""
        began = start_of(extent.since)
        if (since is None or since < began) and self._has_older(connection, source, began):
            yield since, min(until, began), None
        since = max(began, since or began)
        if extent.unreadable and since < until:
            yield since, until, extent.unreadable

    def _apart(
        self, connection: Connection, source: Source, extent: Extent, since: datetime, until: datetime
    ) -> Sequence[Row[Any]] | None:
        """The trades of a stretch that could not be read when sums of it were kept; None where a database sorts others
        before all of these sums, or one of these can be read by now."""
        found: list[Row[Any]] = []
        for first, last, only in self._apart_of(connection, source, extent, since, min(until, start_of(extent.until))):
            if only is None:
                return None
            found += connection.execute(queries.counted(source, first, last, only=only))
        return None if any(row.state == queries.READABLE for row in found) else found

    def _looked_for(
        self,
        connection: Connection,
        source: Source,
        extent: Extent | None,
        since: datetime | None,
        until: datetime,
        query: Callable[..., Select[Any]],
    ) -> Iterator[Row[Any]]:
        """The answers of a question about trades that cannot be read, from all places where some may be."""
        if extent is None:
            yield from connection.execute(query(source, since, until))
            return
        verified = start_of(extent.verified)
        for first, last, only in self._apart_of(connection, source, extent, since, min(until, verified)):
            yield from connection.execute(query(source, first, last, only=only))
        since = max(since or verified, verified)
        if since < until:
            yield from connection.execute(query(source, since, until))

    def _stands(self, connection: Connection, source: Source, anchor: Anchor | None) -> bool:
        """Whether the last trade that was counted is still there as it was."""
        seen = connection.info[_SEEN]
        if anchor is None or seen.get("anchor") == anchor:
            return True
        start, end = start_of(anchor.hour), start_of(anchor.hour + 1)
        whole = replace(source, keys=None) if source.keys else source
        asked = self._once(whole, ("anchor",), lambda: queries.counted(whole, start, end, only=[anchor.trade]))
        bounds = queries.bounds(whole, since=start, until=end)
        found = connection.execute(asked, {**bounds, "only": [anchor.trade]})
        stands = hours_of(row for row in found if row.state == queries.READABLE)[2] == anchor
        seen["anchor"] = anchor if stands else None
        return stands

    def _before(
        self, connection: Connection, source: Source, period: Period, *, nothing: bool = False
    ) -> tuple[LineResults, int]:
        """What was realised before a period, `nothing` where that is known; and of how many trades a database sorts
        before it that are of no period."""
        found = LineResults() if nothing else self._realised(connection, source, None, period.start)
        return self._timed(connection, source, found, None, period.start, surely=nothing)

    def _stray(
        self, connection: Connection, source: Source, period: Period, extent: Extent | None, *, timed: bool = False
    ) -> int:
        """How many trades are of no period, but for those that a database sorts before this one; `timed` says that it
        sorts none into this one."""
        now, since = self._now(), period.end if timed else period.start
        known = 0
        if extent and since < (verified := start_of(extent.verified)):
            found = self._looked_for(connection, source, extent, since, verified, queries.timeless)
            known, since = sum(row.rows for row in found), verified
        future = max(now, period.end) if now else None
        since = min(since, future) if future else since
        bounds = queries.bounds(source, since=since, future=future)
        asked = self._once(source, ("stray",), partial(queries.stray, source, since, future), bounds)
        return known + int(connection.execute(asked, bounds).scalar_one())

    def _timed(
        self,
        connection: Connection,
        source: Source,
        found: LineResults,
        since: datetime | None,
        until: datetime,
        *,
        surely: bool = False,
    ) -> tuple[LineResults, int]:
        """What was realised without counting trades whose time cannot be read; and how many those are.

        They are looked for where something cannot be read, and `surely` in any case.
        """
        if not found.unreadable and not surely:
            return found, 0
        unreadable, lost = Counter(found.unreadable), 0
        for row in self._looked_for(connection, source, found.extent, since, until, queries.timeless):
            unreadable[_line(row)] -= row.rows
            lost += row.rows
        return replace(found, unreadable=+unreadable), lost

    def _unreadable(
        self, connection: Connection, source: Source, before: LineResults, inside: int, nowhere: int, stray: int
    ) -> UnreadableTrades:
        """What of the trades cannot be read: `inside` the period, `nowhere` those without line, `stray` timeless."""
        if not (inside or nowhere or stray or before.unreadable):
            return UnreadableTrades()
        older: Counter[BookKey | None] = Counter()
        for line, count in before.unreadable.items():
            older[line and line[1:]] += count
        first = self._values(connection, source, [source.cells[0]], needed=True, extent=before.extent)
        return UnreadableTrades(nowhere, stray, older, first)

    def _with_account(
        self, connection: Connection, source: Source, found: UnreadableTrades, equities: Mapping[BookKey, Equity]
    ) -> UnreadableTrades:
        """What cannot be read of open positions, which are few, and of the account, where it is not known."""
        tables = [source.cells[1]]
        ends = [
            end for one in equities.values() for end in ((one.opened_at, one.opening), (one.closed_at, one.closing))
        ]
        if any(at is not None and worth is None for at, worth in ends):
            tables += [cells for cells in source.cells if cells.table == source.equity_table]
        return replace(found, first=(*found.first, *self._values(connection, source, tables, needed=False)))

    def _values(
        self,
        connection: Connection,
        source: Source,
        tables: Sequence[Cells],
        *,
        needed: bool,
        limit: int = NAMED,
        extent: Extent | None = None,
    ) -> tuple[UnreadableValue, ...]:
        """The first values of these tables that cannot be read. With an `extent` those of trades are looked for only
        where kept sums leave room for one."""
        found: list[UnreadableValue] = []
        for cells in tables:
            own = cells.cells
            if cells is source.cells[0] and (now := self._now()):
                own = (*own, _in_the_past(source, now))
            name = ("unreadable", cells.table, cells is source.cells[0], limit, needed)
            build = partial(queries.unreadable, replace(cells, cells=own), limit, needed=needed)
            if extent:
                statements = [build(among=place) for place in self._places(connection, source, extent)]
            else:
                statements = [build() if own is not cells.cells else self._once(source, name, build)]
            read = [row for asked in statements for row in connection.execute(asked)]
            found += [
                UnreadableValue(cells.table, row.id, own[row.cell].name, row.value, own[row.cell].form)
                for row in sorted({row.key: row for row in read}.values(), key=attrgetter("key"))[:limit]
            ]
        return tuple(found)

    def _places(self, connection: Connection, source: Source, extent: Extent) -> Iterator[ColumnElement[bool]]:
        """Where trades may be that cannot be read, in parts to each of which an index leads."""
        began, verified, at = start_of(extent.since), start_of(extent.verified), source.closed_at
        keys = source.keys
        if extent.unreadable:
            yield source.trade_id.in_(extent.unreadable)
        if self._has_older(connection, source, began):
            yield and_(at < source.stored(began), *([keys.among(None, began)] if keys else []))
        for place in (at >= source.stored(verified), at.is_(None)):
            yield and_(place, *([keys.among(verified, FAR)] if keys else []))

    def _paid(self, connection: Connection, source: Source, period: Period) -> dict[BookKey, CashFlow]:
        """Where no balance is known to begin with, there is none that payments could change."""
        wanted = source.tells_deposits and self.settings.starting_balance and self._keeps_equity(connection)
        return paid(connection, source, period) if wanted else {}

    def _equities(self, connection: Connection, source: Source, period: Period) -> dict[BookKey, Equity]:
        def realised(start: datetime, end: datetime) -> Mapping[account_snapshots.Account, Decimal | None] | None:
            # A snapshot shows what closed in its very moment: a stretch begins just after one and ends with the other.
            found = self._realised(connection, source, start + INSTANT, end + INSTANT)
            return found.known()

        return (
            account_snapshots.equities(connection, source, period, cache(realised))
            if self._keeps_equity(connection)
            else {}
        )

    def _agents(self, connection: Connection, source: Source, *, seen: bool = False) -> list[Agent]:
        found = connection.execute(source.agents)
        return [rows.agent(row, self.name, self.settings.capital, seen=seen) for row in found if _of_a_book(row)]


def _fingerprint(parts: list[Any]) -> str:
    """Of these words, without what they say: they may be paths."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


_STREAMED = {"stream_results": True, "yield_per": _BATCH}


@dataclass(frozen=True, slots=True)
class LineResults:
    """What each line realised, in one amount or in one a day, and how many of its trades cannot be read.

    Trades of which nobody can say what line they are of are those of None. `extent` says how far kept sums were used.
    """

    amounts: dict[LineKey, tuple[Decimal, ...]] = field(default_factory=dict)
    unreadable: Mapping[LineKey | None, int] = field(default_factory=dict)
    extent: Extent | None = None

    def totals(self) -> dict[LineKey, Decimal]:
        return {line: sum(amounts, Decimal(0)) for line, amounts in self.amounts.items()}

    def known(self) -> dict[account_snapshots.Account, Decimal | None] | None:
        """The totals, None of a line of which a trade cannot be read; None where that may be a trade of any line."""
        if None in self.unreadable:
            return None
        lines = self.amounts.keys() | self.unreadable.keys()
        totals = self.totals()
        return {line: None if line in self.unreadable else totals[line] for line in lines if line}


def _hour(source: Source, row: Row[Any], hours: range) -> int:
    """The hour of these into which a database sorts a counted trade, also one whose time cannot be read."""
    if row.state == queries.READABLE:
        return int(row.hour)
    return hours[bisect_right(hours, row.closed_at, key=lambda hour: source.stored(start_of(hour))) - 1]


def _number(trades: int) -> str:
    return f"{trades} {'trade' if trades == 1 else 'trades'}"


def _in_the_past(source: Source, now: datetime) -> Cell:
    at = source.closed_at
    return Cell(at, case((at < source.stored(now), at)), "a time in the past", needed=True)


def _belongs(row: Row[Any]) -> bool:
    """Whether a row of sums is of a line and of a day."""
    return row.key is not None and row.day is not None and _of_a_book(row)


def _line(row: Row[Any]) -> LineKey | None:
    """The line of an agent; None where the book cannot be read."""
    return (row.agent, rows.mode(row.mode), row.currency) if _of_a_book(row) else None


def _with_unreadable(figures: dict[LineKey, Figures], lost: Mapping[LineKey | None, int]) -> dict[LineKey, Figures]:
    """Figures with trades that cannot be read: costs, volume and streaks are then unknown."""
    without = {
        line: replace(
            figures.get(line) or combined([], line[2]), unreadable=n, fees=None, funding=None, volume=None, streaks=None
        )
        for line, n in lost.items()
        if line
    }
    return figures | without


def _of_a_book(row: Row[Any]) -> bool:
    return row.mode is not None and row.currency is not None


def _opened_in(position: Position, period: Period) -> bool:
    return position.opened_at is not None and period.start <= position.opened_at < period.end


def _columns(connection: Connection, name: str) -> set[str]:
    return set(connection.execute(select(text("*")).select_from(table(name)).limit(0)).keys())


def opened(name: str, url: Secret | str, timeout: float) -> Database | Files | ClickHouse:
    """What stands at an address. Raises LedgerError where it is none."""
    plain = url.reveal() if isinstance(url, Secret) else url
    if plain.partition("://")[0] in SCHEMES:
        return ClickHouse(name, plain, timeout)
    kind = file_kind(plain)
    return Database(name, url, timeout) if kind is None else Files(name, *kind, timeout)


def _database(settings: LedgerSettings, timeout: float) -> Database | DerivedDatabase:
    database = opened(settings.name, settings.url, timeout)
    if not isinstance(database, Database) and settings.kind != "mapping":
        what = "files are" if isinstance(database, Files) else "ClickHouse is"
        raise LedgerError(f"{settings.name}: {what} read by `kind: mapping`, not by {settings.kind}")
    if settings.kind == "mapping":
        try:
            return mapped_database(database, settings.mapping)
        except LedgerError as error:
            raise LedgerError(f"{settings.name}: {error}") from None
    assert isinstance(database, Database)  # noqa: S101 - as was asked above
    if settings.kind == "hummingbot":
        return DerivedDatabase(database, hummingbot.derive, hummingbot.changed, hummingbot.TABLES)
    if settings.kind == "jesse":
        return DerivedDatabase(database, jesse.derive, jesse.changed, jesse.TABLES)
    return database


def _source(settings: LedgerSettings, dialect: str, mode: Mode) -> Source:
    match settings.kind:
        case "native" | "jesse":
            return native(dialect)
        case "hummingbot" | "mapping":
            has_fills = settings.kind == "hummingbot" or settings.mapping.get("unit") == "fill"
            return replace(native(dialect), fills=FILLS if has_fills else None)
        case "freqtrade":
            return freqtrade(dialect, mode)
    known = "native, freqtrade, hummingbot, jesse and mapping"
    raise LedgerError(f"{settings.name}: there is no kind of ledger {settings.kind!r}, only {known}")


def _mode_by_name(database: Database | DerivedDatabase) -> Mode:
    """freqtrade calls the database of its dry runs `tradesv3.dryrun.sqlite`."""
    return Mode.PAPER if database.file and "dryrun" in database.file.name else Mode.LIVE
