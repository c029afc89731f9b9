"""Opening a trading database so that nothing can be written through it, and saying plainly why it cannot be read.

Every look is one short transaction on a connection of its own: nothing is held between two looks that could keep a
bot's database from checkpointing, vacuuming or being replaced.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from reporter.errors import LedgerError
from reporter.secret import Secret

LOCK_WAIT = 0.5  # seconds: rather fail than stand in a queue before the bot's own writes
_OPCODES_BETWEEN_LOOKS = 10_000  # how often a SQLite query looks at its deadline

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
# What SQLAlchemy asks when it connects and when it looks for a table; neither can change anything without a value.
_ALLOWED_PRAGMAS = {("read_uncommitted", False), ("table_info", True)}

_READS = re.compile(r"\s*(SELECT|WITH|SHOW)\b", re.IGNORECASE)
# Set for the transaction only, so that it holds behind a connection pooler too.
_LIMITS = text(
    "SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true), "
    "set_config('idle_in_transaction_session_timeout', :idle, true)"
)
_SQLSTATES = {
    "3D000": "there is no such database",
    "28P01": "the password is refused",
    "42P01": "a table is missing: is it the right kind of ledger, and the right schema?",
    "42703": "a column is missing: is it the right kind of ledger, of a version that we know?",
    "42501": "the role may not read it: GRANT SELECT on its tables",
    "55P03": f"it is locked, and after {LOCK_WAIT} s we do not wait any longer",
    "57014": "it did not answer in time",
    "25006": "a statement that would have written was refused",
}


class Database:
    """One trading database. `timeout` is in seconds: for a whole look on SQLite, for each statement on PostgreSQL.

    `url` is a SQLAlchemy URL or the path of a SQLite file. Raises LedgerError when it is neither.
    """

    def __init__(self, name: str, url: Secret | str, timeout: float) -> None:
        self.name = name
        self._timeout = timeout
        self._url = _parsed(name, url.reveal() if isinstance(url, Secret) else url)

    def __repr__(self) -> str:
        return f"Database({self.name!r}, {self.dialect})"

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        return Path(self._url.database or "").expanduser() if self.dialect == "sqlite" else None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only transaction that sees one state of the database. Raises LedgerError for all that goes wrong."""
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except LedgerError as error:
            raise LedgerError(f"{self.name}: {error}") from None
        except SQLAlchemyError as error:
            raise LedgerError(f"{self.name}: {self._reason(error)}") from None

    def _reason(self, error: SQLAlchemyError) -> str:
        original = error.orig if isinstance(error, DBAPIError) else error
        words = " ".join(str(original).split())
        if self.file:
            return _sqlite_reason(words, self.file)
        said = _SQLSTATES.get(getattr(original, "sqlstate", None) or "", "")
        return self._without_password(f"{said} ({words})" if said else words)

    def _without_password(self, words: str) -> str:
        return words.replace(self._url.password, "***") if self._url.password else words

    @cached_property
    def _engine(self) -> Engine:
        return _sqlite(self.file, self._timeout) if self.file else _postgresql(self._url, self._timeout)


def _parsed(name: str, written: str) -> URL:
    if "://" not in written:
        return URL.create("sqlite", database=written)
    try:
        url = make_url(written)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise LedgerError(f"{name}: this is neither a file nor a database URL") from None
    match url.get_backend_name():
        case "sqlite":
            return url
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise LedgerError(f"{name}: {other} cannot be read, write sqlite:///FILE or postgresql://…")


def _sqlite(path: Path, timeout: float) -> Engine:
    def connect() -> sqlite3.Connection:
        if _is_missing(path):
            raise LedgerError(f"there is no file {path}")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT, isolation_level=None
        )
        _guard(connection, timeout)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    # sqlite3 itself begins no transaction for a SELECT, and without one each statement would see another state.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _is_missing(path: Path) -> bool:
    try:
        return not path.is_file()
    except PermissionError:
        return False  # it may be there: SQLite will say that it cannot be opened


def _guard(connection: sqlite3.Connection, timeout: float) -> None:
    """Deny all but reading, since `mode=ro` alone still allows ATTACH and VACUUM INTO to make files; set a deadline."""
    end = time.monotonic() + timeout
    connection.set_authorizer(_authorise)
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _OPCODES_BETWEEN_LOOKS)


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    pragma = action == sqlite3.SQLITE_PRAGMA and (first, second is not None) in _ALLOWED_PRAGMAS
    return sqlite3.SQLITE_OK if pragma or action in _ALLOWED else sqlite3.SQLITE_DENY


def _sqlite_reason(words: str, path: Path) -> str:
    folder = path.absolute().parent
    reasons = {
        "not a database": f"{path} is not a SQLite database",
        "locked": f"{path} is locked, and after {LOCK_WAIT} s we do not wait any longer",
        "interrupted": "it did not answer in time",
        "unable to open": f"{path} cannot be opened: may this user read it, and enter {folder}?",
        "readonly database": f"{path} is in WAL mode and nobody has it open: reading it then needs leave to write in "
        f"{folder} (a group shared with the bot)",
        "no such table": f"a table is missing ({words}): is it the right kind of ledger?",
        "no such column": f"a column is missing ({words}): is it the right kind of ledger, of a version that we know?",
        "not authorized": "a statement that would have written was refused",
    }
    return next((reason for sign, reason in reasons.items() if sign in words), words)


def _postgresql(url: URL, timeout: float) -> Engine:
    try:
        import psycopg  # noqa: PLC0415 - an optional extra, and heavy
    except ImportError:
        raise LedgerError("reading PostgreSQL needs psycopg: pip install 'reporter[postgres]'") from None

    class OneStatement(psycopg.Cursor[Any]):
        """Binary results make psycopg use the protocol that takes one statement only: `commit; begin read write; …`
        is refused."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.format = psycopg.pq.Format.BINARY

    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            "application_name": "reporter",
            "connect_timeout": max(2, round(timeout)),  # libpq takes no less
            "tcp_user_timeout": round(timeout * 1000),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "cursor_factory": OneStatement,
            "prepare_threshold": None,
        },
    )

    def read_only(connection: psycopg.Connection[Any], *_: object) -> None:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    # Also at check-out: SQLAlchemy's own `postgresql_readonly` leaves read_only=False behind when it resets.
    event.listen(engine, "connect", read_only)
    event.listen(engine, "checkout", read_only)
    event.listen(engine, "before_cursor_execute", _only_reads)
    limits = {"statement": round(timeout * 1000), "lock": round(LOCK_WAIT * 1000), "idle": round(timeout * 1000)}
    event.listen(
        engine,
        "begin",
        lambda connection: connection.execute(_LIMITS, {key: str(value) for key, value in limits.items()}),
    )
    return engine


def _only_reads(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """A transaction's mode can be set anew by SQL, so SET, COMMIT and BEGIN are refused before they are sent."""
    if not _READS.match(statement):
        raise LedgerError("a statement that would have written was refused")
