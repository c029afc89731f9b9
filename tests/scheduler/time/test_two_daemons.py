"""Two daemons on one PostgreSQL, killed and paused at any moment, report each period once between them."""

from __future__ import annotations

import random
import signal
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.scheduler.time.world import HOURLY_JOBS, World, hourly_home, settled
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process
from tests.support.stage import Stage

START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Pair:
    """Two daemons, one of which is always there. `faults` counts what was done to them."""

    def __init__(self, world: World, stack: ExitStack, chance: random.Random) -> None:
        self.faults = 0
        self._world, self._stack, self._chance = world, stack, chance
        self._running = [self._start(), self._start()]

    def suffer(self) -> None:
        """One of them is killed and another takes its place, or it is paused for a while."""
        number = self._chance.randrange(2)
        self.faults += 1
        if self._chance.random() < 0.5:
            self._running[number].stop(signal.SIGKILL)
            self._running[number] = self._start()
        else:
            self._pause(self._running[number])

    def _pause(self, one: Process) -> None:
        one.send(signal.SIGSTOP)
        if self._chance.random() < 0.7:  # longer than any lease
            an_hour_passes(self._world, self._chance)
        threading.Event().wait(self._chance.uniform(0.1, 1.0))
        one.send(signal.SIGCONT)

    def _start(self) -> Process:
        return self._stack.enter_context(self._world.daemon())


def an_hour_passes(world: World, chance: random.Random) -> None:
    to_go = 3600 - world.now().timestamp() % 3600
    world.passes(seconds=to_go - chance.uniform(-0.2, 0.4))


def live(home: Stage, discord: LocalDiscord, seconds: float) -> tuple[int, int]:
    """Two daemons for so many seconds; how many faults they met, and how many second copies came."""
    world, chance = World(home, discord, START), random.Random(1)
    with ExitStack() as stack:
        pair = Pair(world, stack, chance)
        world.wait_until_planned(*HOURLY_JOBS)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            an_hour_passes(world, chance)
            threading.Event().wait(chance.uniform(0.0, 0.8))
            pair.suffer()
    return pair.faults, settled(world, START)


@pytest.fixture
def shared(on_postgresql: Stage, discord: LocalDiscord) -> Stage:
    return hourly_home(on_postgresql, discord)


def test_two_daemons_tell_each_hour_once(shared: Stage, discord: LocalDiscord) -> None:
    faults, copies = live(shared, discord, 3)
    assert copies <= 2 * faults  # one a fault in each channel


@pytest.mark.full
def test_two_daemons_tell_each_hour_once_through_five_minutes(shared: Stage, discord: LocalDiscord) -> None:
    faults, copies = live(shared, discord, 300)
    print(f"{faults} faults, {len(discord.everything())} messages, {copies} second copies")
    assert copies <= 2 * faults
