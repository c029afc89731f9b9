"""The files of a home, and those that its config refers to, watched for edits."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from reporter.config.yaml_document import MAX_BYTES
from reporter.jobs.loader import fingerprint
from reporter.trusted_files import read_bounded

# A file's path, owner, mode, inode, time of change in nanoseconds and size in bytes; of a folder the first three.
Stamp = tuple[str | int, ...]


class FileWatch:
    """Tells when files were edited and have settled. `files` returns the files to watch now."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._read: frozenset[Stamp] = frozenset()
        self._last = self._read

    def mark_read(self) -> None:
        """The files are about to be read: edits from now on count."""
        self._read = self._last = self._stamps()

    def mark_found(self, files: Iterable[Path]) -> None:
        """These files were found and read only now, through what the others say."""
        found = _stamps(files)
        self._read |= found
        self._last |= found

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have not changed since the last call."""
        now = self._stamps()
        settled = now == self._last
        self._last = now
        return settled and now != self._read

    def _stamps(self) -> frozenset[Stamp]:
        return _stamps(self._files())


def _stamps(files: Iterable[Path]) -> frozenset[Stamp]:
    """What tells a file from its edited self without reading it: this is asked every few seconds."""
    return frozenset(stamp for path in files for stamp in _stamp(path))


def _stamp(path: Path) -> Iterator[Stamp]:
    with suppress(OSError, ValueError):  # it is not there, not for us to see, or no path
        info = path.stat()
        whose = (str(path), info.st_uid, info.st_mode)
        if stat.S_ISDIR(info.st_mode):
            yield whose
        else:
            yield (*whose, info.st_ino, info.st_mtime_ns, info.st_size)


def version_of(config: Path, homes: tuple[Path, ...]) -> str:
    """A short fingerprint of a config and the job files."""
    digest = hashlib.sha256(fingerprint(homes).encode())
    with suppress(OSError):  # whoever reads it says why it cannot be read
        digest.update(read_bounded(config, MAX_BYTES)[0])
    return digest.hexdigest()[:8]
