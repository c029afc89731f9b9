"""`python -m tests.bench events [COUNT] [PART …]`: what comes in by each way while the daemon is killed, and how fast.

The parts are `soak` (COUNT events by each of the five ways at once, the daemon killed every few seconds), `client`
(what a call costs a bot), `delay` (from a trade's row to its message) and `idle` (the listener at rest); all of them,
if none is named.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select

from reporter.client import Client
from reporter.errors import StoreLockedError
from reporter.inbox.event import read_event
from reporter.inbox.submit import submit
from reporter.messages.message import from_dict, plain_blocks
from reporter.periods.clock import SystemClock
from reporter.store.database import open_store
from reporter.store.tables import events, outbox
from reporter.trading.ledger.sources.native import ddl
from tests.bench.__main__ import tell
from tests.bench.processes import REPORTER, Daemon
from tests.client.inbox import inbox
from tests.support.discord import LocalDiscord

TOKEN, SECRET = "a-token-of-the-bench-0123456789", "a-secret-of-the-bench-0123456789"
MOST_TRIES = 20
"""How often a script hands in an event before it gives up."""
AT_ONCE = 500
CONFIG = """\
version: 1
store: state.sqlite
ledgers: {{table: {{kind: native, url: trading.sqlite}}}}
discord: {{base_url: "{base_url}"}}
channels: {{screen: {channel}}}
jobs: {{{jobs}}}
events: {{default: {{channel: screen, noise: digest}}}}
web: {{listen: "127.0.0.1:{port}", tokens: {{api: env:TOKEN, client: env:CLIENT}}}}
hooks: {{hook: {{preset: alertmanager, secret: env:SECRET}}}}
"""


class Place:
    """A home, and the daemon that runs in it."""

    def __init__(self, folder: Path, jobs: str, channel: str = "{kind: console}", base_url: str = "http://x") -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = {**os.environ, "HOME": str(folder), "TOKEN": TOKEN, "CLIENT": TOKEN + "c", "SECRET": SECRET}
        (folder / "config").mkdir(parents=True)
        text = CONFIG.format(jobs=jobs, port=self.port, channel=channel, base_url=base_url)
        config = folder / "config/reporter.yaml"
        config.write_text(text)
        config.chmod(0o600)
        with closing(sqlite3.connect(self.ledger)) as bot:
            bot.executescript(ddl("sqlite"))
            bot.execute("PRAGMA journal_mode = WAL")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def ledger(self) -> Path:
        return self.folder / "trading.sqlite"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [REPORTER, "--home", str(self.folder), "run"]
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)

    def kill(self, how: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            while not self.answers():
                if self.process is None or self.process.poll() is not None:
                    raise SystemExit((self.folder / "log").read_text()[-2000:])
                time.sleep(0.05)
            yield
        finally:
            self.kill(signal.SIGTERM)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False, timeout=2).status_code < 500
        except httpx.HTTPError:
            return False


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- Five ways in, through kills ---


def soak(folder: Path, count: int) -> None:
    place = Place(folder / "soak", "table_events: {schedule: every 1s}")
    with place.running():
        time.sleep(3)  # the first look at the table only notes where it ends
    place.start()
    over, kills = threading.Event(), [0]
    killer = threading.Thread(target=kill_on, args=(place, over, kills))
    killer.start()
    began = time.perf_counter()
    took: dict[str, float] = {}

    def timed(way: Callable[[Place, int], None]) -> None:
        way(place, count)
        took[way.__name__] = time.perf_counter() - began

    senders = [threading.Thread(target=timed, args=(way,)) for way in (notify, api, hook, client, table)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    settled = wait_until_sent(place, 5 * count)
    over.set()
    killer.join()
    place.kill(signal.SIGTERM)
    for way, seconds in took.items():
        tell(f"{count} events by {way}: taken in", f"{count / seconds:.0f} a second", "none")
    tell("all of them made messages", f"{5 * count / (settled - began):.0f} a second", "none")
    for source, verdict in verdicts(place, count):
        tell(f"{source}, {kills[0]} kills", verdict, "none lost, none twice, in order")


def kill_on(place: Place, over: threading.Event, kills: list[int]) -> None:
    luck = random.Random(1)
    while not over.wait(luck.uniform(8, 20)):
        place.kill()
        kills[0] += 1
        place.start()


def notify(place: Place, count: int) -> None:
    """As the command `notify` does it, an event a transaction; what is refused is handed in again."""
    store, now = open_store(str(place.folder / "state.sqlite")), SystemClock().wall
    refused = 0
    for number in range(count):
        for _ in range(MOST_TRIES):
            try:
                with store.begin() as connection:
                    submit(connection, [read_event(event(number))], now(), source="notify")
                break
            except StoreLockedError:
                refused += 1
    tell("notify, while others kept the store longer than it waits", f"{refused} refused", "few, none lost")


def api(place: Place, count: int) -> None:
    for first in range(0, count, AT_ONCE):
        items = [{**event(n), "id": str(n)} for n in range(first, min(first + AT_ONCE, count))]
        insist(f"{place.url}/api/v1/events", items, TOKEN)


def hook(place: Place, count: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for first in range(0, count, AT_ONCE):
        alerts = [
            {"status": "resolved", "labels": {"alertname": f"n{n}."}, "annotations": {}, "fingerprint": str(n),
             "startsAt": (start + timedelta(seconds=n)).isoformat()}
            for n in range(first, min(first + AT_ONCE, count))
        ]  # fmt: skip
        body = {"groupKey": "g", "status": "resolved", "alerts": alerts}
        insist(f"{place.url}/hooks/hook", body, SECRET)


def client(place: Place, count: int) -> None:
    bot = Client(place.url, TOKEN + "c", source="client", spool=place.folder / "spool", spool_limit=1_000_000_000)
    for number in range(count):
        bot.notify("bench", f"n{number}.")
        if number % 100 == 0:
            time.sleep(0.02)  # a bot is no loop
    while not bot.flush(60):
        pass


def table(place: Place, count: int) -> None:
    with closing(sqlite3.connect(place.ledger, timeout=60)) as bot:
        for first in range(0, count, 50):
            with bot:
                titles = ((f"n{n}.",) for n in range(first, min(first + 50, count)))
                bot.executemany("INSERT INTO events (kind, title) VALUES ('bench', ?)", titles)


def event(number: int) -> dict[str, object]:
    return {"kind": "bench", "title": f"n{number}."}


def insist(address: str, body: object, secret: str) -> None:
    """Send until it is taken, as a sender does that retries."""
    while True:
        try:
            headers = {"Authorization": f"Bearer {secret}"}
            if httpx.post(address, json=body, headers=headers, trust_env=False, timeout=30).status_code == 202:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)


def wait_until_sent(place: Place, wanted: int, patience: float = 600) -> float:
    """When the last event had its message; gives up when none comes any more."""
    store, before, since = open_store(str(place.folder / "state.sqlite")), -1, time.perf_counter()
    while True:
        with store.read() as connection:
            found = connection.execute(select(func.count()).select_from(outbox).where(outbox.c.key.like("event/%")))
            number = int(found.scalar_one())
        if number != before:
            before, since = number, time.perf_counter()
        if number >= wanted or time.perf_counter() - since > patience / 10:
            return time.perf_counter()
        time.sleep(1)


def verdicts(place: Place, count: int) -> Iterator[tuple[str, str]]:
    """What became of each source's events, by the messages in the outbox."""
    store = open_store(str(place.folder / "state.sqlite"))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with store.read() as connection:
        for row in connection.execute(select(events.c.id, events.c.source, events.c.title).order_by(events.c.id)):
            if number := re.search(r"n(\d+)\.", row.title):
                found[row.source].append((row.id, int(number[1])))
        told = list(connection.execute(select(outbox.c.key).order_by(outbox.c.id)).scalars())
    place_of = {int(key.split("/")[1]): at for at, key in enumerate(told) if key.startswith("event/")}
    for source, own in found.items():
        numbers = [number for row, number in sorted(own, key=lambda one: place_of.get(one[0], -1)) if row in place_of]
        lost, twice = count - len(set(numbers)), len(numbers) - len(set(numbers))
        order = "in order" if numbers == sorted(numbers) else "OUT OF ORDER"
        yield source, f"{lost} lost, {twice} twice, {order}"


# --- What a call costs a bot ---


def calls(folder: Path, count: int = 20_000) -> None:
    with inbox() as up, inbox() as hanging:
        hanging.delay = 3600.0
        for name, url in (("up", up.url), ("down", f"http://127.0.0.1:{free_port()}"), ("hanging", hanging.url)):
            bot = Client(url, TOKEN, source="bot", spool=folder / name, timeout=1.0)
            took = []
            for number in range(count):
                began = time.perf_counter_ns()
                bot.notify("signal_generated", "BTC long", pair="BTC/USDT", confidence=0.8, number=number)
                took.append((time.perf_counter_ns() - began) / 1000)
            figures = f"{statistics.median(took):.1f} / {statistics.quantiles(took, n=100)[98]:.0f} µs"
            tell(f"a call of the client, reporter {name}: median / p99", figures, "≤ 50 µs")


# --- From a row to its post ---


def delay(folder: Path, seconds: float = 20) -> None:
    for schedule in ("every 1s", "every 5s"):
        with LocalDiscord() as discord:
            webhook = f'{{webhook: "{discord.webhook("screen")}"}}'
            jobs = f"trades_executed: {{schedule: {schedule}, params: {{at_most: 100000}}}}"
            place = Place(folder / schedule.replace(" ", "-"), jobs, webhook, discord.base_url)
            with place.running():
                time.sleep(8)
                written = trade(place, seconds)
                time.sleep(seconds)
            took = sorted(arrived(place, written))
        if took:
            figures = f"{statistics.median(took):.1f} / {took[int(len(took) * 0.99)]:.1f} s"
            tell(f"row to outbox, 10 trades/s, {schedule}: median / p99 (n={len(took)})", figures, "a schedule + 1 s")


def trade(place: Place, seconds: float) -> dict[str, float]:
    """Close ten trades a second; when each was written."""
    written: dict[str, float] = {}
    with closing(sqlite3.connect(place.ledger, timeout=30)) as bot:
        for number in range(int(10 * seconds)):
            now = datetime.now(UTC)
            with bot:
                bot.execute(
                    "INSERT INTO trades (id, agent, market, side, currency, pnl, closed_at) "
                    "VALUES (?, 'a', 'm', 'long', 'USDT', 1, ?)",
                    [number + 1, f"{now:%Y-%m-%d %H:%M:%S.%f}"],
                )
            written[str(number + 1)] = now.timestamp()
            time.sleep(0.1)
    return written


def arrived(place: Place, written: dict[str, float]) -> Iterator[float]:
    store = open_store(str(place.folder / "state.sqlite"))
    with store.read() as connection:
        for row in connection.execute(select(outbox.c.message, outbox.c.created_at, outbox.c.settled_at)):
            found = re.search(r"Trade ID: (\d+)", "\n".join(plain_blocks(from_dict(json.loads(row.message)).body)))
            if found and found[1] in written:
                yield row.created_at.timestamp() - written[found[1]]


# --- At rest ---


def idle(folder: Path, seconds: float = float(os.environ.get("BENCH_SECONDS", "60"))) -> None:
    place = Place(folder / "idle", "")
    with place.running():
        assert place.process is not None
        daemon = Daemon(place.process)
        time.sleep(15)
        before, began = daemon.cpu, time.monotonic()
        time.sleep(seconds)
        share = (daemon.cpu - before) / (time.monotonic() - began)
        tell("a daemon with the listener, no job: RSS", f"{daemon.rss:.1f} MB", "≤ 100 MB")
        tell(f"  CPU over {seconds:.0f} s", f"{share:.3%} of a core", "≤ 0.2 %")


def main() -> None:
    given = sys.argv[1:]
    count = int(given.pop(0)) if given and given[0].isdigit() else 100_000
    parts = given or ["client", "idle", "delay", "soak"]
    with tempfile.TemporaryDirectory(prefix="reporter-bench-") as name:
        folder = Path(name)
        for part in parts:
            {"soak": lambda: soak(folder, count), "client": lambda: calls(folder), "delay": lambda: delay(folder),
             "idle": lambda: idle(folder)}[part]()  # fmt: skip


if __name__ == "__main__":
    main()
