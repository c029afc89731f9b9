"""`python -m tests.bench ledger`: the ledger beside SQL written by hand, the rest of a report, an export; with goals.

BENCH_TRADES says how long the histories are (default: `100000 1000000`). Each figure is the best of several rounds in
which what is compared takes turns, so that a busy machine troubles both alike. FREQTRADE_PYTHON names an interpreter in
which freqtrade is installed, to be measured as well.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.periods.civil import Period
from reporter.trading.books import Book, Ledger, Series
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.base import as_aware, as_text
from tests.bench import by_hand
from tests.bench.beside_freqtrade import history
from tests.bench.home import Home
from tests.bench.processes import REPORTER, daemon
from tests.bench.rolled import beside_freqtrade, with_rollups
from tests.bench.trading import DAYS, day, postgresql_history, sqlite_history
from tests.support.clocks import HandClock
from tests.support.servers import postgresql

COUNTS = [int(count) for count in os.environ.get("BENCH_TRADES", "100000 1000000").split()]
# What a daemon does once when it starts is over by then.
SETTLING = 30.0
# What goes through a whole past is left out of longer ones.
LONGEST = 1_000_000
ROUNDS = 7
LAST = day(DAYS - 2)
STORED: Mapping[str, Callable[..., Any]] = {"sqlite": as_text, "postgresql": as_aware}
Row = tuple[str, str, str]
Clock = Callable[[], float]
# SQLite works in our own process: processor time tells all of it, however busy the machine. PostgreSQL does not.
CLOCKS: Mapping[str, Clock] = {"sqlite": time.process_time, "postgresql": time.perf_counter}

CONFIG = """\
version: 1
store: state.sqlite
ledgers:
  floor: {{kind: native, url: "{url}", starting_balance: 10000 USDT}}
channels: {{screen: {{kind: console}}}}
jobs: {{daily_summary: }}
"""


def main() -> None:
    print(f"{'':68}{'measured':>22}   goal", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reporter-bench-")))
        server, first = stack.enter_context(postgresql()), dict[str, float]()
        for count in COUNTS:
            (folder / f"home-{count}").mkdir()
            urls = {
                "sqlite": sqlite_history(folder / f"{count}.sqlite", count),
                "postgresql": postgresql_history(server, count),
            }
            by_hand_too = urls.items() if count <= LONGEST else ()
            for row in chain(*(measured(dialect, url, count) for dialect, url in by_hand_too)):
                tell(*row)
            for dialect, url in urls.items():
                store = folder / (f"home-{count}/state.sqlite" if dialect == "sqlite" else f"{dialect}-{count}.store")
                name = f"{dialect}, {count:,} trades"
                for row in with_rollups(store, name, url, count, first, CLOCKS[dialect]):
                    tell(*row)
            home = folder / f"home-{count}"
            for row in chain(rest_of_a_report(home, urls["sqlite"]), memory(home), export(folder, count)):
                tell(*row)
        for count in (count for count in COUNTS if count <= LONGEST):
            for row in beside_freqtrade(folder, history(folder / f"freqtrade-{count}.sqlite", count), count):
                tell(*row)


def measured(dialect: str, url: str, count: int) -> Iterator[Row]:
    """Each question beside its twin by hand."""
    floor = Portfolio([LedgerSettings(name="floor", kind="native", url=url)], timeout=120)

    def hand(period: Period, *, by_day: bool = False) -> Callable[[], object]:
        start, end = (STORED[dialect](moment) for moment in (period.start, period.end))
        return lambda: by_hand.performance(dialect, url, start, end, by_day=by_day)

    week, ever, end = day(DAYS - 9, 7), day(0, DAYS), STORED[dialect](LAST.end)
    questions: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "a day": (lambda: floor.performance(LAST), hand(LAST)),
        "a week, with its days": (lambda: floor.performance(week, daily=True), hand(week, by_day=True)),
        "two years": (lambda: floor.performance(ever), hand(ever)),
        "the days of two years": (
            lambda: floor.daily_series(LAST, whole=True),
            lambda: by_hand.series(dialect, url, end),
        ),
    }
    for name, (ours, hands) in questions.items():
        took = best({"ours": ours, "by hand": hands}, CLOCKS[dialect])
        yield f"{dialect}, {count:,} trades: {name}, ledger / by hand", ratio(took["ours"], took["by hand"]), "≤ 1.5"


def best(work: Mapping[str, Callable[[], object]], clock: Clock = time.perf_counter) -> dict[str, float]:
    """The shortest of some rounds of each, in turns; fewer rounds of what takes long."""
    shortest = dict.fromkeys(work, float("inf"))
    began = time.perf_counter()
    for number in range(ROUNDS):
        for name, task in work.items():
            started = clock()
            task()
            shortest[name] = min(shortest[name], clock() - started)
        if number >= 2 and time.perf_counter() - began > 20:
            break
    return shortest


@dataclass
class Timed:
    """A floor that counts the processor time in which it is asked."""

    floor: Ledger
    spent: float = field(default=0.0)

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.floor, name)

        def timed(*arguments: Any, **named: Any) -> list[Book] | list[Series] | Any:
            started = time.process_time()
            try:
                return asked(*arguments, **named)
            finally:
                self.spent += time.process_time() - started

        return timed


def rest_of_a_report(folder: Path, url: str) -> Iterator[Row]:
    """A daily summary from due to committed, without the time that its questions to the ledger took."""
    (folder / "config").mkdir()
    (folder / "config" / "reporter.yaml").write_text(CONFIG.format(url=url))
    clock = HandClock(day(0, DAYS).end)
    app = App(FolderHome(folder, clock=clock, environ={"HOME": str(folder)}), clock=clock)
    timed = Timed(app.runtime.inputs.ledger)
    app.runtime = replace(app.runtime, inputs=replace(app.runtime.inputs, ledger=timed))
    bound, rest, whole = app.job("daily_summary"), [], []
    gc.collect()
    gc.freeze()  # as the daemon does: what was measured before is not walked through again
    for _ in range(ROUNDS + 1):
        timed.spent, started = 0.0, time.process_time()
        app.run_by_hand(bound, None, force=True)
        whole.append(time.process_time() - started)
        rest.append(whole[-1] - timed.spent)
    gc.unfreeze()
    app.close()
    yield "a daily summary on SQLite, from due to committed, CPU", f"{min(whole) * 1000:.1f} ms", "none"
    yield "  without its questions to the ledger", f"{min(rest[1:]) * 1000:.1f} ms", "≤ 10 ms"


def memory(folder: Path) -> Iterator[Row]:
    """A daemon that has a roll-up already."""
    with daemon(Home(folder, {"HOME": str(folder)})) as running:
        time.sleep(SETTLING)
        yield "  memory of the daemon, RSS", f"{running.rss:.1f} MB", "± 2 MB for any number"


def export(folder: Path, count: int) -> Iterator[Row]:
    """A process that exports everything."""
    for what in ("trades", "daily"):
        wanted = ["export", what, "--from", "2024-01-01", "--out", str(folder / "out.csv")]
        took, peak = watched([REPORTER, "--home", str(folder / f"home-{count}"), *wanted])
        name = f"export {what} of {count:,} trades: time and peak"
        yield name, f"{took:.1f} s, {peak:.0f} MB", "the same peak for any number"


def watched(command: Sequence[str]) -> tuple[float, float]:
    """How long a command takes, in seconds, and its largest memory, in MB.

    The kernel's own figure for children holds what the parent had when it made them, so theirs is read while they run.
    """
    started, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            peak = int(found[1]) / 1024 if found else peak
            time.sleep(0.02)
    return time.perf_counter() - started, peak


def ratio(ours: float, base: float) -> str:
    return f"{ours / base:.2f} ({ours * 1000:.1f}/{base * 1000:.1f} ms)"


def tell(what: str, found: str, goal: str) -> None:
    print(f"{what:68}{found:>22}   {goal}", flush=True)


if __name__ == "__main__":
    main()
