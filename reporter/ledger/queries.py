"""Every figure as one query over the canonical columns: whatever the source, the sums are made by its database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from reporter.ledger.source import UNNAMED, Source
from reporter.periods import Period
from reporter.trades import By

# A result within half of the last digit that is kept is exactly 0: neither a win nor a loss.
_NOISE: ColumnElement[Any] = literal_column("0.000000005")


def trades(source: Source, period: Period) -> Select[Any]:
    """The closed trades of a period."""
    start, end = source.stored(period.start), source.stored(period.end)
    return source.trades.where(source.closed_at >= start, source.closed_at < end)


def oldest_first(source: Source, period: Period, limit: int | None) -> Select[Any]:
    """The closed trades of a period in order."""
    rows = trades(source, period).subquery()
    return select(rows).order_by(rows.c.closed_at, rows.c.id).limit(limit)


def keyed(source: Source, period: Period, by: By, days: Sequence[Period] = ()) -> Subquery:
    """The trades of a period with the `key` of their line and the index of their `day`, 0 where no days are given."""
    rows = trades(source, period).subquery()
    bounds = [literal(source.stored(day.start)) for day in days]
    return select(
        rows,
        func.coalesce(func.nullif(rows.c[by], ""), UNNAMED).label("key"),
        _stretch(rows.c.closed_at, bounds, 0, max(len(bounds), 1)).label("day"),
    ).subquery()


def _stretch(
    value: ColumnElement[Any], starts: Sequence[ColumnElement[Any]], low: int, high: int
) -> ColumnElement[int]:
    """Which of the stretches that begin at `starts` a value lies in: a search by halves, so one scan serves many."""
    if high - low == 1:
        return literal_column(str(low))
    middle = (low + high) // 2
    return case(
        (value < starts[middle], _stretch(value, starts, low, middle)), else_=_stretch(value, starts, middle, high)
    )


def sums(rows: Subquery) -> Select[Any]:
    """Counts and sums of each line and day."""
    c = rows.c
    win, loss = c.pnl > _NOISE, c.pnl < -_NOISE
    line = (c.key, c.mode, c.currency, c.day)
    return select(
        *line,
        func.count().label("trades"),
        func.count(case((win, 1))).label("wins"),
        func.count(case((loss, 1))).label("losses"),
        func.sum(c.pnl).label("pnl"),
        func.count(c.fees).label("fees_known"),
        func.sum(c.fees).label("fees"),
        func.sum(case((win, c.pnl))).label("gross_profit"),
        func.sum(case((loss, c.pnl))).label("gross_loss"),
    ).group_by(*line)


def extremes(rows: Subquery) -> Select[Any]:
    """The best and the worst trade of each line, of equal ones the first."""
    c = rows.c
    line = (c.key, c.mode, c.currency)
    best = func.row_number().over(partition_by=line, order_by=(c.pnl.desc(), c.closed_at, c.id))
    worst = func.row_number().over(partition_by=line, order_by=(c.pnl, c.closed_at, c.id))
    ranked = select(rows, best.label("from_best"), worst.label("from_worst")).subquery()
    return select(ranked).where(or_(ranked.c.from_best == 1, ranked.c.from_worst == 1))


def drawdowns(rows: Subquery) -> Select[Any]:
    """The deepest fall of the running result below its peak, the start (no change yet) being the first peak."""
    book, order = (rows.c.mode, rows.c.currency), (rows.c.closed_at, rows.c.id)
    change = func.sum(rows.c.pnl).over(partition_by=book, order_by=order, rows=(None, 0))
    path = select(*book, *order, change.label("change")).subquery()
    c = path.c
    peak = func.max(c.change).over(partition_by=(c.mode, c.currency), order_by=(c.closed_at, c.id), rows=(None, 0))
    falls = select(c.mode, c.currency, c.change, peak.label("peak")).subquery().c
    fall = falls.change - case((falls.peak > 0, falls.peak), else_=0)
    return select(falls.mode, falls.currency, func.min(fall).label("fall")).group_by(falls.mode, falls.currency)


def changes(source: Source, period: Period, mode: str, currency: str) -> Select[Any]:
    """When and by how much a book changed, in order: to lay several ledgers' books over each other."""
    c = trades(source, period).subquery().c
    return select(c.closed_at, c.pnl).where(and_(c.mode == mode, c.currency == currency)).order_by(c.closed_at, c.id)


def realised_before(source: Source, moment: datetime) -> Select[Any]:
    """What each agent has realised before a moment."""
    c = source.trades.where(source.closed_at < source.stored(moment)).subquery().c
    line = (c.agent, c.mode, c.currency)
    return select(*line, func.sum(c.pnl).label("pnl")).group_by(*line)


def newest(source: Source) -> Select[Any]:
    """When the newest trade closed."""
    return source.trades.with_only_columns(func.max(source.closed_at))


def equity(source: Source, period: Period) -> Select[Any]:
    """The account's worth at each moment of a period that the source kept, oldest first."""
    start, end = source.stored(period.start), source.stored(period.end)
    c = source.equity.where(source.equity_at >= start, source.equity_at < end).subquery().c
    point = (c.at, c.agent, c.mode, c.currency)
    return select(*point, func.sum(c.equity).label("equity")).group_by(*point).order_by(c.at, c.agent)
