"""What an operation is: its name, its arguments, the role that it needs, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.messages.message import Message


class NotUnderstoodError(ReporterError):
    """A text that names no operation, or whose words do not fit its arguments."""


class NotAllowedError(ReporterError):
    """The actor's role is not enough."""


class Role(IntEnum):
    """What a person may do; a higher role may everything that a lower one may."""

    VIEWER = 1
    OPERATOR = 2
    OWNER = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a name for the record, a role, and where. `place` is a door and what lies behind it, such as a chat.

    `identity` is the user's id at that door, such as `telegram:123`: a display name can be changed or taken by another.
    Where a door gives none, its names are unique. `alone` says that nobody else sees the answer.
    """

    name: str
    role: Role
    place: str = "cli"
    identity: str = ""
    alone: bool = False

    @property
    def who(self) -> str:
        """What tells this person from every other."""
        return self.identity or f"{self.place.partition('/')[0]}:{self.name}"

    @property
    def signature(self) -> str:
        """The name for a record, with the identity where the door gives one."""
        return f"{self.name} [{self.identity}]" if self.identity else self.name


class Arguments(BaseModel):
    """Base of an operation's arguments. Words of a text fill the fields in their order; see `Words`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Words:
    """How a field stands in a text: behind the word `after`, as all words that follow (`rest`), shown as `shown`.

    `known` gives the values that a door may suggest; `also` are other words for the values of a field that has few.
    """

    shown: str = ""
    after: str = ""
    rest: bool = False
    known: Callable[[App], Iterable[str]] | None = None
    also: tuple[tuple[str, str], ...] = ()


A = TypeVar("A", bound=Arguments, default=Arguments)


@dataclass(frozen=True, slots=True)
class Invocation(Generic[A]):
    """One call of an operation. `deliver` brings what a run has queued to its channels, or lets the daemon do it.

    `drawn` says whether the door can show pictures. `files` are the names and contents of what came with the question,
    `said_at` is when the chat service says that it was asked.
    """

    app: App
    actor: Actor
    arguments: A
    deliver: Callable[[str], object]
    drawn: bool = True
    files: tuple[tuple[str, bytes], ...] = ()
    said_at: datetime | None = None

    def require(self, role: Role) -> None:
        """Raises NotAllowedError where the actor's role is not enough for what the arguments ask."""
        if self.actor.role < role:
            raise NotAllowedError(f"this needs the role {role}, and yours is {self.actor.role}")

    @property
    def now(self) -> datetime:
        return self.app.clock.wall()

    def answer(self, template: str, **facts: Any) -> Message:
        """A message by a template of the folder `answers`; times are shown in the config's zone."""
        runtime = self.app.runtime
        return runtime.renderer.render(f"answers/{template}", facts, at=self.now)


Handler = Callable[[Invocation[Any]], Iterable[Message]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table. `group` is the heading under which help lists it; an alias may stand for several words.

    `pictures` says that it takes pictures and a long text: a door with forms asks for the text in one.
    """

    name: str
    help: str
    handler: Handler
    arguments: type[Arguments] = Arguments
    role: Role = Role.VIEWER
    group: str = "Look"
    aliases: tuple[str, ...] = ()
    changes: bool = False
    pictures: bool = False
