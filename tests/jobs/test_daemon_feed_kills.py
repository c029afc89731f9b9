"""The daemon is killed at any moment while bots trade: each close and each fill reaches Discord once.

A second copy occurs only where the wire was cut: then the message was on its way at a kill, and its copy says so.
"""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.jobs.test_fills import MAPPED
from tests.support.discord import LocalDiscord
from tests.support.paths import ROOT
from tests.support.processes import until
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_sqlite

CONFIG = """\
version: 1
store: env:STORE
discord: {{base_url: "{base_url}"}}
ledgers:
  bot: {{kind: native, url: "{bot}"}}
  grid: {fills}
channels:
  closed: {{webhook: "{closed}"}}
  executed: {{webhook: "{executed}"}}
jobs:
  positions_closed: {{schedule: every 1s, channel: closed, params: {{at_most: 100000, away_minutes: 600}}}}
  trades_executed: {{schedule: every 1s, channel: executed, params: {{at_most: 100000, away_minutes: 600}}}}
"""
CLOSE = (
    "INSERT INTO trades (id, agent, market, side, currency, pnl, closed_at) VALUES (?, 'a', 'm', 'long', 'USDT', 1, ?)"
)
FILL = "INSERT INTO fills VALUES (?, 'grid', 'BTC-USDT', 'USDT', ?, 'buy', '0.01', '65000', '0.65', 'live')"


class Floor:
    """Two bots that trade without a pause, and a daemon that is killed again and again."""

    def __init__(self, stage: Stage, discord: LocalDiscord, seed: int) -> None:
        self.stage = stage
        self.discord = discord
        self.bot = native_sqlite(stage.folder).url
        self.grid = str(stage.folder / "fills.sqlite")
        self.traded = 0
        self._luck = random.Random(seed)
        for file in (self.bot, self.grid):
            with closing(sqlite3.connect(file)) as made:
                made.execute("PRAGMA journal_mode = WAL")
                made.execute("CREATE TABLE IF NOT EXISTS fills (id, bot, pair, quote, at, side, qty, price, fee, mode)")
        fills = MAPPED.format(file=self.grid)
        config = CONFIG.format(base_url=discord.base_url, bot=self.bot, fills=fills,
                               closed=discord.webhook("closed"), executed=discord.webhook("executed"))  # fmt: skip
        stage.write("config/reporter.yaml", config).chmod(0o600)

    def survive(self, kills: int) -> None:
        first = self._start()
        until(lambda: self._looks() == 4, lambda: f"no feed has begun:\n{self._log()}", 120)
        _end(first)
        time.sleep(2.1)  # a trade that is committed late closes after the feeds began, too
        over = threading.Event()
        trader = threading.Thread(target=self._trade, args=(over,))
        trader.start()
        try:
            for _ in range(kills):
                self._kill_one()
        finally:
            over.set()
            trader.join()
        last = self._start()
        until(lambda: len(self.copies()) == 2 * self.traded, lambda: f"{self._missing()}:\n{self._log()}", 300)
        time.sleep(3)  # what would be told twice has its time
        _end(last)

    def copies(self) -> dict[str, list[str]]:
        """The footers of the messages about each close and each fill."""
        found: dict[str, list[str]] = defaultdict(list)
        for message in self.discord.everything():
            for embed in message.embeds:
                footer = embed.get("footer", {}).get("text", "")
                if close := re.search(r"· bot · (\d+)", footer):
                    found[f"close {close[1]}"].append(footer)
                elif fill := re.search(r"Trade ID: (f\d+)", embed.get("description", "")):
                    found[f"fill {fill[1]}"].append(footer)
        return found

    def _missing(self) -> list[str]:
        wanted = {f"close {n}" for n in range(1, self.traded + 1)} | {f"fill f{n}" for n in range(1, self.traded + 1)}
        return sorted(wanted - self.copies().keys())

    def _looks(self) -> int:
        """How many cursors were saved: one a feed and ledger."""
        with self.stage.app.store.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM job_states").scalar_one())

    def _trade(self, over: threading.Event) -> None:
        while not over.wait(self._luck.uniform(0.02, 0.4)):
            self.traded += 1
            at = datetime.now(UTC) - timedelta(seconds=self._luck.choice((0, 0, 1, 2)))
            stamp = f"{at:%Y-%m-%d %H:%M:%S}"
            _write(self.bot, CLOSE, [self.traded, stamp])
            _write(self.grid, FILL, [f"f{self.traded}", stamp])

    def _kill_one(self) -> None:
        """Some die before they did anything, most while they work."""
        seen, process = len(self.discord.requests), self._start()
        if self._luck.random() < 0.9:
            until(lambda: len(self.discord.requests) > seen, self._log, 600)  # all cores may be busy with other tests
        time.sleep(self._luck.uniform(0, 1.5))
        _end(process)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "reporter", "--home", str(self.stage.folder), "run"]
        with (self.stage.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self.stage.environ, stdout=log, stderr=log)

    def _log(self) -> str:
        return (self.stage.folder / "log").read_text()[-3000:]


def _write(file: str, statement: str, values: list[object]) -> None:
    with closing(sqlite3.connect(file, timeout=60)) as bot, bot:
        bot.execute(statement, values)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def slow_discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, latency=0.05, jitter=0.1) as discord:
        yield discord


@pytest.mark.full
@pytest.mark.parametrize("kills", [100])
def test_each_close_and_fill_reaches_discord_once_through_kills_of_the_daemon(
    stage: Stage, slow_discord: LocalDiscord, kills: int, tmp_path: Path
) -> None:
    floor = Floor(stage, slow_discord, seed=kills)
    floor.survive(kills)
    copies = floor.copies()
    assert len(copies) == 2 * floor.traded
    again = {name: footers for name, footers in copies.items() if len(footers) > 1}
    assert [name for name, footers in again.items() if not all("may be a repeat" in one for one in footers[1:])] == []
    assert sum(len(footers) - 1 for footers in again.values()) <= kills * 10  # a request holds at most ten
    print(f"{kills} kills, {floor.traded} closes and fills, {len(again)} of them with a marked copy")
