"""Puts a copy in the place of a SQLite store, and packs a store's file anew. Neither runs beside a daemon."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from reporter.errors import StoreBusyError, StoreError
from reporter.periods.clock import SystemClock
from reporter.store.contents import SOUND
from reporter.store.daemon_lock import daemon_lock
from reporter.store.store_file import BESIDE, make_folder, read_write

# How much room VACUUM takes, as a multiple of the file's size: a second file, and the journal of its way back.
ROOM = 2.1


def restore(file: Path, source: BinaryIO) -> tuple[str, Path | None]:
    """Put the copy that `source` holds in a store's place; returns its version, and where the present one is now.

    Raises StoreError where the copy is no sound store or a daemon runs; everything is as it was then.
    """
    make_folder(file)
    lock = _lock(file)
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    try:
        with _errors("the copy cannot be put in place"):
            _written(part, source)
            version = _checked(part)
            kept = _put_aside(file) if file.exists() else None
            part.replace(file)
    finally:
        for end in ("", *BESIDE):
            part.with_name(part.name + end).unlink(missing_ok=True)
        os.close(lock)
    return version, kept


def _lock(file: Path) -> int:
    try:
        return daemon_lock(file)
    except StoreBusyError:
        raise StoreError(f"a daemon uses the store {file}: stop the daemon before its store is replaced") from None


def _written(part: Path, source: BinaryIO) -> None:
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())


def _checked(copy: Path) -> str:
    """The version of a copy. Raises StoreError for one that is no store, is damaged, or of a newer program."""
    from reporter.store.migrate import check_known  # noqa: PLC0415 - Alembic is heavy and seldom needed

    try:
        with closing(sqlite3.connect(read_write(copy), uri=True)) as opened:
            found = [row[0] for row in opened.execute("PRAGMA integrity_check(3)")]
            if found != [SOUND]:
                raise StoreError(f"the copy is damaged: {'; '.join(map(str, found))}")
            version = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"the copy is no store of reporter: {error}") from None
    if version is None:
        raise StoreError("the copy is no store of reporter: it has no version")
    check_known(str(version[0]))
    return str(version[0])


def _put_aside(file: Path) -> Path:
    """Give the present store a second name, with what is still in its journal, and take the journal away.

    A journal that stayed would be read as that of the file in its place.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(read_write(file), uri=True, timeout=0.2)) as present:
        present.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = file.with_name(f"{file.name}.before-restore-{SystemClock().wall():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}")
    os.link(file, kept)
    for end in BESIDE:
        journal = file.with_name(file.name + end)
        if end != "-shm" and journal.exists() and journal.stat().st_size:
            os.link(journal, kept.with_name(kept.name + end))
        journal.unlink(missing_ok=True)
    return kept


def compact(file: Path) -> tuple[int, int]:
    """Write a SQLite store anew without its unused pages; returns its size in bytes before and after.

    Others wait meanwhile for their turn to write. Raises StoreError, also where there is no room for it.
    """
    with (
        _errors("the store cannot be compacted"),
        closing(sqlite3.connect(read_write(file), uri=True, isolation_level=None)) as opened,
    ):
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = file.stat().st_size
        _insist_on_room(file, before)
        os.environ["SQLITE_TMPDIR"] = str(file.parent)  # /tmp may be small, and the store is private
        opened.execute("VACUUM")
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, file.stat().st_size


def _insist_on_room(file: Path, size: int) -> None:
    needed, free = size * ROOM, shutil.disk_usage(file.parent).free
    if free < needed:
        raise StoreError(
            f"there is no room to compact the store: it needs {needed / 1e6:,.0f} MB in {file.parent}, "
            f"and {free / 1e6:,.0f} MB are free"
        )


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{what}: {getattr(error, 'strerror', None) or error}") from None
