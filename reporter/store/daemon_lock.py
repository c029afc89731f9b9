"""The lock by which a SQLite store belongs to one daemon; on PostgreSQL `owed_periods` shares the work out instead."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from reporter.errors import StoreBusyError, StoreError


def daemon_lock(file: Path) -> int:
    """Take the lock of a store's one daemon; returns its descriptor. Raises StoreBusyError if a daemon has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        lock = os.open(f"{file}.lock", flags, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {file}.lock cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise StoreBusyError(
            f"another reporter daemon (process {holder}) already uses the store {file}: stop it first, "
            f"or give this one a `store` of its own. Several daemons can share a store on PostgreSQL"
        ) from None
    os.truncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock
