"""What the C library keeps of freed memory goes back to the machine."""

from __future__ import annotations

from pathlib import Path

from reporter.scheduler.heap import give_back


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
