"""Measuring whole processes: how long one takes, and what one that stays costs."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.home import Home

REPORTER = str(Path(sys.executable).with_name("reporter"))

# Runs a command of ours and then names every module that it had to load, in the order of loading.
LOADED = """
import sys
bare = set(sys.modules)
from reporter.cli import main
main(sys.argv[1:])
print("loaded:", *(name for name in sys.modules if name not in bare), file=sys.stderr)
"""


def medians(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], rounds: int) -> dict[str, float]:
    """The median wall time of each command, in seconds. They take turns, so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(_wall(command, environ))
    return {name: statistics.median(measured) for name, measured in times.items()}


def _wall(command: Sequence[str], environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    _run(command, environ)
    return time.perf_counter() - started


def _run(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """What the command wrote to standard error."""
    ended = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stderr


def imports_of(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """A command that does nothing but import what a command of ours imports."""
    said = _run([sys.executable, "-c", LOADED, *arguments], environ)
    (line,) = (line for line in said.splitlines() if line.startswith("loaded:"))
    modules = [name for name in line.split()[1:] if _importable(name)]
    return [sys.executable, "-c", f"import {', '.join(modules)}"]


def _importable(name: str) -> bool:
    """Jobs are loaded by their path, under private names."""
    return all(part.isidentifier() for part in name.split(".")) and not name.startswith(("_reporter", "reporter_"))


class Daemon:
    """A daemon that runs: its memory in megabytes, its processor time in seconds."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def rss(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, "the daemon is gone"
        return int(found[1]) / 1024

    @property
    def cpu(self) -> float:
        """To the nanosecond, ended threads included (man clock_getcpuclockid)."""
        return time.clock_gettime((~self._process.pid << 3) | 2)


@contextmanager
def daemon(home: Home) -> Iterator[Daemon]:
    """`reporter run` in a home, for as long as the block lasts; its log stands beside its config."""
    with (home.folder / "log").open("wb") as log:
        command = [REPORTER, *home.arguments, "run"]
        process = subprocess.Popen(command, env={**os.environ, **home.environ}, stdout=log, stderr=log)
    try:
        yield Daemon(process)
    finally:
        process.terminate()
        process.wait(timeout=30)
