"""Opens a trading database read-only, and says plainly why a database cannot be read.

Every read is one short transaction: between two reads nothing is held that could keep a bot's database from
checkpointing, vacuuming or being replaced. A session with a server is kept for seconds (`sessions`), a file is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from reporter.errors import LedgerError
from reporter.paths import expanded
from reporter.secret import Secret
from reporter.trading.ledger import mysql, postgres_readonly
from reporter.trading.ledger.postgres_version import postgres_version
from reporter.trading.ledger.sessions import BriefPool
from reporter.trading.ledger.sqlite_file import SqliteFile, open_sqlite, sqlite_reason, verified

_WRONG_KIND = ": is it the right kind of ledger?"


class SourceVersion(NamedTuple):
    """What differs once anything was written; None where nothing tells. One not `exact` does so after a while."""

    value: object
    exact: bool = True


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
        """`sqlite`, `postgresql` or `mysql`, which MariaDB is too."""
        return self._url.get_backend_name()

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return str(self.file.absolute()) if self.file else self._url.set(password=None).render_as_string()

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        return expanded(self._url.database or "") if self.dialect == "sqlite" else None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only transaction that sees one state of the database. Raises LedgerError for all that goes wrong, and
        DisturbedError where it is to be asked again (`sqlite_file.undisturbed`)."""
        try:
            with self._engine.connect() as connection, connection.begin():
                file = connection.connection.dbapi_connection
                with verified(file) if isinstance(file, SqliteFile) else _dropped_on_error(connection):
                    yield connection
        except LedgerError as error:
            raise type(error)(f"{self.name}: {error}") from None
        except SQLAlchemyError as error:
            raise LedgerError(f"{self.name}: {self._reason(error)}") from None

    def close(self) -> None:
        """End the session that is kept for the next look; that opens another one."""
        if "_engine" in vars(self):
            self._engine.pool.dispose()

    def version(self, connection: Connection, tables: Collection[str]) -> SourceVersion:
        """What differs once anything was written to these tables' database; it is asked at the beginning of a look."""
        file: Any = connection.connection.dbapi_connection
        if isinstance(file, SqliteFile):
            return SourceVersion(file.version, exact=False)
        return SourceVersion(postgres_version(connection, tables) if self.dialect == "postgresql" and tables else None)

    def _reason(self, error: SQLAlchemyError) -> str:
        original = error.orig if isinstance(error, DBAPIError) else error
        words = " ".join(str(original).split())
        if self.file:
            return _of_a_ledger(sqlite_reason(original, self.file))
        if self.dialect == "mysql":
            said = _of_a_ledger(mysql.reason(original))
            return self._without_password(f"{said} ({words})" if said else words)
        said = _of_a_ledger(postgres_readonly.SQLSTATES.get(getattr(original, "sqlstate", None) or "", ""))
        return self._without_password(f"{said} ({words})" if said else words)

    def _without_password(self, words: str) -> str:
        return words.replace(self._url.password, "***") if self._url.password else words

    @cached_property
    def _engine(self) -> Engine:
        if self.file:
            return _sqlite(self.file, self._timeout)
        made = mysql.engine if self.dialect == "mysql" else _postgresql
        return made(self._url, self._timeout)


@contextmanager
def _dropped_on_error(connection: Connection) -> Iterator[None]:
    """What failed in a session may leave it in any state, so that no other look has it."""
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise


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
        case "mysql" | "mariadb":
            return url.set(drivername="mysql+pymysql")
        case other:
            raise LedgerError(f"{name}: {other} cannot be read, write sqlite:///FILE, postgresql://… or mysql://…")


def strict_address(name: str, address: Secret) -> Secret:
    """A database's address with all in it percent-encoded that others would take for its marks. Raises LedgerError."""
    url = _parsed(name, address.reveal())
    if url.get_backend_name() == "sqlite":
        return address
    return Secret(url.set(drivername="postgresql").render_as_string(hide_password=False), address.origin)


def _of_a_ledger(reason: str) -> str:
    return reason + _WRONG_KIND if reason.startswith(("a table is missing", "a column is missing")) else reason


def _sqlite(path: Path, timeout: float) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: open_sqlite(path, timeout), poolclass=NullPool, hide_parameters=True
    )
    # sqlite3 itself begins no transaction for a SELECT, and without one each statement would see another state.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _postgresql(url: URL, timeout: float) -> Engine:
    try:
        postgres_readonly.load_psycopg()
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
        poolclass=BriefPool,
        pool_pre_ping=True,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={**postgres_readonly.postgresql_settings(timeout), "cursor_factory": OneStatement},
    )

    def read_only(connection: psycopg.Connection[Any], *_: object) -> None:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    # Also at check-out: SQLAlchemy's own `postgresql_readonly` leaves read_only=False behind when it resets.
    event.listen(engine, "connect", read_only)
    event.listen(engine, "checkout", read_only)
    event.listen(engine, "before_cursor_execute", _only_reads)
    limits = text(postgres_readonly.postgresql_limits(timeout))
    event.listen(engine, "begin", lambda connection: connection.execute(limits))
    return engine


def _only_reads(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if not postgres_readonly.reads(statement):
        raise LedgerError("a statement that would have written was refused")
