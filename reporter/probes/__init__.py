"""Looking at things from outside, as those who need them would. Every kind of probe honours the contract below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reporter.alerts import Level


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look came to: how it stands, and a sentence about it that carries no secret.

    `value` and `limit` are the figures behind the level, with their unit, where that is not the latency. `figures` are
    whatever else was measured, as name and text with unit, for boards.
    """

    level: Level
    detail: str
    value: str | None = None
    limit: str | None = None
    figures: tuple[tuple[str, str], ...] = ()


class Probe(Protocol):
    """One thing to look at. Times are seconds."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def every(self) -> float | None:
        """How long a reading counts; None: look in each round."""

    @property
    def timeout(self) -> float:
        """How long the target may take. No answer by then is a failure of the target."""

    @property
    def warn_above(self) -> float | None:
        """An answer that takes longer is a warning; None: any answer in time is good."""

    def prepare(self) -> None:
        """Load what looking needs, before the first look: loading in the loop would count as everybody's latency."""

    async def look(self) -> Sight:
        """Look once. It is cancelled at `timeout`, and may raise whatever the network raises."""
