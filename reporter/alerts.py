"""From readings to what people should hear: levels, states, and the pure function that judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Level(StrEnum):
    """How a reading stands. `unknown` is not down: it says that we could not look."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading about one subject, such as `probe/db` or `limit/daily_loss`.

    `detail` is a sentence for people; `value` and `limit` are the figures behind it, with their unit, ready to show.
    """

    subject: str
    level: Level
    detail: str = ""
    value: str | None = None
    limit: str | None = None


class Change(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    REMINDER = "reminder"
    RESOLVED = "resolved"


class Phase(StrEnum):
    """Where a subject stands between all well and an open alert."""

    OK = "ok"
    SUSPECT = "suspect"
    OPEN = "open"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that people may hear of. `since` is when the trouble began; `reason` says why it is told now."""

    subject: str
    change: Change
    since: datetime
    reason: str
    observation: Observation


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is remembered of one subject between readings."""

    subject: str
    phase: Phase = Phase.OK
    level: Level = Level.OK
    since: datetime | None = None  # when the present trouble began
    failures: int = 0
    clean_since: datetime | None = None
    reminders: int = 0
    last_reading_at: datetime | None = None
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be with a subject."""

    failures: int = 3
    clean: timedelta = timedelta(minutes=5)
    reminders: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))


def policy_for(subject: str) -> Policy:
    """The policy that a subject's prefix stands for: a probe needs three failures, a limit, job or channel one."""
    raise NotImplementedError


def judge(
    state: AlertState, now: datetime, observation: Observation | None, policy: Policy
) -> tuple[AlertState, Transition | None, datetime | None]:
    """Fold one reading, or the mere passing of time (None), into a state.

    Returns the new state, what changed in a way that may be told, and when to look again even without a reading.
    """
    raise NotImplementedError
