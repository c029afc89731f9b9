"""Edits of the config under the running daemon, right, wrong and half-written: it continues and logs correctly."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from reporter.periods.schedules import parse
from tests.scheduler.time.test_two_daemons import an_hour_passes
from tests.scheduler.time.world import HOURLY, HOURLY_JOBS, World, hourly_home, report, settled
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process, until
from tests.support.stage import Stage

START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
APPLIED = re.compile(r"config version (\w+) applied: (.*)")
REFUSED = re.compile(r"the edited config cannot be used; still running version (\w+)")
WORDINGS = ["every hour", 'cron "0 * * * *"']
MISTAKES = {
    "settle:": "setle:",
    "every hour": "every houre",
    "  hourly:": "  hourli:",
    "jobs:": "jobs",
    "channel: daily": "channel: dayli",
    "version: 1": "version: [1",
}


@dataclass(frozen=True)
class Entry:
    """What the config says about a job."""

    schedule: str
    channel: str
    settle: int = 0
    enabled: bool = True

    def __str__(self) -> str:
        written = f"schedule: '{self.schedule}', channel: {self.channel}, settle: {self.settle}s, catch_up_limit: 1000"
        return f"{{{written}, enabled: {str(self.enabled).lower()}}}"

    @property
    def words(self) -> str:
        return parse(self.schedule).describe()


Jobs = dict[str, Entry]
JOBS: Jobs = {
    "hourly": Entry(WORDINGS[0], "daily"),
    "second": Entry(WORDINGS[0], "other"),
    "third": Entry(WORDINGS[0], "other"),
    "extra": Entry(WORDINGS[0], "daily"),  # comes and goes
}


def account(old: Jobs, new: Jobs) -> str:
    """What the daemon has to say about an edit."""
    before, after = ({name: job for name, job in jobs.items() if job.enabled} for jobs in (old, new))
    come = [f"{name} is new ({job.words})" for name, job in after.items() if name not in before]
    gone = [f"{name} is gone" for name in before if name not in after]
    both = [name for name in after if name in before and before[name] != after[name]]
    changed = [f"{name} changed ({after[name].words}, to {after[name].channel})" for name in both]
    return "; ".join([*come, *gone, *changed]) or "no job changed"


class Editor:
    """Somebody at work on the config of a running daemon."""

    def __init__(self, home: Stage, running: Process, chance: random.Random) -> None:
        self.did: Counter[str] = Counter()
        self._running, self._chance, self._file = running, chance, home.folder / "config/reporter.yaml"
        self._head, _, self._tail = re.split(r"(?<=jobs:\n)(.*?)(?=alerts:)", self._file.read_text(), flags=re.DOTALL)
        self._jobs = {name: job for name, job in JOBS.items() if name in HOURLY_JOBS}
        self._version = ""
        self.writes_well(JOBS)

    def edits(self) -> None:
        """One edit, and the daemon's account of it."""
        kinds: list[Callable[[], None]] = [self._changes, self._errs, self._is_interrupted, self._remarks]
        kind = self._chance.choice(kinds)
        self.did[kind.__name__.strip("_")] += 1
        kind()

    def writes_well(self, jobs: Jobs, remark: str = "", *, slowly: bool = False) -> None:
        text, mark = self._text(jobs, remark), len(self._running.log)
        if slowly:
            self._file.write_text(self._half_of(text))
            threading.Event().wait(self._chance.uniform(0, 0.4))
        self._file.write_text(text)
        version, said = self._says(APPLIED, mark)
        assert said == account(self._jobs, jobs)
        self._jobs, self._version = jobs, version

    def _changes(self) -> None:
        name = self._chance.choice(list(JOBS))
        entry = self._chance.choice(
            [
                replace(self._jobs[name], settle=self._chance.choice([0, 1])),
                replace(self._jobs[name], channel=self._chance.choice(["daily", "other"])),
                replace(self._jobs[name], schedule=self._chance.choice(WORDINGS)),
                replace(self._jobs[name], enabled=name != "extra" or self._chance.random() < 0.5),
            ]
        )
        self.writes_well({**self._jobs, name: entry}, slowly=self._chance.random() < 0.3)

    def _remarks(self) -> None:
        self.writes_well(self._jobs, f"# {self._chance.random()}\n")

    def _errs(self) -> None:
        text = self._text(self._jobs, "")
        right = self._chance.choice([words for words in MISTAKES if words in text])
        self._writes_badly(text.replace(right, MISTAKES[right], 1))

    def _is_interrupted(self) -> None:
        self._writes_badly(self._half_of(self._text(self._jobs, "")))

    def _writes_badly(self, text: str) -> None:
        mark = len(self._running.log)
        self._file.write_text(text + f"\n# {self._chance.random()}")
        (version,) = self._says(REFUSED, mark)
        assert version == (self._version or version)
        assert not APPLIED.search(self._running.log, mark)

    def _says(self, what: re.Pattern[str], mark: int) -> tuple[str, ...]:
        until(lambda: bool(what.search(self._running.log, mark)), lambda: self._running.log)
        found = what.search(self._running.log, mark)
        assert found
        return found.groups()

    def _text(self, jobs: Jobs, remark: str) -> str:
        entries = "".join(f"  {name}: {entry}\n" for name, entry in jobs.items())
        return f"{remark}{self._head}{entries}{self._tail}"

    def _half_of(self, text: str) -> str:
        """The text up to somewhere within braces."""
        braces = self._chance.choice(list(re.finditer(r"\{[^{}]+\}", text)))
        return text[: self._chance.randrange(braces.start() + 1, braces.end())]


def edited(stage: Stage, discord: LocalDiscord, edits: int) -> Counter[str]:
    """So many edits while hours pass; every hour is told. Returns how many edits there were of each kind."""
    report(stage, "extra", HOURLY)
    world, chance = World(hourly_home(stage, discord), discord, START), random.Random(edits)
    with world.daemon() as running:
        world.wait_until_planned(*HOURLY_JOBS)
        editor = Editor(stage, running, chance)
        for _ in range(edits):
            if chance.random() < 0.3:
                an_hour_passes(world, chance)
            editor.edits()
        editor.writes_well(JOBS)
        assert running.process.poll() is None
        running.stop()
    assert settled(world, START) == 0
    extra = world.labels("extra")
    assert extra == sorted(set(extra))
    return editor.did


def test_it_goes_on_whatever_is_done_to_its_config(stage: Stage, discord: LocalDiscord) -> None:
    edited(stage, discord, 15)


@pytest.mark.full
def test_it_goes_on_through_a_thousand_edits(stage: Stage, discord: LocalDiscord) -> None:
    print(dict(edited(stage, discord, 1000)))
