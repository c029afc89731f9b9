"""What can go wrong on the way. `accept` says that the message was taken all the same: only its answer is lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """An answer with this status and a page of HTML, as a broken gateway gives."""

    status: int = 503
    accept: bool = False


@dataclass(frozen=True)
class Refused:
    """Discord's own refusal: its JSON with a code."""

    status: int = 400
    code: int = 50035
    message: str = "Invalid Form Body"
    accept: bool = False


@dataclass(frozen=True)
class Garbled:
    """A good status with a text that is not Discord's, as a sign-in page gives."""

    text: str = "<html>Sign in</html>"
    accept: bool = False


@dataclass(frozen=True)
class Reset:
    """The connection is reset instead of an answer."""

    accept: bool = False


@dataclass(frozen=True)
class Truncate:
    """Half of the answer, then the end of the connection."""

    accept: bool = True


@dataclass(frozen=True)
class Hang:
    """Nothing for so many seconds, then the end of the connection."""

    seconds: float = 60
    accept: bool = False


@dataclass(frozen=True)
class Limited:
    """A 429 as the API gives it; `scope` is user, shared or global. `header` off leaves Retry-After out."""

    retry_after: float = 0.3
    scope: str = "user"
    header: bool = True
    accept: bool = False


@dataclass(frozen=True)
class Ban:
    """The 429 of the wall in front of the API: a page, and none of the API's headers."""

    retry_after: int | None = None
    accept: bool = False


Fault = Status | Refused | Garbled | Reset | Truncate | Hang | Limited | Ban
