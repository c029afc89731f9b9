"""Every figure as one SQL query over the canonical columns: whatever the source, its database computes the sums."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, literal_column, select, tuple_

from reporter.periods.civil import INSTANT, Period
from reporter.trading.books import TradeFilter
from reporter.trading.ledger.grouping import Grouping, day_index, whole
from reporter.trading.ledger.sources.base import UNNAMED, Source

# A result within half of the last digit that is kept is exactly 0: neither a win nor a loss.
_NOISE: ColumnElement[Any] = literal_column("0.000000005")

# The words for the two sides of a market that are known (docs/native-schema.md); there may be others.
LONG = ("long", "buy", "yes", "up")
SHORT = ("short", "sell", "no", "down")

# An account that was last seen so long before a moment was not seen at it.
LOOK_BACK = timedelta(days=7)


def trades(source: Source, period: Period) -> Select[Any]:
    """The closed trades of a period."""
    start, end = source.stored(period.start), source.stored(period.end)
    return source.trades.where(source.closed_at >= start, source.closed_at < end)


def oldest_first(
    source: Source, period: Period, limit: int | None, after: tuple[Any, Any] | None = None
) -> Select[Any]:
    """The closed trades of a period in order; `after` is the stored time and the id of the last one that is known."""
    found = trades(source, period)
    if after is not None:
        found = found.where(tuple_(source.closed_at, source.trade_id) > tuple_(*map(literal, after)))
    return found.order_by(source.closed_at, source.trade_id).limit(limit)


def by_id(source: Source, last: Any, limit: int | None) -> Select[Any]:
    """All closed trades after one of them, whenever they closed, in the order of their ids."""
    found = source.trades if last is None else source.trades.where(source.trade_id > literal(last))
    return found.order_by(source.trade_id).limit(limit)


def newest_first(
    source: Source, period: Period, limit: int, only: TradeFilter, before: tuple[Any, Any] | None = None
) -> Select[Any]:
    """The closed trades of a period that pass a filter, newest first; `before` is the place of the last one known."""
    found = trades(source, period)
    if before is not None:
        found = found.where(tuple_(source.closed_at, source.trade_id) < tuple_(*map(literal, before)))
    c = (rows := found.subquery()).c
    wanted = [
        getattr(c, name) == value
        for name in ("market", "side", "mode", "currency", "strategy")
        if (value := getattr(only, name)) is not None
    ]
    if only.agent is not None:
        wanted.append(func.coalesce(func.nullif(c.agent, ""), UNNAMED) == only.agent)
    if only.result is not None:
        wanted.append({"win": c.pnl > _NOISE, "loss": c.pnl < -_NOISE}[only.result])
    return select(rows).where(*wanted).order_by(c.closed_at.desc(), c.id.desc()).limit(limit)


def arrived(source: Source, period: Period) -> Select[Any]:
    """The closed trades of a period in order, each with no more than what its result needs."""
    c = source.trades.selected_columns
    found = trades(source, period).with_only_columns(c.id, c.closed_at, c.mode, c.currency, c.pnl)
    return found.order_by(source.closed_at, source.trade_id)


def these(source: Source, period: Period, ids: Collection[Any]) -> Select[Any]:
    """The closed trades of a period with these ids."""
    return trades(source, period).where(source.trade_id.in_(ids))


def keyed(source: Source, period: Period, split: Grouping, days: Sequence[Period] = ()) -> Subquery:
    """The trades of a period with the `key` of their line and the index of their `day`, 0 where no days are given."""
    rows = trades(source, period).subquery()
    day = day_index(source, rows.c.closed_at, days) if days else literal_column("0")
    held = source.timing.between(rows.c.opened_at, rows.c.closed_at)
    return select(rows, split.key(rows.c).label("key"), day.label("day"), held.label("held")).subquery()


_LINE = ("key", "mode", "currency", "day")
_SUMMED = (*_LINE, "side", "opened_at", "closed_at", "held", "pnl", "fees", "funding", "volume")


def sums(rows: Subquery, *, costly: bool = False) -> Select[Any]:
    """Counts and sums of each line and day.

    OFFSET keeps the databases from writing a costly expression, such as freqtrade's sum over a trade's orders, into
    each of the sums that use it, where it would be computed again.
    """
    c = (select(*(rows.c[name] for name in _SUMMED)).offset(0).subquery() if costly else rows).c
    win, loss, known = c.pnl > _NOISE, c.pnl < -_NOISE, c.opened_at <= c.closed_at
    line = (c.key, c.mode, c.currency, c.day)
    return select(
        *line,
        func.count().label("trades"),
        func.count(case((win, 1))).label("wins"),
        func.count(case((loss, 1))).label("losses"),
        func.count(case((func.lower(c.side).in_(LONG), 1))).label("longs"),
        func.count(case((func.lower(c.side).in_(SHORT), 1))).label("shorts"),
        func.sum(c.pnl).label("pnl"),
        func.sum(case((win, c.pnl))).label("gross_profit"),
        func.sum(case((loss, c.pnl))).label("gross_loss"),
        *_where_known(c.fees, "fees"),
        *_where_known(c.funding, "funding"),
        *_where_known(c.volume, "volume"),
        func.count(case((known, 1))).label("held_known"),
        func.sum(case((known, c.held))).label("held"),
        func.min(case((known, c.held))).label("shortest"),
        func.max(case((known, c.held))).label("longest"),
    ).group_by(*line)


def _where_known(column: ColumnElement[Any], name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return func.count(column).label(f"{name}_known"), func.sum(column).label(name)


def in_order(rows: Subquery) -> Select[Any]:
    """The trades as they followed each other: what streaks, drawdowns and firsts among equals are found from."""
    c = rows.c
    return select(c.id, c.pnl, c.key, c.mode, c.currency).order_by(c.closed_at, c.id)


def steps(rows: Subquery, mode: str, currency: str) -> Select[Any]:
    """When and by how much each line of a book changed, in order: to lay several ledgers' over each other."""
    c = rows.c
    book = and_(c.mode == mode, c.currency == currency)
    return select(c.closed_at, c.pnl, c.key).where(book).order_by(c.closed_at, c.id)


def history(source: Source, since: datetime | None, until: datetime, days: Sequence[Period] = ()) -> Select[Any]:
    """What each agent has realised before `until`, and on which of the days: the figures that need the whole past."""
    found = source.trades.where(source.closed_at < source.stored(until))
    if since is not None:
        found = found.where(source.closed_at >= source.stored(since))
    rows = found.subquery()
    day = day_index(source, rows.c.closed_at, days) if days else literal_column("0")
    agent = func.coalesce(func.nullif(rows.c.agent, ""), UNNAMED).label("agent")
    c = select(agent, rows.c.mode, rows.c.currency, rows.c.pnl, day.label("day")).subquery().c
    line = (c.agent, c.mode, c.currency, c.day)
    return select(*line, func.sum(c.pnl).label("pnl")).group_by(*line)


def counted(
    source: Source, since: datetime, until: datetime, limit: int | None = None, only: Any | None = None
) -> Select[Any]:
    """The closed trades of a stretch in order, as roll-ups count them, or one of them by its id."""
    found = source.trades.where(source.closed_at >= source.stored(since), source.closed_at < source.stored(until))
    c = (found if only is None else found.where(source.trade_id == literal(only))).subquery().c
    agent = func.coalesce(func.nullif(c.agent, ""), UNNAMED)
    hour = (source.timing.seconds(c.closed_at) // whole(3600)).label("hour")
    chosen = select(c.id, c.closed_at, hour, agent, c.mode, c.currency, c.pnl, c.fees, c.funding)
    return chosen.order_by(c.closed_at, c.id).limit(limit)


def newest(source: Source) -> Select[Any]:
    """When the newest trade closed."""
    return source.trades.with_only_columns(func.max(source.closed_at))


def closing_minutes(source: Source, period: Period, agent: str | None) -> Select[Any]:
    """In which minutes of a period anything closed, counted from 1970: however much was traded, not many rows."""
    rows = trades(source, period).subquery()
    found = select(func.distinct(source.timing.seconds(rows.c.closed_at) // 60).label("minute"))
    return found if agent is None else found.where(func.coalesce(func.nullif(rows.c.agent, ""), UNNAMED) == agent)


def oldest(source: Source) -> Select[Any]:
    """When the oldest trade closed."""
    return source.trades.with_only_columns(func.min(source.closed_at))


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
    since, until = source.stored(moment - LOOK_BACK), source.stored(moment + INSTANT)
    c = source.equity.where(source.equity_at >= since, source.equity_at < until).subquery().c
    account = (c.agent, c.mode, c.currency)
    return select(*account, func.max(c.at).label("at")).group_by(*account)


def equity_at(source: Source, moments: Collection[Any]) -> Select[Any]:
    """The accounts' worth at these stored moments."""
    return _worth(source.equity.where(source.equity_at.in_(moments)))


def _worth(rows: Select[Any]) -> Select[Any]:
    c = rows.subquery().c
    point = (c.at, c.agent, c.mode, c.currency)
    sums = (func.sum(c.equity).label("equity"), *_where_known(c.unrealised, "unrealised"), func.count().label("parts"))
    return select(*point, *sums).group_by(*point).order_by(c.at, c.agent)


def deposits(source: Source, after: datetime, until: datetime) -> Select[Any]:
    """What was paid into each account after a moment and up to another; NULL where the source does not know."""
    since, end = source.stored(after + INSTANT), source.stored(until + INSTANT)
    c = source.equity.where(source.equity_at >= since, source.equity_at < end).subquery().c
    account = (c.agent, c.mode, c.currency)
    return select(*account, func.sum(c.deposited).label("deposited")).group_by(*account)


def flows(source: Source, until: datetime) -> Select[Any]:
    """The snapshots up to a moment that show something paid in or out: as a rule very few, so all of them."""
    c = source.equity.selected_columns
    found = source.equity.with_only_columns(c.at, c.agent, c.mode, c.currency, c.deposited)
    paid = found.where(source.equity_at < source.stored(until + INSTANT), c.deposited != literal_column("0"))
    return paid.order_by(source.equity_at)


def first_seen(source: Source, until: Any) -> Select[Any]:
    """When each account was first seen, of those that had been by a stored moment."""
    c = source.equity.selected_columns
    account = (c.agent, c.mode, c.currency)
    found = source.equity.with_only_columns(*account, func.min(c.at).label("at"))
    return found.where(source.equity_at <= literal(until)).group_by(*account)
