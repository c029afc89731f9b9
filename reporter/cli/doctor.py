"""The command doctor: everything that can be wrong, with what mends it; a text for a bug report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from reporter.app.doctor.bundle import bundle
from reporter.app.doctor.diagnosis import Diagnosis
from reporter.app.doctor.examination import examine
from reporter.app.home import FolderHome
from reporter.cli.terminal import DONE, FAILED, progress
from reporter.control.client import is_reached
from reporter.errors import ReporterError
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.whole_file import write_whole

_MARKS = {"ok": "✓", "warning": "!", "wrong": "✗"}


def run_doctor(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter doctor [--json] [--bundle FILE]`: 1 where something is wrong, 0 where the bundle was written."""
    with progress("examining"):
        found = list(examine(home, is_reached))
    if options.out:
        return _bundled(home, found, options.out)
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        print("\n".join(visible(line, lines=True) for line in _lines(found)))
    return FAILED if any(one.verdict == "wrong" for one in found) else DONE


def _lines(found: Sequence[Diagnosis]) -> Iterator[str]:
    for one in found:
        yield f"{_MARKS[one.verdict]} {one.about}: {one.text}"
        if one.remedy:
            yield f"    → {one.remedy}"
    wrong, warnings = (sum(one.verdict == verdict for one in found) for verdict in ("wrong", "warning"))
    yield ""
    yield f"{plural(wrong, 'thing')} wrong, {plural(warnings, 'warning')}" if wrong or warnings else "All is well."


def _bundled(home: FolderHome, found: Sequence[Diagnosis], out: str) -> int:
    text = bundle(home, found)
    if out == "-":
        sys.stdout.write(text)
        return DONE
    try:
        write_whole(Path(out), text, 0o600)
    except OSError as error:
        raise ReporterError(f"{out} cannot be written: {error.strerror}") from None
    print(f"written to {out}: read it before you send it", file=sys.stderr)
    return DONE
