"""Posts to Discord as a bot: into a channel of a server, or to a person. No webhook is needed, and buttons work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reporter.delivery.outlets.discord.history import ChannelHistory
from reporter.delivery.outlets.discord.outlet import USER_AGENT, DiscordChannelOutlet
from reporter.delivery.outlets.discord.webhook import DISCORD, connect_bot
from reporter.delivery.outlets.outlet import Delivered, Found, Unclear, Verdict
from reporter.delivery.rate_limits import Limit, ServiceLimits
from reporter.messages.message import Severity
from reporter.secret import Secret

SAID = Limit(5, 5.0)
"""Of what a bot posts in one channel; not documented, its answers say it."""

Json = dict[str, Any]


class DiscordBotOutlet(DiscordChannelOutlet):
    """A bot in one `channel` (or thread) by its id, or with one `user`. It may be used from several threads.

    `answered` says that this bot answers questions, so that alerts have buttons. The rest is as for a webhook. Raises
    ReporterError when a setting can never work.
    """

    subject = "the bot"

    def __init__(
        self,
        token: Secret,
        *,
        channel: str | None = None,
        user: str | None = None,
        answered: bool = False,
        base_url: str = DISCORD,
        mention: Mapping[Severity, Sequence[str]] | None = None,
        timeout: float = 15,
        monotonic: Callable[[], float] = time.monotonic,
        service: ServiceLimits | None = None,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
        headline: bool = True,
    ) -> None:
        service = service or ServiceLimits(monotonic)
        client = connect_bot(
            base_url.rstrip("/"), token, timeout=timeout, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file
        )
        super().__init__(
            client,
            token,
            ChannelHistory(client, service),
            mention=mention,
            headline=headline,
            limit=SAID,
            monotonic=monotonic,
            service=service,
        )
        self._channel, self._user, self._answered = channel, user, answered
        self._bot: str | None = None

    def look(self) -> Verdict:
        """Look at the channel, or open the chat with the person: Delivered, with it as the place."""
        found = super().look()
        if not isinstance(found, Delivered):
            return found
        self._destination = self._channel
        return replace(found, destination=self._channel)

    def find(self, reference: str, known: Collection[str]) -> Found:
        self._destination = self._channel
        if known and self._bot is None:
            me = super()._ask("GET", "/users/@me")
            if not isinstance(me, Delivered):
                return Unclear("Discord does not say which bot this is")
            self._bot = me.id
        return super().find(reference, known)

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,  # noqa: ARG002 - a webhook's
        content: Mapping[str, Any] | None = None,
        *,
        about: str | None = None,
    ) -> Verdict:
        """One request, at the bot's own paths."""
        if self._channel is None:
            opened = self._open_chat()
            if not isinstance(opened, Delivered):
                return opened
            self._channel = opened.id
        place = f"/channels/{self._channel}"
        own = f"{place}{path}" if path != "/" else place if method == "GET" else f"{place}/messages"
        return super()._ask(method, own, None, content, about=about)

    def _open_chat(self) -> Verdict:
        """The chat with a person, which Discord makes or has already."""
        body = {"content": json.dumps({"recipient_id": self._user}), "headers": {"Content-Type": "application/json"}}
        return super()._ask("POST", "/users/@me/channels", None, body)

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        author = message.get("author")
        is_bots = isinstance(author, dict) and author.get("id") == self._bot
        return is_bots and not message.get("webhook_id")  # an answer to a command has one

    def _is_answered(self) -> bool:
        return self._answered

    def _clears_buttons(self) -> bool:
        return True
