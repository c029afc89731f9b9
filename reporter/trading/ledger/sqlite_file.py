"""A SQLite file that belongs to a bot, read so that its folder stays as it is: no file is made, removed or written.

A plain read-only connection does not do that. To a file in WAL mode that nobody has open, SQLite adds a `-wal` and a
`-shm` of the reader's own, which the bot may then not be allowed to write; beside an empty file it removes a `-wal`.
So each look first takes the reader's lock that SQLite's own protocol has (sqlite.org/lockingv3.html): while it is held
nobody can remove the `-wal`, end WAL mode, or finish a write of a file without one. What stands beside the file then
tells how it can be read:

- no WAL: its bot cannot finish a write while we read. So a small file is copied into memory, which takes milliseconds,
  and read there. A large one is read where it stands, as SQLite reads any file, until its bot waits to finish a write:
  then the look gives way and is made again, of a copy if the file is not too large for one, and at last without giving
  way. A journal that a killed bot left is not rolled back, which SQLite refuses by itself;
- a `-wal` and a `-shm`, so a bot is running or was killed: through both, the `-shm` read and never written;
- no `-wal`, or an empty one: the file is all there is. It is read as one that does not change; where a bot has begun
  to write meanwhile, the look does not count and is made again;
- a `-wal` with rows and no `-shm`: they could be read only by making the `-shm`, so a sentence says that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from reporter.errors import LedgerError

LOCK_WAIT = 0.5  # seconds: rather fail than stand in a queue before the bot's own writes
# A SQLite file without a WAL is read for so many seconds at most: its bot cannot write meanwhile, and by default gives
# up after five.
BRIEF = 2.0
# Such a file of so many bytes at most is read in a copy. 16 MiB take some ten milliseconds.
SMALL = 16 * 1024 * 1024
# And one of so many where a look had to give way: while it is copied it takes twice that memory.
MIDDLING = 64 * 1024 * 1024
_POLL = 0.02  # seconds between two tries
_HEADER, _WAL_HEADER = 100, 32  # bytes
_OPCODES_BETWEEN_CHECKS = 10_000  # how often a query looks at its deadline
# A value and a row may have so many bytes: functions such as `hex` and `printf` know no deadline, only this.
_LONGEST = 64 * 1024 * 1024
_TRIES = 4

# Where the locks of SQLite stand in a file (its source, os.h: PENDING_BYTE, RESERVED_BYTE and SHARED_FIRST).
_PENDING, _RESERVED, _SHARED = (0x40000000, 1), (0x40000001, 1), (0x40000002, 510)

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
# What SQLAlchemy asks when it connects and when it looks for a table; neither can change anything without a value.
_ALLOWED_PRAGMAS = {("read_uncommitted", False), ("table_info", True)}

TOO_LONG = "it did not answer in time"
_TOO_LONG = (
    f"{TOO_LONG}; a large file that is not in WAL mode is read for {BRIEF:g} s at most, since its bot "
    "cannot write meanwhile: `PRAGMA journal_mode = WAL` lets both work"
)

T = TypeVar("T")
Inode = tuple[int, int]
Stamp = tuple[int, int, int, int]


class FileError(LedgerError, sqlite3.OperationalError):
    """A SQLite file cannot be read without leaving something behind. The text is a complete sentence."""


class DisturbedError(FileError):
    """A bot began to write into a file while it was read as one that nobody has open: ask again."""


class SqliteFile(sqlite3.Connection):
    """A connection that only reads, made by `open_sqlite`. What it read counts once `verify` has been called.

    `version` is another one once anything was written, as far as the file system tells writes apart: by their times,
    but not those of one moment.
    """

    version: object
    hold: _Hold
    unchanging: Stamp | None
    keeps_wal: bool
    disturbed = False
    gave_way = False

    def verify(self) -> None:
        """Raise DisturbedError where the file may have changed under a look that could not see it, and where the look
        gave way to a write.

        A bot moves rows from its `-wal` into the file, and while we hold the lock it cannot remove the `-wal` again.
        """
        if self.gave_way:
            _attempts.gave_way = True
            raise DisturbedError(f"{self.hold.path} is written to while it is read")
        if self.unchanging and (self.hold.stamp() != self.unchanging or _size(self.hold.beside("-wal"))):
            self.disturbed = True
            raise DisturbedError(f"{self.hold.path} changes while it is read")

    def close(self) -> None:
        """Close the file, then give up the lock, unless the next look needs it."""
        super().close()
        if self.disturbed and _attempts.kept is not None:
            _attempts.kept.append(self.hold)
        else:
            self.hold.release()


class _Attempts(threading.local):
    """The locks that this thread keeps from one look to the next, where it would look again."""

    kept: list[_Hold] | None = None
    give_way = False
    gave_way = False


_attempts = _Attempts()


def undisturbed(look: Callable[[], T]) -> T:
    """The answer of a look that is made again where a bot disturbed it. Raises what the last of a few looks raises.

    The lock is kept in between, so that the bot leaves its `-wal` and `-shm` there to be read; but for a look that gave
    way to a write. The last one gives way no more.
    """
    kept = _attempts.kept = []
    _attempts.give_way, _attempts.gave_way = True, False
    try:
        for _ in range(_TRIES - 1):
            with suppress(DisturbedError):
                return look()
        _attempts.give_way = False
        return look()
    finally:
        _attempts.kept, _attempts.give_way, _attempts.gave_way = None, False, False
        for hold in kept:
            hold.release()


def open_sqlite(path: Path, timeout: float, *, pragmas: Collection[str] = (), copy: bool = True) -> SqliteFile:
    """Open a SQLite file for reading, with a deadline of `timeout` seconds for all that is asked; of `BRIEF` seconds at
    most where its bot cannot write meanwhile, which without `copy` is each file that keeps no WAL.

    All but reading is denied, since a read-only connection may still ATTACH and VACUUM INTO other files. `pragmas` are
    allowed besides, without a value. Raises sqlite3.Error, which `sqlite_reason` explains.
    """
    hold = _Hold(path)
    try:
        hold.lock()
        version = hold.version()
        way, unchanging = _way_to_read(hold)
        content = hold.copy(MIDDLING if _attempts.gave_way else SMALL) if copy and not way else None
        connection = _connected(f"{hold.path.as_uri()}?mode=ro{way}") if content is None else _copied(content, hold)
    except BaseException:
        hold.release()
        raise
    connection.hold, connection.unchanging, connection.version = hold, unchanging, version
    connection.keeps_wal = content is None and hold.keeps_wal()
    allowed = _ALLOWED_PRAGMAS | {(name, False) for name in pragmas}

    def authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        pragma = action == sqlite3.SQLITE_PRAGMA and (first, second is not None) in allowed
        return sqlite3.SQLITE_OK if pragma or action in _ALLOWED else sqlite3.SQLITE_DENY

    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.set_authorizer(authorise)
    lets_write = connection.keeps_wal or content is not None
    end = time.monotonic() + (timeout if lets_write else min(timeout, BRIEF))
    gives_way = _attempts.give_way and not lets_write

    def is_over() -> bool:
        connection.gave_way = connection.gave_way or (gives_way and hold.keeps_a_writer_waiting())
        return connection.gave_way or time.monotonic() > end

    connection.set_progress_handler(is_over, _OPCODES_BETWEEN_CHECKS)
    return connection


def _connected(address: str) -> SqliteFile:
    return sqlite3.connect(address, uri=True, timeout=LOCK_WAIT, isolation_level=None, factory=SqliteFile)


def _copied(content: bytes, hold: _Hold) -> SqliteFile:
    """A copy in memory. What it is a copy of is free from now on."""
    hold.release()
    connection = _connected(":memory:")
    connection.deserialize(content)
    return connection


@contextmanager
def reading(path: Path, timeout: float, *, pragmas: Collection[str] = (), copy: bool = True) -> Iterator[SqliteFile]:
    """`open_sqlite` for a block, which `undisturbed` may have to run again. Raises DisturbedError at its end."""
    with closing(open_sqlite(path, timeout, pragmas=pragmas, copy=copy)) as connection, verified(connection):
        yield connection


@contextmanager
def verified(connection: SqliteFile) -> Iterator[None]:
    """Raise DisturbedError at the end of a block whose answer, or error, may come from a file that changed."""
    try:
        yield
    except Exception:
        connection.verify()
        raise
    connection.verify()


def lets_write(path: Path) -> bool:
    """Whether others can write to a SQLite file while we read it for long. Of one that cannot be opened: no."""
    try:
        hold = _Hold(path)
    except sqlite3.Error:
        return False
    try:
        return hold.keeps_wal() or hold.stamp()[2] <= SMALL
    finally:
        hold.release()


def _way_to_read(hold: _Hold) -> tuple[str, Stamp | None]:
    """How SQLite is to open a file that is locked, and, where it is to take it for unchanging, what it is like now."""
    end = time.monotonic() + LOCK_WAIT
    while True:
        wal, shm = _size(hold.beside("-wal")), _size(hold.beside("-shm"))
        size = hold.stamp()[2]
        if size and not hold.keeps_wal() and wal is None:
            return "", None
        if size and wal is not None and shm is not None:
            return "&readonly_shm=1", None
        if not size or not wal:
            if _is_hot(hold.beside("-journal")):
                raise FileError(_unfinished(hold.path))
            return "&immutable=1", hold.stamp()
        if time.monotonic() > end:
            raise FileError(
                f"{hold.beside('-wal')} holds rows that cannot be read without a {hold.path.name}-shm, which only the "
                "bot may make: let it open its database once"
            )
        time.sleep(_POLL)


class _Hold:
    """A file, held open beside SQLite so that it can be locked before SQLite opens it.

    A process loses all its POSIX locks on a file, SQLite's own too, as soon as it closes any descriptor of it
    (man 2 fcntl). So a descriptor that is no longer needed stays open, and serves the next look, until no other look
    has the file open. The lock itself is one of the open file description, which nothing else can drop.
    """

    _guard = threading.Lock()
    _looks: ClassVar[Counter[Inode]] = Counter()
    _idle: ClassVar[defaultdict[Inode, list[int]]] = defaultdict(list)

    def __init__(self, path: Path) -> None:
        """Open a file. Raises sqlite3.OperationalError where there is none, or none that this user may read."""
        self.path = Path(path).resolve()  # where SQLite looks for what stands beside it
        self._descriptor = -1
        try:
            found = self.path.stat()
            if not stat.S_ISREG(found.st_mode):
                kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
                raise sqlite3.OperationalError(f"{path} is {kind}, not a file")
            with self._guard:
                idle = self._idle.get((found.st_dev, found.st_ino))
                if idle:
                    self._descriptor = idle.pop()
                    self._looks[self._inode(self._descriptor)] += 1
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                with self._guard:
                    self._looks[self._inode(self._descriptor)] += 1
        except FileNotFoundError:
            raise sqlite3.OperationalError(f"there is no file {path}") from None
        except OSError:
            raise sqlite3.OperationalError("unable to open database file") from None

    def lock(self) -> None:
        """Take the lock of a reader, as SQLite would. Raises sqlite3.OperationalError if it cannot be had in time."""
        end = time.monotonic() + LOCK_WAIT
        while not (self._locked(*_PENDING) and self._locked(*_SHARED)):
            if time.monotonic() > end:
                raise sqlite3.OperationalError("database is locked")
            self._set(fcntl.F_UNLCK, *_PENDING)
            time.sleep(_POLL)
        self._set(fcntl.F_UNLCK, *_PENDING)

    def release(self) -> None:
        """Unlock and give the descriptor back; a second time does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        inode = self._inode(descriptor)
        with self._guard:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, *_SHARED))
            self._looks[inode] -= 1
            self._idle[inode].append(descriptor)
            if not self._looks[inode]:
                del self._looks[inode]
                for spent in self._idle.pop(inode):
                    os.close(spent)

    def keeps_wal(self) -> bool:
        """Whether the header says so (sqlite.org/fileformat2.html)."""
        return os.pread(self._descriptor, 20, 0)[18:] == b"\x02\x02"

    def copy(self, most: int) -> bytes | None:
        """The content of a file of at most so many bytes that is locked; None of a larger one, and where a killed bot
        left a journal."""
        size = os.fstat(self._descriptor).st_size
        if size > most or (_is_hot(self.beside("-journal")) and not self._is_being_written()):
            return None
        return os.pread(self._descriptor, size, 0)

    def _is_being_written(self) -> bool:
        """Whether a bot prepares a write, which it cannot finish while we hold the lock."""
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, *_RESERVED))
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)

    def keeps_a_writer_waiting(self) -> bool:
        """Whether a bot has prepared a write and waits for readers to leave, and lets no new ones in meanwhile."""
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _flock(fcntl.F_RDLCK, *_PENDING))
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)

    def version(self) -> object:
        """See `SqliteFile`. It is taken before anything is read. `-shm` is not opened: SQLite's locks would be lost."""
        wal = self.beside("-wal")
        try:
            with wal.open("rb") as file:
                head = file.read(_WAL_HEADER)
        except OSError:
            head = b""
        return self.stamp(), _stamp(wal), os.pread(self._descriptor, _HEADER, 0), head

    def stamp(self) -> Stamp:
        """Which file stands at the path, how large it is and when it was written; of no meaning where there is none."""
        return _stamp(self.path)

    def beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    def _locked(self, start: int, length: int) -> bool:
        try:
            self._set(fcntl.F_RDLCK, start, length)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                return False
            raise FileError(
                f"{self.path} stands on a file system without locks ({os.strerror(error.errno or 0)}), so that a look "
                "could not be kept from disturbing its bot"
            ) from None
        return True

    def _set(self, kind: int, start: int, length: int) -> None:
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _flock(kind, start, length))

    @staticmethod
    def _inode(descriptor: int) -> Inode:
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino


def _flock(kind: int, start: int, length: int) -> bytes:
    """The C struct of that name, of a lock from a place in the file on."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, start, length, 0)


def _size(path: Path) -> int | None:
    """How many bytes a file has; None where there is none. Raises sqlite3.OperationalError where nobody can say."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError:
        raise sqlite3.OperationalError("unable to open database file") from None


def _is_hot(journal: Path) -> bool:
    """Whether a journal holds what a write changed that was never finished. Nobody locks this file."""
    try:
        with journal.open("rb") as file:
            return file.read(1).strip(b"\0") != b""
    except OSError:
        return False


def _unfinished(path: Path) -> str:
    return f"{path} holds a write that its bot did not finish; the bot takes it back when it opens its database again"


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def sqlite_reason(error: Any, path: Path) -> str:
    """What an error of SQLite means, in the words of somebody who can mend it."""
    words = " ".join(str(error).split())
    by_name = {
        "SQLITE_READONLY_ROLLBACK": _unfinished(path),
        "SQLITE_READONLY_CANTLOCK": f"{path} cannot be read at this moment without a mark in its -shm; look again",
    }
    if found := by_name.get(getattr(error, "sqlite_errorname", "")):
        return found
    reasons: dict[str, Callable[[], str]] = {
        "not a database": lambda: f"{path} is not a SQLite database",
        "locked": lambda: f"{path} is locked, and after {LOCK_WAIT} s we do not wait any longer",
        "interrupted": lambda: TOO_LONG if lets_write(path) else _TOO_LONG,
        "unable to open": lambda: _closed_to_us(path),
        "no such table": lambda: f"a table is missing ({words})",
        "no such column": lambda: f"a column is missing ({words})",
        "not authorized": lambda: "a statement that would have written was refused",
    }
    return next((reason() for sign, reason in reasons.items() if sign in words), words)


def _is_refused(path: Path) -> bool:
    """Whether a file is there that this user may not read."""
    if os.access(path, os.R_OK, effective_ids=True):
        return False
    try:
        return path.exists()
    except PermissionError:  # nor enter its folder, which is told of the database itself
        return False


def _closed_to_us(path: Path) -> str:
    """Which file it is that this user may not read."""
    real = path.resolve()
    for beside in (real.with_name(f"{real.name}-wal"), real.with_name(f"{real.name}-shm")):
        if _is_refused(beside):
            return f"{beside} cannot be opened: this user must be allowed to read it, as {real.name} itself"
    return f"{path} cannot be opened: may this user read it, and enter {path.absolute().parent}?"
