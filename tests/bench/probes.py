"""`python -m tests.bench probes`: 200 probes every 30 seconds, 50 of which hang until their deadline.

`--minutes` is how long a real daemon is watched; `--rounds` how many rounds of a compressed day are run back to back,
of 2,880 that a day has.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from reporter.app.app import App
from reporter.app.home import FolderHome
from tests.bench.home import Home
from tests.bench.processes import Daemon, daemon
from tests.bench.targets import Targets, targets
from tests.support.discord import LocalDiscord

EVERY = 30.0
DAY = 2880
SETTLING = 45.0  # two rounds, and what a daemon does once
CONFIG = """\
store: state.sqlite
discord: {{base_url: "{base_url}"}}
channels: {{health: {{webhook: "env:WEBHOOK"}}}}
jobs: {{health_probe: {{}}}}
probes:
{probes}
"""

Row = tuple[str, str, str]


@dataclass
class HandClock:
    """Passes when it is told to."""

    now: datetime = datetime(2026, 10, 30, tzinfo=UTC)
    seconds: float = 1000.0

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench probes")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=DAY)
    parser.add_argument("--day", metavar="HOME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.day:
        compressed_day(Path(options.day), options.rounds)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reporter-bench-")))
        discord = stack.enter_context(LocalDiscord())
        local = stack.enter_context(targets(folder))
        print(f"{'':52}{'measured':>30}   goal")
        if options.minutes:
            for row in real_minutes(make_home(folder / "real", local, discord, 5.0), options.minutes):
                tell(*row)
        if options.rounds:
            for row in day(make_home(folder / "day", local, discord, 0.05), options.rounds):
                tell(*row)


def make_home(folder: Path, local: Targets, discord: LocalDiscord, timeout: float) -> Home:
    (folder / "config").mkdir(parents=True)
    text = CONFIG.format(base_url=discord.base_url, probes=local.config(timeout))
    (folder / "config" / "reporter.yaml").write_text(text)
    return Home(folder, {"WEBHOOK": discord.webhook(f"{folder.name}-health"), "HOME": str(folder)})


def real_minutes(home: Home, minutes: float) -> Iterator[Row]:
    """A daemon as people run it."""
    with daemon(home) as running:
        time.sleep(SETTLING)
        before, began = running.cpu, time.monotonic()
        memory = [running.rss, *_fifths(running, minutes * 60)]
        share = (running.cpu - before) / (time.monotonic() - began)
    rounds = Rounds.of(home.folder / "state.sqlite")
    yield f"200 probes, 50 hanging: CPU over {minutes:g} min", f"{share:.2%} of a core", "≤ 3 %"
    yield "  resident memory, at each fifth of it", f"{' '.join(f'{one:.0f}' for one in memory)} MB", "flat"
    yield "  rounds; of these skipped, failed", f"{rounds.count}; {rounds.skipped}, {rounds.failed}", "none"
    yield "  longest from one round's begin to the next", f"{rounds.longest_gap:.1f} s", f"{EVERY:g} s"
    yield "  longest round (a hanging probe has 5 s)", f"{rounds.longest:.1f} s", "far below 30 s"


def _fifths(running: Daemon, seconds: float) -> Iterator[float]:
    """The resident memory after each fifth of so many seconds."""
    for _ in range(5):
        time.sleep(seconds / 5)
        yield running.rss


@dataclass(frozen=True)
class Rounds:
    """What the store says of the rounds of a daemon."""

    count: int
    skipped: int
    failed: int
    longest: float
    longest_gap: float

    @classmethod
    def of(cls, store: Path) -> Rounds:
        with closing(sqlite3.connect(store)) as database:
            query = "SELECT started_at, seconds, outcome FROM runs WHERE job = 'health_probe' ORDER BY started_at"
            rows = [(datetime.fromisoformat(at), float(took), outcome) for at, took, outcome in database.execute(query)]
        regular = [(at, took) for at, took, outcome in rows if outcome != "skipped"]
        gaps = [(later - sooner).total_seconds() for (sooner, _), (later, _) in pairwise(regular)]
        outcomes = [outcome for *_, outcome in rows]
        longest = max(took for _, took in regular)
        return cls(len(regular), outcomes.count("skipped"), outcomes.count("failed"), longest, max(gaps))


def day(home: Home, rounds: int) -> Iterator[Row]:
    """Rounds back to back in a process of their own, by a clock that passes half a minute for each."""
    command = [sys.executable, "-m", "tests.bench.probes", "--day", str(home.folder), "--rounds", str(rounds)]
    ended = subprocess.run(command, env={**os.environ, **home.environ}, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    cpu, *memory = map(float, ended.stdout.split())
    quarters = " ".join(f"{one:.1f}" for one in memory)
    yield f"{rounds} rounds back to back ({rounds / DAY:.0%} of a day)", f"{cpu * 1000:.0f} ms CPU a round", "none"
    yield "  resident memory at each quarter of them", f"{quarters} MB", "flat"


def compressed_day(folder: Path, rounds: int) -> None:
    """Prints the CPU seconds of a round, and the memory in MB after a first 20 rounds and at each quarter."""
    clock = HandClock()
    app = App(FolderHome(folder, clock=clock), clock=clock, hold=True)
    bound = app.job("health_probe")
    memory, began = [], 0.0
    for number in range(20 + rounds):
        if number == 20:
            began = time.process_time()
        if number >= 20 and (number - 20) % (rounds // 4) == 0:
            memory.append(_rss())
        clock.pass_by(EVERY)
        outcome = app.runner.run(app.runtime, bound, app.period(bound, None), trigger="interval")
        if outcome.error:
            raise SystemExit(outcome.error)
    cpu = (time.process_time() - began) / rounds
    print(cpu, *memory, _rss())
    app.close()


def _rss() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def tell(what: str, measured: str, goal: str) -> None:
    print(f"{what:52}{measured:>30}   {goal}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
