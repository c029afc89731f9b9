"""The file in which a client keeps what the reporter has not accepted yet: one JSON object a line, oldest first."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

COMPACT_AT = 262_144  # bytes that were sent already and still stand at the beginning of the file
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Spool:
    """A bounded file of lines. Its name has the process id, and a lock shows that the process lives.

    The spool takes over the files of processes that are gone. Where no file can be written, the lines stay in memory.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._memory = bytearray()
        self._read = self._size = self._taken = 0
        self._file = _opened(folder)
        if self._file is not None:
            self._size = os.fstat(self._file).st_size
            self._rewrite(b"".join(line + b"\n" for line in _whole_lines(self._bytes(0, self._size))))
            self._take_over(folder)

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            with suppress(OSError):
                os.close(self._file or 0)

    def is_empty(self) -> bool:
        with self._lock:
            return self._size == self._read

    def append(self, lines: list[bytes]) -> int:
        """Add lines and return how many of the oldest were dropped to stay within the limit.

        Raises OSError where the disk takes them not at all; the lines before them stay.
        """
        if not lines:
            return 0
        data = b"".join(line + b"\n" for line in lines)
        with self._lock:
            if self._file is None:
                self._memory += data
            else:
                if os.pwrite(self._file, data, self._size) < len(data):
                    os.ftruncate(self._file, self._size)
                    raise OSError("there is no room for the spool file")
                os.fsync(self._file)
            self._size += len(data)
            return self._shrink()

    def oldest(self, count: int, size: int) -> list[bytes]:
        """The oldest lines, at most `count` and about `size` bytes; `remove_oldest` removes just these."""
        with self._lock:
            data = self._bytes(self._read, min(self._size, self._read + size))
            end = data.rfind(b"\n") + 1
            if not end and data:  # one line that is longer than `size`
                data = self._bytes(self._read, self._size)
                end = data.find(b"\n") + 1
            lines = data[:end].split(b"\n")[:-1][:count]
            self._taken = self._read + sum(len(line) + 1 for line in lines)
            return lines

    def remove_oldest(self) -> None:
        with self._lock:
            self._read = max(self._read, self._taken)
            if self._read == self._size:
                self._rewrite(b"")
            elif self._read > COMPACT_AT:
                self._rewrite(self._bytes(self._read, self._size))

    def _take_over(self, folder: Path) -> None:
        for path in sorted(folder.glob("events-*.jsonl")):
            with suppress(OSError):  # in use, or not ours
                file = os.open(path, _FLAGS)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.append(_whole_lines(os.pread(file, os.fstat(file).st_size, 0)))
                    path.unlink()
                finally:
                    os.close(file)

    def _bytes(self, start: int, end: int) -> bytes:
        if self._file is None:
            return bytes(self._memory[start:end])
        return os.pread(self._file, end - start, start)

    def _shrink(self) -> int:
        """Drop whole lines from the beginning until a quarter of the limit is free."""
        if self._size - self._read <= self._limit:
            return 0
        data = self._bytes(self._read, self._size)
        cut = data.find(b"\n", max(0, len(data) - self._limit * 3 // 4)) + 1
        self._rewrite(data[cut:])
        return data[:cut].count(b"\n")

    def _rewrite(self, data: bytes) -> None:
        """Replace the content. A kill in the middle leaves lines that were sent: the reporter knows their ids."""
        if self._file is None:
            self._memory = bytearray(data)
        else:
            os.pwrite(self._file, data, 0)
            os.ftruncate(self._file, len(data))
        self._read = self._taken = 0
        self._size = len(data)


def _opened(folder: Path) -> int | None:
    """The spool file of this process, locked; None where none can be had."""
    name = f"events-{os.getpid()}-{threading.get_ident()}.jsonl"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / name, _FLAGS | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _whole_lines(data: bytes) -> list[bytes]:
    """The lines that were written whole: a kill may have torn one."""
    return [line for line in data.split(b"\n") if line.startswith(b"{") and line.endswith(b"}")]
