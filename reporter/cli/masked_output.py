"""Standard output and error of a command: whatever is written there, a traceback too, is masked on its way."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO, cast

from reporter.secret import masked


class MaskedStream:
    """A text stream that writes no secret; in all else it is the stream behind it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(masked(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mask_output() -> None:
    """Mask what this process writes from now on with `print`, a log or a traceback.

    A terminal that is not UTF-8 shows `?` for what it cannot show, and the command goes on.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if name == "stdout" else "backslashreplace")
        if stream is not None and not isinstance(stream, MaskedStream):
            setattr(sys, name, cast("TextIO", MaskedStream(stream)))
