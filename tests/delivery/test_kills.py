"""Killed at any moment: nothing is lost, and a second copy is there only where nobody could know, and says so."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from reporter.clock import SystemClock
from tests.delivery.courier import AheadClock, start
from tests.delivery.figures import figures, record
from tests.delivery.traffic import LARGE, Traffic, until
from tests.discord import LocalDiscord
from tests.servers import PostgreSQL

# What a dead process held is free again after this long, in seconds; each new one is so much ahead of the last.
LEASES_ARE_OVER = 600.0
# A message that was on its way at a kill is taken at most so many seconds later; and between the moment when it is
# taken and the moment when this is saved lie at most so many.
UNDER_WAY, ANSWER = 0.5, 1.5
CHANNELS = ("a", "b", "small")


class Rounds:
    """Messages flow, the daemon is killed, another takes over; and so on."""

    def __init__(self, traffic: Traffic, clock: AheadClock, seed: int) -> None:
        self.traffic = traffic
        self.discord = traffic.discord
        self.kills: list[float] = []
        self.queued = 0
        self._clock = clock
        self._random = random.Random(seed)

    def run(self, rounds: int, each: int = 4) -> None:
        for _ in range(rounds):
            self._queue(each)
            self._kill_one()
        self._settle()

    def _queue(self, each: int) -> None:
        numbers = range(self.queued, self.queued + each)
        self.traffic.queue_all([(name, n) for n in numbers for name in CHANNELS if name != "small"], size=LARGE)
        self.traffic.queue("small", numbers)
        self.queued += each

    def _kill_one(self) -> None:
        """Some die before they did anything, most in the middle of it."""
        seen = len(self.discord.requests)
        process = self._start()
        if self._random.random() < 0.9:
            until(lambda: len(self.discord.requests) > seen, 20, lambda: "nothing is sent", pause=0.002)
        time.sleep(self._random.uniform(0, 0.25))
        process.kill()
        self.kills.append(SystemClock().wall().timestamp())
        process.join()
        process.close()

    def _settle(self) -> None:
        process = self._start()
        until(lambda: self.traffic.done, 60, lambda: f"left over: {self.traffic.counts()}")
        process.kill()
        process.join()

    def _start(self) -> ForkServerProcess:
        self._clock.ahead += LEASES_ARE_OVER
        return start(self.traffic.folder, self.traffic.environ, self._clock.ahead)


def copies(discord: LocalDiscord, channel: str) -> dict[int, list[tuple[float, str]]]:
    """For each number the moment and the footer of each of its copies."""
    found: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for message in discord.messages(channel):
        for embed in message.embeds:
            number = int(embed["title"].rpartition(" ")[2])
            found[number].append((message.at.timestamp(), embed["footer"]["text"]))
    return found


def unexcused(discord: LocalDiscord, kills: list[float]) -> list[str]:
    """Second copies that do not say so, and those of messages whose answer was not outstanding at a kill."""
    complaints = []
    for channel in CHANNELS:
        for number, found in copies(discord, channel).items():
            complaints += [
                f"{channel} {number}: {footer}" for _, footer in found[1:] if "may be a repeat" not in footer
            ]
            complaints += [
                f"{channel} {number}: the answer was there"
                for taken, _ in found[:-1]
                if not any(taken - UNDER_WAY <= kill <= taken + ANSWER for kill in kills)
            ]
    return complaints


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("server")
    return server.url(schema=server.new_schema())


@pytest.fixture
def slow_discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, latency=0.02, jitter=0.02) as discord:
        yield discord


@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.full)])
def test_without_a_bot_nothing_is_lost_and_repeats_are_marked(
    tmp_path: Path, slow_discord: LocalDiscord, store: str, rounds: int
) -> None:
    clock = AheadClock()
    traffic = Traffic(tmp_path, slow_discord, {name: name for name in CHANNELS}, clock=clock, store=store)
    at_work = Rounds(traffic, clock, seed=rounds)
    at_work.run(rounds)
    traffic.close()
    found = figures(slow_discord, dict.fromkeys(CHANNELS, at_work.queued))
    record(f"{rounds} kills, {'PostgreSQL' if store else 'SQLite'}, no bot", found)
    assert found.lost == 0
    assert unexcused(slow_discord, at_work.kills) == []
