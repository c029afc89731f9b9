"""`python -m tests.bench web`: the first byte of pages on long histories, requests a second and memory, with goals.

BENCH_TRADES says how long the histories are (default: `100000 1000000`); their roll-ups are built first, as the daemon
does. A page is measured as its first visitor meets it, after a write to the ledger, and again while nothing changes.
Each is processor time of listener and client together, in milliseconds.

FREQTRADE_PYTHON names an interpreter in which freqtrade is installed: its API, which FreqUI shows, then answers beside
ours on one file of its own form, question by question in turns, and both must tell the same. These are milliseconds of
the clock, from the request to the whole answer.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.web.application import application
from reporter.web.context import WebContext
from reporter.web.live import Live
from reporter.web.server import WebServer
from tests.bench.beside_freqtrade import history, their_api
from tests.bench.ledger import CONFIG
from tests.bench.trading import BEGAN, DAYS, sqlite_history
from tests.support.clocks import HandClock

COUNTS = [int(count) for count in os.environ.get("BENCH_TRADES", "100000 1000000").split()]
LAST = BEGAN + timedelta(days=DAYS - 2)
MONTH = f"from={LAST - timedelta(days=30):%Y-%m-%d}"
PAGES = {
    "Overview": ("/", 50),
    "Equity, 30 days": ("/equity", 50),
    "Trades": (f"/trades?{MONTH}", 150),
    "Trades of an agent that lost": (f"/trades?{MONTH}&agent=agent-07&result=loss", 150),
    "Trades in a market": (f"/trades?{MONTH}&market=M7/USDT", 150),
    "Trades, the largest wins ever": ("/trades?sort=-pnl", 150),
    "Trades, counted by name": ("/trades?count=1", 450),
}
ROUNDS = 5
# Its statistics of a million trades take half a minute.
TURNS = 2
REQUESTS = 200


class Paced(HandClock):
    """A date of its own, and time that passes: a search of trades ends by it."""

    def monotonic(self) -> float:
        return time.monotonic()


def main() -> None:
    print(f"{'':58}{'first':>10}{'again':>10}   goal")
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="reporter-bench-") as name:
            measure(Path(name), count)
        with tempfile.TemporaryDirectory(prefix="reporter-bench-") as name:
            beside_freqtrade(Path(name), count)


def measure(folder: Path, count: int) -> None:
    with served(folder, sqlite_history(folder / "trades.sqlite", count), "native") as (client, touch):
        for page, (path, goal) in PAGES.items():
            first = min(cost(client, path, touch) for _ in range(ROUNDS))
            again = min(cost(client, path, lambda: None) for _ in range(ROUNDS))
            print(f"{page}, {count:,} trades: ms".ljust(58) + f"{first:10.1f}{again:10.1f}   ≤ {goal}", flush=True)
        began = time.perf_counter()
        for _ in range(REQUESTS):
            client.get("/api/v1/books")
        rate = REQUESTS / (time.perf_counter() - began)
        print(f"/api/v1/books, {count:,} trades: requests a second".ljust(58) + f"{'':10}{rate:10.0f}   none")


def beside_freqtrade(folder: Path, count: int) -> None:
    """The answers of freqtrade's API beside those of ours to the same questions."""
    ledger = history(folder / "trades.sqlite", count)
    ever = f"from={BEGAN:%Y-%m-%d}&to={LAST:%Y-%m-%d}"
    days = f"from={LAST - timedelta(days=6):%Y-%m-%d}&to={LAST:%Y-%m-%d}"
    with served(folder, ledger, "freqtrade") as (ours, touch), their_api(ledger, f"{LAST:%Y-%m-%d}") as theirs:
        if theirs is None:
            print(f"FreqUI's API, {count:,} trades: not installed")
            return
        profit, daily = theirs.get("/api/v1/profit").json(), theirs.get("/api/v1/daily?timescale=7").json()
        whole, week = (ours.get(f"/api/v1/books?{asked}").json() for asked in (ever, days))
        _same(profit["profit_closed_coin"], whole)
        _same(sum(day["abs_profit"] for day in daily["data"]), week)
        asked = {
            "All-time profit": ("/api/v1/profit", f"/api/v1/books?{ever}"),
            "Seven days": ("/api/v1/daily?timescale=7", f"/api/v1/series?{days}"),
        }
        for what, (their_path, our_path) in asked.items():
            rounds = [(clocked(theirs, their_path), *_first_and_again(ours, our_path, touch)) for _ in range(TURNS)]
            their, first, again = (min(taken) for taken in zip(*rounds, strict=True))
            name = f"{what}, {count:,} trades: ms, freqtrade {their:,.1f}"
            print(name.ljust(58) + f"{first:10.1f}{again:10.1f}   {their / first:.0f} times", flush=True)


def _first_and_again(client: httpx.Client, path: str, touch: Callable[[], None]) -> tuple[float, float]:
    touch()
    return clocked(client, path), clocked(client, path)


def _same(theirs: float, ours: dict[str, Any]) -> None:
    (book,) = ours["books"]
    assert abs(Decimal(book["pnl"]["amount"]) - Decimal(theirs)) < Decimal("1e-6"), (theirs, book["pnl"])


@contextmanager
def served(folder: Path, ledger: str, kind: str) -> Iterator[tuple[httpx.Client, Callable[[], None]]]:
    """A client of a listener on a ledger, and what makes the ledger look written to."""
    column = "closed_at" if kind == "native" else "close_date"
    with closing(sqlite3.connect(ledger)) as connection, connection:  # no floor knows trades of tomorrow
        connection.execute(f"DELETE FROM trades WHERE {column} >= ?", (f"{LAST:%Y-%m-%d %H:%M:%S}",))
    (folder / "config").mkdir()
    web = 'web: {listen: "127.0.0.1:0", public: all}\n'
    config = CONFIG.replace("kind: native", f"kind: {kind}").format(url=ledger)
    (folder / "config" / "reporter.yaml").write_text(config + web)
    clock = Paced(LAST.astimezone())
    app = App(FolderHome(folder, clock=clock), clock=clock)
    upkeep = RollupUpkeep(app.store, clock)
    for reader in app.runtime.portfolio.readers:
        list(upkeep.build(reader))
    world = WebContext(app)
    live = Live(world)
    server = WebServer(application(world, live), "127.0.0.1", 0, stops=live.close)
    server.start()
    writes = iter(range(1, 1_000_000))

    def touch() -> None:
        clock.forward(minutes=1)
        os.utime(ledger, (next(writes), next(writes)))

    try:
        touch()
        with httpx.Client(base_url=server.address, trust_env=False, timeout=300) as client:
            client.get("/")
            yield client, touch
    finally:
        server.stop()
        app.close()


def clocked(client: httpx.Client, path: str) -> float:
    """How long an answer takes by the clock, in milliseconds."""
    began = time.perf_counter()
    assert client.get(path).status_code == 200
    return (time.perf_counter() - began) * 1000


def cost(client: httpx.Client, path: str, before: Callable[[], None]) -> float:
    """Processor time of one answer, in milliseconds, the client's own share with it."""
    before()
    began = time.process_time()
    assert client.get(path).status_code == 200
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    main()
