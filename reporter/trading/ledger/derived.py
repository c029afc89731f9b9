"""Ledgers whose trades are not stored but computed: from fills, from executed orders, by a mapping.

The computed rows stand in a private SQLite database in the form of the native schema, so that every sum above is the
one that all ledgers share. They are computed again when the source has changed.
"""

from __future__ import annotations

import math
import os
import pickle
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, StaticPool, column, create_engine, table

from reporter.errors import LedgerError
from reporter.trading.ledger.connection import SourceVersion
from reporter.trading.ledger.sources.base import as_text

# The native schema without its constraints: what is not known stays NULL and is counted as such.
_TABLES = """
CREATE TABLE trades (id TEXT PRIMARY KEY, agent TEXT, strategy TEXT, market TEXT, side TEXT, mode TEXT, currency TEXT,
    size NUMERIC, entry_price NUMERIC, exit_price NUMERIC, pnl NUMERIC, fees NUMERIC, opened_at TEXT, closed_at TEXT,
    entry_tag TEXT, exit_reason TEXT, funding NUMERIC, volume NUMERIC,
    leverage NUMERIC, unpriced TEXT) WITHOUT ROWID;
CREATE INDEX trades_closed_at ON trades (closed_at);
CREATE INDEX trades_unpriced ON trades (closed_at) WHERE unpriced IS NOT NULL;
CREATE TABLE positions (id TEXT PRIMARY KEY, agent TEXT, strategy TEXT, market TEXT, side TEXT, mode TEXT,
    currency TEXT, size NUMERIC, entry_price NUMERIC, opened_at TEXT, current_price NUMERIC, unrealised_pnl NUMERIC,
    priced_at TEXT, entry_tag TEXT, pnl NUMERIC) WITHOUT ROWID;
CREATE TABLE agents (name TEXT PRIMARY KEY, strategy TEXT, mode TEXT, currency TEXT, capital NUMERIC, status TEXT,
    last_seen TEXT) WITHOUT ROWID;
CREATE TABLE equity (id INTEGER PRIMARY KEY, at TEXT, agent TEXT, mode TEXT, currency TEXT, equity NUMERIC,
    deposited NUMERIC DEFAULT 0, unrealised NUMERIC);
CREATE TABLE fills (id TEXT, agent TEXT, strategy TEXT, market TEXT, side TEXT, mode TEXT, currency TEXT, at TEXT,
    size NUMERIC, price NUMERIC, fees NUMERIC);
CREATE INDEX fills_at ON fills (at, id);
"""
_AT_ONCE = 1000  # rows that are spooled together
_KINDS = ("trades", "positions", "agents", "equity", "fills")
# What a feed reads of a source that has fills.
_FILL = ("id", "agent", "strategy", "market", "side", "mode", "currency", "at", "size", "price", "fees")
# The token of a fee that nobody knows the worth of.
UNPRICED: ColumnElement[Any] = column("unpriced")
FILLS = table("fills", *map(column, _FILL)).select()

Row = dict[str, object]
# Seconds in which a file may be written to twice with nothing in its version that tells.
SETTLED = 1.0

L_co = TypeVar("L_co", covariant=True)
L = TypeVar("L")


@dataclass(slots=True)
class DerivedRows:
    """Rows by the columns of the native schema; what is left out is not known. Times are aware."""

    trades: Iterable[Row] = ()
    positions: Iterable[Row] = ()
    agents: Iterable[Row] = ()
    equity: Iterable[Row] = field(default=())
    fills: Iterable[Row] = field(default=())


class Snapshots(Protocol[L_co]):
    """Where rows are derived from: a database, or files. A look sees one state of it."""

    name: str

    @property
    def address(self) -> str: ...
    def snapshot(self) -> AbstractContextManager[L_co]: ...
    def version(self, look: Any, tables: Collection[str]) -> SourceVersion: ...


class DerivedDatabase:
    """Stands for a database to a reader.

    `derive` computes all rows from one state of the source, or gives what computes them once the source is let go: that
    may take long. `changed` gives something that differs once they may, and
    is not asked where the source itself says that nothing was written. `tables` are all that the rows are made of,
    where that is known.
    """

    dialect = "sqlite"
    file: Path | None = None

    def __init__(
        self,
        source: Snapshots[L],
        derive: Callable[[L], DerivedRows | Callable[[], DerivedRows]],
        changed: Callable[[L], object],
        tables: Collection[str] = (),
        *,
        settled: float = SETTLED,
    ) -> None:
        self.name = source.name
        self._source: Snapshots[Any] = source
        self._derive: Callable[[Any], DerivedRows | Callable[[], DerivedRows]] = derive
        self._changed: Callable[[Any], object] = changed
        self._lock = threading.Lock()
        self._tables = tables
        self._stamp: object = None
        self._settled = settled
        self._version = SourceVersion(None)
        self._seen = self._looked = 0.0
        # "" is a private file of SQLite's own, which leaves memory when it grows.
        self._engine = create_engine(
            "sqlite://", creator=lambda: sqlite3.connect("", check_same_thread=False), poolclass=StaticPool
        )

    @property
    def source(self) -> Any:
        """What the rows are computed from: a Database, or Files."""
        return self._source

    @property
    def address(self) -> str:
        """Where the source is, without a password."""
        return self._source.address

    def __repr__(self) -> str:
        return f"DerivedDatabase({self._source!r})"

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One state of the computed rows, as new as the source. Raises LedgerError."""
        with self._lock:
            with self._source.snapshot() as look:
                known = self._is_known(self._source.version(look, self._tables))
                finish = None if known else self._refresh(look)
            if finish is not None:
                finish()
            with self._engine.connect() as connection, connection.begin():
                yield connection

    def _is_known(self, version: SourceVersion) -> bool:
        """Whether the source was looked through in this version, and no write could have been missed since."""
        if version != self._version:
            self._version, self._seen, self._looked = version, time.monotonic(), -math.inf
        return version.value is not None and self._looked - self._seen >= (0 if version.exact else self._settled)

    def _refresh(self, look: Any) -> Callable[[], None]:
        """Take the rows anew where they may differ. Returns what is left to do once the source is let go."""
        began, self._looked = time.monotonic(), -math.inf
        stamp = self._changed(look)
        rows = self._derive(look) if stamp != self._stamp else DerivedRows()
        if isinstance(rows, DerivedRows) and stamp != self._stamp:
            self._fill(rows)

        def finish() -> None:
            if not isinstance(rows, DerivedRows):
                self._compute(rows)
            self._stamp, self._looked = stamp, began

        return finish

    def _compute(self, rows: Callable[[], DerivedRows]) -> None:
        try:
            self._fill(rows())
        except LedgerError as error:
            raise LedgerError(f"{self.name}: {error}") from None

    def _fill(self, rows: DerivedRows) -> None:
        self._stamp = None
        raw = self._engine.raw_connection()
        try:
            cursor: Any = raw.cursor()
            for name in _KINDS:
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in _TABLES.split(";"):
                cursor.execute(statement)
            for name in _KINDS:
                for columns, alike in groupby(getattr(rows, name), key=tuple):
                    _insert(cursor, name, columns, alike)
            raw.commit()
        finally:
            raw.close()


def _insert(cursor: Any, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Raises LedgerError where two rows have one id."""
    last: Row = {}

    def values() -> Iterator[tuple[object, ...]]:
        nonlocal last
        for last in rows:
            yield tuple(map(_stored, last.values()))

    marks = ", ".join("?" * len(columns))
    try:
        cursor.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", values())  # noqa: S608 - our own names
    except sqlite3.IntegrityError:
        raise LedgerError(
            f"two {name} have the id {str(last.get('id'))[:40]!r}: map `id` to what differs in each row, such as "
            '`text(day) + "/" + text(number)`'
        ) from None


class LaterRows:
    """Rows that are taken at once, into a file without a name, and gone through later, in little memory."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it lasts as long as this object
        taken = iter(rows)
        while some := list(islice(taken, _AT_ONCE)):
            pickle.dump(some, self._file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[Any]:
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        while self._file.tell() < end:
            yield from pickle.load(self._file)  # noqa: S301 - nobody else can have written it

    def __del__(self) -> None:
        self._file.close()


def _stored(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return as_text(value) if isinstance(value, datetime) else value
