"""A bot beside our reads: the latency of its commits while we read its database, and while we do not.

`python -m tests.bench beside`: a writer of 500 rows a second, on SQLite with a WAL and with a rollback journal and on
PostgreSQL. Each command that reads the database runs, then runs on a copy that nobody writes to, and after each nothing
runs for as long: a busy machine meets all three alike. What the copy costs a commit is the price of any program on the
same processors and the same disk; what the database itself costs more than that is the price of our reads, which the
goal bounds. As root the writer is one user and the reader another, in the group of the first. BENCH_ROUNDS is how often
each command runs; BENCH_EACH=1 prints the commands one by one.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

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
HISTORY = 5_000
"""Trades before the bot begins, so that the file that grows stays near its copy in size."""
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
MOMENT = "%Y-%m-%d %H:%M:%S"


class Turn(NamedTuple):
    """A command in a home (`own` is the bot's, `copy` the copy's): when it began and ended, and its pause was over."""

    command: str
    home: str
    began: float
    ended: float
    over: float


def main() -> None:
    print(f"{'':32}{'p99 alone':>11}{'by a copy':>11}{'beside us':>11}{'moved':>8}   goal    failed   files")
    with ExitStack() as stack:
        discord = stack.enter_context(LocalDiscord(limits=False))
        server = stack.enter_context(postgresql())
        for mode in ("wal", "delete"):
            with folder_of_the_bot() as folder, folder_of_the_bot() as apart, tempfile.TemporaryDirectory() as home:
                sqlite_floor(folder / "bot.sqlite")
                _lengthen(folder / "bot.sqlite")
                for path in (folder / "bot.sqlite", shutil.copy(folder / "bot.sqlite", apart)):
                    _connected(f"sqlite:///{path}", mode).close()
                    _hand_over(Path(path), BOT)
                urls = [f"sqlite:///{place / 'bot.sqlite'}" for place in (folder, apart)]
                tell(f"SQLite, journal_mode={mode}", home, urls, mode, discord, folder)
        with tempfile.TemporaryDirectory() as home:
            sqlite_floor(Path(home) / "floor.sqlite")
            _lengthen(Path(home) / "floor.sqlite")
            urls = [postgresql_floor(server, Path(home) / "floor.sqlite") for _ in range(2)]
            with psycopg.connect(urls[0]) as connection:  # whose rows came with their numbers
                connection.execute("SELECT setval(pg_get_serial_sequence('trades', 'id'), max(id)) FROM trades")
            tell("PostgreSQL", home, urls, "", discord, None)


def _lengthen(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        hours = (
            f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number):{MOMENT}}" for number in range(HISTORY)
        )
        for at in hours:
            database.execute(INSERT.format(at=at))


def tell(what: str, place: str, urls: Sequence[str], mode: str, discord: LocalDiscord, folder: Path | None) -> None:
    """A row of the table: the bot writes to the first of these databases, the second is its copy."""
    homes = []
    for name, url in zip(("own", "copy"), urls, strict=True):
        home = make_home(Path(place) / f"home-{mode or 'postgresql'}-{name}", url, discord)
        with (home.folder / "config/reporter.yaml").open("a") as config:
            config.write(PROBES.format(kind="sqlite" if mode else "postgres"))
        _hand_over(home.folder, REPORTER)
        homes.append(home)
    Path(place).chmod(0o755)
    with writer(urls[0], mode) as commits:
        time.sleep(1)
        before = _owners(folder)
        turns = list(read(homes))
        after = _owners(folder)
        found = commits()
    alone, copied, beside, failed = judged(found, turns)
    moved = f"{(beside / copied - 1) * 100:+.0f} %"
    files = "-" if folder is None else "as they were" if after == before else f"{before} became {after}"
    times = "".join(f"{seconds * 1e3:8.2f} ms" for seconds in (alone, copied, beside))
    print(f"{what:32}{times}{moved:>8}   ≤ 10 %{failed:>7}   {files}", flush=True)
    for line in each(found, turns) if os.environ.get("BENCH_EACH") else ():
        print(line, flush=True)


def judged(commits: Sequence[Sequence[float]], turns: Sequence[Turn]) -> tuple[float, float, float, int]:
    """The 99th percentile of commits alone, beside the copy and beside us, in seconds, and how many commits failed."""
    begins = [turn.began for turn in turns]
    found: dict[str, list[float]] = {"alone": [], "copy": [], "own": []}
    for at, took, _ in commits:
        if (place := bisect_right(begins, at) - 1) >= 0 and at < turns[place].over:
            found[turns[place].home if at < turns[place].ended else "alone"].append(took)
    alone, copied, beside = (statistics.quantiles(times, n=100)[-1] for times in found.values())
    return alone, copied, beside, sum(failed > 0 for _, _, failed in commits)


def each(commits: Sequence[Sequence[float]], turns: Sequence[Turn]) -> Iterator[str]:
    """Each command with the slowest commits beside it, in milliseconds."""
    for command in READS:
        for home in ("own", "copy"):
            spans = [turn for turn in turns if (turn.command, turn.home) == (command, home)]
            beside = [took for at, took, _ in commits if any(turn.began <= at < turn.ended for turn in spans)]
            slowest = ", ".join(f"{took * 1e3:.0f}" for took in sorted(beside)[-5:])
            seconds = sum(turn.ended - turn.began for turn in spans) / len(spans)
            yield f"  {command:50} {home:4} {seconds:5.1f} s, {len(beside)} commits, the slowest {slowest} ms"


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


def read(homes: Sequence[Home]) -> Iterator[Turn]:
    """Every command in its turn, in the bot's home and in the copy's, and after each a pause of the same length."""
    with ExitStack() as stack:
        readers = [stack.enter_context(_role("reader", str(home.folder), **home.environ)) for home in homes]
        for command in READS * (ROUNDS + 1):
            for name, process in zip(("own", "copy"), readers, strict=True):
                assert process.stdin
                assert process.stdout
                process.stdin.write(f"{command}\n")
                process.stdin.flush()
                began, ended, code = json.loads(process.stdout.readline())
                if code not in {0, 1}:
                    print(f"{command}: exit code {code}", file=sys.stderr)
                time.sleep(max(ended - began, 0.2))
                yield Turn(command, name, began, ended, time.monotonic())
        for process in readers:
            assert process.stdin
            process.stdin.close()


def act_as_writer(url: str, mode: str) -> None:
    _become(BOT, [])
    connection = _connected(url, mode)
    print("ready", flush=True)
    commits, began = [], time.monotonic()
    while not _has_ended():
        at = time.monotonic()
        moment = f"{datetime.now(UTC):{MOMENT}}"
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
