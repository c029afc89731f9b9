"""Roll-ups of invented histories: how fast they are built, and what reports cost with them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from reporter.periods import trailing
from reporter.periods.civil import Period, before
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.store import rollups
from reporter.store.database import Store, open_store
from reporter.store.rollups import StoredRollups
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Money
from tests.bench.beside_freqtrade import theirs
from tests.bench.trading import DAYS, day
from tests.support.clocks import HandClock

Row = tuple[str, str, str]
Clock = Callable[[], float]
LAST, WEEK, EVER = day(DAYS - 2), day(DAYS - 9, 7), day(0, DAYS)
START = (Money(Decimal(10_000), "USDT"),)


@dataclass
class Rolled:
    """A ledger with its roll-up in a store of its own, and the same ledger without."""

    settings: LedgerSettings
    path: Path
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.clock = HandClock(EVER.end + timedelta(days=1))
        self.store = open_store(str(self.path))
        self.kept, self.plain = (Portfolio([self.settings], timeout=600, now=self.clock.wall) for _ in range(2))
        self.kept.use(StoredRollups(self.store, self.clock))

    def build(self) -> float:
        """How long it takes, in seconds; most of it is ours, whatever the database."""
        began, upkeep = time.perf_counter(), RollupUpkeep(self.store, self.clock)
        if (known := upkeep.standing(self.settings.name)) is None or known.state != rollups.VERIFIED:
            list(upkeep.build(self.kept.readers[0]))
        return time.perf_counter() - began

    def questions(self) -> dict[str, Callable[[], object]]:
        """What the reports ask of the ledger."""
        floor = self.kept
        return {
            "a daily summary": lambda: _summary(floor, LAST, account=True),
            "a leaderboard": lambda: _summary(floor, WEEK, account=False),
            "real-time P&L": lambda: floor.performance(day(DAYS - 1), account=True),
            "all-time P&L and drawdown": lambda: floor.all_time(EVER.end),
        }


def _summary(floor: Portfolio, period: Period, *, account: bool) -> object:
    asked = floor.performance(period, account=account), floor.performance(before(period))
    return *asked, floor.daily_series(trailing(period, 30))


def with_rollups(store: Path, name: str, url: str, count: int, first: dict[str, float], clock: Clock) -> Iterator[Row]:
    """The questions of reports; `first` keeps what each cost behind the first, shortest past."""
    floor = Rolled(LedgerSettings(name="floor", kind="native", url=url, starting_balance=START), store)
    with closing(floor.store):
        took = floor.build()
        yield f"{name}: roll-up built", f"{took:.1f} s, {count / took:,.0f} a second", "none"
        for what, ask in floor.questions().items():
            spent = _spent(ask, clock)
            beside = first.setdefault(f"{name.split(',', maxsplit=1)[0]} {what}", spent)
            goal = "≤ 50 ms, ≤ 1.5 times the shortest" if what == "a daily summary" else "≤ 1.5 times the shortest"
            yield f"  the questions of {what}", f"{spent * 1000:.1f} ms, {spent / beside:.1f} times", goal
        if count <= 1_000_000:
            scan, ours = _spent(lambda: floor.plain.performance(EVER), clock, 1), _spent(lambda: _whole(floor), clock)
            name = "  all-time P&L with exact drawdown, scan / roll-up"
            yield name, f"{scan / ours:.0f} ({scan * 1000:.0f}/{ours * 1000:.1f} ms)", "≥ 200"


def _whole(floor: Rolled) -> object:
    with floor.store.read() as connection:
        state = rollups.standing(connection, "floor")
        return rollups.whole_paths(connection, "floor", state.through if state else 0)


def beside_freqtrade(folder: Path, path: str, count: int) -> Iterator[Row]:
    """freqtrade's own questions and the same of ours, with roll-ups, on one file of its own form."""
    settings = LedgerSettings(name="floor", kind="freqtrade", url=path, starting_balance=START)
    floor = Rolled(settings, folder / f"freqtrade-{count}.store")
    with closing(floor.store):
        took = floor.build()
        yield (
            f"freqtrade's file, {count:,} trades: roll-up built",
            f"{took:.1f} s, {count / took:,.0f} a second",
            "none",
        )
        for mode in ("DELETE", "WAL"):
            with closing(sqlite3.connect(path)) as file:
                file.execute(f"PRAGMA journal_mode = {mode}")
            name = f"  the questions of a daily summary, {'with' if mode == 'WAL' else 'without'} WAL"
            yield name, f"{_spent(floor.questions()['a daily summary'], time.process_time) * 1000:.1f} ms", "≤ 50 ms"
        if (found := theirs(path, LAST)) is None:
            yield "  freqtrade's own questions / ours", "not installed", "none"
            return
        weeks = trailing(LAST, 56)
        (one,), (whole,) = floor.kept.daily_series(LAST), floor.kept.all_time(EVER.end)
        assert abs(float(sum(one.pnl)) - found.day_pnl) < 1e-6, "they do not tell the same"
        assert abs(float(whole.pnl.amount) - found.pnl) < 1e-6, "they do not tell the same"
        ours: dict[str, tuple[Callable[[], object], float, str]] = {
            "a day": (lambda: floor.kept.daily_series(LAST), found.day, "≥ 20 at 1 M"),
            "eight weeks": (lambda: floor.kept.daily_series(weeks), found.weeks, "≥ 50 at 1 M"),
            "all of its statistics": (
                lambda: (floor.kept.all_time(EVER.end), floor.kept.daily_series(EVER, whole=True)),
                found.statistics,
                "≥ 200 at 1 M",
            ),
        }
        for what, (ask, seconds, goal) in ours.items():
            spent = _spent(ask, time.process_time)
            name = f"  {what}: freqtrade {found.version} / ours"
            yield name, f"{seconds / spent:.0f} ({seconds * 1000:.0f}/{spent * 1000:.1f} ms)", goal
        yield "  memory that its statistics add", f"{found.memory:.0f} MB", "none"


def _spent(work: Callable[[], object], clock: Clock, rounds: int = 7) -> float:
    """The least time of some rounds, in seconds."""
    found = []
    for _ in range(rounds):
        began = clock()
        work()
        found.append(clock() - began)
    return min(found)
