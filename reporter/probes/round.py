"""The round: looks at everything that is due, all at once, and is back by its deadline whatever hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reporter.alerts import Level, Observation
from reporter.clock import Clock
from reporter.context import Reading
from reporter.formats import duration
from reporter.probes import Probe, Sight
from reporter.probes.contact import watched
from reporter.probes.failures import explain
from reporter.probes.grading import graded, latency
from reporter.probes.loop import LoopThread

# Rounds come a little early or late: a probe with `every` of one round must not miss every second one.
_SLACK = 1.0
# How much longer than its deadline a round, or than its timeout a look, may take before we call ourselves stuck.
_GRACE = 1.0
# A failure is looked at again so soon, in seconds, and so often; one that stays is asked at its own pace again.
_RECHECK = 10.0
_RECHECKS = 5


class Probes:
    """The configured probes. `probe_all` may be called from any thread.

    The looking is done in one event loop in a daemon thread, which starts with the first round and never keeps the
    process from ending. `deadline` is how many seconds a round may take.
    """

    def __init__(self, probes: Sequence[Probe], clock: Clock, *, deadline: float = 10.0) -> None:
        self._watches = [_Watch(probe, clock) for probe in probes]
        self._deadline = deadline
        self._starting = threading.Lock()
        self._thread: LoopThread | None = None

    def probe_all(self) -> list[Reading]:
        """A reading of each probe, in the order given: new where one was due, else the last one, with its own `at`.

        What could not be looked at reads `unknown` and says why. Never raises, and returns by the deadline.
        """
        if not self._watches:
            return []
        round_ = self._running().run(self._round())
        try:
            return round_.result(self._deadline + _GRACE)
        except TimeoutError:
            round_.cancel()
            return [watch.unseen("the reporter's own probing is stuck") for watch in self._watches]

    def close(self) -> None:
        """Stop looking. Does not wait for anything; a later round starts anew."""
        with self._starting:
            if self._thread:
                self._thread.end()
            self._thread = None

    def _running(self) -> LoopThread:
        with self._starting:
            if self._thread is None:
                for watch in self._watches:
                    watch.probe.prepare()
                self._thread = LoopThread("probes")
            return self._thread

    async def _round(self) -> list[Reading]:
        looks = [watch.start() for watch in self._watches if watch.due]
        if looks:
            await asyncio.wait(looks, timeout=self._deadline)
        return [watch.tell() for watch in self._watches]


@dataclass(slots=True)
class _Watch:
    """One probe, and what is known of it between rounds. Only the loop's thread changes it."""

    probe: Probe
    clock: Clock
    task: asyncio.Task[None] | None = None
    started: float | None = None
    reading: Reading | None = None
    stands: dict[str, Level] = field(default_factory=dict)  # how each of its figures stood at the last look
    failures: int = 0  # looks in a row that did not find it well

    @property
    def looking(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def due(self) -> bool:
        if self.looking:
            return False
        return self.started is None or self._age() >= self._pause() - _SLACK

    def _pause(self) -> float:
        """A look that has just failed is repeated soon, whatever the pace: one lost packet is no outage."""
        every = self.probe.terms.every or 0.0
        return min(every, _RECHECK) if 0 < self.failures <= _RECHECKS else every

    def start(self) -> asyncio.Task[None]:
        self.started = self.clock.monotonic()
        self.task = asyncio.create_task(self._look())
        return self.task

    def tell(self) -> Reading:
        """What to say in this round. A reading is fresh the first time that it is told."""
        if self.looking and self._age() > self.probe.terms.timeout + _GRACE:
            return self.unseen("the reporter's own look is stuck")
        if self.reading is None:
            return replace(self.unseen("the first look is not finished yet"), fresh=False)
        told, self.reading = self.reading, replace(self.reading, fresh=False)
        return told

    def unseen(self, why: str) -> Reading:
        return _reading(self.probe, Sight(Level.UNKNOWN, why), self.clock.wall())

    def _age(self) -> float:
        now = self.clock.monotonic()
        return now - (now if self.started is None else self.started)

    async def _look(self) -> None:
        at, began = self.clock.wall(), time.perf_counter()
        seen = _timed(self.probe, await _seen(self.probe), time.perf_counter() - began)
        sight, self.stands = graded(seen, self.stands)
        self.failures = 0 if sight.level is Level.OK else self.failures + 1
        self.reading = _reading(self.probe, sight, at)


async def _seen(probe: Probe) -> Sight:
    with watched() as contact:
        try:
            async with asyncio.timeout(probe.terms.timeout) as limit:
                return await probe.look()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a look is what the look came to
            if isinstance(error, TimeoutError) and limit.expired():
                late = f"no answer within {duration(probe.terms.timeout)}"
                return Sight(Level.CRITICAL, late, silent=not contact.made)
            return explain(error)


def _timed(probe: Probe, sight: Sight, took: float) -> Sight:
    """With its latency as a figure among others. What failed has none, and what is on this machine neither."""
    answered = sight.level in {Level.OK, Level.WARNING}
    known = sight.latency if probe.host is None or sight.latency is not None else took
    if not answered or known is None:
        return replace(sight, latency=None)
    return replace(sight, latency=known, measures=(*sight.measures, latency(known, probe.terms.latency)))


def _reading(probe: Probe, sight: Sight, at: datetime) -> Reading:
    terms = probe.terms
    seen = Observation(
        subject=f"probe/{terms.name}",
        level=sight.level,
        detail=sight.detail,
        value=sight.value,
        limit=sight.limit,
        figure=sight.figure,
        every=None if terms.every is None else timedelta(seconds=terms.every),
    )
    return Reading(terms.name, probe.kind, seen, at, sight.latency, figures=sight.figures)
