"""What pictures cost: `python -m tests.bench pictures`, in processor time and, in brackets, by the clock."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from reporter.app import demo
from reporter.messages.rasterizer import Rasterizer
from tests.jobs.floor import drawn, floor

ROUNDS = 21
NOW = "2026-10-26 00:11:00"
REPORTS = ("daily_summary", "weekly_report", "weekly_leaderboard")
# Says by how many megabytes the process grows when it draws its first picture and when it has drawn a hundred more.
GROWTH = """
import re, sys
from reporter.charts import Charts
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
svg, charts, before = sys.stdin.read(), Charts(), resident()
charts.png(svg)
first = resident()
for _ in range(100):
    charts.png(svg)
print(f"{first - before:.1f} {resident() - first:.1f}")
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reporter-bench-") as folder:
        path = Path(folder) / "floor.sqlite"
        demo.make(path, datetime.fromisoformat(NOW).replace(tzinfo=UTC))
        ledger = floor(path, starting=demo.STARTING_BALANCES)
        svgs = {name: drawn(name, ledger, NOW)[0] for name in REPORTS}
    print(f"{'':36}{'measured':>24}   goal")
    charts = Rasterizer()
    for name, svg in svgs.items():
        size = len(charts.png(svg)) / 1024
        busy, wall = times(lambda svg=svg: charts.png(svg))  # type: ignore[misc]
        measured = f"{busy:.0f} ms ({wall:.0f}), {size:.0f} KiB"
        print(f"{name + ': SVG to PNG':36}{measured:>24}   ≈ 50 ms, tens of KiB")
    first, more = grown(svgs["daily_summary"])
    print(f"{'RSS: the first picture':36}{f'{first} MB':>24}   ≤ 10 MB")
    print(f"{'RSS: a hundred more':36}{f'{more} MB':>24}   ≤ 2 MB")


def times(work: Callable[[], object]) -> tuple[float, float]:
    """The medians of so many rounds in ms: of processor time, to which other work adds little, and of wall time."""
    busy, taken = [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        work()
        busy.append(time.process_time() - used)
        taken.append(time.perf_counter() - began)
    return statistics.median(busy) * 1000, statistics.median(taken) * 1000


def grown(svg: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", GROWTH], input=svg, capture_output=True, text=True, check=True)
    first, more = done.stdout.split()
    return first, more


if __name__ == "__main__":
    main()
