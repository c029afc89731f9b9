"""Reads what Telegram says has happened: a question in a chat, or a button that was pressed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KINDS = ("message", "callback_query")
"""What the door listens to. Edited messages are not among them: an edit would run an old command again."""

_BUTTON = re.compile(r"r1:(?P<verb>[a-z]{1,10}):(?P<incident>[\w.-]{1,52})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a person. `at` is when it was asked, None for a button, which says no time.

    `verb` and `incident` are those of a button of `message`; `query` is what its answer refers to. `pictures` are the
    ids of files that came with it; those of one `album` come as updates of their own.
    """

    user: int
    name: str
    chat: int
    private: bool
    text: str = ""
    topic: int | None = None
    at: datetime | None = None
    query: str = ""
    message: int | None = None
    verb: str = ""
    incident: str = ""
    pictures: tuple[str, ...] = ()
    album: str = ""

    @property
    def identity(self) -> str:
        return f"telegram:{self.user}"


def read_update(update: Mapping[str, Any], bot: str) -> Asked | None:
    """The question in an update; None for what is none, or for another bot."""
    query = update.get("callback_query")
    if isinstance(query, dict):
        return _pressed(query)
    message = update.get("message")
    return _written(message, bot) if isinstance(message, dict) else None


def _written(message: Mapping[str, Any], bot: str) -> Asked | None:
    person, chat, pictures = _person(message), _chat(message), _pictures(message)
    text, album = message.get("caption" if pictures else "text"), str(message.get("media_group_id") or "")
    if album and pictures and text is None:
        text = ""
    # Who writes as a channel, or as an anonymous administrator, is no person.
    if person is None or chat is None or "sender_chat" in message or not isinstance(text, str):
        return None
    private = chat["type"] == "private"
    if album and not text:
        return Asked(person[0], person[1], chat["id"], private, pictures=pictures, album=album)
    command, _, rest = text.strip().partition(" ")
    name, at_sign, meant = command.partition("@")
    if not private and not command.startswith("/"):
        return None
    if command.startswith("/") and at_sign:
        if meant.casefold() != bot.casefold():
            return None
        text = f"{name} {rest}"
    topic = message.get("message_thread_id") if message.get("is_topic_message") else None
    date = message.get("date")
    at = datetime.fromtimestamp(date, UTC) if isinstance(date, int) else None
    return Asked(
        person[0],
        person[1],
        chat["id"],
        private,
        text,
        topic if isinstance(topic, int) else None,
        at,
        pictures=pictures,
        album=album,
    )


def _pictures(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The id of a message's picture: Telegram offers several sizes of a photo, the largest last."""
    sizes, file = message.get("photo"), message.get("document")
    if isinstance(sizes, list) and sizes:
        return (str(sizes[-1]["file_id"]),)
    is_picture = isinstance(file, dict) and str(file.get("mime_type")).startswith("image/")
    return (str(file["file_id"]),) if isinstance(file, dict) and is_picture else ()


def _pressed(query: Mapping[str, Any]) -> Asked | None:
    """What the data says was chosen by whoever's client sent it, so it names a verb and an incident and no more."""
    message = query.get("message")
    person, chat = _person(query), _chat(message) if isinstance(message, dict) else None
    found = _BUTTON.fullmatch(str(query.get("data", "")))
    if person is None or chat is None or found is None:
        return None
    topic = message.get("message_thread_id") if isinstance(message, dict) and message.get("is_topic_message") else None
    return Asked(
        *person,
        chat["id"],
        chat["type"] == "private",
        topic=topic if isinstance(topic, int) else None,
        query=str(query.get("id", "")),
        message=number if isinstance(message, dict) and isinstance(number := message.get("message_id"), int) else None,
        verb=found["verb"],
        incident=found["incident"],
    )


def _person(source: Mapping[str, Any]) -> tuple[int, str] | None:
    found = source.get("from")
    if not isinstance(found, dict) or found.get("is_bot") or not isinstance(found.get("id"), int):
        return None
    return found["id"], str(found.get("username") or found.get("first_name") or found["id"])


def _chat(message: Mapping[str, Any]) -> dict[str, Any] | None:
    found = message.get("chat")
    return found if isinstance(found, dict) and isinstance(found.get("id"), int) and "type" in found else None
