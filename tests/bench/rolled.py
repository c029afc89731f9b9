"""Roll-ups of the invented history: how fast they are built, and what a report costs with them and without."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from reporter.periods import trailing
from reporter.periods.civil import before
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.store import rollups
from reporter.store.database import Store, open_store
from reporter.store.rollups import StoredRollups
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.bench.trading import DAYS, day
from tests.support.clocks import HandClock

Row = tuple[str, str, str]


def with_rollups(folder: Path, url: str, count: int) -> Iterator[Row]:
    """The questions of a daily summary, and all-time P&L with its drawdown."""
    last, ever = day(DAYS - 2), day(0, DAYS)
    clock = HandClock(ever.end + timedelta(days=1))
    with closing(sqlite3.connect(url)) as file:
        file.execute("PRAGMA journal_mode = WAL")  # a scan of all may then take longer than 2 s
    settings = LedgerSettings(name="floor", kind="native", url=url)
    kept, plain = (Portfolio([settings], timeout=120) for _ in range(2))
    with closing(open_store(str(folder / f"rollups-{count}.sqlite"))) as store:
        kept.use(StoredRollups(store, clock))
        upkeep = RollupUpkeep(store, clock)
        took = _spent(lambda: list(upkeep.build(kept.readers[0])), 1)
        yield f"roll-up of {count:,} trades, built", f"{took:.1f} s, {count / took:,.0f} a second", "none"

        def summary() -> object:
            asked = kept.performance(last, account=True), kept.performance(before(last))
            return *asked, kept.daily_series(trailing(last, 30))

        yield "  the questions of a daily summary", f"{_spent(summary) * 1000:.1f} ms", "≤ 50 ms"
        ours, scan = _spent(lambda: _all_time(store)), _spent(lambda: plain.performance(ever), 1)
        name = "  all-time P&L with exact drawdown, scan / roll-up"
        yield name, f"{scan / ours:.0f} ({scan * 1000:.0f}/{ours * 1000:.1f} ms)", "≥ 200"


def _all_time(store: Store) -> object:
    with store.read() as connection:
        state = rollups.standing(connection, "floor")
        return rollups.whole_paths(connection, "floor", state.through if state else 0)


def _spent(work: Callable[[], object], rounds: int = 3) -> float:
    """The least processor time of some rounds, in seconds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)
