"""Kills at any moment: nothing is lost, and a second copy occurs only where the outcome is unknown, and is marked."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from reporter.periods.clock import SystemClock
from reporter.store import outbox_admin
from tests.delivery.courier import AheadClock, start
from tests.delivery.figures import Figures, figures, numbers, record
from tests.delivery.traffic import BOT, LARGE, Traffic, until
from tests.support.discord import LocalDiscord
from tests.support.servers import PostgreSQL

# What a dead process held is free again after this long, in seconds; each new one is so much ahead of the last.
LEASES_ARE_OVER = 600.0
# A message that was on its way at a kill is taken at most so many seconds later; and between the moment when it is
# taken and the moment when this is saved lie at most so many.
UNDER_WAY, ANSWER = 2.0, 5.0
CHANNELS = ("a", "b", "small")
# When so many wait no more are added: kills come quicker than messages may be sent.
BACKLOG = 24


class Rounds:
    """Messages flow, the daemon is killed, another takes over; and so on."""

    def __init__(self, traffic: Traffic, clock: AheadClock, seed: int, *, longest: float = 0.5, dead: str = "") -> None:
        self.traffic = traffic
        self.discord = traffic.discord
        self.kills: list[float] = []
        self.queued = 0
        self._longest = longest
        self._dead = dead
        self._clock = clock
        self._random = random.Random(seed)

    def run(self, rounds: int, each: int = 3) -> None:
        """Begins with a message in each channel, by which a bot's sight can be tried."""
        self._queue(1)
        self._settle()
        for _ in range(rounds):
            if self._open() < BACKLOG:
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
            until(lambda: self._posted_since(seen), 90, lambda: "nothing is sent", pause=0.002)
        time.sleep(self._random.uniform(0, self._longest))
        process.kill()
        self.kills.append(SystemClock().wall().timestamp())
        process.join()
        process.close()

    def _posted_since(self, seen: int) -> bool:
        """Whether a message was on its way after so many requests: a look at a webhook comes much sooner."""
        return any(request.method == "POST" for request in self.discord.requests[seen:])

    def _settle(self) -> None:
        process = self._start()
        try:
            until(self._settled, 120, lambda: f"left over: {self.traffic.counts()}")
        finally:
            process.kill()
            process.join()

    def _open(self) -> int:
        """How much waits, but for what a dead webhook will never take."""
        with self.traffic.app.store.read() as connection:
            heaps = outbox_admin.state_counts(connection)
        return sum(heap.number for heap in heaps if heap.state != "sent" and heap.channel != self._dead)

    def _settled(self) -> bool:
        """All is there, but for what a dead webhook was asked to take and did not."""
        if not self._dead:
            return self.traffic.done
        alive = [name for name in CHANNELS if name != self._dead]
        asked = any(request.webhook == self._dead for request in self.discord.requests)
        return asked and all(len(set(numbers(self.discord.messages(name)))) == self.queued for name in alive)

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


def first_copies(discord: LocalDiscord, channel: str) -> list[int]:
    """The numbers in the order in which each was first told: a repeat comes behind others that were told with it."""
    return list(dict.fromkeys(numbers(discord.messages(channel))))


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("server")
    return server.url(schema=server.new_schema())


@pytest.fixture
def slow_discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, latency=0.02, jitter=0.02) as discord:
        yield discord


def some_rounds(sample: str, most: int) -> pytest.MarkDecorator:
    """Two rounds on one kind of store, and if everything is wanted so many on each."""
    every = [pytest.param(store, most, marks=pytest.mark.full) for store in ("sqlite", "postgresql")]
    return pytest.mark.parametrize(("store", "rounds"), [(sample, 2), *every], indirect=["store"])


def flooded(
    folder: Path, discord: LocalDiscord, store: str, rounds: int, *, bot: bool = False
) -> tuple[Figures, list[float]]:
    """Let messages flow through so many kills. Returns what became of them, and when the kills were."""
    clock = AheadClock()
    entry, environ = (BOT, {"BOT": discord.bot()}) if bot else ("", {})
    hooks = {name: name for name in CHANNELS}
    traffic = Traffic(folder, discord, hooks, clock=clock, store=store, entry=entry, environ=environ)
    at_work = Rounds(traffic, clock, seed=rounds, longest=2.0 if bot else 0.5)  # a bot looks twice, a second apart
    at_work.run(rounds)
    traffic.close()
    found = figures(discord, dict.fromkeys(CHANNELS, at_work.queued))
    where = "PostgreSQL" if store else "SQLite"
    record(f"{rounds} kills, {where}, {'a bot reads' if bot else 'no bot'}", replace(found, over=None))
    return found, at_work.kills


@some_rounds("sqlite", 200)
def test_without_a_bot_nothing_is_lost_and_repeats_are_marked(
    tmp_path: Path, slow_discord: LocalDiscord, store: str, rounds: int
) -> None:
    found, kills = flooded(tmp_path, slow_discord, store, rounds)
    assert found.lost == 0
    assert unexcused(slow_discord, kills) == []
    assert all(first_copies(slow_discord, name) == sorted(first_copies(slow_discord, name)) for name in CHANNELS)


@some_rounds("postgresql", 200)
def test_with_a_bot_nothing_is_lost_or_doubled(
    tmp_path: Path, slow_discord: LocalDiscord, store: str, rounds: int
) -> None:
    found, _ = flooded(tmp_path, slow_discord, store, rounds, bot=True)
    assert (found.lost, found.doubled, found.inversions) == (0, 0, 0)


@some_rounds("sqlite", 50)
def test_a_revoked_webhook_is_asked_once_more_only_if_the_answer_was_not_saved(
    tmp_path: Path, slow_discord: LocalDiscord, store: str, rounds: int
) -> None:
    clock = AheadClock()
    traffic = Traffic(tmp_path, slow_discord, {name: name for name in CHANNELS}, clock=clock, store=store)
    slow_discord.revoke("small")
    at_work = Rounds(traffic, clock, seed=rounds, dead="small")
    at_work.run(rounds)
    traffic.close()
    wall = SystemClock().wall().timestamp() - time.monotonic()
    asked = [wall + request.at for request in slow_discord.requests if request.webhook == "small"]
    again = [before for before in asked[:-1] if not any(before <= kill <= before + ANSWER for kill in at_work.kills)]
    assert again == []
