"""A long time with every fault: nothing is lost, and nothing is doubled where the outcome can be known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.delivery.figures import Figures, figures, record
from tests.delivery.traffic import BOT, LARGE, Traffic, carry
from tests.support.clocks import HandClock
from tests.support.discord import Fault, Limited, LocalDiscord, Reset, Status, Truncate

CHANNELS = {"a": "a", "b": "b", "c": "c", "c2": "c"}
FAULTS: tuple[Fault, ...] = (
    Status(503),
    Status(504, accept=True),
    Reset(),
    Reset(accept=True),
    Truncate(),
    Limited(3),
    Limited(20, scope="shared"),
    Limited(1, scope="global"),
)


class Soak:
    """Messages come in little heaps, now and then something goes wrong, and the process ends and begins again."""

    def __init__(self, traffic: Traffic, clock: HandClock, seed: int) -> None:
        self._traffic = traffic
        self._clock = clock
        self._random = random.Random(seed)
        self.queued = dict.fromkeys(CHANNELS, 0)

    def run(self, messages: int) -> None:
        for name in CHANNELS:
            self._queue(name, 1)
            carry(self._traffic, self._clock, timedelta(minutes=1))
        while sum(self.queued.values()) < messages:
            for name in CHANNELS:
                self._queue(name, self._random.choice((0, 1, 2, 8)))
            self._spoil()
            carry(self._traffic, self._clock, timedelta(seconds=self._random.choice((0, 20, 300))))
        carry(self._traffic, self._clock, timedelta(hours=12))

    def _queue(self, name: str, number: int) -> None:
        place = CHANNELS[name]
        first = sum(self.queued[each] for each, other in CHANNELS.items() if other == place)
        size = self._random.choice((0, 0, LARGE))
        self._traffic.queue(name, range(first, first + number), size=size)
        self.queued[name] += number

    def _spoil(self) -> None:
        discord, chance = self._traffic.discord, self._random.random()
        if chance < 0.4:
            discord.fail(self._random.choice(FAULTS), webhook=self._random.choice(list(CHANNELS)))
        elif chance < 0.45:
            self._traffic.restart()
        elif chance < 0.5:
            with discord.down():
                carry(self._traffic, self._clock, timedelta(minutes=self._random.choice((1, 15))))


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


def soaked(folder: Path, discord: LocalDiscord, messages: int, *, bot: bool) -> Figures:
    clock = HandClock()
    discord.now = clock.wall
    entry, environ = (BOT, {"BOT": discord.bot()}) if bot else ("", {})
    traffic = Traffic(folder, discord, CHANNELS, clock=clock, entry=entry, environ=environ)
    soak = Soak(traffic, clock, seed=messages)
    soak.run(messages)
    assert traffic.counts().keys() == {"sent"}
    traffic.close()
    wanted = {place: sum(soak.queued[n] for n, p in CHANNELS.items() if p == place) for place in "abc"}
    found = figures(discord, wanted)
    record(f"{messages} messages, random faults, {'a bot reads' if bot else 'no bot'}", found)
    return found


@pytest.mark.parametrize("messages", [60, pytest.param(5_000, marks=pytest.mark.full)])
def test_with_a_bot_nothing_is_lost_or_doubled(tmp_path: Path, discord: LocalDiscord, messages: int) -> None:
    found = soaked(tmp_path, discord, messages, bot=True)
    assert (found.lost, found.doubled, found.inversions) == (0, 0, 0)


@pytest.mark.parametrize("messages", [60, pytest.param(5_000, marks=pytest.mark.full)])
def test_without_a_bot_nothing_is_lost(tmp_path: Path, discord: LocalDiscord, messages: int) -> None:
    found = soaked(tmp_path, discord, messages, bot=False)
    assert found.lost == 0
    marked = [e for m in discord.everything() for e in m.embeds if "may be a repeat" in e["footer"]["text"]]
    assert found.doubled <= len(marked)
