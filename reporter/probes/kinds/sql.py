"""The `sql` probe: the result of a user's query, held to limits on a number, a text, an age or a count of rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement, plain
from reporter.config.limits import DurationLimits, LowNumberLimits, NumberLimits
from reporter.config.secrets import DatabaseUrl
from reporter.config.types import mistake
from reporter.periods.clock import Clock
from reporter.probes.ledgers import sqlite_path
from reporter.probes.loop import aside
from reporter.probes.number_formats import seconds
from reporter.probes.postgres_reach import insist_on_reading
from reporter.probes.postgres_session import SessionRefusedError, host_of, prepare, session
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.settings import POSTGRES_SCHEMES, DatabaseProbeConfig, ProbeInputs, server_address
from reporter.secret import Secret
from reporter.trading.ledger.postgres_readonly import reads
from reporter.trading.ledger.postgres_statements import acting
from reporter.trading.ledger.sqlite_file import BRIEF, FileError, lets_write, reading, sqlite_reason, undisturbed
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
_OURS = (
    *("42", "22", "0A", "25006", "21"),
    *("SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_AUTH", "SQLITE_MIS", "SQLITE_TOO", "SQLITE_READONLY"),
)
_WELL = "answers"

Row = tuple[Any, ...]


def _only_reads(query: str) -> str:
    if not reads(query):
        raise mistake("must be a SELECT", "it may begin with WITH or SHOW too; what writes is refused")
    if name := acting(query):
        raise mistake(f"calls `{name}`, which does more than read", "a probe only looks: leave it out")
    return query


class SqlProbeConfig(DatabaseProbeConfig):
    """Asks a database something, and holds the answer to what is expected of it."""

    kind: Literal["sql"]
    """`sql`."""
    url: (
        Annotated[DatabaseUrl, server_address("sqlite", *POSTGRES_SCHEMES, example="postgresql://…, or a SQLite file")]
        | None
    ) = None
    """A SQLite file's path, seen from the home, or a PostgreSQL URL; best a reference to a secret."""
    query: Annotated[str, AfterValidator(_only_reads)]
    """A SELECT that gives one row of one column."""
    shows_as: str = Field("value", min_length=1, max_length=60)
    """What people call the value."""
    above: NumberLimits | None = None
    """From where on a large number is trouble."""
    below: LowNumberLimits | None = None
    """From where on a small number is trouble."""
    equals: str | int | float | bool | None = None
    """The value that it must have."""
    age: DurationLimits | None = None
    """How long ago the time may be that it gives."""
    rows: NumberLimits | None = None
    """How many rows there may be, of which 1000 are counted; the query may then give any columns."""
    min_rows: LowNumberLimits | None = None
    """How many rows there must be."""
    empty: Literal["ok", "warning", "critical", "unknown"] = "unknown"
    """How it stands where there is no row, or nothing in it."""

    @property
    def counts(self) -> bool:
        """Whether rows are counted, and no value is looked at."""
        return bool(self.rows or self.min_rows)

    def probe(self, given: ProbeInputs) -> SqlProbe:
        url = self.url or given.ledgers.url(self.ledger)
        return SqlProbe(given.terms, given.clock, sqlite_path(url) if url.reveal().startswith("sqlite") else url, self)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        kinds = (self.above or self.below, self.equals, self.age, self.rows or self.min_rows)
        if sum(given is not None for given in kinds) > 1:
            raise mistake("a number, a text, an age and rows exclude each other", "write a probe for each")
        return self


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """A SELECT against PostgreSQL by its URL, or against a SQLite file by its path, over a connection of its own."""

    kind: ClassVar[str] = "sql"
    terms: Terms
    clock: Clock
    target: Secret | Path
    settings: SqlProbeConfig

    @property
    def host(self) -> str | None:
        return host_of(self.target) if isinstance(self.target, Secret) else None

    def prepare(self) -> None:
        """Load psycopg, where it is needed."""
        if isinstance(self.target, Secret):
            prepare()

    async def look(self) -> ProbeResult:
        try:
            return judged(await self._rows(), self.settings, self.clock.wall())
        except SessionRefusedError as error:
            return _ours_or_its(error)

    async def _rows(self) -> list[Row]:
        query, most = self.settings.query, _MOST_ROWS if self.settings.counts else _KEPT_ROWS
        if isinstance(self.target, Path):
            asking = partial(_from_sqlite, self.target, query, self.terms.timeout, most)
            return await aside(("sql", self.target, query), asking)
        if not reads(query):
            raise CouldNotLookError("the query is no SELECT")
        async with session(self.target, self.terms.timeout) as asked:
            with suppress(SessionRefusedError):  # not every server that speaks the protocol keeps this catalogue
                await insist_on_reading(asked.ask, query)
            return [tuple(row.values()) for row in await asked.ask(_bounded(query, most), most)]


def _from_sqlite(path: Path, query: str, timeout: float, most: int) -> list[Row]:
    def ask() -> list[Row]:
        with reading(path, timeout) as connection:
            asked = connection.execute(query)
            # Of rows that are only counted the values are not kept: a thousand of them may be large.
            return [row if number < _KEPT_ROWS else () for number, row in enumerate(islice(asked, most))]

    try:
        return undisturbed(ask)
    except FileError as error:
        raise CouldNotLookError(str(error)) from None
    except sqlite3.Error as error:
        if "interrupted" in str(error) and timeout > BRIEF and not lets_write(path):
            raise CouldNotLookError(sqlite_reason(error, path)) from None
        code = "SQLITE_MISUSE" if isinstance(error, sqlite3.ProgrammingError) else None  # Python's own, without a name
        seen = ProbeResult(Level.CRITICAL, sqlite_reason(error, path))
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


def judged(rows: list[Row], expected: SqlProbeConfig, now: datetime) -> ProbeResult:
    """What rows come to at the moment `now`. Raises CouldNotLookError where they are not what was said of them."""
    if expected.counts:
        wanted = (expected.rows, expected.min_rows)
        measures = tuple(Measurement("rows", len(rows), limits.threshold) for limits in wanted if limits)
        return ProbeResult(Level.OK, _WELL, measures=measures)
    value = _value(rows)
    if value is None:
        return ProbeResult(Level(expected.empty), f"{expected.shows_as}: nothing")
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


def _compared(value: Any, expected: SqlProbeConfig) -> ProbeResult:
    wanted = expected.equals
    number = _number(value) if isinstance(wanted, int | float) else None
    same = str(value) == str(wanted) if number is None else number == wanted
    told = ((expected.shows_as, _shown(value)),)
    if same:
        return ProbeResult(Level.OK, _WELL, figures=told)
    return ProbeResult(Level.CRITICAL, f"{expected.shows_as} is {_shown(value)}, not {_shown(wanted)}", figures=told)


def _measures(value: Any, expected: SqlProbeConfig, now: datetime) -> Iterator[Measurement]:
    if expected.age:
        old = f"{expected.shows_as} older than {{limit}}"
        yield Measurement(expected.shows_as, _age(value, expected.shows_as, now), expected.age.threshold, seconds, old)
    limits = [given.threshold for given in (expected.above, expected.below) if given]
    if limits and (number := _number(value)) is None:
        raise CouldNotLookError(f"the query gives {_shown(value)}, which is no number")
    yield from (Measurement(expected.shows_as, number or 0.0, threshold) for threshold in limits)


def _text(value: Any, expected: SqlProbeConfig) -> Iterator[tuple[str, str]]:
    """What has no limit is shown as it is."""
    if not (expected.age or expected.above or expected.below):
        yield expected.shows_as, _shown(value)


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
