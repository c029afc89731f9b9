"""One state of a trading database: sums of a period, what was before it, and what of it cannot be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    true,
)

from reporter.periods.civil import INSTANT, Period
from reporter.trading.books import (
    NAMED,
    By,
    Equity,
    Fault,
    Figures,
    Open,
    Unrated,
    UnreadableValue,
)
from reporter.trading.ledger import account_snapshots, queries, rows
from reporter.trading.ledger.balances import BookKey, CashFlow, LineKey, UnreadableTrades
from reporter.trading.ledger.cash_flows import paid
from reporter.trading.ledger.grouping import Grouping, grouping
from reporter.trading.ledger.key_blocks import FAR, hour_of
from reporter.trading.ledger.path_metrics import LinePath, TradeWalk, units, walked
from reporter.trading.ledger.rollup_buckets import (
    HOUR,
    Anchor,
    Bucket,
    Courses,
    Extent,
    Hour,
    Realised,
    Rollups,
    TradeId,
    figures_of,
    fine,
    from_fine,
    hours_of,
    ran,
    start_of,
)
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.base import Cell, Cells, Source, moment
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import Agent, OpenKey, Position, Trade

T = TypeVar("T")

_NO_BOUNDS: Mapping[str, Any] = {}
# Rows that are fetched at once: more than these are not kept in memory together.
BATCH = 5000
IDS = 1000
# Where many rows are gone through one by one, the server sends them in parts.
STREAMED = {"stream_results": True, "yield_per": BATCH}
NO_PRICES = "freqtrade stores no price"
# Of more positions that vanish in one moment, no closes of long ago are looked for.
_GONE = 100
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Snapshot:
    """One state of a ledger's database. Every question raises LedgerError where it is not answered.

    `rollups` are the sums that are kept of it by its `definition`; a period of fewer than `many` trades is read from
    the database all the same. `now` is the last moment at which a trade may have closed, None where nobody knows.
    `statements` are those that were built for earlier snapshots; `seen` is what was found out about this one.
    """

    connection: Connection
    source: Source
    settings: LedgerSettings
    rollups: Rollups | None
    definition: str
    many: int
    now: datetime | None
    keeps_equity: Callable[[], bool]
    statements: dict[tuple[object, ...], Any]
    seen: dict[str, Any] = field(default_factory=dict)

    def held(self) -> list[Position]:
        return [
            rows.position(row, self.settings.name)
            for row in self.connection.execute(self.source.positions)
            if of_a_book(row)
        ]

    def open_sums(self) -> dict[BookKey, Open]:
        asked = self._once(("open",), partial(queries.open_sums, self.source))
        found = rows.open_positions(self.connection.execute(asked))
        if self.settings.kind != "freqtrade":
            return found
        return {book: replace(one, why=NO_PRICES if one.unpriced else "") for book, one in found.items()}

    def newest(self) -> tuple[datetime | None, datetime | None]:
        """When the newest trade closed, of those not in the future; and when the one furthest in the future did."""
        newest = self._newest()
        if newest is None or self.now is None or newest < self.now:
            return newest, None
        return self._newest(self.now), newest

    def _newest(self, until: datetime | None = None) -> datetime | None:
        return moment(self.connection.execute(queries.newest(self.source, until)).scalar())

    def unrated(self, period: Period) -> dict[BookKey, tuple[Unrated, ...]]:
        """The trades of each book whose fee is in a token without a rate."""
        token = self.source.unpriced
        if token is None or not self.connection.execute(queries.unrated(self.source, period, token, only=True)).first():
            return {}
        found = self.connection.execute(queries.unrated(self.source, period, token, only=False)).all()
        of: Counter[BookKey] = Counter()
        for row in filter(of_a_book, found):
            of[rows.mode(row.mode), row.currency] += row.trades
        return {
            book: tuple(
                Unrated(self.settings.name, row.token, row.trades, of[book], str(row.first))
                for row in found
                if row.token is not None and of_a_book(row) and (rows.mode(row.mode), row.currency) == book
            )
            for book in of
        }

    def courses(self, until: int) -> Courses | None:
        kept = self.rollups.courses(self.settings.name, self.definition, until) if self.rollups else None
        return kept if kept and self.stands(kept.extent.anchor) else None

    def counted(self, start: int, end: int, most: int | None) -> Sequence[Row[Any]]:
        return self.connection.execute(queries.counted(self.source, start_of(start), start_of(end), most)).all()

    def late(self, period: Period, gone: Collection[OpenKey]) -> list[Row[Any]]:
        """The trades that these positions have become, closed before the period, oldest first."""
        if not gone:
            return []
        past = replace(period, start=EPOCH, end=period.start)
        found = self.connection.execute(queries.opened_at(self.source, past, sorted(gone)[:_GONE])).all()
        return [row for row in found if rows.open_key(rows.trade(row, self.settings.name)) in gone]

    def figures(
        self, period: Period, by: By, days: Sequence[Period]
    ) -> tuple[dict[LineKey, Figures], TradeWalk, int, bool]:
        """Each line's figures, how many trades cannot be read and are of no line, and whether each time could be read.

        What can be summed is summed by the database, the rest is found by going through.
        """
        kept = self._kept_figures(period) if by == "agent" and not days else None
        if kept:
            return kept
        named = grouping(by, self.source, period, self.settings.name)

        def line_of(key: Any, mode: str, currency: str) -> LineKey:
            return named.name(key), rows.mode(mode), currency

        asked, sums, timed = self.sums(period, named, days)
        lines = [row for row in sums if belongs(row)]
        nowhere = sum(row.rows for row in sums if not belongs(row))
        if not lines:
            return {}, TradeWalk(), nowhere, timed
        many = sum(row.trades for row in sums) > BATCH
        bounds = queries.bounds(self.source, since=period.start, until=period.end)
        in_order = self.connection.execute(asked.in_order, bounds, execution_options=STREAMED if many else {})
        walk = walked(in_order, line_of)
        figures = rows.figures(((line_of(row.key, row.mode, row.currency), row) for row in lines), len(days))
        return self._with_order(period, figures, walk), walk, nowhere, timed

    def _kept_figures(self, period: Period) -> tuple[dict[LineKey, Figures], TradeWalk, int, bool] | None:
        """Each agent's figures from what is kept of a period with many trades; the rest of it is read from the source.
        And how many trades cannot be read and are of no line, and whether each time could be read.

        None where that is not known or holds no longer, and where a trade can be read that is in no sum.
        """
        start, end = hour_of(period.start + timedelta(hours=1) - INSTANT), hour_of(period.end)
        if self.rollups is None or start >= end:
            return None
        kept = self.rollups.stretch(self.settings.name, self.definition, (start, end), self.many)
        if kept is None or not self.stands(kept.extent.anchor):
            return None
        apart = self.apart(kept.extent, period.start, period.end)
        before = self._hours_of(period.start, start_of(start))
        after = self._hours_of(start_of(kept.extent.until), period.end)
        if apart is None or before is None or after is None:
            return None
        whole = Hour()
        for own in (*before, kept.whole, *after):
            whole.take(own)
        walk = TradeWalk(books={book: ran(bucket) for book, bucket in whole.books.items()})
        figures = self._with_extremes(period, whole.lines)
        if not figures:
            return None
        lost = Counter(line_of_row(row) for row in apart if row.state == queries.UNREADABLE)
        timed = all(row.state != queries.TIMELESS for row in apart)
        return _with_unreadable(figures, lost), walk, lost[None], timed

    def _hours_of(self, since: datetime, until: datetime) -> Sequence[Hour] | None:
        """What the source has between two moments, hour by hour; None where a trade cannot be read."""
        if since >= until:
            return ()
        bounds = queries.bounds(self.source, since=since, until=until)
        asked = self._once(("counted",), partial(queries.counted, self.source, since, until), bounds)
        found = self.connection.execute(asked, bounds).all()
        if any(row.state != queries.READABLE for row in found):
            return None
        return [hour for _, hour in sorted(hours_of(found)[0].items())]

    def _with_extremes(self, period: Period, lines: Mapping[LineKey, Bucket]) -> dict[LineKey, Figures] | None:
        """The figures of lines with their best and worst trades; None where one of these is gone or has changed."""
        ends = [one for bucket in lines.values() for one in (bucket.best, bucket.worst) if one]
        if len(ends) < 2 * len(lines):
            return None
        trades = self._by_ids(period, sorted({id_ for _, id_ in ends}))
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

    def sums(
        self, period: Period, named: Grouping, days: Sequence[Period]
    ) -> tuple[queries.PeriodStatements, Sequence[Row[Any]], bool]:
        """The trades of a period and their sums: without checks, or with them where something could not be read; and
        whether everything could."""

        def build() -> queries.PeriodStatements:
            return queries.of_period(self.source, period, named, days, raw=True)

        bounds = queries.bounds(self.source, since=period.start, until=period.end)
        asked = self._once((named.by,), build, bounds) if named.by and not days else build()
        sums = self.connection.execute(asked.sums, bounds).all()
        sound = queries.sound(sums)
        if not sound:
            asked = queries.of_period(self.source, period, named, days)
            sums = self.connection.execute(asked.sums, bounds).all()
        return asked, sums, sound

    def _once(self, name: tuple[object, ...], build: Callable[[], T], bounds: Mapping[str, Any] = _NO_BOUNDS) -> T:
        """What is asked of a source, built once for each set of parameters: to build it takes longer than the answer.

        `bounds` are the moments and keys among them.
        """
        key = (id(self.source.trades), frozenset(bounds), *name)
        if key not in self.statements:
            self.statements[key] = build()
        return self.statements[key]  # type: ignore[no-any-return]

    def _with_order(self, period: Period, figures: dict[LineKey, Figures], walk: TradeWalk) -> dict[LineKey, Figures]:
        """Figures with what was found by going through."""
        ids = sorted({id_ for path in walk.lines.values() for id_ in (path.best_id, path.worst_id)})
        trades = self._by_ids(period, ids)

        def completed(own: Figures, path: LinePath) -> Figures:
            squares = Decimal(f"{path.squares}E-16")
            best, worst = trades[path.best_id], trades[path.worst_id]
            streaks = None if own.unreadable else path.streaks
            return replace(own, best=best, worst=worst, squares=squares, streaks=streaks)

        return {line: completed(own, walk.lines[line]) if own.trades else own for line, own in figures.items()}

    def _by_ids(self, period: Period, ids: Sequence[Any]) -> dict[Any, Trade]:
        trades: dict[Any, Trade] = {}
        for first in range(0, len(ids), IDS):
            some = ids[first : first + IDS]
            bounds = queries.bounds(self.source, since=period.start, until=period.end)
            asked = self._once(("these",), partial(queries.these, self.source, period, some), bounds)
            found = self.connection.execute(asked, {**bounds, "ids": some})
            trades |= {row.id: rows.trade(row, self.settings.name) for row in found}
        return trades

    def realised(
        self,
        since: datetime | None,
        until: datetime,
        days: Sequence[Period] = (),
    ) -> LineResults:
        """What each agent realised before a moment, in one amount or in one a day.

        Every figure that needs the whole past is made of this. Sums that were kept, and are verified, take the place of
        the scan; what closed after them is read from the source.
        """
        kept = self._kept(since, until, days)
        extent = kept.extent if kept else None
        parts: dict[LineKey, list[int]] = defaultdict(lambda: [0] * max(len(days), 1))
        unreadable: Counter[LineKey | None] = Counter()
        if kept:
            for line, amounts in kept.lines.items():
                for day, amount in amounts.items():
                    parts[line][day] += amount
        for row in self._history(extent, since, until, days):
            own = line_of_row(row)
            unreadable[own] += row.rows - row.trades if own else row.rows
            if own and row.trades:
                parts[own][row.day] += fine(row.pnl)
        realised = {line: tuple(map(from_fine, own)) for line, own in parts.items()}
        return LineResults(realised, +unreadable, extent)

    def _history(
        self,
        extent: Extent | None,
        since: datetime | None,
        until: datetime,
        days: Sequence[Period],
    ) -> Iterator[Row[Any]]:
        """What closed in a stretch and is in no sum that is kept."""
        if extent is None:
            yield from self._scanned(since, until, days)
            return
        kept_until = start_of(extent.until)
        for first, last, only in self._apart_of(extent, since, min(until, kept_until)):
            asked = queries.history(self.source, first, last, days, only=only)
            yield from self.connection.execute(asked)
        if kept_until < until:
            yield from self._scanned(kept_until, until, days)

    def _scanned(self, since: datetime | None, until: datetime, days: Sequence[Period]) -> Sequence[Row[Any]]:
        """Asked without checks, which costs less, and again with them where something could not be read."""
        bounds = queries.bounds(self.source, since=since, until=until)
        if days:
            asked = queries.history(self.source, since, until, days, raw=True)
        else:
            build = partial(queries.history, self.source, since, until, raw=True)
            asked = self._once(("history",), build, bounds)
        found = self.connection.execute(asked, bounds).all()
        if queries.sound(found):
            return found
        return self.connection.execute(queries.history(self.source, since, until, days)).all()

    def _kept(self, since: datetime | None, until: datetime, days: Sequence[Period]) -> Realised | None:
        """The sums that were kept and may take the place of a scan, if the database is still the one they are of."""
        if self.rollups is None or (since is not None and not days):
            return None
        if days:
            if any(day.start.timestamp() % HOUR for day in days):
                return None  # where days begin at half past, hours do not add up to them
            starts = sorted({hour_of(moment) for moment in (*(day.start for day in days), days[-1].end)})
            found = self.rollups.days(self.settings.name, self.definition, tuple(starts)) if starts[1:] else None
        else:
            found = self.rollups.realised(self.settings.name, self.definition, hour_of(until))
        return found if found and self.stands(found.extent.anchor) else None

    def extent(self) -> Extent | None:
        """Of which hours sums are kept, if the database is still the one they are of."""
        found = self.rollups.extent(self.settings.name, self.definition) if self.rollups else None
        return found if found and self.stands(found.anchor) else None

    def _has_older(self, moment: datetime) -> bool:
        """Whether the database sorts a trade before all that was counted: it is new, or its time cannot be read."""
        seen, name = self.seen, f"older than {moment}"
        if name not in seen:
            bounds = queries.bounds_of_older(self.source, moment)
            asked = self._once(("older",), partial(queries.older, self.source, moment), bounds)
            seen[name] = self.connection.execute(asked, bounds).first() is not None
        return bool(seen[name])

    def _apart_of(
        self, extent: Extent, since: datetime | None, until: datetime
    ) -> Iterator[tuple[datetime | None, datetime, tuple[TradeId, ...] | None]]:
        """Where trades of a stretch may be that no kept sum has although its hours are kept: between two moments, and
        with which ids alone."""
        began = start_of(extent.since)
        if (since is None or since < began) and self._has_older(began):
            yield since, min(until, began), None
        since = max(began, since or began)
        if extent.unreadable and since < until:
            yield since, until, extent.unreadable

    def apart(self, extent: Extent, since: datetime, until: datetime) -> Sequence[Row[Any]] | None:
        """The trades of a stretch that could not be read when sums of it were kept; None where a database sorts others
        before all of these sums, or one of these can be read by now."""
        found: list[Row[Any]] = []
        for first, last, only in self._apart_of(extent, since, min(until, start_of(extent.until))):
            if only is None:
                return None
            found += self.connection.execute(queries.counted(self.source, first, last, only=only))
        return None if any(row.state == queries.READABLE for row in found) else found

    def looked_for(
        self,
        extent: Extent | None,
        since: datetime | None,
        until: datetime,
        query: Callable[..., Select[Any]],
    ) -> Iterator[Row[Any]]:
        """The answers of a question about trades that cannot be read, from all places where some may be."""
        if extent is None:
            yield from self.connection.execute(query(self.source, since, until))
            return
        verified = start_of(extent.verified)
        for first, last, only in self._apart_of(extent, since, min(until, verified)):
            yield from self.connection.execute(query(self.source, first, last, only=only))
        since = max(since or verified, verified)
        if since < until:
            yield from self.connection.execute(query(self.source, since, until))

    def stands(self, anchor: Anchor | None) -> bool:
        """Whether the last trade that was counted is still there as it was."""
        if anchor is None or self.seen.get("anchor") == anchor:
            return True
        start, end = start_of(anchor.hour), start_of(anchor.hour + 1)
        whole = replace(self, source=replace(self.source, keys=None)) if self.source.keys else self
        asked = whole._once(("anchor",), partial(queries.counted, whole.source, start, end, only=[anchor.trade]))
        bounds = queries.bounds(whole.source, since=start, until=end)
        found = self.connection.execute(asked, {**bounds, "only": [anchor.trade]})
        stands = hours_of(row for row in found if row.state == queries.READABLE)[2] == anchor
        self.seen["anchor"] = anchor if stands else None
        return stands

    def before(self, period: Period, *, nothing: bool = False) -> tuple[LineResults, int]:
        """What was realised before a period, `nothing` where that is known; and of how many trades a database sorts
        before it that are of no period."""
        found = LineResults() if nothing else self.realised(None, period.start)
        return self.timed(found, None, period.start, surely=nothing)

    def stray(self, period: Period, extent: Extent | None, *, timed: bool = False) -> int:
        """How many trades are of no period, but for those that a database sorts before this one; `timed` says that it
        sorts none into this one."""
        now, since = self.now, period.end if timed else period.start
        known = 0
        if extent and since < (verified := start_of(extent.verified)):
            found = self.looked_for(extent, since, verified, queries.timeless)
            known, since = sum(row.rows for row in found), verified
        future = max(now, period.end) if now else None
        since = min(since, future) if future else since
        bounds = queries.bounds(self.source, since=since, future=future)
        asked = self._once(("stray",), partial(queries.stray, self.source, since, future), bounds)
        return known + int(self.connection.execute(asked, bounds).scalar_one())

    def timed(
        self,
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
        for row in self.looked_for(found.extent, since, until, queries.timeless):
            unreadable[line_of_row(row)] -= row.rows
            lost += row.rows
        return replace(found, unreadable=+unreadable), lost

    def unreadable(
        self, period: Period, before: LineResults, inside: int, nowhere: int, stray: int
    ) -> UnreadableTrades:
        """What of the trades cannot be read: `inside` the period, `nowhere` those without line, `stray` timeless."""
        if not (inside or nowhere or stray or before.unreadable):
            return UnreadableTrades()
        older: Counter[BookKey | None] = Counter()
        for line, count in before.unreadable.items():
            older[line and line[1:]] += count
        first, faults = self.faults(None, period.end, before.extent)
        return UnreadableTrades(nowhere, stray, older, first, faults)

    def faults(
        self, since: datetime | None, until: datetime, extent: Extent | None
    ) -> tuple[tuple[UnreadableValue, ...], tuple[Fault, ...]]:
        """The first values of trades that cannot be read, and how many have each fault.

        They are of the trades that closed in a stretch, or at no known time. With an `extent` they are looked for only
        where kept sums leave room for one.
        """
        cells, future = self.source.cells[0], max(self.now, until) if self.now else None
        if future:
            cells = replace(cells, cells=(*cells.cells, _in_the_past(self.source, future)))
        among = queries.of_stretch(self.source, since, until, future)
        places = [among] if extent is None else [and_(place, among) for place in self._places(extent)]
        found: list[tuple[Any, UnreadableValue]] = []
        counts: Counter[tuple[str, str, bool]] = Counter()
        for asked in places:
            seen = set()
            for row in self.connection.execute(queries.faults(cells, NAMED, asked)):
                cell = cells.cells[row.cell]
                value = UnreadableValue(cells.table, row.id, cell.name, row.value, cell.form)
                found.append((row.key, value))
                if (kind := _kind(value)) not in seen:
                    seen.add(kind)
                    counts[kind] += row.rows
        values = [value for _, value in sorted(found, key=itemgetter(0))]
        firsts = {_kind(value): value for value in reversed(values)}
        faults = [Fault(count, firsts[kind]) for kind, count in sorted(counts.items())]
        return tuple(values[:NAMED]), tuple(sorted(faults, key=attrgetter("trades"), reverse=True))

    def with_account(self, found: UnreadableTrades, equities: Mapping[BookKey, Equity]) -> UnreadableTrades:
        """What cannot be read of open positions, which are few, and of the account, where it is not known."""
        tables = [self.source.cells[1]]
        ends = [
            end for one in equities.values() for end in ((one.opened_at, one.opening), (one.closed_at, one.closing))
        ]
        if any(at is not None and worth is None for at, worth in ends):
            tables += [cells for cells in self.source.cells if cells.table == self.source.equity_table]
        return replace(found, first=(*found.first, *self.values(tables, needed=False)))

    def values(self, tables: Sequence[Cells], *, needed: bool, limit: int = NAMED) -> tuple[UnreadableValue, ...]:
        """The first values of these tables that cannot be read."""
        found: list[UnreadableValue] = []
        for cells in tables:
            own = cells.cells
            if cells is self.source.cells[0] and (now := self.now):
                own = (*own, _in_the_past(self.source, now))
            name = ("unreadable", cells.table, cells is self.source.cells[0], limit, needed)
            build = partial(queries.unreadable, replace(cells, cells=own), limit, needed=needed)
            asked = build() if own is not cells.cells else self._once(name, build)
            found += [
                UnreadableValue(cells.table, row.id, own[row.cell].name, row.value, own[row.cell].form)
                for row in self.connection.execute(asked)
            ]
        return tuple(found)

    def _places(self, extent: Extent) -> Iterator[ColumnElement[bool]]:
        """Where trades may be that cannot be read, in parts to each of which an index leads; no trade is in two."""
        began, verified, at = start_of(extent.since), start_of(extent.verified), self.source.closed_at
        keys = self.source.keys
        once: ColumnElement[bool] = true()
        if extent.unreadable:
            yield self.source.trade_id.in_(extent.unreadable)
            once = self.source.trade_id.not_in(extent.unreadable)
        if self._has_older(began):
            yield and_(once, at < self.source.stored(began), *([keys.among(None, began)] if keys else []))
        for place in (at >= self.source.stored(verified), at.is_(None)):
            yield and_(once, place, *([keys.among(verified, FAR)] if keys else []))

    def paid(self, period: Period) -> dict[BookKey, CashFlow]:
        """Where no balance is known to begin with, there is none that payments could change."""
        wanted = self.source.tells_deposits and self.settings.starting_balance and self.keeps_equity()
        return paid(self.connection, self.source, period) if wanted else {}

    def equities(self, period: Period) -> dict[BookKey, Equity]:
        def realised(start: datetime, end: datetime) -> Mapping[account_snapshots.Account, Decimal | None] | None:
            # A snapshot shows what closed in its very moment: a stretch begins just after one and ends with the other.
            found = self.realised(start + INSTANT, end + INSTANT)
            return found.known()

        return (
            account_snapshots.equities(self.connection, self.source, period, cache(realised))
            if self.keeps_equity()
            else {}
        )

    def agents(self, *, seen: bool = False) -> list[Agent]:
        found = self.connection.execute(self.source.agents)
        return [
            rows.agent(row, self.settings.name, self.settings.capital, seen=seen) for row in found if of_a_book(row)
        ]


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


def of_a_book(row: Row[Any]) -> bool:
    return row.mode is not None and row.currency is not None


def line_of_row(row: Row[Any]) -> LineKey | None:
    """The line of an agent; None where the book cannot be read."""
    return (row.agent, rows.mode(row.mode), row.currency) if of_a_book(row) else None


def belongs(row: Row[Any]) -> bool:
    """Whether a row of sums is of a line and of a day."""
    return row.key is not None and row.day is not None and of_a_book(row)


def _kind(value: UnreadableValue) -> tuple[str, str, bool]:
    """What values of one fault have in common."""
    return value.column, value.form, value.value is None


def _in_the_past(source: Source, now: datetime) -> Cell:
    at = source.closed_at
    return Cell(at, case((at < source.stored(now), at)), "a time in the past", needed=True)
