"""The command check."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from reporter.app.app import App, opened
from reporter.app.check import check_home
from reporter.app.home import FolderHome
from reporter.cli.terminal import BAD_CONFIG, FAILED, progress
from reporter.jobs import changes
from reporter.jobs.binding import BoundJob
from reporter.messages.message import visible

_MARKS = {"": "✓", "advice": "!"}


def check(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter check [--diff]`."""
    if options.diff:
        return _diff(home)
    with progress("checking"):
        findings = list(check_home(home))
    for found in findings:
        print(f"{_MARKS.get(found.trouble, '✗')} {visible(found.text, lines=True)}")
    troubles = {found.trouble for found in findings} - _MARKS.keys()
    return BAD_CONFIG if "config" in troubles else FAILED if troubles else 0


def _diff(home: FolderHome) -> int:
    """What the daemon would take up if it read the files now."""
    with opened(home) as app:
        before, after = app.terms(), changes.terms(app.runtime.jobs)
        if before is None:
            print("no daemon has run on this store yet: everything is new to it")
        before = before or {}
        edited = changes.differences(before, after)
        print("\n".join(edited) or "nothing of a job changes")
        for name in after:
            if name not in before or name in changes.changed(before, after):
                details = changes.details(before, after, name) if name in before else ()
                print(
                    "\n".join([f"{name}:", *(f"  {line}" for line in details), *_coming(app, app.runtime.jobs[name])])
                )
    return 0


def _coming(app: App, bound: BoundJob) -> Iterator[str]:
    moments = [moment.astimezone(ZoneInfo(bound.timezone)) for moment in app.planner.next_runs(bound, 5)]
    yield from (f"  next {moment:%a %Y-%m-%d %H:%M:%S %Z}" for moment in moments)
    if not moments:
        yield f"  {bound.schedule.describe()}, from the daemon's start on"
