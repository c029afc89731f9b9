"""Reads one trading database: runs the queries, and returns our own types."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    func,
    literal_column,
    select,
    table,
    text,
)

from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.periods.clock import SystemClock
from reporter.trading.books import (
    NAMED,
    AllTime,
    By,
    Facet,
    Figures,
    LedgerHealth,
    LeftOut,
    RankPlace,
    TradeFilter,
    TradeOrder,
    Unrated,
    UnreadableValue,
)
from reporter.trading.freshness import Freshness
from reporter.trading.ledger import queries, rights, rows
from reporter.trading.ledger.balances import BookKey, LedgerResult, LineKey
from reporter.trading.ledger.catalog import has_table
from reporter.trading.ledger.checks import LATEST, LedgerChecks, RowChecks, Trouble, compared, finding
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.databases import database_of, mode_by_name, source_of
from reporter.trading.ledger.derived import DerivedDatabase
from reporter.trading.ledger.grouping import Grouping, grouping
from reporter.trading.ledger.key_blocks import ANY_HOUR, KeyBlock, KnownKeys, has_index, hour_of, statement
from reporter.trading.ledger.path_metrics import units
from reporter.trading.ledger.prices import PriceSource
from reporter.trading.ledger.rollup_buckets import (
    Recount,
    Rollups,
    courses,
    hours_of,
    start_of,
)
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.snapshot import BATCH, EPOCH, IDS, NO_PRICES, STREAMED, Snapshot, belongs, of_a_book
from reporter.trading.ledger.sources.base import Rows, Source, amount, moment
from reporter.trading.ledger.sources.native import LATER, native
from reporter.trading.ledger.sqlite_file import TOO_LONG, DisturbedError, undisturbed
from reporter.trading.ledger.unmapped_mode import unmapped_mode
from reporter.trading.ledger.write_stamp import write_stamp
from reporter.trading.trades import Agent, Arrivals, EquityPoint, OpenKey, Position, Trade, WrittenEvents

_DAYS = 31
# A table with fewer trades needs no index on their closing time.
_LARGE = 100_000
# A period with fewer trades is read from the database itself: figures then follow every edit at once.
MANY_TRADES = 500
# Trades that are gone through where no roll-up has them.
_UNKEPT = 20_000

# Raise this where figures are made in another way than before: sums that were kept are then made again.
FIGURES = 2


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
        self._database = database_of(settings, timeout)
        self._mode = settings.mode or mode_by_name(self._database)
        self._source = source_of(settings, self._database.dialect, self._mode)

    @property
    def name(self) -> str:
        return self.settings.name

    def stamp(self) -> str | None:
        """What changes with every write, and with every minute where figures may get stale; None where that cannot be
        told, or where prices come from elsewhere."""
        file = self._database.file if isinstance(self._database, Database) and self._prices is None else None
        if file is None or self._clock_of_ours is None:
            return None
        now = self._clock_of_ours()
        found = write_stamp(file, now)
        return f"{found} {now:%H:%M}" if found and self.settings.fresh else found

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
        with self._look(account=account) as look:
            figures, walk, nowhere, timed = look.figures(period, by, days)
            before, lost = look.before(period)
            stray = lost + look.stray(period, before.extent, timed=timed)
            inside = nowhere + sum(own.unreadable for own in figures.values())
            equities = look.equities(period) if account else {}
            unreadable = look.unreadable(period, before, inside, nowhere, stray)
            held = look.held() if account and self._prices else []
            if account:
                unreadable = look.with_account(unreadable, equities)
            found = LedgerResult(
                settings=self.settings,
                made_by=self.made_by,
                mode=self._mode,
                by=by,
                days=len(days),
                figures=figures,
                paths=dict(walk.books),
                before=before.totals(),
                paid=look.paid(period),
                agents=look.agents() if look.source.lists_agents else [],
                equity=equities,
                open=look.open_sums() if account else {},
                unreadable=unreadable,
                freshness=self._freshness(look, period),
                unrated=look.unrated(period),
            )
        # The server of the prices is asked once the database is let go.
        return replace(found, open=rows.open_with(*self._prices.priced(held))) if self._prices and account else found

    def daily(self, period: Period, days: Sequence[Period], *, whole: bool) -> LedgerResult:
        """What each agent realised on each of a period's days, all from one state of the database; `whole` says that
        the period begins with the first trade, so that there is nothing before it."""
        with self._look() as look:
            found = look.realised(period.start, period.end, days)
            found, _ = look.timed(found, period.start, period.end)
            before, lost = look.before(period, nothing=whole)
            stray = lost + look.stray(period, found.extent)
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
                paid=look.paid(period),
                agents=look.agents() if look.source.lists_agents else [],
                equity={},
                open={},
                unreadable=look.unreadable(period, replace(before, extent=found.extent), inside, nowhere, stray),
            )

    def all_time(self, until: datetime) -> list[AllTime]:
        """What each book realised before a moment, with its deepest fall; nothing where a long past is not kept, or a
        trade cannot be read."""
        with self._look() as look:
            kept = look.courses(hour_of(until))
            since = start_of(kept.extent.until) if kept else EPOCH
            if kept and look.apart(kept.extent, EPOCH, until) != []:
                return []
            ran, trades = kept.books if kept else {}, 0
            counted = queries.counted(look.source, since, until, _UNKEPT + 1)
            found = look.connection.execute(counted, execution_options=STREAMED)
            for _, hour in groupby(found, key=attrgetter("hour")):  # an hour at a time: years of trades are many
                own = list(hour)
                trades += len(own)
                if trades > _UNKEPT or any(row.state != queries.READABLE for row in own):
                    return []
                ran = courses({at: one.books for at, one in hours_of(own)[0].items()}, ran)
        return [course.told(self.name, book) for book, course in ran.items()]

    def began(self) -> datetime | None:
        """When the first trade closed."""
        with self._look() as look:
            return moment(look.connection.execute(queries.oldest(look.source)).scalar())

    def steps(self, period: Period, book: BookKey, by: By) -> Iterator[tuple[datetime, str, int]]:
        """When, in which line and by how much (in units of 1e-8) a book changed, in order."""
        with self._look() as look:
            named = grouping(by, look.source, period, self.name)
            found = queries.steps(queries.keyed(look.source, period, named), book[0].value, book[1])
            for row in look.connection.execute(found, execution_options=STREAMED):
                yield rows.known(row.closed_at), named.name(row.key), units(row.pnl)

    def closed_trades(self, period: Period, limit: int | None) -> list[Trade]:
        with self._look() as look:
            return [
                rows.trade(row, self.name)
                for row in look.connection.execute(queries.oldest_first(look.source, period, limit))
            ]

    def newest_trades(
        self, period: Period, limit: int, only: TradeFilter, before: tuple[Any, Any] | None
    ) -> list[tuple[Trade, tuple[Any, Any]]]:
        """The newest trades that pass a filter, each with its place: the stored time and the id."""
        with self._look() as look:
            found = look.connection.execute(queries.newest_first(look.source, period, limit, only, before)).all()
            return [(rows.trade(row, self.name), (row.closed_at, row.id)) for row in found]

    def ranked_trades(
        self, period: Period, limit: int, order: TradeOrder, only: TradeFilter, after: RankPlace | None
    ) -> list[tuple[Trade, RankPlace]]:
        """The first trades in an order, of those that pass a filter, each with its place."""
        with self._look() as look:
            places = look.connection.execute(queries.ranked(look.source, period, limit, order, only, after)).all()
            chosen = queries.these(look.source, period, [place.id for place in places])
            found = {row.id: row for row in look.connection.execute(chosen)} if places else {}
            return [
                (rows.trade(found[one.id], self.name), (one.book, one.value, one.closed_at, one.id)) for one in places
            ]

    def count_trades(self, period: Period, only: TradeFilter, by: Facet | None) -> dict[str, int]:
        """How many trades pass a filter, by a name."""
        with self._look() as look:
            return {
                row.name: row.number for row in look.connection.execute(queries.how_many(look.source, period, only, by))
            }

    def stream(self, period: Period, batch: int = BATCH) -> Iterator[Trade]:
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
        with self._look() as look:
            return look.connection.execute(queries.oldest_first(look.source, period, batch, last)).all()

    def stream_days(self, period: Period) -> Iterator[tuple[date, LineKey, Figures]]:
        """What each agent did on each civil day on which it traded, in order, however many; looks as `stream` does."""
        named = grouping("agent", self._source, period, self.name)
        days = period.days()
        for first in range(0, len(days), _DAYS):
            some = days[first : first + _DAYS]
            stretch = replace(period, start=some[0].start, end=some[-1].end)
            found = undisturbed(partial(self._days, stretch, named, some))
            readable = [row for row in found if row.trades and belongs(row)]
            for row in sorted(readable, key=lambda row: (row.day, row.key)):
                line = named.name(row.key), rows.mode(row.mode), row.currency
                yield date.fromisoformat(some[row.day].label), line, rows.sums(row)

    def _days(self, stretch: Period, named: Grouping, days: Sequence[Period]) -> Sequence[Row[Any]]:
        with self._look() as look:
            return look.sums(stretch, named, days)[1]

    def closings(self, period: Period, agent: str | None) -> list[datetime]:
        """The minutes in which trades closed, of one agent or of all, in order."""
        with self._look() as look:
            minutes = look.connection.execute(queries.closing_minutes(look.source, period, agent)).scalars()
            return [datetime.fromtimestamp(minute * 60, UTC) for minute in sorted(map(int, minutes))]

    @cached_property
    def definition(self) -> str:
        """What the figures are made by and which database they are made from; kept sums of another do not count."""
        # By the statement for SQLite, whatever the dialect: the same rows are made into the same figures in each.
        asked = queries.counted(source_of(self.settings, "sqlite", self._mode), EPOCH, EPOCH)
        made_by = [asked, self.settings.kind, self._mode.value, dict(self.settings.mapping), FIGURES]
        return f"{_fingerprint(made_by)}-{_fingerprint([self._database.address])}"

    @property
    def made_by(self) -> str:
        """The part of the definition that says what the figures are made by, whichever database they are made from."""
        return self.definition.partition("-")[0]

    def totals(self, period: Period) -> dict[BookKey, Figures]:
        """The sums of each book in a period."""
        with self._look() as look:
            named = grouping("ledger", look.source, period, self.name)
            _, found, _ = look.sums(period, named, [])
            return {(rows.mode(row.mode), row.currency): rows.sums(row) for row in found if of_a_book(row)}

    def recount(self, start: int, end: int, most: int, marked_from: int | None = None) -> Recount:
        """What closed in these hours (counted since 1970), or in the first of them, with about `most` trades: whole
        hours, and at least one, all from one state of the database; see `hours_of`. Raises UnreadableTradesError."""
        with self._look() as look:
            end = look.source.keys.hour_after(start, end, most) if look.source.keys else end
            found = look.counted(start, end, most)
            hours = range(start, end)
            last = _hour(look.source, found[-1], hours) if len(found) == most else end
            if last == start:  # one hour has more trades than that
                end = start + 1
                found = look.counted(start, end, None)
            elif last < end:
                end = last
                found = found[: bisect_left(found, last, key=lambda row: _hour(look.source, row, hours))]
            readable = [row for row in found if row.state == queries.READABLE]
            odd = ((_hour(look.source, row, hours), row.id) for row in found if row.state != queries.READABLE)
            unreadable = tuple(odd) if len(readable) < len(found) else ()
            if not all(isinstance(id_, int | str) for _, id_ in unreadable):
                raise UnreadableTradesError(
                    f"{_number(len(unreadable))} cannot be read, and has no id that could be kept"
                )
            return Recount(start, end, *hours_of(readable, marked_from), unreadable)

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
        with self._look() as look:
            rows_found = look.connection.execute(queries.arrived(look.source, period)).all()
            new = [row for row in rows_found if str(row.id) not in known]
            chosen: dict[Any, Trade] = {}
            for first in range(0, min(len(new), most), IDS):
                ids = [row.id for row in new[first : min(first + IDS, most)]]
                found = look.connection.execute(queries.these(look.source, period, ids))
                chosen |= {row.id: rows.trade(row, self.name) for row in found}
            found_open = filter(of_a_book, look.connection.execute(look.source.positions).all()) if positions else ()
            still_open = [rows.position(row, self.name) for row in found_open]
            open_now = tuple(key for key in map(rows.open_key, still_open) if key)
            late = look.late(period, set(held).difference(open_now)) if positions else []
            newest = moment(look.connection.execute(queries.newest(look.source)).scalar())
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
        with self._look(trades=False) as look:
            held = look.held()
        return self._prices.priced(held)[0] if self._prices else held

    def agents(self) -> list[Agent]:
        with self._look(trades=False) as look:
            return look.agents(seen=True)

    def equity(self, period: Period) -> list[EquityPoint]:
        with self._look(trades=False, account=True) as look:
            if not look.keeps_equity():
                return []
            return list(rows.points(look.connection.execute(queries.equity(look.source, period)), self.name))

    def health(self) -> LedgerHealth:
        """Whether the ledger answers. Its latency is that of a connection and the simplest question."""

        def ask() -> tuple[float, datetime | None, datetime | None, datetime | None]:
            started = perf_counter()
            with self._snapshot() as connection:
                clock = self._clock(connection)
                latency = perf_counter() - started
                return latency, clock, *self._narrowed(self._seen(connection, self._source)).newest()

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
            freshness=self._judged(newest),
            clock=clock,
        )

    def _judged(self, newest: datetime | None) -> Freshness | None:
        """How fresh it is; None where the settings do not say how fresh it must be, or nobody knows the time."""
        rule, clock = self.settings.fresh, self._clock_of_ours
        return rule.judge(self.name, newest, clock()) if rule and clock else None

    def _freshness(self, look: Snapshot, period: Period) -> Freshness | None:
        """The same for a period; None also where there are newer trades than those of the period: it is complete."""
        if self.settings.fresh is None:
            return None
        newest, _ = look.newest()
        return None if newest and newest >= period.end else self._judged(newest)

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
        with self._look() as look:
            last = look.connection.execute(
                look.source.trades.with_only_columns(func.max(look.source.trade_id))
            ).scalar()
        if (last or 0) < _LARGE:
            return []
        made = statement(self._database.dialect, self._source)
        return [f"no index leads to the closing time of its trades; reports are quicker with: {made}"]

    def _is_without_prices(self) -> bool:
        if self._prices or self.settings.kind != "freqtrade":
            return False
        with self._look(trades=False) as look:
            return bool(look.held())

    def left_out(self, period: Period) -> LeftOut:
        """How many closed trades of a period, and of no period, cannot be read."""
        with self._look() as look:
            extent = look.extent()
            lost, inside = (
                sum(row.rows for row in look.looked_for(extent, period.start, period.end, asked))
                for asked in (queries.lost, queries.timeless)
            )
            older = look.looked_for(extent, None, period.start, queries.timeless)
            trades, stray = lost - inside, inside + sum(row.rows for row in older)
            stray += look.stray(period, extent, timed=True)
            first, faults = look.faults(period.start, period.end, extent) if trades or stray else ((), ())
        return LeftOut(self.name, trades, stray, first=first, faults=faults)

    def unrated(self, period: Period) -> list[Unrated]:
        """The closed trades of a period whose fee is in a token without a rate."""
        with self._look() as look:
            return [one for own in look.unrated(period).values() for one in own]

    def unreadable_values(self, limit: int) -> list[UnreadableValue]:
        """The first values of each table that cannot be read, in the whole past. A table that is not there has none."""
        with self._look(account=True) as look:
            kept = [cells for cells in look.source.cells if has_table(look.connection, cells.table)]
            return [*look.values(kept, needed=False, limit=limit)]

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
        found.findings = [*checks.findings(), *undisturbed(partial(self._unmapped, checks.trades))]
        found.advice = undisturbed(self._missing_index)
        found.freshness = self.health().freshness if self.settings.fresh else None
        found.open, with_result = undisturbed(self._check_open)
        found.findings += [with_result, undisturbed(partial(self._compare, checks))]
        return found

    def _unmapped(self, trades: int) -> list[Trouble]:
        if self.settings.kind != "mapping" or not isinstance(self._database, DerivedDatabase):
            return []
        found = unmapped_mode(self._database.source, self.settings.mapping, trades)
        return [found] if found else []

    def _count(self) -> int:
        with self._snapshot() as connection:
            rows_of = self._fitting(connection, ["trades"]).trades.subquery()
            return int(connection.execute(select(func.count()).select_from(rows_of)).scalar_one())

    def _by_id(self) -> Iterator[Sequence[Row[Any]]]:
        """All closed trades in batches, each a look of its own; computed rows are all read in one."""
        last: Any = None
        limit = None if isinstance(self._database, DerivedDatabase) else BATCH
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
        """One state of the database.

        Raises DisturbedError where tables or columns are gone that were there before: what fits is then found anew.
        """
        try:
            with self._database.snapshot() as connection:
                yield connection
        except LedgerError as error:
            known = bool(self._present)
            self._present.clear()
            if known and " is missing" in str(error):
                raise DisturbedError(str(error)) from None
            raise

    @contextmanager
    def _look(self, *, trades: bool = True, account: bool = False) -> Iterator[Snapshot]:
        """One state of the database, and the source that fits it where it is asked for trades or for the account."""
        with self._snapshot() as connection:
            wanted = ["trades"] * trades + ["equity"] * (account and self._keeps_equity(connection))
            look = self._seen(connection, self._fitting(connection, wanted))
            yield self._narrowed(look) if trades else look

    def _seen(self, connection: Connection, source: Source) -> Snapshot:
        return Snapshot(
            connection,
            source,
            self.settings,
            self.rollups,
            self.definition if self.rollups else "",
            self.many,
            self._now(),
            partial(self._keeps_equity, connection),
            self._statements,
        )

    def _keeps_equity(self, connection: Connection) -> bool:
        """Older versions of freqtrade keep none."""
        name = self._source.equity_table
        if name not in self._present and has_table(connection, name):
            self._present.add(name)
        return name in self._present

    def _narrowed(self, look: Snapshot) -> Snapshot:
        """The same with trades that are found by their keys, where no index leads to them and their keys are known."""
        if self.rollups is None or self._has_index or isinstance(self._database, DerivedDatabase):
            return look
        self._has_index = has_index(look.connection, look.source)
        known = self.rollups.keys(self.name, self.definition)
        if known is None or not known[0].blocks or not look.stands(known[1]):
            return look
        return replace(look, source=replace(look.source, keys=KnownKeys(known[0], look.source.trade_id)))

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


def _fingerprint(parts: list[Any]) -> str:
    """Of these words, without what they say: they may be paths."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _hour(source: Source, row: Row[Any], hours: range) -> int:
    """The hour of these into which a database sorts a counted trade, also one whose time cannot be read."""
    if row.state == queries.READABLE:
        return int(row.hour)
    return hours[bisect_right(hours, row.closed_at, key=lambda hour: source.stored(start_of(hour))) - 1]


def _number(trades: int) -> str:
    return f"{trades} {'trade' if trades == 1 else 'trades'}"


def _opened_in(position: Position, period: Period) -> bool:
    return position.opened_at is not None and period.start <= position.opened_at < period.end


def _columns(connection: Connection, name: str) -> set[str]:
    return set(connection.execute(select(text("*")).select_from(table(name)).limit(0)).keys())
