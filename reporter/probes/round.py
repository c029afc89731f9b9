"""The round of all probes: runs all due probes at once, and ends by its deadline even if some hang."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

from reporter.alerts.model import AlertState
from reporter.alerts.readings import Reading, Standing
from reporter.errors import StoreError
from reporter.periods.clock import Clock
from reporter.probes import own_network
from reporter.probes.loop import LoopThread
from reporter.probes.probe import Probe
from reporter.probes.watch import ProbeWatch

# How many seconds a round may take.
ROUND = 10.0
# Looks begin so many seconds apart, and all within so many: two hundred that begin at once measure each other.
_GAP, _SPREAD = 0.005, 2.0
# So many rounds show how often they come: one in three is on time, however many suspects there are.
_ROUNDS = 4
# How much longer than its deadline a round may take before we call ourselves stuck, in seconds.
_GRACE = 1.0


class Probes:
    """The configured probes. `probe_all` may be called from any thread.

    The looking is done in one event loop in a daemon thread, which starts with the first round and never keeps the
    process from ending. `deadline` is how many seconds a round may take. With `guard` what is silent because of our own
    network is not called down; `referees` are asked when it looks as if it were that.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        clock: Clock,
        *,
        deadline: float = ROUND,
        guard: bool = True,
        referees: Sequence[own_network.Referee] = (),
    ) -> None:
        self._watches = [ProbeWatch(probe, clock) for probe in probes]
        self._clock = clock
        self._deadline = deadline
        parties = {
            own_network.party(probe.host) for probe in probes if probe.host and own_network.is_elsewhere(probe.host)
        }
        self._guard = guard and len(parties) >= own_network.ENOUGH_OF_OURS
        self._referees = referees
        self._starting = threading.Lock()
        self._thread: LoopThread | None = None
        self._began: deque[float] = deque(maxlen=_ROUNDS)  # the last rounds, in monotonic seconds

    def probe_all(self, standing: Standing = tuple) -> list[Reading]:
        """A reading of each probe, in the order given: new where one was due, else the last one, with its own `at`.

        What nobody has looked at for long goes on from how it is `standing`: a figure that has entered a level is still
        there after a restart.

        What could not be looked at reads `unknown` and says why. With several targets elsewhere the last reading is
        that of our own network. Never raises, and returns by the deadline, or two seconds later where referees had to
        be asked.
        """
        if not self._watches:
            return []
        round_ = self._running().run(self._round(self._forgotten(self._watches, standing)))
        try:
            return round_.result(self._deadline + (own_network.PATIENCE if self._referees else 0.0) + _GRACE)
        except TimeoutError:
            round_.cancel()
            return [watch.unseen("the reporter's own probing is stuck") for watch in self._watches]

    def readings(self, wanted: Collection[str], standing: Standing = tuple) -> list[Reading]:
        """How probes of these kinds or names were seen last, by whomever; none of it is new evidence.

        What nobody has looked at for long is looked at now, which leaves it new for the next round; it goes on from how
        it is `standing`.
        """
        watches = [watch for watch in self._watches if {watch.probe.kind, watch.probe.terms.name} & set(wanted)]
        if not watches:
            return []
        glance = self._running().run(self._glance(watches, self._forgotten(watches, standing)))
        try:
            return glance.result(self._deadline + _GRACE)
        except TimeoutError:
            glance.cancel()
            return [watch.unseen("the reporter's own probing is stuck") for watch in watches]

    def rested(self) -> float:
        """For how many seconds the loop of the probes has not answered; 0 while it does not run."""
        return self._thread.rested() if self._thread else 0.0

    def close(self) -> None:
        """Stop looking. Does not wait for anything; a later round starts again."""
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

    def _forgotten(self, watches: Sequence[ProbeWatch], standing: Standing) -> dict[str, AlertState]:
        """How the subjects stood of which we know nothing, or nothing new."""
        wanted = {watch.subject for watch in watches if watch.stale}
        if wanted:
            with suppress(StoreError):  # then they begin anew
                return {state.subject: state for state in standing() if state.subject in wanted}
        return {}

    async def _round(self, known: Mapping[str, AlertState]) -> list[Reading]:
        now = self._clock.monotonic()
        self._recall(known)
        beat = self._beat(now)
        due = [watch for watch in self._watches if watch.due(beat)]
        gap = min(_GAP, _SPREAD / (len(due) or 1))
        looks = [watch.start(now, number * gap) for number, watch in enumerate(due)]
        if looks:
            await asyncio.wait(looks, timeout=self._deadline)
        ours = [await self._own_network()] if self._guard else []
        return [watch.tell() for watch in self._watches] + ours

    def _beat(self, now: float) -> float:
        """How often rounds come: the longest pause between the last few, for a suspect makes some come early."""
        self._began.append(now)
        return max((later - sooner for sooner, later in pairwise(self._began)), default=0.0)

    def _recall(self, known: Mapping[str, AlertState]) -> None:
        for watch in self._watches:
            if watch.stale and watch.subject in known:
                watch.recall(known[watch.subject])

    async def _glance(self, watches: Sequence[ProbeWatch], known: Mapping[str, AlertState]) -> list[Reading]:
        now = self._clock.monotonic()
        self._recall(known)
        for watch in watches:
            if watch.stale:
                watch.start(now)
        if first := [watch.task for watch in watches if watch.task and watch.reading is None]:
            await asyncio.wait(first, timeout=self._deadline)
        return [watch.show() for watch in watches]

    async def _own_network(self) -> Reading:
        """How our own network stands; what was silent because of it is excused."""
        now = self._clock.monotonic()
        looks = [watch.last for watch in self._watches if watch.last]
        enough = own_network.ENOUGH_TO_ASK if self._referees else own_network.ENOUGH
        found = await own_network.settled(own_network.doubt(looks, now, enough), self._referees)
        for watch in self._watches:
            if found and watch.last in found.suspects:
                watch.excuse()
        return Reading("own network", "network", own_network.observation(found), self._clock.wall())
