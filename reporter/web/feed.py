"""The Atom feed of the status page (RFC 4287): announcements and incidents, the newest change first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from starlette.requests import Request
from starlette.responses import Response

from reporter.alerts.incident import Incident
from reporter.operations.operation import Actor
from reporter.periods.time_text import duration_text
from reporter.secret import masked
from reporter.store import announcements, incidents
from reporter.store.announcements import Announcement
from reporter.store.database import Store
from reporter.store.web_keys import lasting
from reporter.web.resource import EVER

MOST = 50
"""Entries of a feed: readers ask again within hours, and keep what they have seen."""
LONGEST_TITLE = 100  # characters
TYPE = "application/atom+xml"
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, Char


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its own id, and its entries."""

    id: str
    entries: Sequence[Entry]

    @property
    def updated(self) -> datetime:
        """When the feed was last another one; a moment long ago where it has no entry."""
        return max((one.updated for one in self.entries), default=EVER)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `id` never changes, `updated` is when the entry was last another one."""

    id: str
    title: str
    text: str
    severity: str
    published: datetime
    updated: datetime


def space_of(store: Store) -> UUID:
    """What the ids of entries hang on: the same for ever, and of this store alone."""
    with store.begin() as connection:
        return UUID(hex=lasting(connection, "ids of the feed")[:32])


def feed_for(actor: Actor | None, store: Store, now: datetime, space: UUID) -> Feed:
    """What the feed tells a reader of the pages; a stranger (None) reads no name of what is watched."""
    with store.read() as connection:
        texts = announcements.newest(connection, MOST)
        troubles = incidents.page(connection, MOST)
    found = [_announced(one, space, now) for one in texts] + [_trouble(one, space, actor) for one in troubles]
    newest = sorted(found, key=lambda one: one.updated, reverse=True)[:MOST]
    return Feed(_name(space, "status" if actor is None else "status in full"), newest)


def _announced(one: Announcement, space: UUID, now: datetime) -> Entry:
    over = one.ends_at if one.ends_at and one.is_over(now) else None
    first = one.text.partition("\n")[0]
    title = first if len(first) <= LONGEST_TITLE else f"{first[: LONGEST_TITLE - 1]}…"
    name = _name(space, f"announcement/{one.id}")
    return Entry(
        name, f"{'Over: ' if over else ''}{title}", one.text, one.severity, one.begins_at, over or one.begins_at
    )


def _trouble(one: Incident, space: UUID, actor: Actor | None) -> Entry:
    subject = one.subject if actor else "Incident"
    if one.resolved_at is None:
        title, text = f"{subject}: {one.level}", "It goes on."
    else:
        lasted = duration_text((one.until or one.resolved_at) - one.since)
        title, text = f"{subject}: over after {lasted}", f"It was {one.worst}, for {lasted}."
    updated = one.resolved_at or one.opened_at
    return Entry(_name(space, f"incident/{one.id}"), title, text, str(one.worst), one.opened_at, updated)


def _name(space: UUID, thing: str) -> str:
    return uuid5(space, thing).urn


def as_answer(request: Request, text: str) -> Response:
    """The feed, or 304 where its reader has it already."""
    body = _NOT_XML.sub("\ufffd", masked(text)).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Authorization, Cookie"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=TYPE, headers=headers)
