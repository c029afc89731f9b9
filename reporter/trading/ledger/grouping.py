"""Groups trades into the lines of a book: by agent, market, side, tag, weekday, hour or day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, func, literal, literal_column

from reporter.periods.civil import DAY, Period
from reporter.trading.books import By
from reporter.trading.ledger.sources.base import UNNAMED, Column, Source

# What stands for a word that a trade does not say.
NO_WORD = {"entry_tag": "untagged", "exit_reason": "no reason"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Grouping:
    """`key` is an expression over canonical trades; `name` makes of its value the key of a line. Where no period is in
    the expression, `by` names it."""

    key: Callable[[Any], Column]
    name: Callable[[Any], str] = str
    by: By | None = None


def grouping(by: By, source: Source, period: Period, ledger: str) -> Grouping:
    """How trades of a period fall into lines. Weekdays and hours are those of the period's zone."""
    match by:
        case "ledger":
            return Grouping(lambda _: literal_column("''"), lambda _: ledger, by)
        case "weekday":
            days = period.days()
            return Grouping(lambda c: day_index(source, c.closed_at, days), lambda day: WEEKDAYS[_weekday(days[day])])
        case "hour":
            return Grouping(lambda c: _hour(source, c.closed_at, period), lambda hour: f"{hour:02}:00")
    return Grouping(lambda c: named_value(c, by), by=by)


def named_value(c: Any, column: str) -> Column:
    """A word of a trade, or what stands for one that it does not say."""
    return func.coalesce(func.nullif(c[column], ""), NO_WORD.get(column, UNNAMED))


def in_order(by: By) -> Callable[[str], int] | None:
    """Where a line's key stands among the others, for lines that have an order of their own."""
    return {"weekday": WEEKDAYS.index, "hour": lambda hour: int(hour[:2])}.get(by)


def day_index(source: Source, at: Column, days: Sequence[Period]) -> Column:
    """Which of the days, that follow each other, a stored moment lies in.

    Days of 24 hours are counted from the first of their row, so that a decade takes no longer than a week.
    """
    rows = list(_rows(days))
    found = [_from(source, at, days[first].start, first, several=last > first) for first, last in rows]
    return _stretch(source, at, [days[first].start for first, _ in rows], found)


def _rows(days: Sequence[Period]) -> list[tuple[int, int]]:
    """The first and the last index of each row of days of 24 hours; any other day is a row by itself."""
    rows: list[tuple[int, int]] = []
    for _, row in groupby(range(len(days)), lambda place: (days[place].duration == DAY) or days[place]):
        places = list(row)
        rows.append((places[0], places[-1]))
    return rows


def whole(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


def _from(source: Source, at: Column, start: datetime, first: int, *, several: bool) -> Column:
    if not several:
        return whole(first)
    since = source.timing.seconds(at) - whole(round(start.timestamp()))
    return whole(first) + source.timing.quotient(since, whole(86400))


def _hour(source: Source, at: Column, period: Period) -> Column:
    offsets = period.offsets()
    ahead = [whole(round(offset.total_seconds())) for _, offset in offsets]
    wall = source.timing.seconds(at) + _stretch(source, at, [moment for moment, _ in offsets], ahead)
    return source.timing.quotient(wall, whole(3600)) % whole(24)


def _stretch(source: Source, at: Column, starts: Sequence[datetime], values: Sequence[Column]) -> Column:
    """The value of the stretch that a moment lies in, each beginning at one of `starts`: a search by halves."""
    bounds: list[ColumnElement[Any]] = [literal(source.stored(start)) for start in starts]

    def search(low: int, high: int) -> Column:
        if high - low == 1:
            return values[low]
        middle = (low + high) // 2
        return case((at < bounds[middle], search(low, middle)), else_=search(middle, high))

    return search(0, len(values))


def _weekday(day: Period) -> int:
    return day.start.astimezone(day.tz).weekday()
