"""What people do in the local Discord, and how a bot may answer: commands, buttons, forms and suggestions.

An interaction is acknowledged within 3 s of the local clock, once; its token is good for 15 minutes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.support.discord import commands
from tests.support.discord.commands import ATTACHMENT, BOOLEAN, INTEGER
from tests.support.discord.replies import message_json
from tests.support.discord.rules import RefusedError
from tests.support.discord.wire import Call, Reply, read_form
from tests.support.discord.world import Bot, Channel, Posted, Webhook

Json = dict[str, Any]

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, FORM = 4, 5, 6, 7, 8, 9
ALLOWED = {
    COMMAND: {MESSAGE, DEFERRED, FORM},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, FORM},
    AUTOCOMPLETE: {CHOICES},
    MODAL: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}
EPHEMERAL = 64
ACKNOWLEDGED_WITHIN, GOOD_FOR = timedelta(seconds=3), timedelta(minutes=15)


@dataclass
class Member:
    """A person of the guild, with the ids of the roles."""

    id: str
    name: str
    roles: list[str] = field(default_factory=list)
    bot: bool = False

    @property
    def user(self) -> Json:
        return {
            "id": self.id, "username": self.name, "discriminator": "0", "global_name": None, "avatar": None,
            "bot": self.bot,
        }  # fmt: skip

    @property
    def member(self) -> Json:
        return {
            "roles": self.roles, "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
            "nick": None, "permissions": "0",
        }  # fmt: skip


@dataclass
class Interaction:
    """Something that a person did, and what the bot made of it. `private` answers are seen by the person alone."""

    id: str
    token: str
    kind: int
    bot: Bot
    channel: Channel
    member: Member
    data: Json
    at: datetime
    source: Posted | None = None
    acknowledged: int = 0
    private: bool = False
    original: Posted | None = None
    answers: list[Posted] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)
    form: Json = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What is answered, all parts."""
        return "\n".join(one.text for one in self.answers if not one.deleted)

    @property
    def payload(self) -> Json:
        """What the gateway tells of it."""
        told: Json = {
            "id": self.id,
            "application_id": self.bot.id,
            "type": self.kind,
            "token": self.token,
            "version": 1,
            "data": self.data,
            "guild_id": self.channel.guild_id,
            "channel_id": self.channel.id,
            "channel": {
                "id": self.channel.id, "type": 0, "name": self.channel.name, "guild_id": self.channel.guild_id,
                "position": 0, "nsfw": False, "parent_id": None, "topic": None, "permissions": "0", "flags": 0,
                "last_message_id": None, "rate_limit_per_user": 0,
            },
            "member": self.member.member | {"user": self.member.user},
            "app_permissions": "0",
            "locale": "en-GB",
            "guild_locale": "en-GB",
            "entitlements": [],
            "authorizing_integration_owners": {"0": self.channel.guild_id},
            "context": 0,
            "attachment_size_limit": 10 << 20,
        }  # fmt: skip
        return told | ({"message": message_json(self.source) | _listed_roles()} if self.source else {})


def _listed_roles() -> Json:
    return {"mentions": [], "mention_roles": [], "mention_everyone": False, "pinned": False, "tts": False}


class Interactions:
    """Every interaction by its token. `post` keeps a message; `now` is the local clock."""

    def __init__(
        self,
        post: Callable[[Posted], None],
        tell: Callable[[Interaction], None],
        fresh_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._post, self._tell, self._fresh_id, self._now = post, tell, fresh_id, now
        self.by_token: dict[str, Interaction] = {}
        self.commands: dict[str, list[Json]] = {}
        self.registered = 0

    # --- What a person does ---

    def begin(self, kind: int, bot: Bot, channel: Channel, member: Member, data: Json, **more: Any) -> Interaction:
        made = Interaction(
            self._fresh_id(), secrets.token_urlsafe(80), kind, bot, channel, member, data, self._now(), **more
        )
        self.by_token[made.token] = made
        self._tell(made)
        return made

    def command(self, bot: Bot, name: str) -> Json:
        """A command that is registered: a client offers no other."""
        return next(one for one in self.commands.get(bot.id, []) if one["name"] == name)

    def filled(self, bot: Bot, name: str, values: Mapping[str, Any], *, typing: str = "") -> Json:
        """The data of a command, its options as the client sends them: known ones, of their types, none missing."""
        known = self.command(bot, name)
        options = {one["name"]: one for one in known.get("options", ())}
        assert set(values) <= set(options), f"/{name} has no option {set(values) - set(options)}"
        missing = [key for key, one in options.items() if one.get("required") and key not in values]
        assert not missing or typing, f"/{name} cannot be sent without {missing}"
        given = [
            {"name": key, "type": options[key]["type"], "value": _value(options[key], value)}
            | ({"focused": True} if key == typing else {})
            for key, value in values.items()
        ]
        return {"id": known["id"], "name": name, "type": 1, "guild_id": "0", "options": given}

    # --- What the bot answers ---

    def overwrite(self, bot: Bot, call: Call) -> Reply:
        """`PUT /applications/{id}/guilds/{id}/commands`."""
        found = commands.commands(_json(call))
        self.commands[bot.id] = [
            one | {"id": self._fresh_id(), "application_id": bot.id, "version": "1", "type": one.get("type", 1)}
            for one in found
        ]
        self.registered += 1  # whoever waits for it asks for them at once
        return Reply(200, self.commands[bot.id])

    def callback(self, call: Call) -> Reply:
        """`POST /interactions/{id}/{token}/callback`. Raises RefusedError."""
        found = self.by_token.get(call.token)
        if found is None or found.id != call.target or self._now() - found.at > ACKNOWLEDGED_WITHIN:
            raise RefusedError(404, 10062, "Unknown interaction")
        if found.acknowledged:
            raise RefusedError(400, 40060, "Interaction has already been acknowledged.")
        body = _json(call)
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in ALLOWED[found.kind]:
            raise RefusedError(400, 50035, "Invalid Form Body", _wrong("type", "BASE_TYPE_CHOICES", "not for this"))
        if kind == CHOICES:
            found.choices = commands.suggestions(data)
        elif kind == FORM:
            found.form = commands.modal(data)
        found.private = bool((data.get("flags") or 0) & EPHEMERAL)
        found.acknowledged = kind
        if kind == MESSAGE:
            kept, files, warnings = read_form(_of(call, data), interactive=True, answering=True)
            found.original = self._kept(found, kept, files, warnings)
        return Reply(204) if call.query.get("with_response") not in {"1", "true"} else Reply(200, _callback_json(found))

    def webhook(self, call: Call) -> Reply:
        """`/webhooks/{application}/{token}…`: the first answer to what was deferred, and what follows it."""
        found = self.by_token.get(call.token)
        if found is None or not found.acknowledged:
            raise RefusedError(404, 10015, "Unknown Webhook")
        if self._now() - found.at > GOOD_FOR:
            raise RefusedError(401, 50027, "Invalid Webhook Token")
        if call.method == "POST" and call.message_id is None:
            return self._follow_up(call, found)
        posted = self._message(call, found)
        if call.method == "GET" and posted:
            return Reply(200, message_json(posted))
        if call.method == "PATCH":
            return self._edit(call, found, posted)
        if call.method == "DELETE" and posted:
            posted.deleted = True
            return Reply(204)
        raise RefusedError(405, 0, "405: Method Not Allowed")

    def _follow_up(self, call: Call, found: Interaction) -> Reply:
        body, files, warnings = read_form(call, interactive=True, answering=True)
        found.private = found.private or bool((body.get("flags") or 0) & EPHEMERAL)
        posted = self._kept(found, body, files, warnings)
        found.original = found.original or posted
        return Reply(200, message_json(posted))

    def _edit(self, call: Call, found: Interaction, posted: Posted | None) -> Reply:
        body, files, warnings = read_form(call, editing=posted is not None, interactive=True, answering=True)
        if posted is None:
            found.original = posted = self._kept(found, body, files, warnings)
        else:
            posted.earlier.append(posted.body)
            posted.body = posted.body | body
            posted.files |= files
        return Reply(200, message_json(posted))

    def _message(self, call: Call, found: Interaction) -> Posted | None:
        if call.message_id == "@original":
            if found.original is None and found.acknowledged not in {DEFERRED, DEFERRED_UPDATE}:
                raise RefusedError(404, 10008, "Unknown Message")
            return found.original
        for one in found.answers:
            if one.id == call.message_id and not one.deleted:
                return one
        raise RefusedError(404, 10008, "Unknown Message")

    def _kept(self, found: Interaction, body: Json, files: dict[str, bytes], warnings: list[str]) -> Posted:
        author = Webhook(found.bot.id, found.token, found.bot.name, found.channel, application=found.bot.id)
        posted = Posted(
            self._fresh_id(), author, found.channel, body, files, self._now(), warnings=warnings, private=found.private
        )
        found.answers.append(posted)
        self._post(posted)
        return posted


def _value(option: Json, value: Any) -> Any:
    kinds = {INTEGER: int, BOOLEAN: bool}
    expected = kinds.get(option["type"], str)
    assert isinstance(value, expected), f"{option['name']} takes {expected.__name__}"
    choices = [one["value"] for one in option.get("choices", ())]
    assert not choices or value in choices, f"{option['name']} is one of {choices}"
    return value


def _callback_json(found: Interaction) -> Json:
    return {
        "interaction": {
            "id": found.id,
            "type": found.kind,
            "response_message_loading": found.acknowledged == DEFERRED,
            "response_message_ephemeral": found.private,
        },
        "resource": {"type": found.acknowledged},
    }


def _json(call: Call) -> Any:
    try:
        return json.loads(call.body or b"{}")
    except ValueError:
        raise RefusedError(400, 50109, "The request body contains invalid JSON.") from None


def _of(call: Call, data: Json) -> Call:
    """The same request with the message of a callback as its body."""
    return Call(
        call.method, call.version, call.resource, call.target, call.token, call.message_id, call.query,
        "application/json", call.user_agent, json.dumps(data).encode(), call.part,
    )  # fmt: skip


def _wrong(key: str, code: str, sentence: str) -> Json:
    return {key: {"_errors": [{"code": code, "message": sentence}]}}


__all__ = ["ATTACHMENT", "AUTOCOMPLETE", "COMMAND", "COMPONENT", "MODAL", "Interaction", "Interactions", "Member"]
