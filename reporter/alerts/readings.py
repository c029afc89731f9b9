"""The latest reading of a subject and the state of its alert, as a job sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from reporter.alerts.model import AlertState, Observation


@dataclass(frozen=True, slots=True)
class Reading:
    """What one probe saw. `latency` is in seconds; `at` is when it looked, which may be before this round.

    `fresh` is False when an earlier round told it already: it may be shown again, but is no new evidence. `figures` are
    what else it measured, as name and text with unit.
    """

    name: str
    kind: str
    observation: Observation
    at: datetime
    latency: float | None = None
    fresh: bool = True
    figures: tuple[tuple[str, str], ...] = ()


# How the subjects stand that are not well, as our own store has it. Raises StoreError.
Standing = Callable[[], Iterable[AlertState]]
