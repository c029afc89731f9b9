"""Whose a file is: a home that somebody else could have written to is refused, as ssh refuses such keys.

A home is a program: its jobs and templates are run, and its config says where secrets go. Each file and folder of it
belongs to root or to the user who runs the reporter, and others may not write to it. With that nobody else can
exchange a file between the check and its reading. What the program itself brings is trusted with the program.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PROGRAM = _PACKAGE / "stock" if (_PACKAGE / "stock").is_dir() else _PACKAGE.parent


def distrust(path: Path, home: Path) -> tuple[str, str] | None:
    """Why a file of a home is not to be used, and what mends it; None if it may be used.

    What is not there or cannot be looked at is no reason: whoever reads it says so.
    """
    if path.parent.resolve() in {_PROGRAM / name for name in ("config", "jobs", "templates", "templates/events")}:
        return None
    for place in _chain(path, home):
        with suppress(OSError):
            info = place.stat()
            if reason := _reason(place, info, "folder" if stat.S_ISDIR(info.st_mode) else "file"):
                return reason
    return None


def _chain(path: Path, home: Path) -> Iterator[Path]:
    """The home, the folders between it and the file, and the file; the file alone where it stands elsewhere."""
    if path.is_relative_to(home):
        yield home
        yield from reversed([parent for parent in path.parents if parent != home and parent.is_relative_to(home)])
    yield path


def _reason(place: Path, info: os.stat_result, kind: str) -> tuple[str, str] | None:
    if info.st_mode & stat.S_IWOTH:
        return f"others can write to the {kind} {place}, and what stands there is run", f"chmod o-w {place}"
    if info.st_uid not in {0, os.geteuid()}:
        owner, me = name_of(info.st_uid), name_of(os.geteuid())
        whom = "root" if me == "root" else f"root or {me}"
        hint = f"chown {me} {place}, or run this as the user {owner}"
        return f"the {kind} {place} belongs to {owner} and not to {whom}", hint
    return None


def read_bounded(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """What a file holds, up to one byte more than `most`, and what the file is. Raises OSError.

    A pipe or a device, which may never end, is no file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, "this is no path") from None
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, and no file")
        return file.read(most + 1), info


def name_of(uid: int) -> str:
    """A user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
