"""Killed repeatedly at any moment, the daemon reports each period once."""

from __future__ import annotations

import random
import signal
import threading
from datetime import UTC, datetime

import pytest

from tests.scheduler.time.world import HOURLY_JOBS, World, hourly_home, settled
from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage

START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
# A daemon that has started tells what is owed within a second.
LONGEST_LIFE = 1.5


def live_and_die(world: World, chance: random.Random) -> None:
    """An hour or three later a daemon lives, over the end of an hour or from just after it, and is killed."""
    into_the_hour = chance.uniform(-1.5, 1.0)
    world.passes(seconds=chance.randrange(1, 4) * 3600 - world.now().timestamp() % 3600 + into_the_hour)
    with world.daemon() as running:
        if chance.random() < 0.8:
            running.says("third: every hour")
        threading.Event().wait(chance.uniform(0, LONGEST_LIFE))
        running.stop(signal.SIGKILL)


def survive(home: Stage, discord: LocalDiscord, rounds: int) -> int:
    """So many lives; returns how many second copies came."""
    chance = random.Random(rounds)
    world = World(home, discord, START)
    with world.daemon():
        world.wait_until_planned(*HOURLY_JOBS)
    for _ in range(rounds):
        live_and_die(world, chance)
    return settled(world, START)


def test_each_hour_is_told_once_through_kills(stage: Stage, discord: LocalDiscord) -> None:
    assert survive(hourly_home(stage, discord), discord, 3) <= 3 * 2  # one a kill in each channel


@pytest.mark.full
def test_each_hour_is_told_once_through_three_hundred_kills(hourly: Stage, discord: LocalDiscord) -> None:
    copies = survive(hourly, discord, 300)
    print(f"{len(discord.everything())} messages, {copies} of them second copies")
    assert copies <= 300 * 2
