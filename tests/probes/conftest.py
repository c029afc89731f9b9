"""A clock that stands until it is moved, and rounds that are closed after the test."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reporter.probes.probe import Probe
from reporter.probes.round import Probes
from tests.probes.databases import Watch, Watching


@dataclass
class StandingClock:
    """Both clocks stand still until `pass_by` moves them."""

    now: datetime = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
    seconds: float = 1000.0

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


Rounds = Callable[..., Probes]


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def rounds(clock: StandingClock) -> Iterator[Rounds]:
    made: list[Probes] = []

    def make(probes: Sequence[Probe], *, deadline: float = 5.0, **options: Any) -> Probes:
        made.append(Probes(probes, clock, deadline=deadline, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def watch(clock: StandingClock) -> Iterator[Watch]:
    made: list[Watching] = []

    def make(kind: str, **said: Any) -> Watching:
        made.append(Watching(clock, kind, **said))
        return made[-1]

    yield make
    for each in made:
        each.close()
