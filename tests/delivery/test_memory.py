"""A daemon's memory does not grow."""

from __future__ import annotations

import os
import random
from pathlib import Path
from statistics import median

import pytest

from reporter.periods.clock import SystemClock
from tests.delivery.figures import FIGURES
from tests.delivery.traffic import Traffic, until
from tests.support.discord import Fault, Limited, LocalDiscord, Reset, Status, Truncate
from tests.support.processes import Process, daemon

NAMES = [f"c{number}" for number in range(20)]
FAULTS: tuple[Fault, ...] = (
    Status(503),
    Status(504, accept=True),
    Reset(),
    Reset(accept=True),
    Truncate(),
    Limited(0.3),
)
# So many messages each channel gets at a time: more than go out one by one, so that they travel together.
HEAP = 12
# What the allocator may keep beside what is used, in MB, and what a daemon at work may never need.
SLACK, MOST = 4.0, 120.0


def samples(traffic: Traffic, running: Process, messages: int) -> list[float]:
    """What the daemon holds, in MB, after each heap of messages, most of which meet a fault on their way."""
    chance, found = random.Random(messages), []
    for first in range(0, messages // len(NAMES), HEAP):
        traffic.queue_all([(name, number) for number in range(first, first + HEAP) for name in NAMES], size=200)
        for _ in range(chance.randint(0, 6)):
            traffic.discord.fail(chance.choice(FAULTS), webhook=chance.choice(NAMES))
        until(lambda: traffic.done, 120, lambda: f"{traffic.counts()}\n{running.log[-2000:]}", pause=0.2)
        found.append(running.megabytes)
    return found


@pytest.mark.parametrize("messages", [240, pytest.param(10_000, marks=pytest.mark.full)])
def test_memory_does_not_grow_with_what_was_delivered(tmp_path: Path, messages: int) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {name: name for name in NAMES})
        with daemon(tmp_path, SystemClock().wall(), traffic.environ) as running:
            found = samples(traffic, running, messages)
        traffic.close()
    third = max(1, len(found) // 3)
    early, late = median(found[third : 2 * third] or found), median(found[-third:])
    record(f"{messages} messages through one daemon: {early:.1f} MB after a third, {late:.1f} MB at the end")
    assert max(found) < MOST
    assert late - early < SLACK


def record(line: str) -> None:
    if path := os.environ.get(FIGURES):
        with Path(path).open("a", encoding="utf-8") as table:
            table.write(f"{line}\n")
