"""The copy of a store that is kept before an upgrade changes it."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from reporter.errors import StoreError
from reporter.store.store_file import copy_to, read_write

# So many copies of stores from before an upgrade are kept, each named by the version that it is of.
COPIES = 2
COPY = ".before-upgrade-from-"


def keep_copy(file: Path, version: str) -> Path:
    """Copy a store of an older version, which is about to be changed, beside itself; older copies are deleted.

    Raises StoreError where there is no room for it.
    """
    kept = file.with_name(f"{file.name}{COPY}{version}")
    part = kept.with_name(f".{kept.name}.{secrets.token_hex(8)}.part")
    for left in _named_like(file, f".{file.name}{COPY}"):  # of a process that was killed
        left.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(read_write(file), uri=True)) as source:
            copy_to(source, part)
        part.replace(kept)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the store {file} is not upgraded, because no copy of it can be kept: {why}. "
            f"Make room for {file.stat().st_size / 1e6:,.1f} MB in {file.parent}"
        ) from None
    for old in sorted(copies(file), key=lambda path: path.stat().st_mtime)[:-COPIES]:
        old.unlink(missing_ok=True)
    return kept


def copies(file: Path) -> list[Path]:
    """The copies of a store from before upgrades."""
    return _named_like(file, f"{file.name}{COPY}")


def _named_like(file: Path, start: str) -> list[Path]:
    return [path for path in file.parent.iterdir() if path.name.startswith(start)]
