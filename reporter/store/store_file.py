"""The file of a SQLite store: made for its owner alone, told from another of the same name, saved when it is lost."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from reporter.errors import StoreError
from reporter.periods.clock import SystemClock
from reporter.trusted_files import name_of

# What SQLite keeps beside a database while it is open.
BESIDE = ("-wal", "-shm", "-journal")
# Tables that a store of any version has.
OWN = frozenset({"alembic_version", "outbox"})


def make_file(file: Path) -> None:
    """Create a store's folder (mode 0700) and its empty file (0600) where there are none, whatever the umask.

    Raises StoreError for a folder that others can write to, and OSError.
    """
    make_folder(file)
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _close_to_others(file)
    else:
        file.chmod(0o600)


def make_folder(file: Path) -> None:
    """Create the folder of a store. Raises StoreError for one that others can write to, and OSError."""
    if not file.parent.exists():
        file.parent.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            file.parent.mkdir(mode=0o700)
            file.parent.chmod(0o700)
    _refuse_open_folder(file.parent)


def refuse_foreign(file: Path) -> None:
    """Raises StoreError where a file is another program's database, which is left as it is, byte for byte."""
    if not file.is_file() or not file.stat().st_size:
        return
    # What is still in a journal counts, too; without one, a look at the file alone leaves nothing beside it.
    journals = any(path.exists() and path.stat().st_size for path in _beside(file))
    address = f"file:{quote(str(file))}?mode=ro{'' if journals else '&immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as opened:
            names = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return  # what is damaged is told where it is read
    foreign = sorted(name for name in names if not name.startswith("sqlite_"))
    if foreign and not names.issuperset(OWN):
        raise StoreError(
            f"{file} is the database of another program: it has the table {foreign[0]}. "
            f"Nothing was changed in it: give `store` a file of its own"
        )


def _refuse_open_folder(folder: Path) -> None:
    info = folder.stat()
    if info.st_mode & stat.S_IWOTH:
        raise StoreError(
            f"others can write to the folder {folder}: give the store a folder of its own, or `chmod o-w {folder}`"
        )
    if info.st_uid not in {0, os.geteuid()}:
        owner, me = name_of(info.st_uid), name_of(os.geteuid())
        raise StoreError(
            f"the store's folder {folder} belongs to {owner} and not to {me}: run this as the user {owner}"
        )


def _close_to_others(file: Path) -> None:
    """An older version let the umask decide. A group that was given access keeps it."""
    for path in (file, *_beside(file)):
        with suppress(OSError):
            info = path.stat()
            if info.st_mode & 0o007 and info.st_uid == os.geteuid():
                path.chmod(stat.S_IMODE(info.st_mode) & ~0o007)


def read_write(file: Path) -> str:
    """The URI by which SQLite never creates a file: one that is gone stays gone, and is noticed."""
    return f"file:{quote(str(file))}?mode=rw"


def _beside(file: Path) -> list[Path]:
    return [file.with_name(file.name + end) for end in BESIDE]


def identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None where there is none to be seen."""
    try:
        info = file.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def identity_of(descriptor: int) -> tuple[int, int]:
    """The identity of an open file."""
    info = os.fstat(descriptor)
    return info.st_dev, info.st_ino


class KeptFile:
    """A connection that keeps what it is connected to, also when somebody deletes or replaces the file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection = sqlite3.connect(read_write(file), uri=True, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA cache_size=-16")
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the -wal file, too
        self._beside = {path: found for path in _beside(file) if (found := identity(path))}

    def put_back(self) -> str:
        """Write the store again where it was deleted, or beside the file that took its place; returns what was done.

        Raises OSError and sqlite3.Error.
        """
        if os.path.lexists(self._file):
            return self._put_beside()
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._file.with_name(f".{self._file.name}.{secrets.token_hex(8)}.part")
        self._copy(part)
        try:
            self._take_away_journals()
            os.link(part, self._file)
        finally:
            part.unlink()
        return f"the store {self._file} was deleted while the daemon ran, and was written again: nothing is lost"

    def _put_beside(self) -> str:
        stamp = f"{SystemClock().wall():%Y%m%dT%H%M%S}"
        kept = self._file.with_name(f"{self._file.name}.replaced-{stamp}-{secrets.token_hex(2)}")
        waiting = self._copy(kept)
        self._take_away_journals()
        return (
            f"the store {self._file} was replaced while the daemon ran: the daemon now uses the file that is there. "
            f"What it had before, with {waiting} unsent messages, is in {kept}"
        )

    def _take_away_journals(self) -> None:
        """What SQLite keeps beside a file that is gone would be read as that of the file in its place."""
        for path, ours in self._beside.items():
            if identity(path) == ours:
                path.unlink()

    def _copy(self, target: Path) -> int:
        """Copy everything to a new file; returns how many messages wait in it."""
        copy_to(self._connection, target)
        with closing(sqlite3.connect(target)) as copy:
            found = copy.execute("SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending', 'unclear')")
            return int(found.fetchone()[0])

    def close(self) -> None:
        self._connection.close()


def copy_to(source: sqlite3.Connection, target: Path) -> None:
    """Copy a database whole to a new file that only its owner can read, while others use it."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
