"""A world of its own: one true time, by which the local Discord and the daemons live, and what must hold in it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from reporter.periods.civil import Unit, containing
from reporter.store.database import open_store
from reporter.store.tables import periods, runs, schedules
from tests.support.discord.local import LocalDiscord
from tests.support.discord.markdown import shown
from tests.support.processes import PATIENCE, Process, daemon, until
from tests.support.stage import DAILY, Stage

HOURLY = DAILY.replace('covers="yesterday", schedule="daily at 00:00"', 'covers="last hour", schedule="every hour"')
LETTER = "# JOB {{ period.label }}\n"
ALARM = "alerts: {routes: {all: [alarm]}}"
# Three hourly reports, and the channel of each.
HOURLY_JOBS = {"hourly": "daily", "second": "other", "third": "other"}
REPEAT = "may be a repeat"


@dataclass(frozen=True)
class Copy:
    """One arrival of a report: whose, which period it tells, and whether it says that it may be a repeat."""

    job: str
    label: str
    marked: bool


class World:
    """The true time, a Discord that knows it, and a home whose daemons follow it.

    `slip` is by how much the daemons' clock is wrong.
    """

    def __init__(self, stage: Stage, discord: LocalDiscord, start: datetime) -> None:
        self.stage = stage
        self.discord = discord
        self._start, self._began = start, time.monotonic()
        self._passed = self._slip = timedelta(0)
        self._running: list[Process] = []
        discord.now = self.now

    @property
    def log(self) -> str:
        """What the daemon that was started last has said."""
        return self._running[-1].log if self._running else ""

    def now(self) -> datetime:
        """The true time."""
        return self._start + self._passed + timedelta(seconds=time.monotonic() - self._began)

    def passes(self, **span: float) -> None:
        """Let time pass in which everybody slept: `passes(days=3)`."""
        self._passed += timedelta(**span)
        self._set_clocks()

    def passes_until(self, moment: datetime) -> None:
        self.passes(seconds=(moment - self.now()).total_seconds())

    def slips(self, **span: float) -> None:
        """Set the daemons' clock wrong by so much; `slips()` sets it right."""
        self._slip = timedelta(**span)
        self._set_clocks()

    @contextmanager
    def daemon(self) -> Iterator[Process]:
        """A daemon that lives by this world's time."""
        self._set_clocks()
        with daemon(self.stage.folder, self._start, self.stage.environ, self._began) as running:
            self._running.append(running)
            yield running

    def arrived(self, job: str) -> list[Copy]:
        """Every copy of a job's reports that ever came, in the order of arrival."""
        copies = (_copy(embed) for message in self.discord.everything() for embed in message.embeds)
        return [copy for copy in copies if copy.job == job]

    def labels(self, job: str) -> list[str]:
        return [copy.label for copy in self.arrived(job)]

    def wait_for(self, job: str, label: str, seconds: float = PATIENCE) -> None:
        """Wait until a period has been told."""
        until(
            lambda: label in self.labels(job),
            lambda: f"{job} {label} is not among {self.labels(job)[-5:]}; the store has {self.standing()}\n{self.log}",
            seconds,
        )

    def wait_until_planned(self, *jobs: str) -> None:
        """Wait until the store knows when each of these jobs began to owe."""
        until(lambda: self._planned() >= set(jobs), lambda: f"not planned yet: {jobs}\n{self.log}")

    def standing(self) -> Counter[tuple[str, str]]:
        """How many periods of each job are in each state, by the store."""
        with self._look() as connection:
            return Counter((row.job, row.state) for row in connection.execute(select(periods)))

    def told(self, job: str) -> list[str]:
        """The periods of a job that the store has as told, oldest first."""
        told = select(periods.c.label).where(periods.c.job == job, periods.c.state == "told")
        with self._look() as connection:
            return list(connection.execute(told.order_by(periods.c.ends_at)).scalars())

    def computed(self, job: str) -> Counter[str]:
        """How often each period of a job was computed and saved."""
        saved = select(runs.c.label).where(runs.c.job == job, runs.c.outcome == "told")
        with self._look() as connection:
            return Counter(connection.execute(saved).scalars())

    def _planned(self) -> set[str]:
        with self._look() as connection:
            return set(connection.execute(select(schedules.c.job)).scalars())

    @contextmanager
    def _look(self) -> Iterator[Connection]:
        store = open_store(self.stage.environ["STORE"])
        try:
            with store.read() as connection:
                yield connection
        finally:
            store.close()

    def _set_clocks(self) -> None:
        fresh = self.stage.folder / "clock.fresh"
        fresh.write_text(repr((self._passed + self._slip).total_seconds()))
        fresh.replace(self.stage.folder / "clock")


def _copy(embed: dict[str, Any]) -> Copy:
    job, _, label = shown(embed.get("title", "")).partition(" ")
    return Copy(job, label, REPEAT in embed.get("footer", {}).get("text", ""))


def report(stage: Stage, name: str, code: str) -> None:
    """A report whose title is its job and its period."""
    stage.report(name, code.replace("def daily", f"def {name}"), LETTER.replace("JOB", name))


def hourly_home(stage: Stage, discord: LocalDiscord) -> Stage:
    """The hourly reports in their channels, none of which is left out by rule; alerts have a channel of their own."""
    for name in HOURLY_JOBS:
        report(stage, name, HOURLY)
    jobs = "\n".join(
        f"  {name}: {{channel: {channel}, settle: 0s, catch_up_limit: 1000}}" for name, channel in HOURLY_JOBS.items()
    )
    return stage.on_discord(discord, jobs, channels=["daily", "other", "alarm"], more=ALARM)


def owed(unit: Unit, zone: str, start: datetime, end: datetime) -> list[str]:
    """The labels of the periods that end after `start` and not after `end`, by the calendar alone."""
    period, labels = containing(unit, start, zone), []
    while period.end <= end:
        labels.append(period.label)
        period = containing(unit, period.end, zone)
    return labels


def check(world: World, job: str, expected: list[str]) -> int:
    """The promise: each owed period is in the store once and was computed once; it arrived, in order, and every copy
    but one says that it may be a repeat. Returns how many second copies there are.
    """
    assert world.told(job) == expected
    assert world.computed(job) == Counter(expected)
    copies = world.arrived(job)
    assert list(dict.fromkeys(copy.label for copy in copies)) == expected
    unmarked = Counter(copy.label for copy in copies if not copy.marked)
    assert all(number == 1 for number in unmarked.values()), unmarked
    return len(copies) - len(expected)


def settled(world: World, since: datetime) -> int:
    """Let an hour pass and a daemon do what is left; then every hour since then is told. Returns the second copies."""
    world.passes(hours=1)
    expected = owed(Unit.HOUR, "UTC", since, world.now())
    with world.daemon() as last:
        for job in HOURLY_JOBS:
            world.wait_for(job, expected[-1])
        last.stop()
    return sum(check(world, job, expected) for job in HOURLY_JOBS)
