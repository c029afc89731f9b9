"""Every figure as one SQL query over the canonical columns: whatever the source, its database computes the sums."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)

from reporter.periods.civil import INSTANT, Period
from reporter.trading.books import Facet, RankPlace, TradeFilter, TradeOrder
from reporter.trading.ledger.grouping import Grouping, day_index, named_value, whole
from reporter.trading.ledger.key_blocks import FAR
from reporter.trading.ledger.sources.base import LONG, SHORT, Cells, Rows, Source
from reporter.trading.trades import OpenKey

# A result within half of the last digit that is kept is exactly 0: neither a win nor a loss.
_NOISE: ColumnElement[Any] = literal_column("0.000000005")

# What is as large is no amount: see `Readable.number`.
LARGEST = 10**18

# Trades of the first hour of all are not looked for among those that are older.
OLDER = timedelta(hours=1)

# An account that was last seen so long before a moment was not seen at it.
LOOK_BACK = timedelta(days=7)


def bounds(source: Source, **moments: datetime | None) -> dict[str, Any]:
    """The parameters by which a statement that was built before is asked about other moments."""
    found: dict[str, Any] = {name: source.stored(moment) for name, moment in moments.items() if moment is not None}
    if source.keys is None:
        return found
    return found | source.keys.values(moments.get("since"), moments.get("until") or FAR)


def bounds_of_older(source: Source, until: datetime) -> dict[str, Any]:
    """The parameters of `older`."""
    keys = source.keys.values(None, until - OLDER) if source.keys else {}
    return {"until": source.stored(until), **keys}


def _moment(source: Source, name: str, moment: datetime) -> BindParameter[Any]:
    return bindparam(name, source.stored(moment))


def trades(source: Source, period: Period) -> Select[Any]:
    """The closed trades of a period that can be read."""
    c = source.trades.selected_columns
    readable = (c.pnl.is_not(None), c.currency.is_not(None), c.mode.is_not(None), source.readable.formed(c.closed_at))
    return _rows(source, period).where(*readable)


def _rows(source: Source, period: Period, trades: Select[Any] | None = None) -> Select[Any]:
    """All closed trades of a period."""
    return _closed(source, period.start, period.end, trades)


def _closed(source: Source, since: datetime | None, until: datetime, trades: Select[Any] | None = None) -> Select[Any]:
    """All trades that closed in a stretch of time."""
    found = (source.trades if trades is None else trades).where(source.closed_at < _moment(source, "until", until))
    if since is not None:
        found = found.where(source.closed_at >= _moment(source, "since", since))
    return found if source.keys is None else found.where(source.keys.among(since, until))


def _only(source: Source, ids: Collection[Any], since: datetime | None, until: datetime) -> Select[Any]:
    """Of the trades of a stretch those with these `only`, which is a parameter."""
    mine = source.trade_id.in_(bindparam("only", list(ids), expanding=True))
    return _closed(replace(source, keys=None), since, until).where(mine)


def oldest_first(
    source: Source, period: Period, limit: int | None, after: tuple[Any, Any] | None = None
) -> Select[Any]:
    """The closed trades of a period in order; `after` is the stored time and the id of the last one that is known."""
    found = trades(source, period)
    if after is not None:
        found = found.where(tuple_(source.closed_at, source.trade_id) > tuple_(*map(literal, after)))
    return found.order_by(source.closed_at, source.trade_id).limit(limit)


def by_id(source: Source, last: Any, limit: int | None) -> Select[Any]:
    """All closed trades as they are stored after one of them, whenever they closed, in the order of their ids."""
    found = source.raw if last is None else source.raw.where(source.trade_id > literal(last))
    return found.order_by(source.trade_id).limit(limit)


def newest_first(
    source: Source, period: Period, limit: int, only: TradeFilter, before: tuple[Any, Any] | None = None
) -> Select[Any]:
    """The closed trades of a period that pass a filter, newest first; `before` is the place of the last one known."""
    found = trades(source, period)
    if before is not None:
        found = found.where(tuple_(source.closed_at, source.trade_id) < tuple_(*map(literal, before)))
    c = (rows := found.subquery()).c
    return select(rows).where(*_passing(c, only)).order_by(c.closed_at.desc(), c.id.desc()).limit(limit)


def _passing(c: Any, only: TradeFilter) -> list[ColumnElement[bool]]:
    """What holds for the trades of a filter."""
    wanted = [
        getattr(c, name) == value
        for name in ("market", "side", "mode", "currency", "strategy")
        if (value := getattr(only, name)) is not None
    ]
    wanted += [
        named_value(c, name) == value for name in ("agent", "exit_reason") if (value := getattr(only, name)) is not None
    ]
    if only.result is not None:
        wanted.append({"win": c.pnl > _NOISE, "loss": c.pnl < -_NOISE}[only.result])
    return wanted


def ranked(
    source: Source, period: Period, limit: int, order: TradeOrder, only: TradeFilter, after: RankPlace | None = None
) -> Select[Any]:
    """The first ids of a period's trades in an order, each with its place; of equal trades the newest first."""
    c = trades(source, period).subquery().c
    held = source.timing.between(c.opened_at, c.closed_at)
    value = case((held >= 0, held)) if order.by == "held" else c[order.by]
    last = whole(-LARGEST if order.descending else LARGEST)
    book = literal_column("''") if order.by == "held" else c.currency
    named = book.label("book"), func.coalesce(value, last).label("value"), c.closed_at, c.id
    c = (rows := select(*named).where(*_passing(c, only)).subquery()).c
    found = select(rows)
    if after is not None:
        book, value, *when = map(literal, after)
        beyond = c.value < value if order.descending else c.value > value
        earlier = tuple_(c.closed_at, c.id) < tuple_(*when)
        same_book = and_(c.book == book, or_(beyond, and_(c.value == value, earlier)))
        found = found.where(or_(c.book > book, same_book))
    by_value = c.value.desc() if order.descending else c.value
    return found.order_by(c.book, by_value, c.closed_at.desc(), c.id.desc()).limit(limit)


def how_many(source: Source, period: Period, only: TradeFilter, by: Facet | None) -> Rows:
    """How many trades of a period pass a filter, by a `name`."""
    c = (found := trades(source, period).subquery()).c
    name: ColumnElement[Any] = named_value(c, by) if by else literal_column("''")
    rows = select(name.label("name")).select_from(found).where(*_passing(c, only)).subquery()
    return select(rows.c.name, func.count().label("number")).group_by(rows.c.name)


def arrived(source: Source, period: Period) -> Select[Any]:
    """The closed trades of a period in order, each with no more than what its result needs."""
    c = source.trades.selected_columns
    found = trades(source, period).with_only_columns(c.id, c.closed_at, c.mode, c.currency, c.pnl)
    return found.order_by(source.closed_at, source.trade_id)


def arrived_fills(source: Source, fills: Rows, period: Period) -> Select[Any]:
    """The fills of a period in order."""
    c = fills.selected_columns
    return fills.where(c.at >= source.stored(period.start), c.at < source.stored(period.end)).order_by(c.at, c.id)


def newest_fill(fills: Rows) -> Select[Any]:
    """When the newest fill was."""
    return fills.with_only_columns(func.max(fills.selected_columns.at))


def opened_at(source: Source, period: Period, keys: Sequence[OpenKey]) -> Select[Any]:
    """The closed trades of a period in these markets that were opened in the seconds of these moments."""
    c = source.trades.selected_columns
    second = timedelta(seconds=1)
    alike = (
        and_(c.market == market, c.opened_at >= source.stored(at), c.opened_at < source.stored(at + second))
        for _, market, _, at in keys
    )
    return trades(source, period).where(or_(*alike)).order_by(source.closed_at, source.trade_id)


def these(source: Source, period: Period, ids: Collection[Any]) -> Select[Any]:
    """The closed trades of a period with these `ids`, which is a parameter."""
    return trades(source, period).where(source.trade_id.in_(bindparam("ids", list(ids), expanding=True)))


@dataclass(frozen=True, slots=True)
class PeriodStatements:
    """The sums of a period's trades by line and day, and the trades themselves as they followed each other."""

    sums: Select[Any]
    in_order: Select[Any]


def of_period(
    source: Source, period: Period, split: Grouping, days: Sequence[Period] = (), *, raw: bool = False
) -> PeriodStatements:
    """The statements about a period; `since` and `until` are parameters, but for its days and its kind of hours."""
    found = keyed(source, period, split, days, raw=raw)
    return PeriodStatements(sums(found, costly=source.costly, raw=raw), in_order(found))


def keyed(
    source: Source, period: Period, split: Grouping, days: Sequence[Period] = (), *, raw: bool = False
) -> Subquery:
    """The trades of a period with the `key` of their line and the index of their `day`, 0 where no days are given.

    Of a trade that cannot be read the `pnl` is NULL, or its line: it is counted, and in no other figure. A trade whose
    time cannot be read is of no period: see `stray`. A `raw` question leaves all that unchecked.
    """
    formed = source.readable.formed(source.closed_at)
    rows = (_rows(source, period, source.raw) if raw else _rows(source, period).where(formed)).subquery()
    day = day_index(source, rows.c.closed_at, days) if days else literal_column("0")
    held = source.timing.between(rows.c.opened_at, rows.c.closed_at)
    timed = case((source.readable.formed(rows.c.closed_at), rows.c.closed_at)) if raw else rows.c.closed_at
    own = (split.key(rows.c).label("key"), day.label("day"), held.label("held"), timed.label("timed"))
    return select(rows, *own).subquery()


_LINE = ("key", "mode", "currency", "day")
_COSTS = ("fees", "funding", "volume")
_PARTS = ("size", "entry_price", "exit_price")  # of a volume
_SUMMED = (*_LINE, "side", "opened_at", "closed_at", "held", "timed", "pnl", *_COSTS, *_PARTS)


def sums(rows: Subquery, *, costly: bool = False, raw: bool = False) -> Select[Any]:
    """Counts and sums of each line and day; `rows` counts all, `trades` those that can be read, as in `history`.

    OFFSET keeps the databases from writing a costly expression, such as freqtrade's sum over a trade's orders, into
    each of the sums that use it, where it would be computed again.
    """
    c = (select(*(rows.c[name] for name in _SUMMED)).offset(0).subquery() if costly else rows).c
    win, loss = c.pnl > _NOISE, c.pnl < -_NOISE
    read = c.pnl.is_not(None)
    known = and_(read, c.opened_at <= c.closed_at)
    line = (c.key, c.mode, c.currency, c.day)
    return select(
        *line,
        *_counts(c, raw=raw),
        *(func.max(c[name]).label(f"largest_{name}") for name in (*_COSTS, *_PARTS) if raw),
        func.count(case((win, 1))).label("wins"),
        func.count(case((loss, 1))).label("losses"),
        func.count(case((and_(read, func.lower(c.side).in_(LONG)), 1))).label("longs"),
        func.count(case((and_(read, func.lower(c.side).in_(SHORT)), 1))).label("shorts"),
        func.sum(c.pnl).label("pnl"),
        func.sum(case((win, c.pnl))).label("gross_profit"),
        func.sum(case((loss, c.pnl))).label("gross_loss"),
        *_where_known(c.fees, "fees"),
        *_where_known(c.funding, "funding"),
        *_where_known(c.volume, "volume"),
        func.count(case((known, c.held))).label("held_known"),
        func.sum(case((known, c.held))).label("held"),
        func.min(case((known, c.held))).label("shortest"),
        func.max(case((known, c.held))).label("longest"),
    ).group_by(*line)


def _where_known(column: ColumnElement[Any], name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return func.count(column).label(f"{name}_known"), func.sum(column).label(name)


def in_order(rows: Subquery) -> Select[Any]:
    """The trades as they followed each other: what streaks, drawdowns and firsts among equals are found from."""
    c = rows.c
    return select(c.id, c.pnl, c.key, c.mode, c.currency).where(_readable(c)).order_by(c.closed_at, c.id)


def _readable(c: Any) -> ColumnElement[bool]:
    return and_(c.pnl.is_not(None), c.currency.is_not(None), c.mode.is_not(None))


def unrated(source: Source, period: Period, token: ColumnElement[Any], *, only: bool) -> Select[Any]:
    """How many trades of a period each token of a fee without a rate has, and the first of them, in each book; `only`
    these, else also those without such a token."""
    c = source.trades.selected_columns
    found = _rows(source, period).with_only_columns(
        c.mode, c.currency, token.label("token"), func.count().label("trades"), func.min(source.trade_id).label("first")
    )
    found = found.where(token.is_not(None)) if only else found
    return found.group_by(c.mode, c.currency, token)


def steps(rows: Subquery, mode: str, currency: str) -> Select[Any]:
    """When and by how much each line of a book changed, in order: to lay several ledgers' over each other."""
    c = rows.c
    book = and_(c.mode == mode, c.currency == currency, c.pnl.is_not(None))
    return select(c.closed_at, c.pnl, c.key).where(book).order_by(c.closed_at, c.id)


def history(
    source: Source,
    since: datetime | None,
    until: datetime,
    days: Sequence[Period] = (),
    *,
    raw: bool = False,
    only: Collection[Any] | None = None,
) -> Select[Any]:
    """What each agent has realised before `until`, and on which of the days: the figures that need the whole past; of
    `only` the trades with these ids, if that is said.

    `rows` counts all trades, `trades` those whose result and time can be read. A `raw` question costs less and adds up
    whatever is stored: `sound` says whether the answer can be taken.
    """
    found = _closed(source, since, until, source.raw if raw else source.trades)
    rows = (found if only is None else _only(source, only, since, until)).subquery()
    day = day_index(source, rows.c.closed_at, days) if days else literal_column("0")
    agent = named_value(rows.c, "agent").label("agent")
    read = source.readable.formed if days and not raw else source.readable.shaped
    timed = case((read(rows.c.closed_at), rows.c.closed_at if raw else rows.c.pnl))
    pnl = rows.c.pnl if raw else timed
    own = select(agent, rows.c.mode, rows.c.currency, pnl.label("pnl"), timed.label("timed"), day.label("day"))
    c = own.subquery().c
    line = (c.agent, c.mode, c.currency, c.day)
    return select(*line, func.sum(c.pnl).label("pnl"), *_counts(c, raw=raw)).group_by(*line)


def _counts(c: Any, *, raw: bool) -> Iterator[ColumnElement[Any]]:
    """How many rows there are, and how many can be read; of a raw question, what `sound` looks at."""
    yield func.count().label("rows")
    yield func.count(c.pnl).label("trades")
    if raw:
        yield func.count(c.timed).label("timed")
        yield func.max(c.pnl).label("largest")


def sound(found: Sequence[Row[Any]]) -> bool:
    """Whether all that rows of raw sums are made of could be read.

    A database takes text for greater than any number, and NaN and Infinity as well; sums are that too, or too large.
    """
    if not found:
        return True
    place = {name: index for index, name in enumerate(found[0]._fields)}
    counts = itemgetter(place["rows"], place["trades"], place["timed"])
    book = itemgetter(place["mode"], place["currency"])
    amounts = itemgetter(*(place[name] for name in _AMOUNTS if name in place))
    lasted = place.get("shortest")
    return all(
        len(set(counts(row))) == 1
        and _is_book(*book(row))
        and all(map(_is_amount, amounts(row)))
        and (lasted is None or row[lasted] is None or row[lasted] >= 0)
        for row in found
    )


def _is_book(mode: Any, currency: Any) -> bool:
    return mode in _MODES and isinstance(currency, str) and currency != ""


_MODES = {"live", "paper"}
_AMOUNTS = ("pnl", "largest", *_COSTS, *(f"largest_{name}" for name in (*_COSTS, *_PARTS)))


def _is_amount(value: Any) -> bool:
    try:
        return value is None or abs(value) < LARGEST
    except (TypeError, ArithmeticError):
        return False


# What `counted` says of a trade: it can be read, it cannot, or it is of no time.
READABLE, UNREADABLE, TIMELESS = 0, 1, 2


def counted(
    source: Source,
    since: datetime | None,
    until: datetime,
    limit: int | None = None,
    only: Collection[Any] | None = None,
) -> Select[Any]:
    """The closed trades of a stretch in order, as roll-ups count them, or `only` those of them with these ids."""
    found = _closed(source, since, until) if only is None else _only(source, only, since, until)
    c = found.subquery().c
    agent = named_value(c, "agent").label("agent")
    hour = (source.timing.seconds(c.closed_at) // whole(3600)).label("hour")
    held = case((c.opened_at <= c.closed_at, source.timing.between(c.opened_at, c.closed_at))).label("held")
    book, costs = (c.mode, c.currency), (c.fees, c.funding, c.volume)
    lost = or_(c.pnl.is_(None), c.currency.is_(None), c.mode.is_(None))
    formed = source.readable.formed(c.closed_at)
    state = case((formed.is_not(true()), whole(TIMELESS)), (lost, whole(UNREADABLE)), else_=whole(READABLE))
    chosen = select(c.id, c.closed_at, hour, agent, *book, c.pnl, *costs, c.side, held, state.label("state"))
    return chosen.order_by(c.closed_at, c.id).limit(limit)


def block(source: Source, after: int, size: int) -> Select[Any]:
    """The next so many closed trades by their key: the last key, when the first and the last closed, how many, and how
    many of them have no time that can be read."""
    return _extent(source, source.trades.where(source.trade_id > after).order_by(source.trade_id).limit(size))


def extent(source: Source, first: int, last: int) -> Select[Any]:
    """The same of the closed trades between two keys."""
    return _extent(source, source.trades.where(source.trade_id >= first, source.trade_id <= last))


def _extent(source: Source, rows: Select[Any]) -> Select[Any]:
    own = rows.with_only_columns(source.trade_id.label("id"), source.readable.time(source.closed_at).label("at"))
    c = own.subquery().c
    wanted: list[ColumnElement[Any]] = [func.max(c.id), func.min(c.at), func.max(c.at), func.count()]
    return select(*wanted, func.count() - func.count(c.at))


def open_keys(source: Source, first: int, last: int) -> Select[Any]:
    """The keys of the open positions between two keys."""
    c = source.positions.subquery().c
    return select(c.id).where(c.id >= first, c.id <= last)


def lost(source: Source, since: datetime | None, until: datetime, only: Collection[Any] | None = None) -> Select[Any]:
    """How many trades of a stretch cannot be read."""
    c = source.trades.selected_columns
    stretch = _closed(source, since, until) if only is None else _only(source, only, since, until)
    wrong = or_(c.pnl.is_(None), c.currency.is_(None), c.mode.is_(None), _unformed(source))
    return stretch.with_only_columns(func.count().label("rows")).where(wrong)


def older(source: Source, until: datetime) -> Select[Any]:
    """A row if a database sorts any trade before a moment, which is the first hour of those that are known."""
    found = _closed(replace(source, keys=None), None, until).with_only_columns(source.trade_id).limit(1)
    # By keys only where nobody has looked, or a time could not be read: not among those of the first hour itself.
    return found if source.keys is None else found.where(source.keys.among(None, until - OLDER))


def stray(source: Source, since: datetime, future: datetime | None) -> Select[Any]:
    """How many closed trades have no time, or from `since` on none that can be read, or one in the `future`.

    Those that a database sorts before `since` are met by `history`, and counted by `timeless`. Two counts, because an
    index leads to each, and to no OR of both.
    """
    at, wrong = source.closed_at, _unformed(source)
    if future is not None:
        wrong = or_(wrong, at >= _moment(source, "future", future))
    among = [] if source.keys is None else [source.keys.among(since, FAR)]
    rows = source.trades.with_only_columns(func.count())
    without, odd = rows.where(at.is_(None), *among), rows.where(at >= _moment(source, "since", since), wrong, *among)
    return select(without.scalar_subquery() + odd.scalar_subquery())


def timeless(
    source: Source, since: datetime | None, until: datetime, only: Collection[Any] | None = None
) -> Select[Any]:
    """How many trades of each agent a database sorts into a stretch although their time cannot be read."""
    c = source.trades.selected_columns
    stretch = _closed(source, since, until) if only is None else _only(source, only, since, until)
    found = stretch.with_only_columns(c.agent, c.mode, c.currency, func.count().label("rows"))
    return found.where(_unformed(source)).group_by(c.agent, c.mode, c.currency)


def _unformed(source: Source) -> ColumnElement[bool]:
    return source.readable.formed(source.closed_at).is_not(true())


def unreadable(cells: Cells, limit: int, *, needed: bool) -> Select[Any]:
    """The first rows of a table with a value that cannot be read, and which of its `cells`; `needed` looks at those
    alone without which a row belongs nowhere."""
    found, wrong = _wrong(cells, needed=needed)
    return found.where(cells.where, wrong).order_by(cells.id).limit(limit)


def faults(cells: Cells, limit: int, among: ColumnElement[bool]) -> Select[Any]:
    """The first rows of each fault, of those of a table that belong nowhere, and how many have it.

    A fault is a cell that is empty, or one that holds what cannot be read.
    """
    rows, wrong = _wrong(cells, needed=True)
    c = rows.where(among, cells.where, wrong).subquery().c
    alike = (c.cell, c.value.is_(None))
    count = func.count().over(partition_by=alike).label("rows")
    place = func.row_number().over(partition_by=alike, order_by=c.key).label("place")
    found = select(c.id, c.cell, c.value, c.key, count, place).subquery().c
    return select(found.id, found.cell, found.value, found.key, found.rows).where(found.place <= limit)


def _wrong(cells: Cells, *, needed: bool) -> tuple[Select[Any], ColumnElement[bool]]:
    """Each row of a table with the first of its cells that cannot be read; and whether there is one."""
    asked = [(place, cell) for place, cell in enumerate(cells.cells) if cell.needed or not needed]
    which = case(*((cell.wrong, literal_column(str(place))) for place, cell in asked))
    value = case(*((cell.wrong, cast(cell.stored, String)) for _, cell in asked))
    found = select(cast(cells.id, String).label("id"), which.label("cell"), value.label("value"), cells.id.label("key"))
    return found, or_(*(cell.wrong for _, cell in asked))


def of_stretch(source: Source, since: datetime | None, until: datetime, future: datetime | None) -> ColumnElement[bool]:
    """Whether a trade closed in a stretch, or at a time that cannot be read or lies in the `future`."""
    at = source.closed_at
    inside = at < source.stored(until)
    inside = inside if since is None else and_(at >= source.stored(since), inside)
    late = [] if future is None else [at >= source.stored(future)]
    return or_(inside, _unformed(source), *late)


def newest(source: Source, until: datetime | None = None) -> Select[Any]:
    """When the newest trade closed, of those before a moment."""
    return _first_read(
        source, source.closed_at.desc(), until, source.keys.last() if source.keys and until is None else None
    )


def closing_minutes(source: Source, period: Period, agent: str | None) -> Select[Any]:
    """In which minutes of a period anything closed, counted from 1970: however much was traded, not many rows."""
    rows = trades(source, period).subquery()
    found = select(func.distinct(source.timing.seconds(rows.c.closed_at) // 60).label("minute"))
    return found if agent is None else found.where(named_value(rows.c, "agent") == agent)


def oldest(source: Source) -> Select[Any]:
    """When the oldest trade closed."""
    return _first_read(source, source.closed_at, None, source.keys.first() if source.keys else None)


def _first_read(
    source: Source, order: ColumnElement[Any], until: datetime | None, among: ColumnElement[bool] | None
) -> Select[Any]:
    """The first time that can be read, by an index where there is one, else by keys `among` which it is."""
    at = source.closed_at
    found = source.trades.with_only_columns(at).where(source.readable.formed(at)).order_by(order).limit(1)
    found = found if among is None else found.where(among)
    return found if until is None else found.where(at < source.stored(until))


def open_sums(source: Source) -> Select[Any]:
    """How many positions each book has open, how many of them are priced, and what those would make."""
    c = source.positions.subquery().c
    priced = c.unrealised.is_not(None)
    return select(
        c.mode,
        c.currency,
        func.count().label("positions"),
        func.count(c.unrealised).label("priced"),
        func.sum(c.unrealised).label("unrealised"),
        func.min(case((priced, c.priced_at))).label("priced_at"),
    ).group_by(c.mode, c.currency)


def equity(source: Source, period: Period) -> Select[Any]:
    """The account's worth at each moment of a period that the source kept, oldest first."""
    start, end = source.stored(period.start), source.stored(period.end)
    return _worth(source.equity.where(source.equity_at >= start, source.equity_at < end))


def last_seen(source: Source, moment: datetime) -> Select[Any]:
    """When each account was last seen at or before a moment, but not long before."""
    since, until = _moment(source, "since", moment - LOOK_BACK), _moment(source, "until", moment + INSTANT)
    c = source.equity.where(source.equity_at >= since, source.equity_at < until).subquery().c
    account = (c.agent, c.mode, c.currency)
    return select(*account, func.max(c.at).label("at")).group_by(*account)


def equity_at(source: Source, moments: Collection[Any]) -> Select[Any]:
    """The accounts' worth at these stored moments."""
    return _worth(source.equity.where(source.equity_at.in_(moments)))


def _worth(rows: Select[Any]) -> Select[Any]:
    c = rows.subquery().c
    point = (c.at, c.agent, c.mode, c.currency)
    worth, unrealised = _where_known(c.equity, "equity"), _where_known(c.unrealised, "unrealised")
    sums = (*worth, *unrealised, func.count().label("parts"))
    return select(*point, *sums).group_by(*point).order_by(c.at, c.agent)


def deposits(source: Source, after: datetime, until: datetime) -> Select[Any]:
    """What was paid into each account after a moment and up to another; NULL where the source does not know."""
    since, end = source.stored(after + INSTANT), source.stored(until + INSTANT)
    c = source.equity.where(source.equity_at >= since, source.equity_at < end).subquery().c
    account = (c.agent, c.mode, c.currency)
    whole = case((func.count() == func.count(c.deposited), func.sum(c.deposited)))
    return select(*account, whole.label("deposited")).group_by(*account)


def flows(source: Source, until: datetime) -> Select[Any]:
    """The snapshots up to a moment that show something paid in or out: as a rule very few, so all of them."""
    c = source.equity.selected_columns
    found = source.equity.with_only_columns(c.at, c.agent, c.mode, c.currency, c.deposited)
    until_then = source.equity_at < _moment(source, "until", until + INSTANT)
    return found.where(until_then, source.deposited != literal_column("0")).order_by(source.equity_at)


def first_seen(source: Source, until: Any) -> Select[Any]:
    """When each account was first seen, of those that had been by a stored moment."""
    c = source.equity.selected_columns
    account = (c.agent, c.mode, c.currency)
    found = source.equity.with_only_columns(*account, func.min(c.at).label("at"))
    return found.where(source.equity_at <= literal(until)).group_by(*account)


def last_event(events: Select[Any]) -> Select[Any]:
    """The highest id of a table of events."""
    return events.with_only_columns(func.max(events.selected_columns.id))


def events_after(events: Select[Any], after: int, among: Collection[int], most: int) -> Select[Any]:
    """The first events above an id, and those of these ids, in order."""
    id_ = events.selected_columns.id
    return events.where(or_(id_ > after, id_.in_(among))).order_by(id_).limit(most)
