"""Whether the daemon itself makes progress, and the heartbeat that reports it to a service elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from reporter.alerts.model import HEARTBEAT_SUBJECT, Level, Observation
from reporter.errors import ReporterError
from reporter.periods.clock import Clock
from reporter.periods.time_text import duration_text
from reporter.scheduler.runner import Runner
from reporter.scheduler.runtime import Runtime

# The planner and delivery turn every few seconds. After this many seconds without a turn they count as stuck.
STANDS_STILL = 300.0
PLANNER, DELIVERY = "the planner", "delivery"


class Liveness:
    """Collects signs of progress. `tick` is the planner's interval in seconds."""

    def __init__(self, clock: Clock, tick: float) -> None:
        self._clock = clock
        self._tick = tick
        self._turned_at = dict.fromkeys((PLANNER, DELIVERY), clock.monotonic())
        self._looked_at = dict(self._turned_at)
        self._troubles: dict[str, str | None] = {}  # by job that covers the present: what its last run found wrong
        self._heartbeat_unknown = True  # until a heartbeat has arrived, and while it does not

    def turned(self, who: str) -> None:
        """The planner or delivery has completed a turn."""
        self._turned_at[who] = self._clock.monotonic()

    def looked(self, who: str) -> None:
        """The planner or delivery has tried: its thread lives, whatever came of the turn."""
        self._looked_at[who] = self._clock.monotonic()

    def ran(self, job: str, trouble: str | None) -> None:
        """A job that covers the present has run."""
        self._troubles[job] = trouble

    def stuck(self) -> str | None:
        """Which part makes no progress, as a sentence; None if all do."""
        now = self._clock.monotonic()
        return standing_still({who: now - at for who, at in self._turned_at.items()}, self._tick)

    def hung(self, **rested: float) -> str | None:
        """Which part hangs so that only a new start can help, as a sentence; None if none does.

        A part that tries and fails, say for want of a database, does not hang. `rested` are other parts and for how
        many seconds each has not answered.
        """
        now = self._clock.monotonic()
        ours = {who: now - at for who, at in self._looked_at.items()}
        return standing_still({**ours, **rested}, self._tick)

    def beat(self, runtime: Runtime, runner: Runner) -> None:
        """Report to the service elsewhere how we are. An alert says when it does not hear us."""
        heartbeat = runtime.heartbeat
        if heartbeat is None:
            return
        troubles = [self._troubles.get(name) for name, bound in runtime.jobs.items() if bound.enabled]
        heartbeat.beat(next(filter(None, troubles), None) or self.stuck())
        lost = heartbeat.trouble
        if lost or (self._heartbeat_unknown and heartbeat.arrived):
            level, words = (Level.WARNING, f"does not arrive: {lost}") if lost else (Level.OK, "arrives")
            with suppress(ReporterError):  # the next round says it again
                runner.observe(runtime, [Observation(HEARTBEAT_SUBJECT, level, words)])
                self._heartbeat_unknown = bool(lost)


def standing_still(rested: Mapping[str, float], tick: float) -> str | None:
    """Which part has rested for too long, as a sentence; times in seconds."""
    for who, seconds in rested.items():
        if seconds > STANDS_STILL + 3 * tick:
            return f"{who} has stood still for {duration_text(seconds)}"
    return None
