"""A terminal of its own for a command: what it shows can be waited for, and answers can be typed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.processes import APPRISE, PATIENCE

INTERRUPT, END = "\x03", "\x04"
# The terminal becomes that of the process, so that Ctrl-C reaches it.
_BOOT = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from reporter.cli import main
sys.exit(main())
"""
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A command that runs in a terminal."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", APPRISE, "-c", _BOOT, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": "200", "PYTHONPATH": str(ROOT), **environ},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.screen = ""
        self._seen = 0

    def shows(self, words: str) -> None:
        """Wait for words that come after those that were waited for before."""
        while (at := self.screen.find(words, self._seen)) < 0:
            assert self._read(), f"no {words!r} on the screen:\n{self.screen}"
        self._seen = at + len(words)

    def answers(self, question: str, words: str = "", end: str = "\n") -> None:
        """Wait for a question that has not been answered yet, and type an answer."""
        self.shows(question)
        os.write(self._master, f"{words}{end}".encode())

    def ended(self) -> int:
        """The exit code, once the command has ended."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        """Read what comes; False where nothing does any more."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if select.select([self._master], [], [], 0.2)[0]:
                with suppress(OSError):  # the other end is closed
                    if read := os.read(self._master, 65536):
                        self.screen += _STYLE.sub("", read.decode(errors="replace"))
                        return True
                return False
        return False

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(folder: Path, environ: Mapping[str, str], *arguments: str) -> Iterator[Terminal]:
    """A terminal that is gone at the end, however the test ends."""
    opened = Terminal(folder, environ, *arguments)
    try:
        yield opened
    finally:
        opened.close()
