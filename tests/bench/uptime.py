"""`python -m tests.bench uptime`: what it costs to keep how 200 things stood, and how much room it takes.

Times are the processor's: on a busy machine the clock on the wall says little.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from reporter.alerts.model import Level, Observation
from reporter.periods.civil import DAY
from reporter.store import tables, uptime
from reporter.store.database import Store, open_store

PROBES, DAYS = 200, 10
START = datetime(2026, 9, 1, tzinfo=UTC)
# One in four of them never answers.
ROUNDS, BEAT = 120, timedelta(seconds=30)
# What is kept of a day does not depend on how often one looks while all is well: seldom is quicker to play.
STEP = timedelta(minutes=10)
FAILS = 0.0007


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reporter-bench-") as folder:
        for name, figure, goal in (*rounds(Path(folder, "a.sqlite")), *room(Path(folder, "b.sqlite"))):
            print(f"{name:58}{figure:>18}   {goal}")


def rounds(path: Path) -> Iterator[tuple[str, str, str]]:
    store, took = open_store(str(path)), []
    for number in range(ROUNDS):
        began = time.thread_time()
        tell(store, START + number * BEAT, {n for n in range(PROBES) if n % 4 == 0}, BEAT)
        took.append(1000 * (time.thread_time() - began))
    store.close()
    yield (
        f"a round of {PROBES} readings, a quarter of them down: CPU",
        f"{statistics.median(took):.1f} ms",
        "≤ 20 ms",
    )


def room(path: Path) -> Iterator[tuple[str, str, str]]:
    store, chance, down = open_store(str(path)), random.Random(1), dict[int, int]()
    for number in range(DAYS * (DAY // STEP)):
        down = {n: left - 1 for n, left in down.items() if left > 1}
        down |= {n: chance.randint(1, 6) for n in range(PROBES) if n not in down and chance.random() < FAILS}
        tell(store, START + number * STEP, set(down), None)
        if number % (DAY // STEP) == 0:
            with store.begin() as connection:
                uptime.prune(connection, START + number * STEP, 400 * DAY)
    end = START + DAYS * DAY
    with store.read() as connection:
        counted = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (tables.spans, tables.samples)
        }
        began = time.thread_time()
        uptime.uptimes(connection, start := START, end)
        took = time.thread_time() - began
        fine = connection.execute(select(func.count()).where(tables.spans.c.start >= end - DAY)).scalar_one()
        coarse = connection.execute(select(func.count()).where(tables.spans.c.start < start + DAY)).scalar_one()
    store.close()
    yield f"{DAYS} days of {PROBES} things: readings", f"{DAYS * PROBES * 2880:,}", "at one each 30 s"
    yield "  spans, single readings kept", f"{counted['spans']:,}, {counted['samples']:,}", ""
    yield "  spans of the last day, and of the first", f"{fine:,}, {coarse:,}", ""
    yield "  the store's file", f"{path.stat().st_size / 1e6:.1f} MB", ""
    yield "  the uptime of all of them over all days: CPU", f"{took:.2f} s", ""


def tell(store: Store, at: datetime, down: set[int], beat: timedelta | None) -> None:
    with store.begin() as connection:
        uptime.record(connection, [seen(n, n in down, beat) for n in range(PROBES)], at, beat)


def seen(number: int, down: bool, beat: timedelta | None) -> Observation:
    every = None if beat else STEP
    if down:
        return Observation(f"probe/api-{number}", Level.CRITICAL, "refused", every=every)
    return Observation(f"probe/api-{number}", Level.OK, "online", "12ms", figure=0.012, every=every)


if __name__ == "__main__":
    main()
