"""Delivery at the rate that Discord allows: nothing is refused, nothing waits longer than necessary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.delivery.figures import Figures, figures, record
from tests.delivery.traffic import LARGE, Traffic, until
from tests.support.discord import Limited, LocalDiscord
from tests.support.discord.limiter import ALGORITHMS, Algorithm

# Seconds that a delivery may take beyond the least time, at a latency of 50 ms.
OVER = 3.0
# What only something that hangs can take; in the default run no busy machine decides.
HANGS = 30.0


@dataclass(frozen=True)
class Case:
    """So many messages for each of some channels, each of which has one or more webhooks in turn."""

    name: str
    count: int
    channels: int = 1
    webhooks: int = 1
    size: int = LARGE
    visible: Algorithm = "sliding"
    hidden: Algorithm = "sliding"
    latency: float = 0.05
    jitter: float = 0.01

    def run(self, folder: Path, patience: float) -> Figures:
        hooks = {f"c{place}h{hook}": f"c{place}" for place in range(self.channels) for hook in range(self.webhooks)}
        wanted = {f"c{place}": self.count for place in range(self.channels)}
        letters = [
            (f"c{place}h{number % self.webhooks}", number)
            for number, place in product(range(self.count), range(self.channels))
        ]
        with LocalDiscord(
            visible=self.visible, hidden=self.hidden, latency=self.latency, jitter=self.jitter
        ) as discord:
            traffic = Traffic(folder, discord, hooks)
            traffic.queue_all(letters, size=self.size)
            traffic.flow(patience)
            traffic.close()
            found = figures(discord, wanted, webhooks=self.webhooks)
        record(self.name, found)
        return found


def side_by_side(cases: list[Case], folder: Path, patience: float) -> dict[str, Figures]:
    folders = [folder / str(number) for number in range(len(cases))]
    with ThreadPoolExecutor(6) as pool:  # more at a time would measure this machine
        found = pool.map(lambda case, own: case.run(own, patience), cases, folders)
        return {case.name: result for case, result in zip(cases, found, strict=True)}


def not_faultless(found: dict[str, Figures], over: float = OVER) -> dict[str, Figures]:
    return {name: each for name, each in found.items() if not each.faultless or (each.over or 0) > over}


def test_a_burst_goes_out_as_fast_as_it_may(tmp_path: Path) -> None:
    cases = [
        Case(f"6 to each of 2 channels, {algorithm}", 6, channels=2, visible=algorithm) for algorithm in ALGORITHMS
    ]
    assert not_faultless(side_by_side(cases, tmp_path, 60), over=HANGS) == {}


def test_a_pause_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    def asked(scope: str) -> Figures:
        with LocalDiscord(limits=False, latency=0.02) as discord:
            traffic = Traffic(tmp_path / scope, discord, {"a": "a", "b": "b"})
            traffic.queue_all([(name, number) for number in range(3) for name in ("a", "b")])
            discord.fail(Limited(0.7, scope=scope), webhook="a", times=2)
            traffic.flow(20)
            traffic.close()
            return figures(discord, {"a": 3, "b": 3})

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(asked, ("user", "shared")):
            assert (found.lost, found.doubled, found.inversions, found.limited) == (0, 0, 0, 2)
            assert found.early == 0


def test_a_pause_for_all_is_kept_by_all(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a", "b": "b"})
        traffic.queue_all([("a", 0), ("b", 0)])
        with traffic.flowing():
            until(lambda: traffic.done, HANGS, lambda: str(traffic.counts()))
            discord.fail(Limited(4, scope="global"), webhook="a", times=1)
            traffic.queue("a", range(1, 3))
            until(lambda: bool(traffic.trouble("a")), HANGS, lambda: "nothing was refused", pause=0.01)
            traffic.queue("b", range(1, 3))  # what was on its way before that could not be held back
            until(lambda: traffic.done, HANGS, lambda: str(traffic.counts()))
        found = figures(discord, {"a": 3, "b": 3})
        traffic.close()
    assert (found.lost, found.doubled, found.inversions, found.limited, found.early) == (0, 0, 0, 1, 0)


def test_small_messages_that_wait_together_travel_together(tmp_path: Path) -> None:
    found = Case("60 small messages, one channel", 60, size=0).run(tmp_path, 30)
    assert found.faultless
    assert found.requests <= 7


@pytest.mark.full
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_sixty_to_each_of_six_channels(tmp_path: Path, algorithm: Algorithm) -> None:
    case = Case(f"60 to each of 6 channels, {algorithm}", 60, channels=6, visible=algorithm, hidden=algorithm)
    assert not_faultless({case.name: case.run(tmp_path, 200)}) == {}


@pytest.mark.full
def test_whichever_way_the_limits_are_counted(tmp_path: Path) -> None:
    cases = [
        Case(f"{title}, {visible}/{hidden}", count, webhooks=webhooks, visible=visible, hidden=hidden)
        for title, count, webhooks in (("60 to one webhook", 60, 1), ("40 over two webhooks", 40, 2))
        for visible, hidden in product(ALGORITHMS, ALGORITHMS)
    ]
    assert not_faultless(side_by_side(cases, tmp_path, 200)) == {}


@pytest.mark.full
@pytest.mark.parametrize(("latency", "jitter", "over"), [(0.0, 0.0, OVER), (0.15, 0.4, 12.0)])
def test_whatever_the_latency(tmp_path: Path, latency: float, jitter: float, over: float) -> None:
    cases = [
        Case(f"{title}, {latency * 1000:.0f} to {(latency + jitter) * 1000:.0f} ms", count, webhooks=webhooks,
             latency=latency, jitter=jitter)
        for title, count, webhooks in (("60 to one webhook", 60, 1), ("40 over two webhooks", 40, 2))
    ]  # fmt: skip
    assert not_faultless(side_by_side(cases, tmp_path, 230), over) == {}


@pytest.mark.full
def test_the_budget_outlives_the_process(tmp_path: Path) -> None:
    hooks = {f"h{number}": "floor" for number in range(3)}
    letters = [(f"h{number % 3}", number) for number in range(45)]
    with LocalDiscord(latency=0.05) as discord:
        traffic = Traffic(tmp_path, discord, hooks)
        traffic.queue_all(letters[:20], size=LARGE)
        traffic.flow(30)
        traffic.restart()
        traffic.queue_all(letters[20:], size=LARGE)
        traffic.flow(150)
        traffic.close()
        found = figures(discord, {"floor": 45}, webhooks=3)
    record("45 over three webhooks, restarted after 20", found)
    assert found.faultless
