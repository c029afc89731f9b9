"""Is what a query of the user's gives as it should be: a number, a text, a time that is not too old, so many rows?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.postgres_session import Session, SessionRefusedError, host_of, prepare, session
from reporter.probes.probe import NEVER, CouldNotLookError, Measurement, ProbeResult, Terms, plain, seconds
from reporter.secret import Secret
from reporter.trading.ledger.readonly import BRIEF, keeps_wal, open_sqlite, reads, sqlite_reason, volatile_among
from reporter.trading.ledger.timestamps import as_moment

# So many rows are counted at most, and so many kept: a second one is one too many for a value.
_MOST_ROWS, _KEPT_ROWS = 1000, 2
# A value of somebody else's is shown up to so many characters.
_SHOWN = 60
# Two machines' clocks may differ by so many seconds; a time further ahead than that was kept in another zone, or by a
# clock that is wrong, and says nothing of how old it is.
_AHEAD = 60.0
_SHOW = re.compile(r"\s*SHOW\b", re.IGNORECASE)
# Classes of PostgreSQL's codes, and names of SQLite's, that speak of the query or of what we may do, and not of the
# database: wrong syntax and rights, unfit values, what is not supported, what would have written.
_OURS = ("42", "22", "0A", "25006", "21", "SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_AUTH", "SQLITE_MIS", "SQLITE_TOO")
_WELL = "answers"
_MAY_ACT = "the query calls {}, which may do more than read: if it does not, declare it STABLE"

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of the one value of the one row, called `name`, or of the number of rows.

    `age` limits how many seconds a time lies back. `empty` is how it stands where there is no row, or a null in it.
    """

    name: str
    above: Threshold = NEVER
    below: Threshold = NEVER
    equals: str | float | bool | None = None
    age: Threshold | None = None
    rows: Threshold | None = None
    min_rows: Threshold | None = None
    empty: Level = Level.UNKNOWN

    @property
    def counts(self) -> bool:
        """Whether rows are counted, and no value is looked at."""
        return bool(self.rows or self.min_rows)


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """A SELECT against PostgreSQL by its URL, or against a SQLite file by its path, over a connection of its own."""

    kind: ClassVar[str] = "sql"
    terms: Terms
    clock: Clock
    target: Secret | Path
    query: str
    expected: Expectation

    @property
    def host(self) -> str | None:
        return host_of(self.target) if isinstance(self.target, Secret) else None

    def prepare(self) -> None:
        """Load psycopg, where it is needed."""
        if isinstance(self.target, Secret):
            prepare()

    async def look(self) -> ProbeResult:
        try:
            return judged(await self._rows(), self.expected, self.clock.wall())
        except SessionRefusedError as error:
            return _ours_or_its(error)

    async def _rows(self) -> list[Row]:
        most = _MOST_ROWS if self.expected.counts else _KEPT_ROWS
        if isinstance(self.target, Path):
            asking = partial(_from_sqlite, self.target, self.query, self.terms.timeout, most)
            return await aside(("sql", self.target, self.query), asking)
        if not reads(self.query):
            raise CouldNotLookError("the query is no SELECT")
        async with session(self.target, self.terms.timeout) as asked:
            await _insist_on_reading(asked, self.query)
            return [tuple(row.values()) for row in await asked.ask(_bounded(self.query, most), most)]


async def _insist_on_reading(asked: Session, query: str) -> None:
    """Raises CouldNotLookError for a query that calls what may do more than read: the server knows its functions best.

    A transaction that only reads keeps a function from changing tables, not from ending sessions, locking or sending.
    """
    question = volatile_among(query)
    with suppress(SessionRefusedError):  # not every server that speaks the protocol keeps PostgreSQL's catalogue
        if question and (found := await asked.ask(question)):
            raise CouldNotLookError(_MAY_ACT.format(found[0]["name"]))


def _from_sqlite(path: Path, query: str, timeout: float, most: int) -> list[Row]:
    try:
        with closing(open_sqlite(path, timeout)) as connection:
            asked = connection.execute(query)
            # Of rows that are only counted the values are not kept: a thousand of them may be large.
            return [row if number < _KEPT_ROWS else () for number, row in enumerate(islice(asked, most))]
    except sqlite3.Error as error:
        if "interrupted" in str(error) and timeout > BRIEF and not keeps_wal(path):
            raise CouldNotLookError(sqlite_reason(str(error), path)) from None
        code = "SQLITE_MISUSE" if isinstance(error, sqlite3.ProgrammingError) else None  # Python's own, without a name
        seen = ProbeResult(Level.CRITICAL, sqlite_reason(str(error), path))
        raise SessionRefusedError(seen, getattr(error, "sqlite_errorname", code)) from None


def _bounded(query: str, most: int) -> str:
    """The query with a limit to its rows, for they all come before the first can be read. SHOW gives but one."""
    bare = query.strip().rstrip(";")
    if _SHOW.match(bare):
        return bare
    return f"SELECT * FROM (\n{bare}\n) AS asked LIMIT {most}"  # noqa: S608 - the user's own, and it only reads


def _ours_or_its(error: SessionRefusedError) -> ProbeResult:
    if (error.code or "").startswith(_OURS):
        return ProbeResult(Level.UNKNOWN, f"the query cannot be asked: {error.sight.detail.removeprefix('it says: ')}")
    return error.sight


def judged(rows: list[Row], expected: Expectation, now: datetime) -> ProbeResult:
    """What rows come to at the moment `now`. Raises CouldNotLookError where they are not what was said of them."""
    if expected.counts:
        limits = (expected.rows, expected.min_rows)
        return ProbeResult(
            Level.OK, _WELL, measures=tuple(Measurement("rows", len(rows), one) for one in limits if one)
        )
    value = _value(rows)
    if value is None:
        return ProbeResult(expected.empty, f"{expected.name}: nothing")
    if expected.equals is not None:
        return _compared(value, expected)
    return ProbeResult(
        Level.OK, _WELL, measures=tuple(_measures(value, expected, now)), figures=tuple(_text(value, expected))
    )


def _value(rows: list[Row]) -> Any:
    """The one value; None where there is none."""
    if len(rows) > 1:
        raise CouldNotLookError("the query gives more than one row: add up or sort, and LIMIT 1")
    if rows and len(rows[0]) != 1:
        raise CouldNotLookError("the query gives more than one column: SELECT the one that counts")
    return rows[0][0] if rows else None


def _compared(value: Any, expected: Expectation) -> ProbeResult:
    wanted = expected.equals
    number = _number(value) if isinstance(wanted, int | float) else None
    same = str(value) == str(wanted) if number is None else number == wanted
    told = ((expected.name, _shown(value)),)
    if same:
        return ProbeResult(Level.OK, _WELL, figures=told)
    return ProbeResult(Level.CRITICAL, f"{expected.name} is {_shown(value)}, not {_shown(wanted)}", figures=told)


def _measures(value: Any, expected: Expectation, now: datetime) -> Iterator[Measurement]:
    if expected.age:
        old = f"{expected.name} older than {{limit}}"
        yield Measurement(expected.name, _age(value, expected.name, now), expected.age, seconds, old)
    limits = [one for one in (expected.above, expected.below) if one is not NEVER]
    if limits and (number := _number(value)) is None:
        raise CouldNotLookError(f"the query gives {_shown(value)}, which is no number")
    yield from (Measurement(expected.name, number or 0.0, one) for one in limits)


def _text(value: Any, expected: Expectation) -> Iterator[tuple[str, str]]:
    """What has no limit is shown as it is."""
    if not expected.age and expected.above is NEVER and expected.below is NEVER:
        yield expected.name, _shown(value)


def _number(value: Any) -> float | None:
    """A number, also one in text; None for anything else, and for what is not finite."""
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal(int(value))
    except InvalidOperation:
        return None
    return float(found) if found.is_finite() else None


def _age(value: Any, name: str, now: datetime) -> float:
    """How many seconds a stored time lies back. Raises CouldNotLookError for what is no time, or is still to come."""
    try:
        age = (now - as_moment(value)).total_seconds()
    except (ValueError, OverflowError, OSError):
        raise CouldNotLookError(f"the query gives {_shown(value)}, which is no time") from None
    if age < -_AHEAD:
        raise CouldNotLookError(f"{name} lies {seconds(-age)} ahead: is it kept in UTC, and are the clocks right?")
    return max(age, 0.0)


def _shown(value: Any) -> str:
    words = " ".join((plain(value) if isinstance(value, float) else str(value)).split())
    return words if len(words) <= _SHOWN else f"{words[: _SHOWN - 1]}…"
