"""What every kind of probe offers: one look at a target, as a client of the target would take it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from reporter.alerts.model import Level
from reporter.alerts.thresholds import NEVER, Measurement, Threshold


class Way(Enum):
    """How a look fared on its way to the target: that says something of our own network."""

    OPEN = auto()  # something came back, be it a refusal
    LOST = auto()  # nothing came back
    NO_ROUTE = auto()  # it did not leave this machine
    NO_NAMES = auto()  # the name was not looked up, for no name server answered
    UNTRIED = auto()  # it says nothing of the way

    @property
    def silent(self) -> bool:
        """Whether it would also look like this if our own network were gone."""
        return self in {Way.LOST, Way.NO_ROUTE, Way.NO_NAMES}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a look came to: how it stands, and a sentence about it that carries no secret.

    `value` and `limit` are what is behind the level, with its unit, where that is not the latency; `figure` is the
    value as a number. `figures` are whatever else is to be shown, as name and text with unit, for boards; each of the
    `measures` is shown there too.
    `latency` is in seconds, where that is not simply how long the look took.
    """

    level: Level
    detail: str
    value: str | None = None
    limit: str | None = None
    figures: tuple[tuple[str, str], ...] = ()
    measures: tuple[Measurement, ...] = ()
    latency: float | None = None
    way: Way = Way.OPEN
    figure: float | None = None


class CouldNotLookError(Exception):
    """We could not look, which says nothing about the target. Its sentence is shown, so it carries no secret."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of every probe, whatever it looks at. Times are seconds.

    `every` is how long a reading counts; None: look in each round. No answer within `timeout` is a failure of the
    target. `latency` is from which time on an answer is slow.
    """

    name: str
    every: float | None = None
    timeout: float = 5.0
    latency: Threshold = NEVER


class Probe(Protocol):
    """One thing to look at."""

    @property
    def terms(self) -> Terms: ...

    @property
    def kind(self) -> str: ...

    @property
    def host(self) -> str | None:
        """The machine that is asked over a network; None for what is looked at on this one, which has no latency."""

    def prepare(self) -> None:
        """Load what looking needs, before the first look: loading in the loop would count as everybody's latency."""

    async def look(self) -> ProbeResult:
        """Look once. It is cancelled at `timeout`, and may raise whatever the network raises, or CouldNotLookError."""
