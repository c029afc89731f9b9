"""A bot beside our reads: the latency of its commits while we read its database, and while we do not.

`python -m tests.bench beside`: a writer of 500 rows a second, on SQLite with a WAL and with a rollback journal and on
PostgreSQL. Each command that reads the database runs, and then nothing runs for as long: a busy machine meets both
alike. As root the writer is one user and the reader another, in the group of the first. BENCH_ROUNDS is how often each
command runs; BENCH_EACH=1 prints the commands one by one.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg

from reporter.cli import main as command_line
from tests.bench.home import Home, make_home, postgresql_floor, sqlite_floor
from tests.control.installed import interpreter
from tests.support.discord import LocalDiscord
from tests.support.paths import ROOT
from tests.support.servers import postgresql
from tests.trading.ledger.users import BOT, REPORTER, become, folder_of_the_bot

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "4"))
COMMITS, ROWS = 100, 5
"""Commits a second, and the rows of each."""
NICE = 7
"""The share of the processor that the unit's CPUWeight=20 leaves us beside a busy bot (man sched: 215 of 1,024)."""
PROBES = """\
probes:
  file: {{kind: {kind}, ledger: floor}}
  rows: {{kind: sql, ledger: floor, query: SELECT max(id) FROM trades, above: {{warning: 1000000000}}}}
"""
READS = [
    "preview daily_summary", "preview weekly_leaderboard", "preview agent_performance", "preview health_probe",
    "run-job daily_summary --force", "probe", "check", "jobs", "ask positions", "ask 'trades 20'", "ledger check",
    "ledger rollups --rebuild", "ledger verify", "export trades --from 2026-01-01 --out /dev/null",
    "export daily --from 2026-01-01 --out /dev/null",
]  # fmt: skip
INSERT = (
    "INSERT INTO trades (agent, market, side, currency, pnl, fees, opened_at, closed_at) "
    "VALUES ('beside', 'BTC/USDT', 'long', 'USDT', 1.25, 0.01, '{at}', '{at}')"
)


def main() -> None:
    print(f"{'':46}{'p99 alone':>11}{'beside us':>11}{'moved':>8}   goal    failed   files")
    with ExitStack() as stack:
        discord = stack.enter_context(LocalDiscord(limits=False))
        server = stack.enter_context(postgresql())
        for mode in ("wal", "delete"):
            with folder_of_the_bot() as folder, tempfile.TemporaryDirectory() as home:
                path = folder / "bot.sqlite"
                url = sqlite_floor(path)
                _hand_over(path, BOT)
                tell(f"SQLite, journal_mode={mode}", home, url, mode, discord, folder)
        with tempfile.TemporaryDirectory() as home:
            sqlite_floor(Path(home) / "floor.sqlite")
            url = postgresql_floor(server, Path(home) / "floor.sqlite")
            with psycopg.connect(url) as connection:  # whose rows came with their numbers
                connection.execute("SELECT setval(pg_get_serial_sequence('trades', 'id'), max(id)) FROM trades")
            tell("PostgreSQL", home, url, "", discord, None)


def tell(what: str, place: str, url: str, mode: str, discord: LocalDiscord, folder: Path | None) -> None:
    home = make_home(Path(place) / f"home-{mode or 'postgresql'}", url, discord)
    with (home.folder / "config/reporter.yaml").open("a") as config:
        config.write(PROBES.format(kind="sqlite" if mode else "postgres"))
    Path(place).chmod(0o755)
    _hand_over(home.folder, REPORTER)
    with writer(url, mode) as commits:
        time.sleep(1)
        before = _owners(folder)
        turns = list(read(home))
        after = _owners(folder)
        found = commits()
    alone, beside, failed = judged(found, turns)
    moved = f"{(beside / alone - 1) * 100:+.0f} %"
    files = "-" if folder is None else "as they were" if after == before else f"{before} became {after}"
    print(f"{what:46}{alone * 1e3:8.2f} ms{beside * 1e3:8.2f} ms{moved:>8}   ≤ 10 %{failed:>7}   {files}", flush=True)
    for line in each(found, turns) if os.environ.get("BENCH_EACH") else ():
        print(line, flush=True)


def judged(commits: Sequence[Sequence[float]], turns: Sequence[tuple[float, float, float]]) -> tuple[float, float, int]:
    """The 99th percentile of commits alone and of those beside us, in seconds, and how many commits failed.

    A turn is the moments when a command began, when it ended, and when the pause after it was over.
    """
    begins = [began for began, _, _ in turns]
    alone: list[float] = []
    beside: list[float] = []
    for at, took, _ in commits:
        if (place := bisect_right(begins, at) - 1) >= 0 and at < turns[place][2]:
            (beside if at < turns[place][1] else alone).append(took)
    quantile: Callable[[Sequence[float]], float] = lambda found: statistics.quantiles(found, n=100)[-1]  # noqa: E731
    return quantile(alone), quantile(beside), sum(failed > 0 for _, _, failed in commits)


def each(commits: Sequence[Sequence[float]], turns: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """Each command with the slowest commits beside it, in milliseconds."""
    for number, command in enumerate(READS):
        spans = turns[number :: len(READS)]
        beside = [took for at, took, _ in commits if any(began <= at < ended for began, ended, _ in spans)]
        slowest = ", ".join(f"{took * 1e3:.0f}" for took in sorted(beside)[-5:])
        seconds = sum(ended - began for began, ended, _ in spans) / len(spans)
        yield f"  {command:50} {seconds:5.1f} s, {len(beside)} commits, the slowest {slowest} ms"


def _owners(folder: Path | None) -> dict[str, tuple[int, int, str]]:
    """User, group and mode of a folder and its files, but for the journal that comes and goes with each commit."""
    found = [] if folder is None else [folder, *(path for path in folder.iterdir() if path.suffix != ".sqlite-journal")]
    return {path.name: (path.stat().st_uid, path.stat().st_gid, oct(path.stat().st_mode)) for path in sorted(found)}


def _hand_over(place: Path, user: int) -> None:
    if os.geteuid() == 0 and interpreter():
        for path in (place, *place.rglob("*")):
            os.chown(path, user, user)
    if place.is_file():
        place.chmod(0o660)


def _role(name: str, *words: str, **environ: str) -> subprocess.Popen[str]:
    command = [interpreter() or sys.executable, "-m", "tests.bench.beside", name, *words]
    found = {"PYTHONPATH": f"{sysconfig.get_path('purelib')}:{ROOT}"}
    return subprocess.Popen(
        command, env=os.environ | found | environ, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _become(user: int, groups: list[int]) -> None:
    """Another user, where there is a Python that other users may run."""
    if interpreter():
        become(user, groups)


@contextmanager
def writer(url: str, mode: str) -> Iterator[Callable[[], Any]]:
    """Gives what ends the writer and returns its commits: moment, seconds and whether it failed."""
    process = _role("writer", url, mode)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield lambda: json.loads(process.communicate()[0])
    finally:
        process.kill()


def read(home: Home) -> Iterator[tuple[float, float, float]]:
    """Every command in its turn, and after each a pause of the same length."""
    with _role("reader", str(home.folder), **home.environ) as process:
        assert process.stdin
        assert process.stdout
        for command in READS * (ROUNDS + 1):
            process.stdin.write(f"{command}\n")
            process.stdin.flush()
            began, ended, code = json.loads(process.stdout.readline())
            if code not in {0, 1}:
                print(f"{command}: exit code {code}", file=sys.stderr)
            time.sleep(max(ended - began, 0.2))
            yield began, ended, time.monotonic()
        process.stdin.close()


def act_as_writer(url: str, mode: str) -> None:
    _become(BOT, [])
    connection = _connected(url, mode)
    print("ready", flush=True)
    commits, began = [], time.monotonic()
    while not _has_ended():
        at = time.monotonic()
        moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        try:
            connection.execute("BEGIN")
            for _ in range(ROWS):
                connection.execute(INSERT.format(at=moment))
            connection.execute("COMMIT")
            failed = 0
        except (sqlite3.Error, psycopg.Error):
            connection.execute("ROLLBACK")
            failed = 1
        commits.append((at, time.monotonic() - at, failed))
        time.sleep(max(began + len(commits) / COMMITS - time.monotonic(), 0))
        began = max(began, time.monotonic() - len(commits) / COMMITS)  # what was missed is not made up for
    print(json.dumps(commits))


def _connected(url: str, mode: str) -> Any:
    if not mode:
        return psycopg.connect(url, autocommit=True)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    return connection


def _has_ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def act_as_reader(home: str) -> None:
    _become(REPORTER, [BOT])
    os.nice(NICE)
    answers = sys.stdout
    for line in sys.stdin:
        began = time.monotonic()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            code = command_line(["--home", home, *shlex.split(line)])
        print(json.dumps((began, time.monotonic(), code)), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["writer"]:
        act_as_writer(*sys.argv[2:])
    elif sys.argv[1:2] == ["reader"]:
        act_as_reader(*sys.argv[2:])
    else:
        main()
