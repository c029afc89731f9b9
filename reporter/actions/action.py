"""What every action is: it says what it will do, looks at its target, does it once, and says what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.secret import masked

LARGEST_ANSWER = 4_000
"""Bytes of what the other side says that are looked at."""


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """How an action ended, with the other side's own words. `done` is None where nobody can know."""

    done: bool | None
    words: str


class ActionRefusedError(ReporterError):
    """What the other side says before anything is done: it cannot be reached, or refuses the login."""


class Action(Protocol):
    """One action of the config. `values` has what was asked by name: `agent`, `service` or `mode`."""

    @property
    def names(self) -> Sequence[str]:
        """The targets that it may be asked for; none where the config lists none."""

    def describe(self, values: Mapping[str, str]) -> str:
        """What it will do, without secrets."""

    def look(self, values: Mapping[str, str]) -> str:
        """How the target stands, by its own word; empty where it cannot be asked. Raises ActionRefusedError."""

    def perform(self, values: Mapping[str, str]) -> ActionOutcome:
        """Do it once. Never raises for what the other side does."""


def filled(parts: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """A whole part such as `{agent}` is replaced, never a piece of one: no name can become a second argument."""
    return [values.get(part[1:-1], part) if part[:1] == "{" and part[-1:] == "}" else part for part in parts]


def shown(output: bytes) -> str:
    """The last words of what a program or a server said, as they may be shown."""
    text = " ".join(output[-LARGEST_ANSWER:].decode("utf-8", "replace").split())
    return visible(masked(text, 300))
