"""One probe between rounds: when it is due, its last result, and the reading that it reports."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reporter.alerts.model import AlertState, FigureKey, Level, Observation
from reporter.alerts.readings import Reading
from reporter.alerts.thresholds import entered
from reporter.messages.message import visible
from reporter.periods.clock import Clock
from reporter.periods.time_text import duration_text
from reporter.probes import own_network
from reporter.probes.contact import Contact, watched
from reporter.probes.failures import explain
from reporter.probes.grading import graded, latency
from reporter.probes.probe import Probe, ProbeResult, Way

# Rounds come a little early or late: a probe with `every` of one round must not miss every second one.
_SLACK = 1.0
# How much longer than its timeout a look may take before we call ourselves stuck, in seconds: it may begin two later.
_GRACE = 3.0
# A failure may be looked at again so soon, in seconds, and so often; one that stays is asked at its own pace again. The
# policy of its alerts says when that is wanted.
_RECHECK = 5.0
_RECHECKS = 5
# The text of a reading, and each of its figures, is cut to so many characters: some of it others have written.
_LONGEST, _LONGEST_FIGURE = 500, 100
# After so many seconds without a look, or two turns of a slower probe, a reading is not shown as the present.
_STALE = 120.0


@dataclass(slots=True)
class ProbeWatch:
    """One probe, and what is known of it between rounds. Only the loop's thread changes it."""

    probe: Probe
    clock: Clock
    task: asyncio.Task[None] | None = None
    started: float | None = None
    reading: Reading | None = None
    stands: dict[FigureKey, Level] = field(default_factory=dict)  # how each of its figures stood at the last look
    failures: int = 0  # looks in a row that did not find it well
    last: own_network.NetworkView | None = None

    @property
    def subject(self) -> str:
        return f"probe/{self.probe.terms.name}"

    @property
    def looking(self) -> bool:
        return self.task is not None and not self.task.done()

    def due(self, beat: float) -> bool:
        """Whether to look in this round, where rounds usually come every `beat` seconds."""
        if self.looking:
            return False
        return self.started is None or self._age() >= self._pause(beat) - _SLACK

    def recall(self, state: AlertState) -> None:
        """Take up how its figures stood by what was told of it last: by another daemon, or before a restart."""
        seen = state.observation
        self.stands = {(name, low): level for name, low, level in seen.stands} if seen else {}

    def _pause(self, beat: float) -> float:
        """A look that has just failed is repeated soon, whatever the pace: one lost packet is no outage. A round that
        comes early for the sake of a suspect asks nobody else."""
        every = self.probe.terms.every or beat / 2
        return min(every, _RECHECK) if 0 < self.failures <= _RECHECKS else every

    def start(self, now: float, pause: float = 0.0) -> asyncio.Task[None]:
        """Begin a look after so many seconds, in a round that began `now`, in monotonic seconds."""
        self.started = now
        self.task = asyncio.create_task(self._look(pause))
        return self.task

    def tell(self) -> Reading:
        """What to say in this round. A reading is fresh the first time that it is told."""
        if self.looking and self._age() > self.probe.terms.timeout + _GRACE:
            return self.unseen("the reporter's own look is stuck")
        if self.reading is None:
            return replace(self.unseen("the first look is not finished yet"), fresh=False)
        told, self.reading = self.reading, replace(self.reading, fresh=False)
        return told

    @property
    def stale(self) -> bool:
        """Whether nobody has looked for so long that what was seen says little about now."""
        if self.looking:
            return False
        return self.started is None or self._age() > max(_STALE, 2 * (self.probe.terms.every or 0.0))

    def show(self) -> Reading:
        """The last reading, for those who only show it: it remains to be told."""
        seen = self.reading or self.unseen("the first look is not finished yet")
        return replace(seen, fresh=False)

    def excuse(self) -> None:
        """What was silent just now is not known to be down: our own network is in trouble."""
        if self.reading:
            seen = replace(
                self.reading.observation, level=Level.UNKNOWN, detail=own_network.WHY, value=None, figure=None
            )
            self.reading = replace(self.reading, observation=seen)

    def unseen(self, why: str) -> Reading:
        return self._told(ProbeResult(Level.UNKNOWN, why), self.clock.wall())

    def _age(self) -> float:
        now = self.clock.monotonic()
        return now - (now if self.started is None else self.started)

    async def _look(self, pause: float) -> None:
        if pause:
            await asyncio.sleep(pause)
        at = self.clock.wall()
        try:
            await self._judge(at)
        except Exception as error:  # noqa: BLE001 - a figure that cannot be shown, say: a probe never falls silent
            self.failures += 1
            self.reading = self._told(explain(error), at)

    async def _judge(self, at: datetime) -> None:
        began = time.perf_counter()
        sight, contact = await _seen(self.probe)
        sight = _timed(self.probe, sight, time.perf_counter() - began)
        sight, self.stands = graded(sight, self.stands)
        if self.probe.host and own_network.is_elsewhere(self.probe.host):
            self.last = self._of_network(sight.way, self.probe.host, contact)
        self.failures = 0 if sight.level is Level.OK else self.failures + 1
        self.reading = self._told(sight, at)

    def _told(self, sight: ProbeResult, at: datetime) -> Reading:
        reading = _reading(self.probe, sight, at)
        return replace(reading, observation=replace(reading.observation, stands=entered(self.stands)))

    def _of_network(self, way: Way, host: str, contact: Contact) -> own_network.NetworkView:
        """What a look says about our own network. Silence goes on since it began."""
        at = self.started or 0.0
        since = self.last.since if self.last and self.last.silent else at
        here = contact.here or not own_network.is_elsewhere(contact.address or host)
        near = own_network.is_near(contact.address or host)
        return own_network.NetworkView(host, at, since if way.silent else at, Way.UNTRIED if here else way, near)


async def _seen(probe: Probe) -> tuple[ProbeResult, Contact]:
    """What a look came to, and whether it reached its target: after that nothing is our own network's fault."""
    with watched() as contact:
        try:
            async with asyncio.timeout(probe.terms.timeout) as limit:
                return await probe.look(), contact
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a look is what the look came to
            late = isinstance(error, TimeoutError) and limit.expired()
            sight = _late(probe.terms.timeout, contact) if late else explain(error)
            return replace(sight, way=Way.OPEN) if contact.made else sight, contact


def _late(timeout: float, contact: Contact) -> ProbeResult:
    what = "its answer had not ended after" if contact.answering else "no answer within"
    return ProbeResult(Level.CRITICAL, f"{what} {duration_text(timeout)}", way=Way.LOST)


def _timed(probe: Probe, sight: ProbeResult, took: float) -> ProbeResult:
    """With its latency as a figure among others. What failed has none, and what is on this machine neither."""
    answered = sight.level in {Level.OK, Level.WARNING}
    known = sight.latency if probe.host is None or sight.latency is not None else took
    if not answered or known is None:
        return replace(sight, latency=None)
    return replace(sight, latency=known, measures=(*sight.measures, latency(known, probe.terms.latency)))


def _reading(probe: Probe, sight: ProbeResult, at: datetime) -> Reading:
    terms = probe.terms
    seen = Observation(
        subject=f"probe/{terms.name}",
        level=sight.level,
        detail=_fit(sight.detail, _LONGEST),
        value=None if sight.value is None else _fit(sight.value, _LONGEST_FIGURE),
        limit=None if sight.limit is None else _fit(sight.limit, _LONGEST_FIGURE),
        figure=sight.figure,
        every=None if terms.every is None else timedelta(seconds=terms.every),
    )
    figures = tuple((name, _fit(figure, _LONGEST_FIGURE)) for name, figure in sight.figures)
    return Reading(terms.name, probe.kind, seen, at, sight.latency, figures=figures)


def _fit(text: str, most: int) -> str:
    """One line that hides nothing, and no longer than it may be: logs and the store get it as well as letters."""
    shown = visible(text[: 2 * most])
    return shown if len(shown) <= most and len(text) <= 2 * most else f"{shown[: most - 1]}…"
