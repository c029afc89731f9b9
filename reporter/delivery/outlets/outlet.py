"""The contract of an outlet, a channel of one service. Every outlet passes the same test kit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from reporter.delivery.rate_limits import RateWindow
from reporter.messages.message import Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there. `id` names the message for later edits; `destination` is the service's own channel; `url` opens it.

    `date` is the service's clock, where it says it.
    """

    id: str
    destination: str | None = None
    url: str | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Certainly not delivered; try again after so many seconds.

    `everywhere` stops all channels of the service; `paced` says that nothing is wrong but our pace; `counted` that the
    service keeps count of such refusals and bans who collects too many; `asked` that the service may have seen the
    request, which then counts for the pace.
    """

    after: float
    why: str
    everywhere: bool = False
    paced: bool = False
    counted: bool = False
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Never:
    """Certainly not delivered, and trying again cannot help. `gone` says that the channel itself is dead or forbidden;
    `missing` that the message to edit no longer exists; `frozen` that it may not be edited any more. `counted` as for
    Later."""

    why: str
    gone: bool = False
    missing: bool = False
    frozen: bool = False
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Unclear:
    """The answer was lost: it may be there or not."""

    why: str


@dataclass(frozen=True, slots=True)
class Absent:
    """It was looked for where it would have to be, and it is not there."""


Verdict = Delivered | Later | Never | Unclear
Found = Delivered | Absent | Later | Unclear


class Outlet(Protocol):
    """One channel of one service."""

    kind: str

    @property
    def pace(self) -> RateWindow:
        """How fast it may be posted to, as far as is known before the first answer."""

    def pause(self) -> float:
        """Seconds for which the service is known to refuse the next request; 0 for none."""

    def fit(self, message: Message) -> list[Message]:
        """The message as one or more that each keep the service's limits; what is cut carries a mark. Deterministic."""

    def together(self, messages: Sequence[Message]) -> int:
        """How many of these fitted messages, from the first on, can be posted as one: at least 1."""

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:
        """The exact body that would be sent for a fitted message, and those that go along, without secrets."""

    def post(self, message: Message, *along: Message) -> Verdict:
        """Send a fitted message, and others along with it. Never raises for what the service or the network does."""

    def find(self, reference: str, known: Collection[str]) -> Found:
        """Whether a message arrived whose answer was lost: by what stands in its footer, and by its being none of the
        `known`, which are the ids last posted here. Unclear when nothing can be concluded."""

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002 - the service's own word
        """Replace a message that was posted."""

    def delete(self, id: str) -> Verdict:  # noqa: A002
        """Take a message back; one that is not there any more counts as deleted."""

    def look(self) -> Verdict:
        """Whether the channel could be posted to, without posting; `Delivered.destination` is where it leads."""

    def reopen(self) -> None:
        """Forget that the channel was found dead: a person wants it asked again."""

    def close(self) -> None: ...
