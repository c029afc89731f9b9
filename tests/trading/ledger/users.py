"""A bot and a reporter as two users of one machine, each a process of its own that is told what to do line by line.

Without root both are the user who runs the tests: then owners are not tried, and all else is.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from reporter.periods.clock import SystemClock
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.native import ddl
from tests.probes.databases import Watching, told
from tests.support.paths import ROOT
from tests.trading.ledger.databases import between

BOT, REPORTER = 4001, 4002  # user and group alike; the reporter is in the bot's group besides
DAY = "2026-10-30"


class User:
    """A process of a user's. Each order is answered by a text."""

    def __init__(self, role: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trading.ledger.users", role],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self._answer() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def __call__(self, order: str, *arguments: object) -> str:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([order, *map(str, arguments)]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout
        found: str = json.loads(self._process.stdout.readline() or '"it ended"')
        return found


@contextmanager
def folder_of_the_bot() -> Iterator[Path]:
    """The folder of a bot: its group may do all in it, and files get the group of who makes them."""
    with tempfile.TemporaryDirectory(prefix="reporter-bot-") as outer:
        Path(outer).chmod(0o755)
        folder = Path(outer) / "data"
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, BOT, BOT)
        folder.chmod(0o770)
        yield folder


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that can be seen of a folder's files, but for when they were read."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.iterdir()):
        stat = path.stat()
        content = sha256(path.read_bytes()).hexdigest()
        found[path.name] = (stat.st_ino, stat.st_uid, stat.st_gid, oct(stat.st_mode), stat.st_mtime_ns, content)
    return found


def _bot(script: str) -> Callable[..., str]:
    """`open FILE MODE`, `trade PNL`, `sql STATEMENT`, `close`; or `hold N`, a write of N rows that is not finished."""
    held: list[sqlite3.Connection] = []

    def act(order: str, *arguments: str) -> str:
        if order == "open":
            held.append(sqlite3.connect(arguments[0], isolation_level=None, timeout=0))
            return str(held[-1].execute(f"PRAGMA journal_mode = {arguments[1]}").fetchone()[0])
        connection = held[-1]
        if order == "make":
            connection.executescript(script)
        elif order == "trade":
            connection.execute(
                "INSERT INTO trades (agent, market, side, currency, pnl, fees, closed_at) "
                f"VALUES ('a', 'm', 'long', 'USDT', {arguments[0]}, 0, '{DAY} 10:00:00')"
            )
        elif order == "hold":
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN")
            connection.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {arguments[0]}) "
                "INSERT INTO trades (agent, market, side, currency, pnl, closed_at) "
                f"SELECT 'a', 'm', 'long', 'USDT', 1000, '{DAY} 11:00:00' FROM n"
            )
        elif order == "close":
            held.pop().close()
        else:
            connection.execute(arguments[0]).fetchall()
        return "done"

    return act


def _reporter(script: str) -> Callable[..., str]:
    """Each door that opens somebody's SQLite file, by its name, for a file."""
    day = between(DAY, "2026-10-31")

    def floor(path: str) -> Portfolio:
        return Portfolio([LedgerSettings(name="b", kind="native", url=path)])

    def performance(path: str) -> str:
        books = floor(path).performance(day, account=True)
        return f"{books[0].trades} trades, {books[0].pnl.amount.normalize():f}" if books else "none"

    def export(path: str) -> str:
        trades = list(floor(path).stream(day))
        return f"{len(trades)} trades, {sum((trade.pnl.amount for trade in trades), Decimal(0)).normalize():f}"

    def check(path: str) -> str:
        (health,) = floor(path).health()
        return health.error or "answers"

    class Clock(SystemClock):
        def pass_by(self, seconds: float) -> None:
            """Time goes on by itself."""

    def probed(kind: str, **said: Any) -> str:
        watching = Watching(Clock(), kind, **said)
        try:
            return told(watching.look())
        finally:
            watching.close()

    doors: dict[str, Callable[[str], str]] = {
        "performance": performance,
        "export": export,
        "check": check,
        "sqlite": lambda path: probed("sqlite", path=path, integrity_every="1d"),
        "sql": lambda path: probed("sql", url=path, query="SELECT count(*) FROM trades", above={"warning": 99}),
    }

    def act(door: str, path: str) -> str:
        try:
            return doors[door](path)
        except Exception as error:  # noqa: BLE001 - what is raised is the answer
            return f"{type(error).__name__}: {error}"

    with tempfile.TemporaryDirectory() as folder:  # once, while all that is loaded late may still be read
        path = f"{folder}/t.sqlite"
        connection = sqlite3.connect(path)
        connection.executescript(script)
        connection.close()
        for door in doors:
            act(door, path)
    return act


def become(user: int, groups: list[int]) -> None:
    """Be this user, where we are root."""
    os.umask(0o007)
    if os.geteuid() == 0:
        os.setgroups(groups)
        os.setgid(user)
        os.setuid(user)


def main() -> None:
    script = ddl("sqlite")  # read while the package may still be
    act = {"bot": _bot, "reporter": _reporter}[sys.argv[1]](script)
    become(*{"bot": (BOT, []), "reporter": (REPORTER, [BOT])}[sys.argv[1]])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        try:
            answer = act(*json.loads(line))
        except sqlite3.Error as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
