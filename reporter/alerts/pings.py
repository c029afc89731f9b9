"""Pings of jobs that report themselves: when the next is due, what each changes, and how the job stands.

Pure. The rules are those of healthchecks.io: a job is missing once its grace is over, failing once it says so, and
stuck where a run that has begun does not end within its grace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from reporter.alerts.model import Level, Observation
from reporter.periods.schedules import Every, Schedule
from reporter.periods.time_text import clock_time, duration_text
from reporter.secret import Secret

PingKind = Literal["success", "start", "fail", "log"]

PREFIX = "ping/"
# The clocks of two machines differ a little: a ping so early is the one that is due.
EARLY = timedelta(seconds=30)
LONGEST_QUOTE = 200
"""Characters of what a job said that an alert shows."""


@dataclass(frozen=True, slots=True)
class PingRule:
    """A job that reports itself: when it should, and how late it may be. `id` is the last part of its address; without
    one, it is reached by the key of all pings and its name. `get` says whether a GET counts as a ping."""

    name: str
    schedule: Schedule
    zone: str
    grace: timedelta
    id: Secret | None
    get: bool

    @property
    def subject(self) -> str:
        return f"{PREFIX}{self.name}"

    def due_after(self, moment: datetime) -> datetime:
        """When the next ping is expected after one at that moment, without the grace."""
        if isinstance(self.schedule, Every):
            return moment + timedelta(seconds=self.schedule.seconds)
        return self.schedule.after(moment + min(EARLY, self.grace), self.zone)


@dataclass(frozen=True, slots=True)
class Ping:
    """What a job said: `text` is the body that came with it, `status` the exit status of its program."""

    kind: PingKind
    at: datetime
    rid: str | None = None
    status: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class PingState:
    """What is remembered of a job that reports itself. `schedule` is the rule by which `due_at` was found.

    From `paused_at` on nothing is expected of it, until its next ping or until somebody resumes it.
    """

    name: str
    schedule: str
    due_at: datetime
    pinged_at: datetime | None = None
    failed: bool = False
    status: int | None = None
    started_at: datetime | None = None
    rid: str | None = None
    took: float | None = None
    """How long the last run took, in seconds; None where it did not say when it began."""
    text: str = ""
    paused_at: datetime | None = None


def paused(state: PingState, now: datetime) -> PingState:
    """The state of a job of which nothing is expected for now: whatever was wrong is over."""
    return replace(state, paused_at=now, failed=False, started_at=None, rid=None)


def resumed(rule: PingRule, state: PingState, now: datetime) -> PingState:
    """The state of a job that is expected again: its next ping is due after now."""
    return replace(state, paused_at=None, due_at=rule.due_after(now))


def awaited(rule: PingRule, now: datetime, before: PingState | None = None) -> PingState:
    """The state of a rule that is new, or has another schedule than before: the first ping is due after now."""
    state = before or PingState(rule.name, "", now)
    return replace(state, schedule=str(rule.schedule), due_at=rule.due_after(now))


def after_ping(rule: PingRule, state: PingState, ping: Ping, begun_at: datetime | None) -> PingState:
    """The state after a ping. `begun_at` is when the run of that ping said that it began."""
    if ping.kind == "log":
        return state
    if ping.kind == "start":
        state = resumed(rule, state, ping.at) if state.paused_at else state
        return replace(state, started_at=ping.at, rid=ping.rid)
    ends_run = ping.kind == "fail" or ping.rid is None or ping.rid == state.rid
    return replace(
        state,
        due_at=rule.due_after(ping.at),
        pinged_at=ping.at,
        failed=ping.kind == "fail",
        status=ping.status,
        started_at=None if ends_run else state.started_at,
        rid=None if ends_run else state.rid,
        took=(ping.at - begun_at).total_seconds() if begun_at else None,
        text=ping.text,
        paused_at=None,
    )


def after_absence(rule: PingRule, state: PingState, left: datetime, back: datetime) -> PingState:
    """The state after nobody could take pings between two moments: one that may have come then is not missing.

    What was missing or stuck before stays so.
    """
    if state.started_at and left <= state.started_at + rule.grace:  # its end may have come
        state = replace(state, started_at=max(state.started_at, back))
    early = rule.grace if isinstance(rule.schedule, Every) else EARLY
    if back < state.due_at - early or left > state.due_at + rule.grace:
        return state
    return replace(state, due_at=rule.due_after(back))


def observed(rule: PingRule, state: PingState, now: datetime) -> Observation:
    """How the job stands. Times are shown in the zone of `now`."""
    level, detail = _judged(rule, state, now)
    return Observation(rule.subject, level, detail, figure=state.took)


def _judged(rule: PingRule, state: PingState, now: datetime) -> tuple[Level, str]:
    if state.paused_at:
        return Level.OK, f"paused at {clock_time(state.paused_at, now)}; its next ping ends that"
    if state.failed and state.pinged_at:
        status = "" if state.status is None else f" with exit status {state.status}"
        return Level.CRITICAL, f"failed{status} at {clock_time(state.pinged_at, now)}{_quoted(state.text)}"
    if state.started_at and now > state.started_at + rule.grace:
        began = clock_time(state.started_at, now)
        return Level.CRITICAL, f"began at {began} and has not ended within {duration_text(rule.grace)}"
    if now > state.due_at + rule.grace:
        last = f"the last came at {clock_time(state.pinged_at, now)}" if state.pinged_at else "none ever came"
        return Level.CRITICAL, f"no ping since {clock_time(state.due_at, now)}, when one was due; {last}"
    if state.pinged_at is None:
        return Level.OK, f"the first ping is due at {clock_time(state.due_at, now)}"
    took = "" if state.took is None else f" and took {duration_text(state.took)}"
    return Level.OK, f"pinged at {clock_time(state.pinged_at, now)}{took}"


def _quoted(text: str) -> str:
    """The last line of what a job said: there its error stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:LONGEST_QUOTE]}" if lines else ""
