"""`python -m tests.bench`: a line for each figure, with its goal. BENCH_SECONDS shortens the two minutes of idling.

`python -m tests.bench NAME …` runs another of the benches beside this file, such as `probes`.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path

import httpx

from reporter.web.pages import PAGES
from tests.bench.home import Home, make_home, postgresql_floor, sqlite_floor
from tests.bench.processes import REPORTER, Daemon, daemon, imports_of, medians
from tests.support.discord import LocalDiscord
from tests.support.servers import postgresql

SECONDS = float(os.environ.get("BENCH_SECONDS", "120"))
# What a daemon does once when it starts is over by then.
SETTLING = 20.0
ROUNDS = 11
WEB = 'web: {listen: "127.0.0.1:0", public: all}\n'


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reporter-bench-")))
        discord = stack.enter_context(LocalDiscord())
        ledger = sqlite_floor(folder / "floor.sqlite")
        print(f"{'':52}{'measured':>22}   goal")
        for row in chain(help_speed(), run_job_speed(make_home(folder / "by-hand", ledger, discord))):
            tell(*row)
        url = postgresql_floor(stack.enter_context(postgresql()), folder / "floor.sqlite")
        homes = {
            "stock": make_home(folder / "stock", ledger, discord),
            "quiet": make_home(folder / "quiet", ledger, discord, probing=False),
            "postgresql": make_home(folder / "postgresql", url, discord),
            "web": make_home(folder / "web", ledger, discord, probing=False, more=WEB),
        }
        daemons = {name: stack.enter_context(daemon(home)) for name, home in homes.items()}
        look_at_every_page(homes["web"].folder / "log")
        for row in idling(daemons):
            tell(*row)


Row = tuple[str, str, str]


def help_speed() -> Iterator[Row]:
    commands = {"bare": [sys.executable, "-c", ""], "help": [REPORTER, "--help"]}
    took = medians(commands, {}, ROUNDS)
    yield "reporter --help / bare interpreter", ratio(took["help"], took["bare"]), "≤ 4"


def run_job_speed(home: Home) -> Iterator[Row]:
    arguments = [*home.arguments, "run-job", "daily_summary", "--force"]
    commands = {"whole": [REPORTER, *arguments], "imports": imports_of(arguments, home.environ)}
    took = medians(commands, home.environ, ROUNDS)
    yield "run-job daily_summary / its imports alone", ratio(took["whole"], took["imports"]), "≤ 1.5"


def idling(daemons: dict[str, Daemon]) -> Iterator[Row]:
    """Memory and processor time of daemons side by side, over SECONDS in which no hourly report is due."""
    wait_for_a_quiet_hour(SETTLING + SECONDS)
    time.sleep(SETTLING)
    before, started = {name: one.cpu for name, one in daemons.items()}, time.monotonic()
    time.sleep(SECONDS)
    elapsed = time.monotonic() - started
    share = {name: (one.cpu - before[name]) / elapsed for name, one in daemons.items()}
    yield "idle daemon, stock jobs, 10 channels, SQLite: RSS", f"{daemons['stock'].rss:.1f} MB", "≤ 65 MB"
    yield "  the same on PostgreSQL: RSS", f"{daemons['postgresql'].rss:.1f} MB", "≤ 75 MB"
    yield "  the same, health_probe off: RSS", f"{daemons['quiet'].rss:.1f} MB", "≤ 65 MB"
    yield f"  health_probe off: CPU over {SECONDS:.0f} s", f"{share['quiet']:.3%} of a core", "≤ 0.05 %"
    yield "  with web, each page looked at: RSS", f"{daemons['web'].rss:.1f} MB", "≤ 100 MB"
    yield f"  with web: CPU over {SECONDS:.0f} s", f"{share['web']:.3%} of a core", "≤ 0.2 %"
    yield f"  health_probe every 30 s: CPU over {SECONDS:.0f} s", f"{share['stock']:.3%} of a core", "none"


def look_at_every_page(log: Path) -> None:
    """Of the daemon that writes this log."""
    while not (found := re.search(r"listening on (\S+)", log.read_text())):
        time.sleep(0.1)
    for page in PAGES:
        httpx.get(found[1] + page.path, trust_env=False, timeout=60).raise_for_status()


def wait_for_a_quiet_hour(seconds: float) -> None:
    """The hourly report comes a minute after the full hour; it is no part of idling."""
    now = datetime.now().astimezone()
    since = now.minute * 60 + now.second
    if since < 90 or since + seconds > 3600:
        pause = (90 - since) % 3600
        print(f"(waiting {pause} s, until the hourly report is over)", flush=True)
        time.sleep(pause)


def ratio(ours: float, base: float) -> str:
    return f"{ours / base:.2f} ({ours * 1000:.0f}/{base * 1000:.0f} ms)"


def tell(what: str, measured: str, goal: str) -> None:
    print(f"{what:52}{measured:>22}   {goal}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name = sys.argv.pop(1)
        runpy.run_module(f"tests.bench.{name}", run_name="__main__", alter_sys=True)
    else:
        main()
