"""Writes a file whole or not at all, and through nobody's link."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A stream whose content gets the name `path` at the end; on any error what was there before stays.

    The content grows in a new file beside it whose name nobody can foresee. Without a `mode` the umask decides who may
    read it. A device such as /dev/null stays what it is, and is written to. Raises OSError.
    """
    if _is_device(path):
        with path.open("wb") as target:
            yield target
        return
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags, 0o666 if mode is None else mode & 0o600)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            part.unlink()
        raise


def _is_device(path: Path) -> bool:
    """Only root can make one. A pipe or a link, which anybody can plant, is replaced like a file."""
    try:
        return stat.S_ISCHR(path.lstat().st_mode)
    except OSError:
        return False


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Give a file this text at once, however the process ends. Raises OSError."""
    with whole_file(path, mode) as target:
        target.write(text.encode())
