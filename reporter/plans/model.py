"""A plan, its versions, and the hash that chains them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Protocol

Act = Literal["written", "edited", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """One version of an author's plan for a day (`2026-11-29`); `number` counts from 1.

    `at` is when it was saved, `said_at` when the chat service dates the message, where it does. `hash` covers
    everything here, the pictures that came with it, and the hash of the version before.
    """

    author: str
    """The author's key."""
    day: str
    """The day of the plan in the author's zone, such as `2026-11-29`."""
    number: int
    """The version's number of that day, a count from 1."""
    act: Act
    """What was done: written, edited or withdrawn."""
    text: str
    """The plan's text."""
    writer: str
    """Who did it: such as `telegram:456` or `cli:anna`."""
    writer_name: str
    """The writer's name."""
    channel: str
    """Where it was written."""
    at: datetime
    """When it was saved."""
    said_at: datetime | None = None
    """When the chat service dates the message; None where it does not."""
    hash: str = ""
    """The SHA-256 of all this, of the pictures that came with it, and of the version before."""


@dataclass(frozen=True, slots=True)
class PlanChart:
    """A picture that came with a version; `kind` is its media type. `id` is None until it is saved."""

    name: str
    """The file's name."""
    kind: str
    """The media type."""
    content: bytes
    """The picture's bytes; empty where only the list was asked for."""
    number: int = 0
    """The version that it came with, a count from 1."""
    id: int | None = None
    """The picture's id; None until it is saved, a count."""


def hash_of(version: PlanVersion, pictures: Sequence[str], previous: str) -> str:
    """The SHA-256 of a version, of its pictures' SHA-256 and of the hash before it."""
    facts = [
        previous,
        version.author,
        version.day,
        version.number,
        version.act,
        version.text,
        version.writer,
        version.writer_name,
        version.channel,
        _written(version.at),
        _written(version.said_at),
        list(pictures),
    ]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _written(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else ""


def picture_hash(chart: PlanChart) -> str:
    return hashlib.sha256(chart.content).hexdigest()


@dataclass(frozen=True, slots=True)
class TradingPlan:
    """An author's plan for one day: its versions, the oldest first, and its pictures."""

    versions: tuple[PlanVersion, ...]
    """Every version, the oldest first."""
    charts: tuple[PlanChart, ...] = ()
    """The pictures, in the order in which they came."""

    @property
    def newest(self) -> PlanVersion:
        """The last version."""
        return self.versions[-1]

    @property
    def first(self) -> PlanVersion:
        """The version that began what stands now: the first one after the last withdrawal."""
        begun = [version for version in self.versions if version.act == "written"]
        return begun[-1]

    @property
    def withdrawn(self) -> bool:
        """Whether it was taken back."""
        return self.newest.act == "withdrawn"

    @property
    def edited_at(self) -> datetime | None:
        """When it was last edited; None where the first text stands."""
        return self.newest.at if self.newest.act == "edited" else None

    def at(self, moment: datetime) -> PlanVersion | None:
        """The version in force at a moment; None where there was none, or where it was withdrawn before."""
        before = [version for version in self.versions if version.at <= moment]
        return before[-1] if before and before[-1].act != "withdrawn" else None


class PlanRows(Protocol):
    """Where plans are kept, in one transaction. Rows are added, never changed."""

    def add(self, version: PlanVersion, charts: Sequence[PlanChart], previous: str) -> bool:
        """Save a version with its pictures; False where somebody else has saved one of this number."""

    def of_day(self, day: date, author: str | None = None) -> list[PlanVersion]:
        """All versions of a day, author by author, the oldest first."""

    def last(self, day: date, author: str) -> PlanVersion | None:
        """The newest version of a plan; None where nobody wrote one."""

    def between(self, first: date, last: date) -> list[PlanVersion]:
        """All versions of the days from `first` to `last`, both included, day by day."""

    def charts(self, day: date, author: str) -> list[PlanChart]:
        """The pictures of a plan in the order in which they came, without their content."""


def plans_of(versions: Sequence[PlanVersion]) -> list[TradingPlan]:
    """Plans made of versions that stand in order, without pictures."""
    by: dict[tuple[str, str], list[PlanVersion]] = {}
    for version in versions:
        by.setdefault((version.day, version.author), []).append(version)
    return [TradingPlan(tuple(own)) for own in by.values()]
