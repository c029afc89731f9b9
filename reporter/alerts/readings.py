"""The latest reading of a subject and the state of its alert, as a job sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from reporter.alerts.model import AlertState, Observation


@dataclass(frozen=True, slots=True)
class Reading:
    """What one probe saw."""

    name: str
    """The probe's name in the config."""
    kind: str
    """The probe's kind, such as `http`."""
    observation: Observation
    """What it observed."""
    at: datetime
    """When it looked, which may be before this round."""
    latency: float | None = None
    """How long the answer took, in seconds; None without one."""
    fresh: bool = True
    """False for the reading of an earlier round: it is no new evidence."""
    figures: tuple[tuple[str, str], ...] = ()
    """What else it measured, as name and text with unit."""


# How the subjects stand that are not well, as our own store has it. Raises StoreError.
Standing = Callable[[], Iterable[AlertState]]
