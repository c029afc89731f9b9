"""Keeps the roll-ups of the trading databases: hours, days and months, and how far each ledger's are verified.

They are a cache. Sums are given out only while they are verified; whoever asks reads the source otherwise.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar
from zlib import compress, decompress

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from reporter.errors import StoreError
from reporter.periods.clock import Clock
from reporter.store import sent_figures
from reporter.store.database import AT_ONCE, Store, insert_once
from reporter.store.tables import rollup_keys, rollup_ledgers, rollup_trades, rollups
from reporter.trading.ledger.balances import BookKey, LineKey
from reporter.trading.ledger.key_blocks import KeyBlock, KeyMap, hour_of
from reporter.trading.ledger.rollup_buckets import (
    FINE,
    Anchor,
    Bucket,
    Course,
    Courses,
    Extent,
    Extreme,
    Hour,
    Path,
    Realised,
    Recount,
    Runs,
    Stretch,
    TradeId,
    courses,
    start_of,
)
from reporter.trading.trades import Mode

T = TypeVar("T")

HOUR_LEVEL, DAY_LEVEL, MONTH_LEVEL = 0, 1, 2
CLEARING, BUILDING, VERIFIED, UNVERIFIED = "clearing", "building", "verified", "unverified"
# The hour of a roll-up of which it is not known yet where it begins.
NOWHERE = -1
# Sums that were not compared with their source for so long are not taken for right.
TRUSTED = timedelta(days=3)
# Stretches of hours that one question may sum up: each row of equal ones is a branch of the statement.
_BRANCHES = 200
# Rows that are inserted by one statement: more would only take memory.
_INSERTED = 500
# An hour with more trades than this does not say by trade what has changed; and so many changes of one look are noted.
_MARKED, _NOTED = 2000, 50

Key = tuple[str, str, str, str]  # scope, mode, currency and agent
Buckets = dict[int, dict[Key, Bucket]]  # by their first hour


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the roll-up of a ledger is. Hours are counted since 1970."""

    ledger: str
    definition: str
    revision: int
    state: str
    since: int
    through: int
    trades: int
    checked: int | None
    check_began: datetime | None
    recent: int | None
    recent_began: datetime | None
    verified_at: datetime | None
    changed_at: datetime | None
    anchor: Anchor | None
    unreadable: tuple[tuple[int, TradeId], ...]

    def extent(self, until: int | None = None) -> Extent:
        """Of which hours its sums are, or of which of them before an hour."""
        ids = tuple(trade for _, trade in self.unreadable)
        end = self.through if until is None else min(until, self.through)
        return Extent(self.since, end, self.through, self.anchor, ids)


class StoredRollups:
    """The kept sums, for those who read ledgers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._maps: dict[str, tuple[int, KeyMap]] = {}

    def extent(self, ledger: str, definition: str) -> Extent | None:
        """Of which hours sums are kept; None where nothing is verified."""
        return self._ask(ledger, definition, lambda _, kept: kept.extent())

    def realised(self, ledger: str, definition: str, until: int) -> Realised | None:
        """What each line made before an hour, or before the last one that is kept; None where nothing is verified."""

        def ask(connection: Connection, kept: Standing) -> Realised:
            extent = kept.extent(until)
            lines: dict[LineKey, dict[int, int]] = defaultdict(lambda: {0: 0})
            for part in _tiles(extent.until):
                for line, amount in _sums(connection, ledger, part):
                    lines[line][0] += amount
            return Realised(extent, lines)

        return self._ask(ledger, definition, ask)

    def keys(self, ledger: str, definition: str) -> tuple[KeyMap, Anchor | None] | None:
        """Among which keys the trades of a stretch of time are, and the anchor that must still be in the database."""
        try:
            with self._store.read() as connection:
                kept = standing(connection, ledger)
                building = kept is not None and kept.state == BUILDING and kept.definition == definition
                if kept is None or not (building or self._counts(kept, definition)):
                    return None
                return self._map(connection, kept), kept.anchor
        except StoreError:
            return None  # the source is read as if nothing were known of it

    def _map(self, connection: Connection, kept: Standing) -> KeyMap:
        """A large ledger has thousands of blocks: they are loaded once in each state of its roll-up."""
        known = self._maps.get(kept.ledger)
        if known is None or known[0] != kept.revision:
            known = self._maps[kept.ledger] = (kept.revision, key_map(connection, kept.ledger))
        return known[1]

    def days(self, ledger: str, definition: str, starts: tuple[int, ...]) -> Realised | None:
        """What each line made in each stretch between two of these hours, as far as it is kept."""
        stretch = _stretch(rollups.c.start, starts)
        if stretch is None:
            return None

        def ask(connection: Connection, kept: Standing) -> Realised:
            end = max(min(starts[-1], kept.through), starts[0])
            lines: dict[LineKey, dict[int, int]] = defaultdict(dict)
            middle = end - end % 24 if all(start % 24 == 0 for start in starts) else starts[0]
            for tile in ((DAY_LEVEL, starts[0], middle), (HOUR_LEVEL, middle, end)):
                for (agent, mode, currency, day), amount in _sums(connection, ledger, tile, stretch):
                    line = lines[agent, mode, currency]
                    line[day] = line.get(day, 0) + amount
            return Realised(kept.extent(end), lines)

        return self._ask(ledger, definition, ask)

    def courses(self, ledger: str, definition: str, until: int) -> Courses | None:
        """How each book ran from its first trade on, as far as it is kept."""

        def ask(connection: Connection, kept: Standing) -> Courses:
            extent = kept.extent(until)
            return Courses(extent, _courses(connection, ledger, extent.until))

        return self._ask(ledger, definition, ask)

    def stretch(self, ledger: str, definition: str, hours: tuple[int, int], least: int) -> Stretch | None:
        """What the trades between two hours add up to, as far as it is kept; None where they are fewer than `least`."""

        def ask(connection: Connection, kept: Standing) -> Stretch | None:
            until = max(min(hours[1], kept.through), hours[0])
            tiles, whole = list(_between(hours[0], until)), Hour()
            books = [own for tile in tiles for own in _in_order(connection, ledger, tile, "book")]
            if sum(map(_trades, books)) < least:
                return None
            for own in (*books, *(own for tile in tiles for own in _in_order(connection, ledger, tile, "agent"))):
                whole.take(_hour(own))
            return Stretch(kept.extent(until), whole)

        return self._ask(ledger, definition, ask)

    def _ask(self, ledger: str, definition: str, ask: Callable[[Connection, Standing], T]) -> T | None:
        try:
            with self._store.read() as connection:
                kept = standing(connection, ledger)
                return ask(connection, kept) if kept and self._counts(kept, definition) else None
        except StoreError:
            return None  # the source knows as well

    def _counts(self, kept: Standing, definition: str) -> bool:
        verified = kept.state == VERIFIED and kept.verified_at is not None and kept.definition == definition
        return verified and abs(self._clock.wall() - kept.verified_at) < TRUSTED  # type: ignore[operator]


def standing(connection: Connection, ledger: str) -> Standing | None:
    """How far a ledger's roll-up is; None where there is none."""
    row = connection.execute(select(rollup_ledgers).where(rollup_ledgers.c.ledger == ledger)).first()
    if row is None:
        return None
    anchor = Anchor(*json.loads(row.anchor)) if row.anchor else None
    unreadable = tuple((hour, trade) for hour, trade in json.loads(row.unreadable))
    return Standing(**{**row._mapping, "anchor": anchor, "unreadable": unreadable})


def begin(connection: Connection, ledger: str, definition: str, was: Standing | None) -> bool:
    """Begin a ledger's roll-up, from which what is there has to be cleared; False where another writer was quicker."""
    fresh = {
        "definition": definition,
        "state": CLEARING,
        "since": NOWHERE,
        "through": NOWHERE,
        "trades": 0,
        "checked": None,
        "check_began": None,
        "recent": None,
        "recent_began": None,
        "verified_at": None,
        "changed_at": None,
        "anchor": None,
        "unreadable": "[]",
    }
    sent_figures.suspect_all(connection, ledger)
    if was is None:
        return insert_once(connection, rollup_ledgers, ledger=ledger, revision=1, **fresh)
    return move(connection, was, **fresh)


def clear_some(connection: Connection, was: Standing) -> None:
    """Delete some of a ledger's buckets; once all are gone it is building.

    Whoever waits to write to the store is not kept waiting for a large roll-up to go.
    """
    ledger = was.ledger
    first = select(rollups.c.scope, rollups.c.level, rollups.c.start).where(rollups.c.ledger == ledger)
    found = connection.execute(first.limit(AT_ONCE)).all()
    if not move(connection, was, state=CLEARING if found else BUILDING):
        return
    if not found:
        for table in (rollup_trades, rollup_keys):
            connection.execute(delete(table).where(table.c.ledger == ledger))
    spans: dict[tuple[str, int], list[int]] = defaultdict(list)
    for scope, level, start in found:
        spans[scope, level].append(start)
    for (scope, level), starts in spans.items():
        place = (rollups.c.ledger == ledger, rollups.c.scope == scope, rollups.c.level == level)
        connection.execute(delete(rollups).where(*place, rollups.c.start.between(min(starts), max(starts))))


def save(connection: Connection, was: Standing, found: Recount, now: datetime, **moved: Any) -> list[int] | None:
    """Keep what a recount found, and what else has changed of the ledger's state. What was told of hours that have
    changed becomes suspect in the same transaction.

    Returns the hours that were kept already and have changed; None, with nothing saved, where another writer was
    quicker.
    """
    kept = _buckets(connection, was.ledger, HOUR_LEVEL, found.start, found.until)
    seen = {hour: _keyed(own) for hour, own in found.hours.items()}
    changed = sorted(hour for hour in kept.keys() | seen.keys() if kept.get(hour) != seen.get(hour))
    before = sum(_trades(kept[hour]) for hour in changed if hour in kept)
    after = sum(_trades(seen[hour]) for hour in changed if hour in seen)
    anchor = was.anchor
    if anchor is None or (found.last and found.last.hour >= anchor.hour) or found.start <= anchor.hour < found.until:
        anchor = found.last
    moved |= {
        "trades": was.trades + after - before,
        "anchor": json.dumps([anchor.trade, anchor.hour, anchor.checksum]) if anchor else None,
        "unreadable": json.dumps(unreadable_with(was, found)),
    }
    if not move(connection, was, **moved):
        return None
    late = [hour for hour in changed if hour < was.through]
    _note_changes(connection, was.ledger, late, kept, seen, found, now)
    _replace(connection, was.ledger, HOUR_LEVEL, changed, {hour: seen[hour] for hour in changed if hour in seen})
    _mark(connection, was.ledger, changed, found.hours)
    days = sorted({hour - hour % 24 for hour in changed})
    whole = [day for day in days if found.start <= day and day + 24 <= found.until]  # what they are made of is at hand
    merged = {day: _merged(seen[hour] for hour in range(day, day + 24) if hour in seen) for day in whole}
    _replace(connection, was.ledger, DAY_LEVEL, whole, merged)
    _merge(connection, was.ledger, DAY_LEVEL, [day for day in days if day not in merged], lambda day: day + 24)
    _merge(connection, was.ledger, MONTH_LEVEL, sorted({_month(day) for day in days}), _next_month)
    return late


def unreadable_with(was: Standing, found: Recount) -> list[tuple[int, TradeId]]:
    """The trades that cannot be read, with what a recount found of its hours."""
    others = [(hour, trade) for hour, trade in was.unreadable if not found.start <= hour < found.until]
    return sorted([*others, *found.unreadable], key=itemgetter(0))


def key_map(connection: Connection, ledger: str) -> KeyMap:
    """The blocks of a ledger's keys, in order."""
    c = rollup_keys.c
    rows = connection.execute(select(rollup_keys).where(c.ledger == ledger).order_by(c.first, c.last)).all()
    blocks = [KeyBlock(row.first, row.last, row.oldest, row.newest) for row in rows if row.oldest is not None]
    return KeyMap(blocks, [row.first for row in rows if row.oldest is None])


def save_block(connection: Connection, ledger: str, block: KeyBlock, still_open: Iterable[int]) -> None:
    """Keep a block, in the place of what was kept of its keys."""
    c = rollup_keys.c
    connection.execute(delete(rollup_keys).where(c.ledger == ledger, c.first >= block.first, c.last <= block.last))
    own = {"ledger": ledger, "first": block.first, "last": block.last, "oldest": block.oldest, "newest": block.newest}
    # A block of one key that is open cannot be: it has closed trades.
    singles = [{**own, "first": key, "last": key, "oldest": None, "newest": None} for key in still_open]
    connection.execute(insert(rollup_keys), [own, *singles])


def forget_trades(connection: Connection, ledger: str, before: int) -> None:
    """Delete the marks of trades from before an hour."""
    connection.execute(delete(rollup_trades).where(rollup_trades.c.ledger == ledger, rollup_trades.c.start < before))


def whole_paths(connection: Connection, ledger: str, until: int) -> tuple[dict[Key, Bucket], int]:
    """The merged buckets of all hours before one, by their key, and how many rows they are made of."""
    whole: dict[Key, Bucket] = {}
    rows = 0
    for level, start, end in _tiles(until):
        for _, own in sorted(_buckets(connection, ledger, level, start, end).items()):
            for key, bucket in own.items():
                whole[key] = whole[key].then(bucket) if key in whole else bucket
                rows += 1
    return whole, rows


def _courses(connection: Connection, ledger: str, until: int) -> dict[BookKey, Course]:
    """By days; the days in which the deepest falls begin and end are looked at by their hours."""
    today = until - until % 24
    parts = _of_books(connection, ledger, DAY_LEVEL, -(2**31), today)
    parts |= _of_books(connection, ledger, HOUR_LEVEL, today, until)
    roughly = courses(parts, {})
    for day in {hour for one in roughly.values() for hour in (one.path.began, one.path.deepest) if hour is not None}:
        if day < today:
            del parts[day]
            parts |= _of_books(connection, ledger, HOUR_LEVEL, day, day + 24)
    return courses(parts, {})


def _of_books(
    connection: Connection, ledger: str, level: int, start: int, end: int
) -> dict[int, dict[BookKey, Bucket]]:
    found = _buckets(connection, ledger, level, start, end, ("book",))
    return {hour: {(Mode(key[1]), key[2]): own for key, own in of.items()} for hour, of in found.items()}


def move(connection: Connection, was: Standing, **values: Any) -> bool:
    """Change a ledger's state, unless somebody has since it was read."""
    mine = (rollup_ledgers.c.ledger == was.ledger, rollup_ledgers.c.revision == was.revision)
    return (
        connection.execute(update(rollup_ledgers).where(*mine).values(revision=was.revision + 1, **values)).rowcount
        == 1
    )


def _tiles(until: int) -> Iterator[tuple[int, int, int]]:
    """Months, days and hours that together are all the time before an hour: level, first and end."""
    month, day = _month(until), until - until % 24
    yield MONTH_LEVEL, -(2**31), month
    yield DAY_LEVEL, month, day
    yield HOUR_LEVEL, day, until


def _between(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Hours, days and months that together are all the time between two hours, in order: level, first and end."""
    first_day, last_day = start + -start % 24, end - end % 24
    if first_day > last_day:
        yield HOUR_LEVEL, start, end
        return
    first_month = first_day if first_day == _month(first_day) else _next_month(_month(first_day))
    last_month = _month(last_day)
    yield HOUR_LEVEL, start, first_day
    if first_month > last_month:
        yield DAY_LEVEL, first_day, last_day
    else:
        yield DAY_LEVEL, first_day, first_month
        yield MONTH_LEVEL, first_month, last_month
        yield DAY_LEVEL, last_month, last_day
    yield HOUR_LEVEL, last_day, end


def _sums(
    connection: Connection, ledger: str, tile: tuple[int, int, int], stretch: ColumnElement[int] | None = None
) -> Iterator[tuple[Any, int]]:
    """What each line made in a tile, or in each stretch of it, in 1e-15."""
    level, start, end = tile
    asked = _TILE if stretch is None else _tile(stretch)
    place = {"of": ledger, "at": level, "first": start, "end": end}
    for agent, mode, currency, *day, whole, part in connection.execute(asked, place):
        yield (agent, _MODES[mode], currency, *map(int, day)), int(whole) * FINE + int(part)


def _tile(*stretch: ColumnElement[int]) -> Select[Any]:
    c = rollups.c
    line = (c.agent, c.mode, c.currency, *(one.label("day") for one in stretch))
    place = (c.ledger == bindparam("of"), c.scope == "agent", c.level == bindparam("at"))
    hours = (c.start >= bindparam("first"), c.start < bindparam("end"))
    return select(*line, func.sum(c.whole), func.sum(c.part)).where(*place, *hours).group_by(*line)


# Built once: that takes longer than the answer.
_TILE = _tile()
_MODES = {one.value: one for one in Mode}


def _stretch(start: ColumnElement[Any], starts: Sequence[int]) -> ColumnElement[int] | None:
    """Which stretch an hour lies in, the hours of one row of equally long ones by division; None for too many rows."""
    branches: list[tuple[ColumnElement[bool], ColumnElement[int]]] = []
    first = 0
    while first < len(starts) - 1:
        length, last = starts[first + 1] - starts[first], first + 1
        while last < len(starts) - 1 and starts[last + 1] - starts[last] == length:
            last += 1
        index = literal(first, Integer) + (start - literal(starts[first], Integer)) // literal(length, Integer)
        branches.append((start < starts[last], index))
        first = last
        if len(branches) > _BRANCHES:
            return None
    return case(*branches, else_=literal(len(starts) - 1, Integer)) if branches else None


def _in_order(
    connection: Connection, ledger: str, tile: tuple[int, int, int], scope: str
) -> Iterator[dict[Key, Bucket]]:
    """The buckets of each hour, day or month of a tile."""
    return (own for _, own in sorted(_buckets(connection, ledger, *tile, (scope,)).items()))


def _buckets(
    connection: Connection, ledger: str, level: int, start: int, end: int, scopes: Sequence[str] = ("agent", "book")
) -> Buckets:
    found: Buckets = defaultdict(dict)
    for scope in scopes if start < end else ():
        place = {"of": ledger, "as": scope, "at": level, "first": start, "end": end}
        for first, mode, currency, agent, *values in connection.execute(_BUCKETS, place):
            found[first][scope, mode, currency, agent] = _bucket(values)
    return dict(found)


def _these_buckets() -> Select[Any]:
    c = rollups.c
    place = (c.ledger == bindparam("of"), c.scope == bindparam("as"), c.level == bindparam("at"))
    wanted = [column for column in rollups.c if column.name not in {"ledger", "scope", "level"}]
    return select(*wanted).where(*place, c.start >= bindparam("first"), c.start < bindparam("end"))


_BUCKETS = _these_buckets()


def _bucket(values: Sequence[Any]) -> Bucket:
    """From the columns of a row, in their order."""
    trades, wins, losses, whole, part, fees, fees_known, funding, funding_known = values[:9]
    net, high, low, fall, checksum, gross_profit, gross_loss, volume, volume_known = values[9:18]
    longs, shorts, squares, held, held_known, shortest, longest, runs, best, worst = values[18:]
    return Bucket(
        trades,
        wins,
        losses,
        whole * FINE + part,
        int(fees),
        fees_known,
        int(funding),
        funding_known,
        Path(int(net), int(high), int(low), int(fall)),
        checksum,
        int(gross_profit),
        int(gross_loss),
        int(volume),
        volume_known,
        longs,
        shorts,
        int(squares),
        int(held),
        held_known,
        shortest,
        longest,
        Runs(*map(int, runs[1:-1].split(","))),
        _extreme(best),
        _extreme(worst),
    )


def _extreme(kept: str | None) -> Extreme | None:
    if kept is None:
        return None
    result, _, trade = kept[1:-1].partition(", ")
    return int(result), json.loads(trade) if trade[0] == '"' else int(trade)


def _values(ledger: str, level: int, start: int, key: Key, bucket: Bucket) -> tuple[Any, ...]:
    """The columns of a row, in their order."""
    scope, mode, currency, agent = key
    path, runs = bucket.path, bucket.runs
    return (
        ledger,
        scope,
        level,
        start,
        mode,
        currency,
        agent,
        bucket.trades,
        bucket.wins,
        bucket.losses,
        *divmod(bucket.pnl, FINE),
        str(bucket.fees),
        bucket.fees_known,
        str(bucket.funding),
        bucket.funding_known,
        str(path.net),
        str(path.high),
        str(path.low),
        str(path.fall),
        bucket.checksum,
        str(bucket.gross_profit),
        str(bucket.gross_loss),
        str(bucket.volume),
        bucket.volume_known,
        bucket.longs,
        bucket.shorts,
        str(bucket.squares),
        str(bucket.held),
        bucket.held_known,
        bucket.shortest,
        bucket.longest,
        f"[{runs.first}, {runs.last}, {runs.wins}, {runs.losses}]",
        _extreme_text(bucket.best),
        _extreme_text(bucket.worst),
    )


def _extreme_text(one: Extreme | None) -> str | None:
    """JSON, written by hand: a roll-up has two of them in each row."""
    if one is None:
        return None
    result, trade = one
    return f"[{result}, {json.dumps(trade) if isinstance(trade, str) else int(trade)}]"


def _hour(buckets: Mapping[Key, Bucket]) -> Hour:
    found = Hour()
    for (scope, mode, currency, agent), bucket in buckets.items():
        if scope == "agent":
            found.lines[agent, _MODES[mode], currency] = bucket
        else:
            found.books[_MODES[mode], currency] = bucket
    return found


def _keyed(hour: Hour) -> dict[Key, Bucket]:
    lines = {("agent", mode.value, currency, agent): own for (agent, mode, currency), own in hour.lines.items()}
    return lines | {("book", mode.value, currency, ""): own for (mode, currency), own in hour.books.items()}


def _trades(hour: Mapping[Key, Bucket]) -> int:
    return sum(bucket.trades for key, bucket in hour.items() if key[0] == "book")


def _mark(connection: Connection, ledger: str, changed: Sequence[int], hours: Mapping[int, Hour]) -> None:
    """Keep the trades of these hours, where they are marked and not too many."""
    c = rollup_trades.c
    for first in range(0, len(changed), 500):
        connection.execute(delete(rollup_trades).where(c.ledger == ledger, c.start.in_(changed[first : first + 500])))
    rows = [
        {
            "ledger": ledger,
            "start": hour,
            "mode": mode.value,
            "currency": currency,
            "trades": compress(json.dumps(marks).encode()),
        }
        for hour in changed
        if hour in hours
        for (mode, currency), marks in hours[hour].trades.items()
        if len(marks) <= _MARKED
    ]
    if rows:
        connection.execute(insert(rollup_trades), rows)


def _note_changes(
    connection: Connection,
    ledger: str,
    late: Sequence[int],
    kept: Buckets,
    seen: Buckets,
    found: Recount,
    now: datetime,
) -> None:
    """Have what was told of these hours compared, and note what has changed in them."""
    if not late:
        return
    sent_figures.suspect_hours(connection, ledger, late)
    noted = late[:_NOTED]
    marks = _marks(connection, ledger, noted)
    for hour in noted:
        before, after = kept.get(hour, {}), seen.get(hour, {})
        for mode, currency in sorted({(key[1], key[2]) for key in (*before, *after)}):
            book = ("book", mode, currency, "")
            was_marked = marks.get((hour, mode, currency)) if book in before else []
            now_marked = found.hours[hour].trades.get((Mode(mode), currency)) if book in after else []
            changed = _changed_trades(was_marked, now_marked)
            agents = () if changed else _changed_agents(mode, currency, before, after)
            if changed or agents:
                sent_figures.add_changes(
                    connection, ledger, [sent_figures.Change(hour, Mode(mode), currency, now, changed, agents)]
                )


def _marks(connection: Connection, ledger: str, hours: Sequence[int]) -> dict[tuple[int, str, str], list[Any]]:
    c = rollup_trades.c
    rows = connection.execute(select(rollup_trades).where(c.ledger == ledger, c.start.in_(hours)))
    return {(row.start, row.mode, row.currency): json.loads(decompress(row.trades)) for row in rows}


def _changed_trades(before: list[Any] | None, after: Sequence[Any] | None) -> tuple[Any, ...]:
    """Each trade that came, went or changed; none where the trades of before are not known."""
    if before is None or after is None:
        return ()
    was = {trade: (agent, result, checksum) for trade, agent, result, checksum in before}
    now = {trade: (agent, result, checksum) for trade, agent, result, checksum in after}
    differing = [trade for trade in was | now if was.get(trade) != now.get(trade)]
    return tuple(
        (trade, (now.get(trade) or was[trade])[0], *(side[trade][1] if trade in side else None for side in (was, now)))
        for trade in differing[:_NOTED]
    )


def _changed_agents(
    mode: str, currency: str, before: Mapping[Key, Bucket], after: Mapping[Key, Bucket]
) -> tuple[Any, ...]:
    found = []
    for name in sorted({key[3] for key in (*before, *after) if key[:3] == ("agent", mode, currency)}):
        key = ("agent", mode, currency, name)
        one, two = before.get(key, Bucket()), after.get(key, Bucket())
        if one != two:
            found.append((name, one.trades, one.pnl, two.trades, two.pnl))
    return tuple(found)


def _replace(connection: Connection, ledger: str, level: int, starts: Sequence[int], buckets: Buckets) -> None:
    """Put buckets in the place of those that begin at these hours."""
    for first in range(0, len(starts), 500):
        for scope in ("agent", "book"):
            place = (rollups.c.ledger == ledger, rollups.c.scope == scope, rollups.c.level == level)
            connection.execute(delete(rollups).where(*place, rollups.c.start.in_(starts[first : first + 500])))
    rows = (_values(ledger, level, start, key, own) for start, of in buckets.items() for key, own in of.items())
    while some := list(islice(rows, _INSERTED)):
        _insert(connection, some)


def _insert(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """By the driver itself: what SQLAlchemy does with each value costs more than all else of a build."""
    compiled = _INSERT.compile(dialect=connection.dialect)
    if compiled.positiontup is not None:
        connection.exec_driver_sql(str(compiled), [*rows])
    else:
        connection.exec_driver_sql(str(compiled), [dict(zip(_COLUMNS, row, strict=True)) for row in rows])


_INSERT = insert(rollups)
_COLUMNS = [column.name for column in rollups.c]


def _merge(connection: Connection, ledger: str, level: int, starts: Iterable[int], end: Callable[[int], int]) -> None:
    """Make these days of their hours, or these months of their days."""
    merged = {
        start: _merged(own for _, own in sorted(_buckets(connection, ledger, level - 1, start, end(start)).items()))
        for start in starts
    }
    _replace(connection, ledger, level, list(merged), merged)


def _merged(parts: Iterable[Mapping[Key, Bucket]]) -> dict[Key, Bucket]:
    """Buckets that follow each other, as one."""
    whole: dict[Key, Bucket] = {}
    for own in parts:
        for key, bucket in own.items():
            whole[key] = whole[key].then(bucket) if key in whole else bucket
    return whole


def _month(hour: int) -> int:
    """The first hour of the month that an hour lies in, in UTC."""
    return hour_of(start_of(hour).replace(day=1, hour=0))


def _next_month(start: int) -> int:
    moment = start_of(start)
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    return hour_of(datetime(year, month, 1, tzinfo=UTC))
