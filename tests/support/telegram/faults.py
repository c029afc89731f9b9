"""What can go wrong on the way to Telegram. `accept` says that the message was taken: only its answer is lost."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.discord.faults import Garbled, Hang, Reset, Status, Truncate


@dataclass(frozen=True)
class Refused:
    """Telegram's own refusal."""

    status: int = 400
    description: str = "Bad Request: message text is empty"
    accept: bool = False


@dataclass(frozen=True)
class Limited:
    """A 429 as the Bot API gives it: whole seconds."""

    retry_after: int = 3
    accept: bool = False


Fault = Status | Refused | Garbled | Reset | Truncate | Hang | Limited
