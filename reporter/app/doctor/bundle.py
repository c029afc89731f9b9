"""A text for a bug report: what `doctor` found, versions, the config without its secrets, and what happened lately.

It holds no secret, no figure and no text of a message. Whoever sends it can read all of it before.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path

from reporter.app.doctor.diagnosis import Diagnosis
from reporter.app.home import FolderHome
from reporter.messages.message import visible
from reporter.secret import masked, redacted
from reporter.store import channel_states, outbox_admin, run_log
from reporter.store.database import Store, store_as_it_is
from reporter.version import __version__

RUNS, MESSAGES, LINES = 100, 50, 400
_UNDELIVERED = ("waiting", "sending", "unclear", "held", "dead", "expired")


def bundle(home: FolderHome, found: Sequence[Diagnosis]) -> str:
    """The whole text, each part under its title; a part that cannot be had says why."""
    parts: dict[str, Callable[[], Iterable[str]]] = {
        "doctor": lambda: [f"{one.verdict:8} {one.about}: {one.text}" for one in found],
        "versions": _versions,
        "config": lambda: _config(home.path),
        "store": lambda: _from_store(home),
        "log": lambda: _log(home),
    }
    return "\n".join(line for title, part in parts.items() for line in (f"=== {title} ===", *_safely(part), ""))


def _safely(part: Callable[[], Iterable[str]]) -> Iterator[str]:
    try:
        yield from (masked(visible(line, lines=True)) for line in part())
    except Exception as error:  # noqa: BLE001 - the other parts are of use all the same
        yield masked(f"cannot be had: {type(error).__name__}: {error}")


def _config(path: Path) -> Iterator[str]:
    """Its lines without those that only comment."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield redacted(line)


def _versions() -> Iterator[str]:
    yield f"reporter {__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield from sorted({f"{distribution.metadata['Name']}=={distribution.version}" for distribution in distributions()})


def _from_store(home: FolderHome) -> Iterator[str]:
    with closing(store_as_it_is(home.read().loaded.store.reveal())) as store:
        yield from _runs(store)
        yield from _messages(store)


def _runs(store: Store) -> Iterator[str]:
    yield "runs, the newest first:"
    with store.read() as connection:
        for run in run_log.newest_runs(connection, None, RUNS):
            yield f"  {run.started_at:%Y-%m-%d %H:%M:%S} {run.job} {run.outcome} {run.seconds:.1f}s {run.error or ''}"


def _messages(store: Store) -> Iterator[str]:
    with store.read() as connection:
        counts, channels = outbox_admin.state_counts(connection), channel_states.all_states(connection)
        waiting = outbox_admin.entries(connection, states=_UNDELIVERED, limit=MESSAGES)
    yield "messages by channel and state:"
    yield from (f"  {count.channel} {count.state}: {count.number}" for count in counts)
    yield "channels:"
    yield from (
        f"  {channel.channel}: {channel.failures} failures, dead since {channel.dead_since}, {channel.error}"
        for channel in channels
    )
    yield "messages that are not delivered:"
    for one in waiting:
        yield f"  {one.id} {one.channel} {one.state} {one.attempts} tries: {one.error or ''}"


def _log(home: FolderHome) -> Iterator[str]:
    """The end of the log file, or of the service's journal."""
    given = home.read().loaded.config.log.file
    if given:
        with (home.homes[0] / given).open(encoding="utf-8", errors="replace") as file:
            yield from (redacted(line.rstrip("\n")) for line in deque(file, LINES))
        return
    folder = home.homes[0].absolute()
    journalctl = shutil.which("journalctl")
    if folder.parent != Path("/etc") or journalctl is None:
        yield "is written to standard error; `log: {file: …}` keeps it in a file"
        return
    command = [journalctl, "-u", folder.name, "-n", str(LINES), "--no-pager", "-o", "short-iso"]
    said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=False)  # noqa: S603
    yield from map(redacted, (said.stdout or said.stderr).splitlines())
