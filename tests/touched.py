"""A pytest plug-in for `tests.mutants`: notes which functions each test calls, and how long it takes.

`$TOUCHED_IN` is the folder whose functions count, `$TOUCHED_OUT` the file that gets one JSON line a test. What a
forked child calls counts too: it may write no file, so it leaves that in memory that it shares.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_FOLDER = os.environ.get("TOUCHED_IN", "")
_called: set[CodeType] = set()
_failed: set[str] = set()
_shared = mmap.mmap(-1, 2**22)
_parent, _exit = os.getpid(), os._exit


def _note(frame: FrameType, _event: str, _argument: Any) -> None:
    if frame.f_code.co_filename.startswith(_FOLDER):
        _called.add(frame.f_code)


def _places() -> set[tuple[str, int]]:
    return {(code.co_filename, code.co_firstlineno) for code in _called.copy()}


def _leave(code: int) -> None:
    """The end of this process, or of a forked one."""
    if os.getpid() != _parent:
        sys.settrace(None)
        _put(_taken() + "".join(f"{file}\t{line}\n" for file, line in _places()))
    _exit(code)


def _put(text: str) -> None:
    """Keep a text in the shared memory, its length before it; what is too long is left out."""
    data = text.encode()
    if len(data) + 8 <= len(_shared):
        _shared[: len(data) + 8] = len(data).to_bytes(8, "big") + data


def _taken() -> str:
    return _shared[8 : 8 + int.from_bytes(_shared[:8], "big")].decode()


def pytest_configure() -> None:
    os._exit = _leave  # type: ignore[assignment]
    threading.settrace(_note)
    sys.settrace(_note)


def pytest_unconfigure() -> None:
    sys.settrace(None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.passed:
        _failed.add(report.nodeid)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _called.clear()
    _put("")
    began = time.monotonic()
    result = yield
    if item.nodeid not in _failed:
        theirs = {(file, int(line)) for file, _, line in (row.partition("\t") for row in _taken().splitlines())}
        places = sorted(_places() | theirs)
        line = json.dumps({"test": item.nodeid, "seconds": time.monotonic() - began, "called": places})
        with Path(os.environ["TOUCHED_OUT"]).open("a", encoding="utf-8") as out:
            out.write(line + "\n")
    return result
