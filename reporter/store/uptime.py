"""Stored spans of each subject's levels, for uptime: one row that grows while the level stays, and the closed rows.

200 probes every 30 seconds make 576,000 readings a day and at least 4,800 spans; after a week the spans of a day
become one per level. Single readings are kept only around failures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, bindparam, delete, insert, select, union_all, update

from reporter.alerts.model import Level, Observation
from reporter.alerts.uptime import (
    PATIENCE,
    Extension,
    StateSpan,
    Uptime,
    Window,
    extended,
    hour_of,
    measured,
    rolled_up,
)
from reporter.periods.civil import DAY
from reporter.store.database import fact, insert_once
from reporter.store.tables import facts, samples, spans, standing

# What is watched all the time, or has a figure; a job or a channel is heard of only now and then.
WATCHED = ("probe/", "ping/", "network/", "self/", "limit/")
# How long a reading of something without a beat of its own may hold.
UNTIMED = timedelta(minutes=5)
# Clocks of two daemons on one store differ a little, and readings cross; more is a clock that was set back.
SET_BACK = timedelta(minutes=1)
# Of a trouble the first so many readings are kept, then one of each so many, and the good ones before and after.
FIRST_OF_TROUBLE, EACH_OF_TROUBLE = 20, 20
# After so long the spans of a day are made one for each level.
FINE = timedelta(days=8)
ROLLED = "spans rolled until"

# Which times of a subject are maintenance, between two moments.
Maintenance = Callable[[str, datetime, datetime], Iterable[Window]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A single reading that was kept."""

    at: datetime
    level: Level
    value: str | None
    detail: str | None


def record(connection: Connection, seen: Iterable[Observation], at: datetime, beat: timedelta | None = None) -> None:
    """Fold the readings of one round into the spans. `beat` is the time between two rounds."""
    readings = {one.subject: one for one in seen if one.subject.startswith(WATCHED)}
    if not readings:
        return
    before = _standing(connection, sorted(readings))
    _forget_the_future(connection, before, at)
    growths = [
        (before.get(subject), extended(before.get(subject), one, at, _patience(one, beat)), one)
        for subject, one in sorted(readings.items())
    ]
    _put(connection, [growth for _, growth, _ in growths], before)
    _keep_samples(connection, growths, at)


def between(
    connection: Connection, start: datetime, end: datetime, subjects: Collection[str] | None = None
) -> Iterator[StateSpan]:
    """The spans that touch a time, by subject and in order."""
    both = [
        select(table).where(table.c.until >= start, table.c.start < end, _of(table, subjects))
        for table in (spans, standing)
    ]
    rows = connection.execute(union_all(*both).order_by("subject", "start"))
    return (_span(row) for row in rows)


def of_subject(connection: Connection, subject: str, start: datetime, end: datetime) -> list[StateSpan]:
    return list(between(connection, start, end, [subject]))


def uptimes(
    connection: Connection,
    start: datetime,
    end: datetime,
    subjects: Collection[str] | None = None,
    maintenance: Maintenance | None = None,
) -> dict[str, Uptime]:
    """The uptime of each subject that was seen in a time; what lies in the future must not be asked for."""
    return {
        subject: measured(subject, list(found), start, end, maintenance(subject, start, end) if maintenance else ())
        for subject, found in groupby(between(connection, start, end, subjects), key=lambda span: span.subject)
    }


def means(connection: Connection, since: datetime) -> dict[str, float]:
    """The mean figure of each subject, over all spans that touch the time since then."""
    found: dict[str, tuple[float, int]] = {}
    for table in (spans, standing):
        c = table.c
        for row in connection.execute(select(c.subject, c.total, c.figures).where(c.until >= since, c.figures > 0)):
            total, count = found.get(row.subject, (0.0, 0))
            found[row.subject] = total + row.total, count + row.figures
    return {subject: total / count for subject, (total, count) in found.items()}


def subjects(connection: Connection) -> list[str]:
    """Everything that is or was watched, by name."""
    return list(connection.execute(select(standing.c.subject).order_by(standing.c.subject)).scalars())


def kept_readings(connection: Connection, subject: str, start: datetime, end: datetime) -> list[Sample]:
    """The single readings that were kept of a subject, in order: those around trouble."""
    c = samples.c
    rows = connection.execute(
        select(samples).where(c.subject == subject, c.at >= start, c.at < end).order_by(c.at, c.id)
    )
    return [Sample(row.at, Level(row.level), row.value, row.detail) for row in rows]


def prune(connection: Connection, now: datetime, keep: timedelta) -> int:
    """Forget spans that ended longer ago than `keep`, and make one of what is older than a week. Returns rows gone."""
    gone = sum(
        connection.execute(delete(table).where(table.c.until < now - keep)).rowcount for table in (spans, standing)
    )
    return gone + _roll(connection, hour_of(now - FINE).replace(hour=0))


# --- Writing ---


def _standing(connection: Connection, names: Sequence[str]) -> dict[str, StateSpan]:
    """The spans that subjects are in, locked where several daemons may write; always in the same order."""
    found = connection.execute(
        select(standing).where(standing.c.subject.in_(names)).order_by(standing.c.subject).with_for_update()
    )
    return {row.subject: _span(row) for row in found}


def _patience(seen: Observation, beat: timedelta | None) -> timedelta:
    return PATIENCE * max(filter(None, (beat, seen.every)), default=UNTIMED)


def _put(connection: Connection, growths: Sequence[Extension], before: Mapping[str, StateSpan]) -> None:
    closed = [_values(span) for growth in growths for span in growth.closed]
    if closed:
        _insert(connection, spans, closed)
    known = [growth.standing for growth in growths if growth.standing.subject in before]
    if known:
        moved = update(standing).where(standing.c.subject == bindparam("of"))
        columns: dict[str, Any] = {c.name: bindparam(c.name) for c in standing.c if c.name != "subject"}
        connection.execute(moved.values(columns), [{"of": span.subject, **_values(span)} for span in known])
    new = [_values(growth.standing) for growth in growths if growth.standing.subject not in before]
    if new:
        _insert(connection, standing, new)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """What another daemon has written meanwhile stays as it is."""
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _forget_the_future(connection: Connection, before: dict[str, StateSpan], at: datetime) -> None:
    """What was written by a clock that ran ahead is cut off where the present is."""
    ahead = [subject for subject, span in before.items() if span.end > at + SET_BACK]
    if not ahead:
        return
    connection.execute(delete(spans).where(spans.c.subject.in_(ahead), spans.c.start >= at))
    connection.execute(update(spans).where(spans.c.subject.in_(ahead), spans.c.until > at).values(until=at))
    connection.execute(delete(standing).where(standing.c.subject.in_(ahead)))
    for subject in ahead:
        span = before.pop(subject)
        if span.start < at:
            _insert(connection, spans, [{**_values(span), "until": at}])


def _keep_samples(
    connection: Connection, growths: Iterable[tuple[StateSpan | None, Extension, Observation]], at: datetime
) -> None:
    rows = []
    for before, growth, seen in growths:
        turned = before is not None and before.level is not seen.level
        if before and turned and before.level is Level.OK:
            rows.append(_sample(seen.subject, before.end, before.level, before.value, None))
        if turned or _worth_keeping(growth.standing):
            rows.append(_sample(seen.subject, at, seen.level, seen.value, seen.detail))
    if rows:
        connection.execute(insert(samples), rows)


def _worth_keeping(span: StateSpan) -> bool:
    often = span.in_row <= FIRST_OF_TROUBLE or span.in_row % EACH_OF_TROUBLE == 0
    return often and span.level is not Level.OK


def _sample(subject: str, at: datetime, level: Level, value: str | None, detail: str | None) -> dict[str, Any]:
    return {"subject": subject, "at": at, "level": level.value, "value": value, "detail": detail}


# --- Reading ---


def _of(table: Table, names: Collection[str] | None) -> Any:
    return True if names is None else table.c.subject.in_(names)


def _values(span: StateSpan) -> dict[str, Any]:
    return {
        "subject": span.subject,
        "start": span.start,
        "level": span.level.value,
        "until": span.end,
        "readings": span.readings,
        "in_row": span.in_row,
        "figures": span.figures,
        "total": span.total,
        "lowest": span.lowest,
        "highest": span.highest,
        "value": span.value,
    }


def _span(row: Row[Any]) -> StateSpan:
    return StateSpan(
        row.subject,
        Level(row.level),
        row.start,
        row.until,
        row.readings,
        row.in_row,
        row.figures,
        row.total,
        row.lowest,
        row.highest,
        row.value,
    )


# --- What is older than a week ---


def _roll(connection: Connection, until: datetime) -> int:
    """Make one of the spans of a level that follow each other within a day, day by day; returns how many rows less."""
    known = fact(connection, ROLLED)
    day = datetime.fromisoformat(known) if known else _oldest(connection)
    gone = 0
    while day is not None and day < until:
        gone += _roll_day(connection, day)
        day += DAY
    if day is not None:
        _note(connection, day)
    return gone


def _oldest(connection: Connection) -> datetime | None:
    found = connection.execute(select(spans.c.start).order_by(spans.c.start).limit(1)).scalar()
    return found and found.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _roll_day(connection: Connection, day: datetime) -> int:
    inside = and_(spans.c.start >= day, spans.c.start < day + DAY, spans.c.until >= day, spans.c.until <= day + DAY)
    rows = connection.execute(select(spans).where(inside).order_by(spans.c.subject, spans.c.start))
    fine = [_span(row) for row in rows]
    coarse = [span for _, group in groupby(fine, key=lambda span: span.subject) for span in rolled_up(group)]
    if len(coarse) < len(fine):
        connection.execute(delete(spans).where(inside))
        connection.execute(insert(spans), [_values(span) for span in coarse])
    return len(fine) - len(coarse)


def _note(connection: Connection, day: datetime) -> None:
    if not connection.execute(update(facts).where(facts.c.name == ROLLED).values(value=day.isoformat())).rowcount:
        insert_once(connection, facts, name=ROLLED, value=day.isoformat())
