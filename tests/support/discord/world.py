"""What the local Discord keeps: channels, webhooks and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.discord.markdown import shown

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass
class Channel:
    """A channel, a category (its `kind` is 4), or a thread of one. `category` is where a channel stands."""

    id: str
    name: str
    guild_id: str
    forum: bool = False
    parent: Channel | None = None
    kind: int = 0
    category: Channel | None = None
    topic: str | None = None

    @property
    def root(self) -> Channel:
        return self.parent or self


@dataclass
class Webhook:
    id: str
    token: str
    name: str
    channel: Channel
    revoked: bool = False
    application: str | None = None


@dataclass
class Bot:
    """A bot of the guild and its rights: to see the channels, to read what was said before, to read what it says, to
    make channels and webhooks. Its application has its id."""

    id: str
    name: str
    token: str
    view: bool = True
    history: bool = True
    content: bool = True
    channels: bool = False
    webhooks: bool = False
    write: bool = False

    @property
    def privileged(self) -> int:
        """The privileged intents that are switched on for it."""
        return 1 << 15 if self.content else 0

    @property
    def permissions(self) -> int:
        granted = {10: self.view, 11: self.write, 16: self.history, 4: self.channels, 29: self.webhooks}
        return sum(1 << bit for bit, may in granted.items() if may)


@dataclass
class Posted:
    """A message that was taken. `body` is what Discord keeps of it: trimmed, with the files' cleaned names."""

    id: str
    webhook: Webhook
    channel: Channel
    body: dict[str, Any]
    files: dict[str, bytes]
    at: datetime
    edited_at: datetime | None = None
    deleted: bool = False
    earlier: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    private: bool = False  # seen by one person alone
    by_bot: bool = False

    @property
    def buttons(self) -> dict[str, str]:
        """What its buttons carry, by their labels."""
        rows = self.body.get("components") or []
        buttons = [one for row in rows for one in row["components"] if one["type"] == 2]
        return {one.get("label", ""): one.get("custom_id", "") for one in buttons}

    @property
    def menu(self) -> tuple[str, dict[str, str]]:
        """The custom id of its menu, and what can be chosen: values by their labels."""
        rows = self.body.get("components") or []
        [menu] = [one for row in rows for one in row["components"] if one["type"] == 3]
        return menu["custom_id"], {one["label"]: one["value"] for one in menu["options"]}

    @property
    def embeds(self) -> list[dict[str, Any]]:
        return list(self.body.get("embeds") or [])

    @property
    def embed(self) -> dict[str, Any]:
        """The only embed."""
        [embed] = self.embeds
        return embed

    @property
    def title(self) -> str:
        return shown(self.embed.get("title", ""))

    @property
    def fields(self) -> dict[str, str]:
        """The fields as a reader sees them, by name."""
        return {shown(field["name"]): shown(field["value"]) for field in self.embed.get("fields", ())}

    @property
    def text(self) -> str:
        """All that a reader sees, a line each."""
        return "\n".join(self._lines())

    @property
    def called(self) -> set[str]:
        """Who was called by it: `everyone`, `role:ID`, `user:ID`. Only the content can, never an embed."""
        allowed = self.body.get("allowed_mentions", {"parse": ["users"]})
        return {who for who in _mentioned(self.body.get("content") or "") if _may_call(who, allowed)}

    def _lines(self) -> Iterator[str]:
        if content := self.body.get("content"):
            yield shown(content)
        for embed in self.embeds:
            yield from (shown(embed[key]) for key in ("title", "description") if embed.get(key))
            for part in embed.get("fields", ()):
                yield shown(part["name"])
                yield shown(part["value"])
            if text := embed.get("footer", {}).get("text"):
                yield text


class Snowflakes:
    """Ids that grow with time, as Discord's do, and never come twice."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, at: datetime) -> str:
        milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
        self._last = max(self._last + 1, milliseconds << 22)
        return str(self._last)


def _mentioned(content: str) -> set[str]:
    found = {"everyone" for _ in re.finditer("@everyone|@here", content)}
    found |= {f"role:{id_}" for id_ in re.findall(r"<@&(\d+)>", content)}
    return found | {f"user:{id_}" for id_ in re.findall(r"<@!?(\d+)>", content)}


def _may_call(who: str, allowed: dict[str, Any]) -> bool:
    kind, _, id_ = who.partition(":")
    plural = kind if kind == "everyone" else f"{kind}s"
    return plural in allowed.get("parse", ()) or id_ in allowed.get(plural, ())
