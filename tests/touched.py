"""A pytest plug-in for `tests.mutants`: notes which functions each test calls, and how long it takes.

`$TOUCHED_IN` is the folder whose functions count, `$TOUCHED_OUT` the file that gets one JSON line a test.
"""

from __future__ import annotations

import json
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


def _note(frame: FrameType, _event: str, _argument: Any) -> None:
    if frame.f_code.co_filename.startswith(_FOLDER):
        _called.add(frame.f_code)


def pytest_configure() -> None:
    threading.settrace(_note)
    sys.settrace(_note)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.passed:
        _failed.add(report.nodeid)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _called.clear()
    began = time.monotonic()
    result = yield
    if item.nodeid not in _failed:
        places = sorted({(code.co_filename, code.co_firstlineno) for code in _called.copy()})
        line = json.dumps({"test": item.nodeid, "seconds": time.monotonic() - began, "called": places})
        with Path(os.environ["TOUCHED_OUT"]).open("a", encoding="utf-8") as out:
            out.write(line + "\n")
    return result
