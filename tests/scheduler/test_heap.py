"""What the C library keeps of freed memory goes back to the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from reporter.scheduler.heap import give_back
from tests.support.paths import ROOT

THREADS = """
import threading
from pathlib import Path
from reporter.scheduler.heap import leave_few_gaps

leave_few_gaps()
hold, kept = threading.Barrier(9), []

def work():
    kept.append([bytes(2000) for _ in range(500)])
    hold.wait()
    hold.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
hold.wait()
# What glibc maps for a heap of a thread is 64 MiB of addresses, most of which nobody may touch.
ranges = [line.split()[:2] for line in Path('/proc/self/maps').read_text().splitlines()]
sizes = [(int(ends.split('-')[1], 16) - int(ends.split('-')[0], 16), rights) for ends, rights in ranges]
print(sum(size > 32 << 20 and rights == '---p' for size, rights in sizes))
hold.wait()
"""


def megabytes() -> float:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def test_gaps_between_what_is_kept_go_back() -> None:
    pieces = [bytes(60_000) for _ in range(2000)]
    kept = pieces[::40]
    del pieces
    before = megabytes()
    give_back()
    assert before - megabytes() > 50
    assert len(kept) == 50


def test_threads_share_one_heap() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", THREADS], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
