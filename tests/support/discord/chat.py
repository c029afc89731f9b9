"""The side of the local Discord where people and bots talk: members, what they write, and what they press.

token = discord.chat.bot()
ann = discord.chat.member("ann", "traders")
discord.chat.say("desk", ann, "!status")
asked = discord.chat.slash("desk", ann, "pnl", period="weekly")
[answer] = discord.chat.answers(asked)
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.discord.gateway import DIRECT_MESSAGES, GUILD_MESSAGES, MESSAGE_CONTENT, Gateway, Session
from tests.support.discord.interactions import (
    ATTACHMENT,
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL,
    Interaction,
    Interactions,
    Member,
)
from tests.support.discord.replies import bot_json, channel_json
from tests.support.discord.rules import RefusedError
from tests.support.discord.wire import Call, Reply
from tests.support.discord.world import Bot, Channel, Posted

Json = dict[str, Any]


@dataclass
class Ground:
    """What the rest of the local Discord gives: ids, time, channels, bots, and where messages are kept."""

    guild_id: str
    base_url: Callable[[], str]
    fresh_id: Callable[[], str]
    now: Callable[[], datetime]
    channel: Callable[[str], Channel]
    channels: Callable[[], list[Channel]]
    bots: Callable[[], list[Bot]]
    make_bot: Callable[[str, bool], Bot]
    post: Callable[[Posted], None]
    arrived: Any


class Chat:
    """The gateway starts with the first bot that may connect."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._gateway: Gateway | None = None
        self.members: dict[str, Member] = {}
        self.roles: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.attachments_open = threading.Event()
        """While it is not set, whoever fetches an attachment waits."""
        self.attachments_open.set()
        self.said: dict[str, Channel] = {}
        self.direct: dict[str, Channel] = {}
        self.interval = 41.25
        self.interactions = Interactions(self._post, self._tell_interaction, ground.fresh_id, ground.now)

    # --- Who is there ---

    def bot(self, name: str = "floor", *, content: bool = True) -> str:
        """The token of a bot whose application takes commands. `content`: it may read what people write."""
        bot = self._ground.make_bot(name, content)
        self.gateway  # noqa: B018 - which listens from now on
        return bot.token

    def member(self, name: str, *roles: str) -> Member:
        """A person with roles, which are made where they are new."""
        if name not in self.members:
            ids = [self.role(role) for role in roles]
            self.members[name] = Member(self._ground.fresh_id(), name, ids)
        return self.members[name]

    def role(self, name: str) -> str:
        """The id of a role."""
        return self.roles.setdefault(name, self._ground.fresh_id())

    @property
    def gateway(self) -> Gateway:
        if self._gateway is None:
            self._gateway = Gateway(self._find, self._ready, self._greet, interval=self.interval)
        return self._gateway

    def until_connected(self, seconds: float = 120) -> None:
        """Wait until a bot listens and its commands are there. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not (self.gateway.connected and self.interactions.registered):
            if time.monotonic() > deadline:
                raise TimeoutError("no bot has connected")
            time.sleep(0.01)

    def close(self) -> None:
        if self._gateway:
            self._gateway.close()

    # --- What people do ---

    def say(self, channel: str, member: Member, text: str, files: Mapping[str, bytes] | None = None) -> str:
        """Write a message in a channel; its id. `@me` is a private chat with the bot."""
        place = self._direct(member) if channel == "@me" else self._ground.channel(channel)
        id_ = self._ground.fresh_id()
        self.said[id_] = place
        data: Json = {
            "id": id_, "type": 0, "channel_id": place.id, "author": member.user, "content": text, "embeds": [],
            "attachments": [self._attachment(place, name, content) for name, content in (files or {}).items()],
            "timestamp": self._ground.now().isoformat(), "edited_timestamp": None, "tts": False,
            "mention_everyone": False, "mentions": [], "mention_roles": [], "pinned": False, "components": [],
        }  # fmt: skip
        private = channel == "@me"
        if not private:
            data |= {"guild_id": self._ground.guild_id, "member": member.member}

        def wanted(session: Session) -> Json | None:
            if not session.intents & (DIRECT_MESSAGES if private else GUILD_MESSAGES):
                return {}
            if private or session.intents & MESSAGE_CONTENT or f"<@{session.bot.id}>" in text:
                return None
            return data | {"content": "", "attachments": []}

        self.gateway.tell("MESSAGE_CREATE", data, wanted)
        return id_

    def slash(
        self,
        channel: str,
        member: Member,
        name: str,
        /,
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        **given: Any,
    ) -> Interaction:
        """Send a command as a client does; `files` are names and contents by their options."""
        place, bot = self._ground.channel(channel), self._only_bot()
        values, attached = dict(given), {}
        for option, (file_name, content) in (files or {}).items():
            found = self._attachment(place, file_name, content)
            attached[found["id"]] = found
            values[option] = found["id"]
        data = self.interactions.filled(bot, name, values)
        if attached:
            assert all(one["type"] == ATTACHMENT for one in data["options"] if one["value"] in attached)
            data["resolved"] = {"attachments": attached}
        return self.interactions.begin(COMMAND, bot, place, member, data)

    def suggest(
        self, channel: str, member: Member, name: str, option: str, typed: str = "", **given: Any
    ) -> Interaction:
        """Type into an option of a command."""
        bot = self._only_bot()
        data = self.interactions.filled(bot, name, given | {option: typed}, typing=option)
        return self.interactions.begin(AUTOCOMPLETE, bot, self._ground.channel(channel), member, data)

    def press(self, posted: Posted, member: Member, label: str = "", *, custom_id: str = "") -> Interaction:
        """Press a button, or forge one."""
        data = {"custom_id": custom_id or posted.buttons[label], "component_type": 2, "id": 1}
        return self.interactions.begin(COMPONENT, self._only_bot(), posted.channel, member, data, source=posted)

    def choose(self, posted: Posted, member: Member, label: str) -> Interaction:
        """Choose something from the menu of a message."""
        custom_id, values = posted.menu
        data = {"custom_id": custom_id, "component_type": 3, "id": 1, "values": [values[label]]}
        return self.interactions.begin(COMPONENT, self._only_bot(), posted.channel, member, data, source=posted)

    def fill_in(self, asked: Interaction, member: Member, **values: str) -> Interaction:
        """Send a form that the bot has shown."""
        assert asked.form, "there is no form"
        inputs = [part for row in asked.form["components"] for part in _inputs(row)]
        ids = {one["custom_id"] for one in inputs}
        assert set(values) <= ids, f"the form has {ids}"
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": one["custom_id"], "value": self._typed(one, values)}]}
            for one in inputs
        ]
        data = {"custom_id": asked.form["custom_id"], "components": rows}
        return self.interactions.begin(MODAL, asked.bot, asked.channel, member, data)

    def answers(self, asked: Interaction, count: int = 1, seconds: float = 120) -> list[Posted]:
        """The answers to an interaction once there are so many. Raises TimeoutError."""
        with self._ground.arrived:
            if not self._ground.arrived.wait_for(lambda: len(asked.answers) >= count, seconds):
                raise TimeoutError(f"{len(asked.answers)} of {count} answers after {seconds} s")
            return list(asked.answers)

    def until_acknowledged(self, asked: Interaction, seconds: float = 120) -> Interaction:
        """Wait until the bot has taken an interaction. Raises TimeoutError."""
        with self._ground.arrived:
            if not self._ground.arrived.wait_for(lambda: bool(asked.acknowledged), seconds):
                raise TimeoutError(f"not acknowledged after {seconds} s")
        return asked

    # --- What a bot asks over HTTP ---

    def file(self, path: str) -> bytes | None:
        if path.startswith("/attachments/"):
            self.attachments_open.wait(60)
        return self.files.get(unquote(urlsplit(path).path))

    def gateway_reply(self, call: Call) -> Reply:
        body: Json = {"url": self.gateway.url}
        if call.part == "bot":
            body |= {"shards": 1, "session_start_limit": self.gateway.start_limit}
        return Reply(200, body)

    def is_application(self, id_: str) -> bool:
        return any(bot.id == id_ for bot in self._ground.bots())

    def opened(self, call: Call) -> Reply:
        """`POST /users/@me/channels`: the chat with a person, the same one each time."""
        try:
            wanted = json.loads(call.body).get("recipient_id")
        except (ValueError, AttributeError):
            wanted = None
        found = [one for one in self.members.values() if one.id == wanted]
        if not found:
            raise RefusedError(400, 50033, "Invalid Recipient(s)")
        return Reply(200, channel_json(self._direct(found[0])))

    def direct_channel(self, id_: str) -> Reply | None:
        """`GET /channels/{id}` of a private chat; None where it is none."""
        found = [one for one in self.direct.values() if one.id == id_]
        return Reply(200, channel_json(found[0])) if found else None

    def overwrite(self, bot: Bot, call: Call) -> Reply:
        if call.target != bot.id:
            raise RefusedError(403, 20012, "You are not authorized to perform this action on this application")
        if call.message_id != self._ground.guild_id:
            raise RefusedError(403, 50001, "Missing Access")
        if call.method == "GET":
            return Reply(200, self.interactions.commands.get(bot.id, []))
        return self.interactions.overwrite(bot, call)

    # --- Inside ---

    def _only_bot(self) -> Bot:
        found = [session.bot for session in self.gateway.sessions.values()] or self._ground.bots()
        return found[-1]

    def _find(self, token: str) -> Bot | None:
        return next((bot for bot in self._ground.bots() if secrets.compare_digest(bot.token, token)), None)

    def _ready(self, bot: Bot, _: str) -> Json:
        return {
            "v": 10,
            "user": bot_json(bot),
            "guilds": [{"id": self._ground.guild_id, "unavailable": True}],
            "application": {"id": bot.id, "flags": 0},
            "private_channels": [],
            "shard": [0, 1],
        }

    def _greet(self, bot: Bot) -> list[tuple[str, Json]]:
        everyone = {"id": self._ground.guild_id, "name": "@everyone"}
        roles = [everyone, *({"id": id_, "name": name} for name, id_ in self.roles.items())]
        shape = {
            "color": 0, "colors": {"primary_color": 0}, "hoist": False, "position": 0, "permissions": "0",
            "managed": False, "mentionable": False, "flags": 0,
        }  # fmt: skip
        me = Member(bot.id, bot.name, bot=True)
        guild = {
            "id": self._ground.guild_id,
            "name": "Polybot",
            "unavailable": False,
            "member_count": len(self.members) + 1,
            "members": [me.member | {"user": me.user}],
            "large": False,
            "joined_at": "2026-01-01T00:00:00+00:00",
            "channels": [channel_json(one) | {"position": 0, "permission_overwrites": []} for one in self._channels()],
            "threads": [], "presences": [], "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
            "soundboard_sounds": [], "roles": [role | shape for role in roles], "emojis": [], "features": [],
            "stickers": [], "owner_id": "1", "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "mfa_level": 0, "afk_timeout": 300, "premium_tier": 0,
            "preferred_locale": "en-US", "nsfw_level": 0, "premium_progress_bar_enabled": False,
            "system_channel_flags": 0,
        }  # fmt: skip
        return [("GUILD_CREATE", guild)]

    def _channels(self) -> list[Channel]:
        return self._ground.channels()

    def _direct(self, member: Member) -> Channel:
        if member.id not in self.direct:
            self.direct[member.id] = Channel(self._ground.fresh_id(), f"@{member.name}", "", kind=1)
        return self.direct[member.id]

    def _attachment(self, place: Channel, name: str, content: bytes) -> Json:
        id_ = self._ground.fresh_id()
        path = f"/attachments/{place.id}/{id_}/{name}"
        self.files[path] = content
        url = f"{self._ground.base_url()}{path}"
        kind = "image/png" if re.search(r"\.png$", name) else "application/octet-stream"
        return {"id": id_, "filename": name, "size": len(content), "url": url, "proxy_url": url, "content_type": kind}

    def _post(self, posted: Posted) -> None:
        self._ground.post(posted)

    def _tell_interaction(self, made: Interaction) -> None:
        self.gateway.tell("INTERACTION_CREATE", made.payload, lambda session: None if session.bot is made.bot else {})

    def _typed(self, part: Json, values: Mapping[str, str]) -> str:
        typed = values.get(part["custom_id"], part.get("value") or "")
        assert len(typed) <= (part.get("max_length") or 4000), "the form takes no more"
        assert typed or part.get("required") is False, f"{part['custom_id']} has to be filled in"
        return typed


def _inputs(row: Json) -> list[Json]:
    return [row["component"]] if "component" in row else list(row["components"])
