"""Months in seconds: two daemons with clocks of their own, crashes at each step, outages and lost answers."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reporter.delivery.outlets.console import ConsoleOutlet
from reporter.delivery.outlets.outlet import Delivered, Later, Unclear, Verdict
from reporter.messages.message import Message, Run
from reporter.periods.civil import Period, Unit, containing
from reporter.scheduler.planner import Turn
from reporter.store.database import Store
from reporter.store.owed_periods import Claim
from tests.scheduler.time.world import HOURLY, REPEAT, report
from tests.support.clocks import HandClock
from tests.support.stage import DAILY, Stage

ZONES = ["America/Havana", "Africa/Cairo", "Pacific/Chatham", "Australia/Lord_Howe", "America/New_York", "Asia/Beirut"]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
# So that nothing is left out by rule.
JOBS = """\
  daily: {give_up_after: 365d}
  hourly: {settle: 0s, catch_up_limit: 1000, give_up_after: 365d}"""
UNITS = {"daily": Unit.DAY, "hourly": Unit.HOUR}
STEPS = [timedelta(seconds=5), timedelta(hours=1), timedelta(days=1), timedelta(days=400)]


class CrashError(BaseException):
    """The process ends here: nothing that it would have done afterwards is done."""


@dataclass(frozen=True)
class Arrival:
    job: str
    label: str
    marked: bool
    at: datetime


class Truth:
    """What is so: the time, whether the service can be reached, and what arrived there."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = START
        self.down = self.calm = False
        self.arrived: list[Arrival] = []

    def happens(self, share: float) -> bool:
        return not self.calm and self.chance.random() < share


class Service(ConsoleOutlet):
    """A channel that may be down, lose its answer, or see its sender die before or after the message arrived."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(io.StringIO())
        self._truth = truth

    def post(self, message: Message, *along: Message) -> Verdict:
        if self._truth.down:
            return Later(1.0, "down")
        if self._truth.happens(0.02):
            raise CrashError
        for each in (message, *along):
            job, _, label = _text(each.title).partition(" ")
            self._truth.arrived.append(Arrival(job, label, REPEAT in _text(each.footer), self._truth.now))
        if self._truth.happens(0.02):
            raise CrashError
        return Unclear("the answer was lost") if self._truth.happens(0.02) else Delivered(str(len(self._truth.arrived)))


class Actor:
    """A daemon, one step at a time, by a clock that may be wrong."""

    def __init__(self, stage: Stage, truth: Truth, clock: HandClock) -> None:
        self._stage, self._truth, self._clock = stage, truth, clock
        self._claims: list[tuple[Turn, Claim]] = []
        self._start()

    def lives(self, span: timedelta, *, asleep: bool) -> None:
        if asleep:
            self._clock.now += span
        else:
            self._clock.forward(seconds=span.total_seconds())

    def slips(self, error: timedelta) -> None:
        """Its clock is set wrong, or right, which it sees: it looks every ten seconds."""
        self._clock.now = self._truth.now + error
        self._plans()

    def acts(self) -> None:
        """A few things that a daemon does, in which it may be paused; a crash ends it at any moment."""
        doings: list[Callable[[], None]] = [self._plans, self._works, self._sends, self._dies]
        try:
            for doing in self._truth.chance.choices(doings, weights=[2, 4, 3, 1], k=6):
                doing()
        except CrashError:
            self._claims.clear()
            self._stage.restart()
            self._start()

    def _dies(self) -> None:
        if self._truth.happens(0.2):
            raise CrashError

    def _start(self) -> None:
        runtime = self._stage.app.runtime
        channels = {name: replace(channel, outlet=Service(self._truth)) for name, channel in runtime.channels.items()}
        notify = replace(runtime.notify, channels=channels)
        self._stage.app.runtime = replace(runtime, notify=notify, clocks={"a clock that is right": self._asked})

    def _asked(self) -> datetime:
        return self._truth.now

    def _plans(self) -> None:
        for turn in self._stage.app.planner.tick(self._stage.app.runtime):
            claim = self._stage.app.planner.claim(turn)
            if claim is not None:
                self._claims.append((turn, claim))

    def _works(self) -> None:
        if self._claims:
            turn, claim = self._claims.pop(0)
            self._stage.app.runner.run(
                self._stage.app.runtime, turn.bound, turn.owed.period, trigger="schedule", claim=claim
            )

    def _sends(self) -> None:
        self._stage.deliver()


def _text(runs: tuple[Run, ...]) -> str:
    return "".join(run.text for run in runs)


def live(truth: Truth, actors: list[Actor], days: int) -> None:
    """So many days in which anything may happen, and then as long as it takes in which nothing does."""
    end = START + timedelta(days=days)
    while truth.now < end:
        passes(truth, actors)
        truth.down = truth.happens(0.5) if truth.down else truth.happens(0.01)
        if truth.happens(0.05):
            error = truth.chance.choice([timedelta(0), *STEPS, *(-step for step in STEPS)])
            truth.chance.choice(actors).slips(error)
        truth.chance.choice(actors).acts()
    truth.calm, truth.down = True, False
    for actor in actors:
        actor.slips(timedelta(0))
    before = -5
    while len(truth.arrived) > before + 4:  # the hours that end meanwhile bring two or three
        before = len(truth.arrived)
        for _ in range(70):
            passes(truth, actors, timedelta(minutes=1))
            for actor in actors:
                actor.acts()


def passes(truth: Truth, actors: list[Actor], span: timedelta | None = None) -> None:
    """Time goes by: mostly minutes, now and then days, in which the machine may have slept."""
    days = timedelta(days=truth.chance.uniform(1, 3))
    span = span or (days if truth.happens(0.005) else timedelta(minutes=truth.chance.uniform(0, 60)))
    truth.now += span
    asleep = truth.happens(0.2)
    for actor in actors:
        actor.lives(span, asleep=asleep)


def expected(unit: Unit, zone: str, end: datetime) -> list[Period]:
    found = [containing(unit, START, zone)]
    while found[-1].end <= end:
        found.append(containing(unit, found[-1].end, zone))
    return found[:-1]


def simulate(folder: Path, seed: int, days: int) -> Counter[str]:
    """One life of two daemons in a zone of chance, and what must hold at its end."""
    truth, zone = Truth(seed), ZONES[seed % len(ZONES)]
    stages = [Stage(folder, HandClock(START)) for _ in range(2)]
    for name, code in (("daily", DAILY), ("hourly", HOURLY)):
        report(stages[0], name, code)
    stages[0].on_screen(JOBS, zone)
    actors = [Actor(stage, truth, stage.clock) for stage in stages]
    for stage in stages:
        stage.tick()
    live(truth, actors, days)
    for stage in stages:
        stage.close()
    return sum((judged(truth, job, expected(unit, zone, truth.now)) for job, unit in UNITS.items()), Counter())


def judged(truth: Truth, job: str, owed: list[Period]) -> Counter[str]:
    """Each once, in order, none before its end; what came again says so."""
    ends = {period.label: period.end for period in owed}
    mine = [arrival for arrival in truth.arrived if arrival.job == job]
    labels = list(dict.fromkeys(arrival.label for arrival in mine))
    newest = max(owed, key=lambda period: period.end)
    assert [label for label in ends if label not in labels] in ([], [newest.label])
    assert labels == sorted(labels, key=lambda label: ends[label])
    assert all(arrival.at >= ends[arrival.label] for arrival in mine)
    assert max(Counter(arrival.label for arrival in mine if not arrival.marked).values()) == 1
    return Counter(periods=len(labels), copies=len(mine) - len(labels))


@pytest.fixture(autouse=True)
def on_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two daemons have one store only on a server. A file is quicker here, and is taken for one."""
    monkeypatch.setattr(Store, "shared", property(lambda _: True))


def test_days_of_two_daemons_in_which_anything_happens(tmp_path: Path) -> None:
    simulate(tmp_path, seed=2, days=2)


@pytest.mark.full
def test_two_hundred_days_of_two_daemons_in_which_anything_happens(tmp_path: Path) -> None:
    found = sum((simulate(tmp_path / str(seed), seed, days=10) for seed in range(20)), Counter[str]())
    print(dict(found))
