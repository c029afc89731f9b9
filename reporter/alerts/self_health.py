"""The health of the reporter itself: late reports, queued messages, skipped runs, store, memory, threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LateJob:
    """A job that owes a period since then."""

    job: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class SelfHealth:
    """How the reporter keeps up with its own work.

    `late` are the jobs that owe a period which is due; `skipped` the runs of the last hour that were left out because
    the one before was not done; `waiting` the messages that could be sent, the first of them since `oldest`; `refused`
    those that were given up in the last day. `seconds` is how long our own store took to tell all that.
    """

    late: tuple[LateJob, ...] = ()
    skipped: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    refused: int = 0
    seconds: float = 0.0
