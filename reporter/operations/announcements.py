"""Operations on announcements of the status page: announce, unannounce."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.messages.message import Message
from reporter.operations.incidents import later
from reporter.operations.operation import Arguments, Invocation, Words
from reporter.store import announcements
from reporter.store.announcements import Announcement

LONGEST = 1000
"""Characters of an announcement: what a reader of the status page takes in at a glance, and a feed shows whole."""
MOST = 20
"""So many may stand at a time: beyond that, somebody forgot to withdraw them."""

Severity = Literal["info", "warning", "critical"]


def standing(app: App) -> list[Announcement]:
    """The announcements that are not over, the newest first."""
    with app.store.read() as connection:
        return announcements.standing(connection, app.clock.wall())


def begin(app: App, text: str, severity: Severity, ends_at: datetime | None, by: str) -> Announcement:
    """Show a text on the status page. Raises ReporterError for none, a longer one, or one more than `MOST`."""
    text, by, now = text.replace("\0", "").strip(), by[:64], app.clock.wall()
    if not text:
        raise ReporterError("what shall be announced? write such as `announce The exchange is slow today`")
    if len(text) > LONGEST:
        raise ReporterError(f"an announcement has at most {LONGEST} characters, and this one has {len(text)}")
    with app.store.begin() as connection:
        if len(announcements.standing(connection, now)) >= MOST:
            raise ReporterError(f"{MOST} announcements stand already: withdraw one by `unannounce NUMBER`")
        number = announcements.add(connection, text, severity, now, ends_at, by)
    return Announcement(number, text, severity, now, ends_at, by)


def withdraw(app: App, number: int) -> Announcement:
    """Take an announcement off the status page; returns it as it was. Raises ReporterError where none stands."""
    now = app.clock.wall()
    with app.store.begin() as connection:
        known = {one.id: one for one in announcements.standing(connection, now)}
        if number not in known:
            numbers = ", ".join(map(str, sorted(known))) or "none"
            raise ReporterError(f"there is no announcement {number}; there is {numbers}")
        announcements.end(connection, number, now)
    return known[number]


def numbers(app: App) -> list[str]:
    return [str(one.id) for one in standing(app)]


class AnnounceArguments(Arguments):
    text: Annotated[str, Field(max_length=LONGEST), Words("TEXT", rest=True)]
    severity: Annotated[Severity, Words(after="as")] = "info"
    until: Annotated[str | None, Words("TIME", after="until")] = None


class UnannounceArguments(Arguments):
    number: Annotated[int, Field(ge=1, lt=2**31), Words("NUMBER", known=numbers)]


def announce(asked: Invocation[AnnounceArguments]) -> Iterator[Message]:
    given = asked.arguments
    ends_at = later(asked.app, given.until) if given.until else None
    made = begin(asked.app, given.text, given.severity, ends_at, asked.actor.name)
    yield asked.answer("announce", announcement=made)


def unannounce(asked: Invocation[UnannounceArguments]) -> Iterator[Message]:
    yield asked.answer("unannounce", announcement=withdraw(asked.app, asked.arguments.number))
