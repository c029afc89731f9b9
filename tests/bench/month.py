"""A month of the whole floor in minutes, with faults: `python -m tests.bench month [DAYS [SECONDS]]`.

The daemon is a process under a clock that an hour passes in every SECONDS. The bots trade on; Discord fails, limits and
is gone; the store and the trading database are locked; the disk is full; the daemon is killed once on the first day.
Nothing goes wrong on the last day, so that the daemon can do what it owes.
Prints what the daemon holds at the end of each day, and fails where memory or files grow or something stays owed.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGKILL

from reporter.app import demo
from reporter.app.demo_floor import EVENTS, trade_on, write_events
from reporter.app.home import FLOOR, make_home
from reporter.errors import StoreError
from reporter.inbox.event import read_event
from reporter.inbox.submit import submit
from reporter.store.contents import contents
from reporter.store.database import open_store
from tests.delivery.test_store_full import full
from tests.support.discord import LocalDiscord
from tests.support.discord.faults import Limited, Status
from tests.support.processes import Process

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = 24
CALM = ("nothing", lambda: None)
GROWTH = 5.0
"""Megabytes by which the daemon may be larger or smaller than at the end of the first day."""


@dataclass(frozen=True)
class Held:
    """What the daemon and its folder hold."""

    memory: float
    files: int
    threads: int
    store: float
    log: float


class Floor:
    """A home with every channel of a floor, and the clock of its daemon."""

    def __init__(self, folder: Path, discord: LocalDiscord, pace: float) -> None:
        self.folder, self.discord, self.pace = folder, discord, pace
        self.luck = random.Random(1)
        self._shift = 0.0
        self._began = time.monotonic()
        make_home(folder, config=FLOOR)
        config = folder / "config/reporter.yaml"
        config.write_text(config.read_text() + f'discord: {{base_url: "{discord.base_url}"}}\n')
        for line in config.read_text().splitlines():
            if "file:secrets/discord/" in line:
                self._webhook(line.split(":")[0].strip())
        demo.make(self.trading, BEGIN)

    @property
    def trading(self) -> Path:
        return self.folder / "trading.sqlite"

    @property
    def store(self) -> Path:
        return self.folder / "state/reporter.sqlite"

    def _webhook(self, channel: str) -> None:
        file = self.folder / "secrets/discord" / channel
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(self.discord.webhook(channel))

    def started(self) -> Process:
        """A daemon whose clock shows what ours does, once it works."""
        process = Process(self.folder, BEGIN, {"HOME": str(self.folder), "MALLOC_ARENA_MAX": "2"}, self._began)
        process.says("daily_summary")
        return process

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=time.monotonic() - self._began + self._shift)

    def hour(self) -> None:
        """Let an hour pass: what happens in it, and the clock's leap to its end."""
        with suppress(sqlite3.OperationalError):  # the daemon looks at it just now
            trade_on(self.trading, self.now(), self.luck, self.luck.sample(demo.CAST, 3))
            write_events(self.trading, self.now())
        time.sleep(self.pace)
        self._shift += 3600 - self.pace
        part = self.folder / "clock.part"
        part.write_text(str(self._shift))
        part.replace(self.folder / "clock")

    def events(self, day: int) -> None:
        # The daemon may be at work in the store for longer than a machine under load has patience.
        with suppress(StoreError), closing(open_store(str(self.store))) as store, store.begin() as connection:
            new = [read_event({**event, "id": f"{day}-{number}"}) for number, event in enumerate(EVENTS)]
            submit(connection, new, self.now(), source="month")

    def held(self, process: Process) -> Held:
        proc = Path(f"/proc/{process.process.pid}")
        files, threads = len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))
        return Held(
            process.megabytes,
            files,
            threads,
            sum(file.stat().st_size for file in self.store.parent.glob(f"{self.store.name}*")) / 1e6,
            len(process.log) / 1e6,
        )

    def why(self) -> list[str]:
        """The periods and messages that are owed, with the reason of the last try and the state of the channels."""
        periods = "SELECT job, label, attempts, next_try_at, reason FROM periods WHERE state IN ('owed', 'running')"
        messages = """SELECT channel, state, count(*), min(created_at), max(attempts), min(not_before), max(error)
                      FROM outbox WHERE state IN ('waiting', 'sending', 'unclear') GROUP BY channel, state"""
        channels = "SELECT channel, ready_at, failures, dead_since, error FROM channel_states"
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            return [str(row) for query in (periods, messages, channels) for row in connection.execute(query)]

    def owed(self) -> dict[str, int]:
        """What is not done: periods that are due, and messages on their way."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            now = f"{self.now():%Y-%m-%d %H:%M:%S}"
            periods = "SELECT count(*) FROM periods WHERE state IN ('owed', 'running') AND due_at < ?"
            messages = "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending', 'unclear') AND not_before < ?"
            return {
                "periods": connection.execute(periods, [now]).fetchone()[0],
                "messages": connection.execute(messages, [now]).fetchone()[0],
            }


@contextmanager
def locked(file: Path, seconds: float) -> Iterator[None]:
    with closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as connection:
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
    yield


def trouble(floor: Floor, process: Process) -> Mapping[str, Callable[[], object]]:
    """What goes wrong in a day."""

    def gone() -> None:
        with floor.discord.down():
            floor.hour()

    def no_room() -> None:
        with full(process):
            floor.hour()

    def lock(file: Path) -> None:
        with locked(file, 2):
            pass

    return {
        "Discord breaks": lambda: floor.discord.fail(Status(), times=20),
        "Discord limits": lambda: floor.discord.fail(Limited(1.0), times=20),
        "Discord is gone": gone,
        "the disk is full": no_room,
        "the store is locked": lambda: lock(floor.store),
        "the trading database is locked": lambda: lock(floor.trading),
    }


def main(days: int = 30, pace: float = 1.0) -> int:
    with tempfile.TemporaryDirectory(prefix="reporter-month-") as scratch, LocalDiscord(limits=False) as discord:
        floor = Floor(Path(scratch), discord, pace)
        process = floor.started()
        try:
            for _ in range(6):
                floor.hour()
            process.stop(SIGKILL)
            process = floor.started()
            return _lived(floor, process, days)
        finally:
            if process.process.poll() is None:
                process.stop(SIGKILL)


def _lived(floor: Floor, process: Process, days: int) -> int:
    held: list[Held] = []
    faults = list(trouble(floor, process).items())
    print(f"{'day':>3}  {'RSS MB':>7} {'files':>5} {'threads':>7} {'store MB':>8} {'log MB':>6}  trouble")
    for day in range(1, days + 1):
        name, fault = floor.luck.choice(faults) if day < days else CALM
        fault()
        floor.events(day)
        for _ in range(HOURS):
            floor.hour()
        held.append(floor.held(process))
        now = held[-1]
        figures = f"{now.memory:7.1f} {now.files:5} {now.threads:7} {now.store:8.1f} {now.log:6.2f}"
        print(f"{day:3}  {figures}  {name}", flush=True)
    return _judged(floor, held)


def _judged(floor: Floor, held: list[Held]) -> int:
    for _ in range(6):  # what failed is tried again after some time, at most an hour
        floor.hour()
    end = time.monotonic() + 120
    while any(floor.owed().values()) and time.monotonic() < end:
        time.sleep(1)
    owed, first = floor.owed(), held[0]
    with closing(open_store(str(floor.store))) as store:
        found = contents(store)
    rows = {table.name: table.rows for table in found.tables if table.name in {"runs", "outbox", "sent", "periods"}}
    if any(owed.values()):
        print(f"at {floor.now():%Y-%m-%d %H:%M:%S}:", *floor.why()[:80], sep="\n")
    drift = max(abs(one.memory - first.memory) for one in held)
    files = max(one.files for one in held) - min(one.files for one in held)
    print(f"memory within ± {drift:.1f} MB after the first day, files within {files}, owed {owed}, rows {rows}")
    print(f"messages in Discord: {len(floor.discord.everything()):,}; the store is {found.damage or 'sound'}")
    return int(drift > GROWTH or any(owed.values()) or bool(found.damage))


if __name__ == "__main__":
    days, pace = [*sys.argv[1:], "30", "1.0"][:2] if len(sys.argv) < 3 else sys.argv[1:3]
    sys.exit(main(int(days), float(pace)))
