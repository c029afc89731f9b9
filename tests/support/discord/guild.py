"""What a bot may do to the guild: look at its channels and webhooks, and make some. Limits are those of the docs."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from tests.support.discord.replies import application_json, bot_json, channel_json, webhook_json
from tests.support.discord.rules import Form, RefusedError, name_of_webhook, text
from tests.support.discord.wire import Call, Json, Reply
from tests.support.discord.world import Bot, Channel, Webhook

GUILD_CHANNELS, IN_CATEGORY, IN_CHANNEL = 500, 50, 15
TEXT, CATEGORY = 0, 4
KINDS = {0, 2, 4, 5, 13, 14, 15, 16}


class Guild:
    """The only guild: its channels, categories and webhooks by their ids."""

    def __init__(self, id_: str, name: str, fresh_id: Callable[[], str]) -> None:
        self.id = id_
        self.name = name
        self.channels: dict[str, Channel] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.shut = False  # no bot is in it
        self._fresh_id = fresh_id

    def open_channel(self, name: str, *, forum: bool = False, kind: int = TEXT, category: str = "") -> Channel:
        """What somebody makes by hand."""
        channel = Channel(self._fresh_id(), name, self.id, forum, kind=kind, category=self.channels.get(category))
        self.channels[channel.id] = channel
        return channel

    def open_webhook(self, name: str, channel: Channel, application: str | None = None) -> Webhook:
        hook = Webhook(self._fresh_id(), secrets.token_urlsafe(51), name, channel, application=application)
        self.webhooks[hook.id] = hook
        return hook

    def hooks(self, channel: Channel | None = None) -> list[Webhook]:
        return [
            hook for hook in self.webhooks.values() if not hook.revoked and (channel is None or hook.channel is channel)
        ]

    def answer(self, bot: Bot, call: Call) -> Reply:
        """What Discord says to a bot that furnishes. Raises RefusedError."""
        match call.method, call.resource, call.part:
            case "GET", "users", "guilds":
                card = {"id": self.id, "name": self.name, "owner": False, "permissions": str(bot.permissions)}
                return Reply(200, [] if self.shut else [card])
            case "GET", "applications", _:
                return Reply(200, application_json(bot))
            case "GET", "users", _:
                return Reply(200, bot_json(bot))
            case "GET", "guilds", "channels":
                self._known(call.target)
                return Reply(200, [channel_json(one) for one in self.channels.values()])
            case "POST", "guilds", "channels":
                self._known(call.target)
                return self._make_channel(bot, _body(call))
            case "GET", "guilds", "webhooks":
                self._known(call.target)
                return self._listed(bot, self.hooks())
            case "GET", "channels", "webhooks":
                return self._listed(bot, self.hooks(self._channel(call.target)))
            case "POST", "channels", "webhooks":
                return self._make_webhook(bot, self._channel(call.target), _body(call))
        raise RefusedError(405, 0, "405: Method Not Allowed")

    def channel(self, bot: Bot, id_: str) -> Reply:
        """`GET /channels/{id}`. Raises RefusedError."""
        if not bot.view:
            raise RefusedError(403, 50001, "Missing Access")
        return Reply(200, channel_json(self._channel(id_)))

    def _known(self, id_: str) -> None:
        if id_ != self.id or self.shut:
            raise RefusedError(404, 10004, "Unknown Guild")

    def _channel(self, id_: str) -> Channel:
        if id_ not in self.channels:
            raise RefusedError(404, 10003, "Unknown Channel")
        return self.channels[id_]

    def _make_channel(self, bot: Bot, body: Json) -> Reply:
        _insist(bot.channels)
        form = Form()
        text(form, body, "name", 100, (), least=1, needed=True)
        text(form, body, "topic", 1024, ())
        kind = body.get("type", TEXT)
        if kind not in KINDS:
            form.wrong(("type",), "BASE_TYPE_CHOICES", f"Value must be one of {sorted(KINDS)}.")
        category = self._category(form, body.get("parent_id"))
        form.check()
        if len(self.channels) >= GUILD_CHANNELS:
            raise RefusedError(400, 30013, f"Maximum number of server channels reached ({GUILD_CHANNELS})")
        name = body["name"] if kind == CATEGORY else re.sub(r"\s+", "-", body["name"]).lower()
        made = Channel(
            self._fresh_id(), name, self.id, kind == 15, kind=kind, category=category, topic=body.get("topic")
        )
        self.channels[made.id] = made
        return Reply(201, channel_json(made))

    def _category(self, form: Form, id_: object) -> Channel | None:
        if id_ is None:
            return None
        found = self.channels.get(str(id_))
        if found is None or found.kind != CATEGORY:
            form.wrong(("parent_id",), "CHANNEL_PARENT_INVALID", "Category does not exist")
            return None
        if sum(one.category is found for one in self.channels.values()) >= IN_CATEGORY:
            sentence = f"Maximum number of channels in category reached ({IN_CATEGORY})"
            form.wrong(("parent_id",), "CHANNEL_PARENT_MAX_CHANNELS", sentence)
        return found

    def _make_webhook(self, bot: Bot, channel: Channel, body: Json) -> Reply:
        _insist(bot.webhooks)
        form = Form()
        text(form, body, "name", 80, (), least=1, needed=True)
        name_of_webhook(form, body, "name")
        form.check()
        if channel.kind == CATEGORY:
            raise RefusedError(400, 50024, "Cannot execute action on this channel type")
        if len(self.hooks(channel)) >= IN_CHANNEL:
            raise RefusedError(400, 30007, f"Maximum number of webhooks reached ({IN_CHANNEL})")
        return Reply(200, _shown(self.open_webhook(body["name"], channel, bot.id)))

    def _listed(self, bot: Bot, hooks: list[Webhook]) -> Reply:
        _insist(bot.webhooks)
        return Reply(200, [_shown(hook) for hook in hooks])


def _shown(hook: Webhook) -> Json:
    """A webhook as a bot gets it; its URL stands only in the answers of another flow."""
    return {key: value for key, value in webhook_json(hook, "").items() if key != "url"}


def _insist(may: bool) -> None:
    if not may:
        raise RefusedError(403, 50013, "Missing Permissions")


def _body(call: Call) -> Json:
    try:
        body: Any = json.loads(call.body or b"{}")
    except ValueError:
        raise RefusedError(400, 50109, "The request body contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise RefusedError(400, 50035, "Invalid Form Body")
    return body
