"""Finds the databases of known bots in the places where these bots keep them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

# Where bots keep their databases, below the folder of a user and below the present one.
_OF_A_USER = (
    "freqtrade/user_data",
    "freqtrade",
    "ft_userdata/user_data",
    "hummingbot/data",
    "jesse/storage",
    "jesse",
    "",
)
_HERE = ("", "user_data", "ft_userdata/user_data", "data", "storage")
_VOLUMES = Path("/var/lib/docker/volumes")
_ENDS = (".sqlite", ".sqlite3", ".db")
_HEADER = b"SQLite format 3\0"
MOST = 40
"""So many files are looked at in all."""
_DEPTH = 3


def databases(here: Path, environ: Mapping[str, str] = os.environ, more: Iterable[Path] = ()) -> list[Path]:
    """SQLite files in the usual places and below the folders of `more`, such as a volume of Docker; each once."""
    user = Path(environ["HOME"]) if environ.get("HOME") else None
    usual = [here / place for place in _HERE] + [user / place for place in _OF_A_USER if user]
    found: dict[Path, None] = {}
    for path in (*_below(more, _DEPTH), *_below(usual, 0), *_below([_VOLUMES], _DEPTH)):
        with suppress(OSError):
            if len(found) < MOST and _is_sqlite(path):
                found[path.resolve()] = None
    return list(found)


def _below(folders: Iterable[Path], depth: int) -> Iterator[Path]:
    """The files of these folders whose names end like a database's, down to `depth` folders below."""
    for folder in folders:
        try:
            inside = sorted(folder.iterdir())
        except OSError:
            continue
        yield from (path for path in inside if path.suffix in _ENDS and path.is_file())
        if depth:
            yield from _below((path for path in inside if path.is_dir() and not path.is_symlink()), depth - 1)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER
