"""What the local Telegram keeps: bots, chats, topics and messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tests.support.telegram.markup import Parsed

Json = dict[str, Any]
ChatKind = Literal["private", "group", "supergroup", "channel"]


@dataclass
class Bot:
    id: int
    name: str
    token: str
    commands: list[Json] = field(default_factory=list)
    updates: list[Json] = field(default_factory=list)
    polls: int = 0


@dataclass
class Chat:
    """`shut` is how a bot is kept out: the description of the refusal."""

    id: int
    name: str
    kind: ChatKind
    forum: bool = False
    topics: dict[int, str] = field(default_factory=dict)
    closed_topics: set[int] = field(default_factory=set)
    shut: str = ""
    muted: bool = False
    migrated_to: int | None = None

    @property
    def is_group(self) -> bool:
        return self.kind != "private"


@dataclass
class Sent:
    """A message that was taken. `text` is what a reader sees of its text or caption."""

    id: int
    bot: Bot
    chat: Chat
    topic: int | None
    parsed: Parsed
    at: datetime
    kind: Literal["text", "photo", "document"] = "text"
    files: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    album: int | None = None
    keyboard: Json | None = None
    body: Json = field(default_factory=dict)
    edited_at: datetime | None = None
    deleted: bool = False
    earlier: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.parsed.text

    @property
    def buttons(self) -> dict[str, str]:
        """The data of each button by its text."""
        rows = (self.keyboard or {}).get("inline_keyboard", [])
        return {button["text"]: button.get("callback_data", "") for row in rows for button in row}
