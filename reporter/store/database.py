"""Opens the reporter's own database and its transactions; prunes old rows in small batches.

The functions of the other store modules take an open connection, so that facts that belong together are saved together
or not at all.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, delete, event, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from reporter.errors import StoreError, StoreLockedError, StoreLostError
from reporter.paths import expanded
from reporter.store import tables
from reporter.store.daemon_lock import daemon_lock
from reporter.store.store_file import (
    KeptFile,
    copy_to,
    identity,
    identity_of,
    make_file,
    read_write,
    refuse_foreign,
)
from reporter.store.turns import Turns
from reporter.store.upgrade_copies import keep_copy

log = logging.getLogger(__name__)

# So long, in seconds, a writer waits for others.
BUSY = 10.0
# So long it waits where others were waited for in vain, until one write succeeds.
BUSY_AGAIN = 0.5
# So many rows are forgotten in one transaction, which takes a tenth of a second.
AT_ONCE = 2000
# A server that is cut off says nothing: without these a thread would wait for it for hours. Seconds and milliseconds.
UNANSWERED = {"tcp_user_timeout": 30_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
# What SQLite and PostgreSQL say when another one's lock was waited for in vain.
_LOCKED = r"database is locked|LockNotAvailable|lock timeout"
_WHEN_SAVED = "reporter_when_saved"
# The facts that say by which terms the daemon runs, JSON by the names of its jobs, and which channels it has.
TERMS, CHANNELS = "terms", "channels"


class Store:
    """An open store. Use `begin()` to write and `read()` to look; both are short and never held over a network call."""

    def __init__(self, engine: Engine, file: Path | None) -> None:
        self._engine = engine
        self._file = file
        self._lock: int | None = None
        self._senders: int | None = None
        self._identity = identity(file) if file else None
        self._kept: KeptFile | None = None
        # SQLite lets those who wait for its write lock sleep and try again, now and then for a second: ours queue here.
        self._writing = Turns() if file else None
        self._in_vain = False

    @contextmanager
    def begin(self, patience: float = BUSY) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back on any error. Raises StoreError.

        It waits `patience` seconds for other writers, and less while these were waited for in vain. Then it raises
        StoreLockedError.
        """
        patience = min(patience, BUSY_AGAIN) if self._in_vain else patience
        with self._in_turn(patience), self._speaking(patience), self._connected() as connection:
            writing = connection.execution_options(reporter_write=True, reporter_patience=patience)
            acts = writing.info[_WHEN_SAVED] = list[Callable[[], None]]()
            with writing.begin():
                self._in_vain = False
                yield writing
            for act in acts:
                act()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent look. Raises StoreError."""
        with self._speaking(BUSY), self._connected() as connection, connection.begin():
            yield connection

    def bring_up_to_date(self) -> None:
        """Make a new store whole, and an older one that of this program. Raises StoreError."""
        with _opening(self._file or self._engine.url.render_as_string()):
            _bring_up_to_date(self._engine, self._file)

    @property
    def shared(self) -> bool:
        """Whether several daemons may work on it."""
        return self._file is None

    def hold(self) -> None:
        """Become the one daemon of a SQLite store. Raises StoreBusyError if there is one already.

        On PostgreSQL several daemons may share a store and nothing is held.
        """
        if self._file is None or self._lock is not None:
            return
        self._lock = daemon_lock(self._file)
        self._kept = self._kept or KeptFile(self._file)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite store."""
        return self._file

    def write_stamp(self) -> object:
        """What changes with each write to a SQLite store, whoever writes; None where that is not to be seen.

        Two writes in one tick of the file system's clock may share a stamp.
        """
        if self._file is None:
            return None
        try:
            found = [path.stat() for path in (self._file, Path(f"{self._file}-wal"))]
        except OSError:
            return None
        return [(file.st_ino, file.st_size, file.st_mtime_ns) for file in found]

    def backup(self, target: Path) -> None:
        """Copy a SQLite store to a new file, while others read and write. Raises StoreError."""
        try:
            with closing(sqlite3.connect(read_write(self._file or target), uri=True, timeout=BUSY)) as source:
                copy_to(source, target)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the store cannot be copied: {_first_line(error)}") from None

    def save_lost(self) -> str | None:
        """Where the file of the store was deleted or replaced: save what we have, and go on with the file there now.

        Returns what was done, as a sentence; None if the file is in its place or nobody holds the store. Raises
        StoreError if nothing can be saved, and the next call tries again; StoreLostError if the new file is no use.
        """
        if self._file is None or self._kept is None or identity(self._file) == self._identity:
            return None
        with self._in_turn(BUSY):  # nobody writes meanwhile to what is copied
            try:
                done = self._kept.put_back()
            except (OSError, sqlite3.Error) as error:
                why = error.strerror if isinstance(error, OSError) else _first_line(error)
                raise StoreError(f"{self._lost()}, and what it held cannot be saved: {why}") from None
            try:
                self._go_on(self._file)
            except (StoreError, SQLAlchemyError, OSError, sqlite3.Error) as error:
                raise StoreLostError(f"{done}. It cannot be used: {_first_line(error)}") from None
        return done

    def _go_on(self, file: Path) -> None:
        """Use the file that is there now, as its daemon."""
        if self._lock is not None and identity(Path(f"{file}.lock")) != identity_of(self._lock):
            os.close(self._lock)
            self._lock = None
            self.hold()
        self._engine.dispose()
        _bring_up_to_date(self._engine, file)
        kept, self._kept, self._identity = self._kept, KeptFile(file), identity(file)
        if kept is not None:
            kept.close()

    def has_daemon(self) -> bool | None:
        """Whether another process holds this store as its daemon; None where nobody can say, as on PostgreSQL."""
        if self._file is None or self._lock is not None:
            return None
        try:
            lock = os.open(f"{self._file}.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def join_senders(self) -> None:
        """Say, for as long as this process lives, that it sends messages beside the daemon of a SQLite store."""
        if self._lock is None and self._senders is None:
            self._senders = self._lock_senders(fcntl.LOCK_SH)

    @contextmanager
    def only_sender(self) -> Iterator[bool]:
        """Whether this is the daemon of a SQLite store and no other process sends, nor begins to meanwhile: what others
        have leased is then of processes that live no more. The system ends the lock of a process that was killed."""
        senders = None if self._lock is None else self._lock_senders(fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield senders is not None
        finally:
            if senders is not None:
                os.close(senders)

    def _lock_senders(self, how: int) -> int | None:
        """The lock, open; None where there is none to be had."""
        if self._file is None:
            return None
        try:
            senders = os.open(f"{self._file}.senders", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(senders, how)
        except OSError:
            os.close(senders)
            return None
        return senders

    def close(self) -> None:
        self._engine.dispose()
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        if self._senders is not None:
            os.close(self._senders)
            self._senders = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def _in_turn(self, patience: float) -> Iterator[None]:
        if self._writing is None:
            yield
            return
        if not self._writing.acquire(timeout=patience):
            raise self._locked(patience)
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection to the file that is in its place; nothing is read from one that is not, nor written to it."""
        if self._file is not None and identity(self._file) != self._identity:
            raise StoreError(self._lost())
        with self._engine.connect() as connection:
            yield connection

    def _lost(self) -> str:
        try:
            gone = self._file is None or not self._file.exists()
        except OSError as error:  # somebody closed a folder on the way to it
            return f"the store {self._file} cannot be reached any more: {error.strerror}"
        return f"the store {self._file} was {'deleted' if gone else 'replaced'} while it was in use"

    @contextmanager
    def _speaking(self, patience: float) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as error:
            if re.search(_LOCKED, str(error)):
                raise self._locked(patience) from None
            raise StoreError(f"the store cannot be used: {_first_line(error)}") from None

    def _locked(self, patience: float) -> StoreLockedError:
        self._in_vain = True
        return StoreLockedError(
            f"the store is locked: something else has been writing to it for {patience:g} s or more"
        )


def open_store(url: str, *, existing: bool = False) -> Store:
    """Open a store by path or SQLAlchemy URL, created or brought up to date as needed. Raises StoreError.

    With `existing` a store that is not there is not created but refused.
    """
    store = store_as_it_is(url, existing=existing)
    try:
        store.bring_up_to_date()
    except StoreError:
        store.close()
        raise
    return store


def store_as_it_is(url: str, *, existing: bool = True) -> Store:
    """A store that is not brought up to date: to look at it, whatever its version is. Raises StoreError."""
    address = _address_of(url)
    file = _sqlite_file(address)
    if file is not None and existing and not file.exists():
        raise StoreError(f"this home has no store yet, and no daemon runs on it: {file} is not there")
    with _opening(file or address.render_as_string()):
        if file is not None:
            refuse_foreign(file)
            make_file(file)
        engine = create_engine(address, hide_parameters=True, **_options(address))
        _prepare(engine, file)
    return Store(engine, file)


def store_file(url: str) -> Path | None:
    """The file of a SQLite store, whether it is there or not. Raises StoreError."""
    return _sqlite_file(_address_of(url))


def _address_of(url: str) -> URL:
    try:
        address = make_url(url) if "://" in url else URL.create("sqlite", database=url)
    except ArgumentError:
        raise StoreError(
            "`store` is neither a path nor a database URL: write `/var/lib/reporter/reporter.sqlite` "
            "or `postgresql+psycopg://user@host/database`"
        ) from None
    return address.set(drivername="postgresql+psycopg") if address.drivername == "postgresql" else address


@contextmanager
def _opening(what: object) -> Iterator[None]:
    """What goes wrong while a store is opened, as a StoreError."""
    try:
        yield
    except ModuleNotFoundError:
        raise StoreError("a store on PostgreSQL needs its driver: pip install 'reporter[postgres]'") from None
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"the store {what} cannot be opened: {_first_line(error)}") from None


def after_commit(connection: Connection, act: Callable[[], None]) -> None:
    """Do something once what is being written is saved, and not at all if it cannot be."""
    connection.info[_WHEN_SAVED].append(act)


def insert_once(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its unique key is taken; True if it was ours. The claim of everything that happens once."""
    # The engine has loaded its own dialect already; the other one would cost 4 MB.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return connection.execute(statement).first() is not None


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose unique key is free, and leave the others as they are."""
    if rows:
        dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))


def _options(address: URL) -> dict[str, Any]:
    if address.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY, "check_same_thread": False}, "pool_size": 2}
    options = f"{address.query.get('options', '')} -c statement_timeout=30000".strip()
    server = {"connect_timeout": 10, "application_name": "reporter", "options": options}
    return {"pool_pre_ping": True, "connect_args": server | UNANSWERED}


def _sqlite_file(address: URL) -> Path | None:
    if address.get_backend_name() != "sqlite":
        return None
    if not address.database or address.database == ":memory:":
        raise StoreError("a store in memory would forget what was sent: give `store` a path")
    return expanded(address.database).resolve()


def _prepare(engine: Engine, file: Path | None) -> None:
    """Give SQLite the settings that survive a power cut, and transactions that take the write lock at once."""
    if file is None:

        @event.listens_for(engine, "begin")
        def patient(connection: Connection) -> None:
            patience = connection.get_execution_options().get("reporter_patience", BUSY)
            if patience < BUSY:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{patience * 1000:.0f}ms'")

        return

    @event.listens_for(engine, "do_connect")
    def never_create(_dialect: Any, _record: Any, arguments: list[Any], more: dict[str, Any]) -> None:
        arguments[:] = [read_write(file)]
        more["uri"] = True

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-256")  # KiB; each pooled connection would keep up to 2 MiB

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        writes = connection.get_execution_options().get("reporter_write")
        if not writes:
            connection.exec_driver_sql("BEGIN")
            return
        patience = connection.get_execution_options().get("reporter_patience", BUSY)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY * 1000:.0f}")


def _bring_up_to_date(engine: Engine, file: Path | None) -> None:
    """A new store is made whole at once; an older one walks through the migrations, for which Alembic is loaded.

    All of it is one transaction: a process that is killed meanwhile leaves the store as it was. A file is copied first.
    """
    with engine.connect().execution_options(reporter_write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7271001)")
        version = version_of(connection)
        if version is None:
            _refuse_foreign_tables(connection)
            tables.metadata.create_all(connection)
            tables.alembic_version.create(connection)
            connection.execute(tables.alembic_version.insert().values(version_num=tables.HEAD))
        elif version != tables.HEAD:
            from reporter.store.migrate import check_known, upgrade  # noqa: PLC0415 - Alembic is heavy and seldom needed

            check_known(version)
            kept = keep_copy(file, version) if file else None
            upgrade(connection, version)
            after = f", the copy from before is {kept}" if kept else ""
            log.info("the store goes from version %s to %s%s", version, tables.HEAD, after)


def _refuse_foreign_tables(connection: Connection) -> None:
    """On a server others may have tables beside ours, but none of our names. Raises StoreError."""
    if connection.dialect.name == "sqlite":
        return
    taken = sorted(set(inspect(connection).get_table_names()) & set(tables.metadata.tables))
    if taken:
        raise StoreError(
            f"the database of the store has a table {taken[0]} already, which is another program's: "
            f"give `store` a database or a schema of its own"
        )


def version_of(connection: Connection) -> str | None:
    """The number of the last migration that a store went through; None for one that is empty."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.execute(select(tables.alembic_version.c.version_num)).scalar()
    return str(found) if found else None


def prune_rows(connection: Connection, table: Table, old: ColumnElement[bool]) -> int:
    """Delete rows that are old, some at a time: whoever else has to write is not kept waiting. Returns how many."""
    (key,) = table.primary_key.columns
    some = select(key).where(old).limit(AT_ONCE)
    return connection.execute(delete(table).where(key.in_(some))).rowcount


def fact(connection: Connection, name: str) -> str | None:
    """A single remembered value."""
    found = connection.execute(select(tables.facts.c.value).where(tables.facts.c.name == name)).scalar()
    return str(found) if found is not None else None


def _first_line(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin).strip().split("\n")[0] or type(origin).__name__
