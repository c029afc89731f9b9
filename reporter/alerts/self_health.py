"""The health of the reporter itself: late reports, queued messages, skipped runs, store, memory, threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LateJob:
    """A job that owes a period since then."""

    job: str
    """The job's name."""
    due_at: datetime
    """Since when it owes a period."""


@dataclass(frozen=True, slots=True)
class SelfHealth:
    """How the reporter keeps up with its own work."""

    late: tuple[LateJob, ...] = ()
    """The jobs that owe a period which is due."""
    skipped: int = 0
    """The number of runs skipped in the last hour, because the run before was not done."""
    waiting: int = 0
    """The number of messages that could be sent now."""
    oldest: datetime | None = None
    """Since when the oldest of them waits."""
    refused: int = 0
    """The number of messages given up in the last day."""
    seconds: float = 0.0
    """How long our own store took to answer, in seconds."""
