"""The round: looks at everything that is due, all at once, and is back by its deadline whatever hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reporter.alerts import Level, Observation
from reporter.clock import Clock
from reporter.context import Reading
from reporter.formats import duration
from reporter.probes import Probe, Sight
from reporter.probes.failures import explain
from reporter.probes.loop import LoopThread

# Rounds come a little early or late: a probe with `every` of one round must not miss every second one.
_SLACK = 1.0
# How much longer than its deadline a round, or than its timeout a look, may take before we call ourselves stuck.
_GRACE = 1.0


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

    @property
    def looking(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def due(self) -> bool:
        if self.looking:
            return False
        return self.started is None or self.probe.every is None or self._age() >= self.probe.every - _SLACK

    def start(self) -> asyncio.Task[None]:
        self.started = self.clock.monotonic()
        self.task = asyncio.create_task(self._look())
        return self.task

    def tell(self) -> Reading:
        """What to say in this round. A reading is fresh the first time that it is told."""
        if self.looking and self._age() > self.probe.timeout + _GRACE:
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
        sight = await _seen(self.probe)
        self.reading = _reading(self.probe, sight, at, time.perf_counter() - began)


async def _seen(probe: Probe) -> Sight:
    try:
        async with asyncio.timeout(probe.timeout) as limit:
            return await probe.look()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a look is what the look came to
        if isinstance(error, TimeoutError) and limit.expired():
            return Sight(Level.CRITICAL, f"no answer within {duration(probe.timeout)}")
        return explain(error)


def _reading(probe: Probe, sight: Sight, at: datetime, took: float | None = None) -> Reading:
    latency = took if sight.level is Level.OK else None
    if latency is not None and probe.warn_above is not None and latency > probe.warn_above:
        sight = replace(
            sight, level=Level.WARNING, detail=f"{sight.detail}, but slower than {duration(probe.warn_above)}"
        )
    observation = Observation(
        subject=f"probe/{probe.name}",
        level=sight.level,
        detail=sight.detail,
        value=sight.value or (None if latency is None else duration(latency)),
        limit=sight.limit or (None if probe.warn_above is None else duration(probe.warn_above)),
        figure=latency,
        every=None if probe.every is None else timedelta(seconds=probe.every),
    )
    return Reading(
        name=probe.name, kind=probe.kind, observation=observation, at=at, latency=latency, figures=sight.figures
    )
