"""The files of a home, watched for edits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from reporter.jobs.loader import fingerprint

# A file's path, inode, time of change in nanoseconds and size in bytes.
Stamp = tuple[str, int, int, int]


class FileWatch:
    """Tells when files were edited and have settled. `files` returns the files to watch now."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._read: frozenset[Stamp] = frozenset()
        self._last = self._read

    def mark_read(self) -> None:
        """The files are about to be read: edits from now on count."""
        self._read = self._last = self._stamps()

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have not changed since the last call."""
        now = self._stamps()
        settled = now == self._last
        self._last = now
        return settled and now != self._read

    def _stamps(self) -> frozenset[Stamp]:
        """What tells a file from its edited self without reading it: this is asked every few seconds."""
        stats = [(path, path.stat()) for path in self._files() if path.is_file()]
        return frozenset((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def version_of(config: Path, homes: tuple[Path, ...]) -> str:
    """A short fingerprint of a config and the job files."""
    digest = hashlib.sha256(fingerprint(homes).encode())
    digest.update(config.read_bytes() if config.is_file() else b"")
    return digest.hexdigest()[:8]
