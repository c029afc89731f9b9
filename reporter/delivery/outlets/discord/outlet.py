"""Posts to Discord, through a webhook: a message becomes one embed, and each response a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, islice, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from reporter.delivery.outlets.discord import buttons, limits
from reporter.delivery.outlets.discord.history import ChannelHistory
from reporter.delivery.outlets.discord.payload import (
    allowed_mentions,
    checked_mention,
    checked_username,
    content_line,
    embeds,
    listed_files,
    request_content,
    written_mention,
)
from reporter.delivery.outlets.discord.rate_limits import RateLimitHeaders
from reporter.delivery.outlets.discord.verdicts import ApiResponse, note_for_all, unanswered, verdict
from reporter.delivery.outlets.discord.webhook import DISCORD, WebhookAddress, connect, connect_bot
from reporter.delivery.outlets.outlet import Delivered, Found, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import Limit, RateWindow, ServiceLimits
from reporter.messages.message import Message, Severity
from reporter.secret import Secret
from reporter.version import __version__

USER_AGENT = f"DiscordBot (https://pypi.org/project/reporter, {__version__})"
"""The form that Discord asks of programs; another may be refused at its door (error 40333)."""

SUPPRESS_NOTIFICATIONS = 1 << 12
_ONLY_WHEN_POSTED = ("username", "avatar_url", "thread_name", "flags")


class DiscordChannelOutlet:
    """What webhooks and bots have in common: paths are those of a webhook. `secret` is in no verdict."""

    kind = "discord"
    subject = "the webhook"
    """Who posts, in what people read."""

    def __init__(
        self,
        client: httpx.Client,
        secret: Secret,
        history: ChannelHistory | None,
        *,
        thread_id: str | None = None,
        shown_as: Mapping[str, str] | None = None,
        mention: Mapping[Severity, Sequence[str]] | None = None,
        headline: bool = True,
        limit: Limit = limits.POSTS,
        monotonic: Callable[[], float] = time.monotonic,
        service: ServiceLimits,
    ) -> None:
        self._client, self._token, self._history = client, secret, history
        self._headline = headline
        self._thread_id = thread_id
        self._mention = {severity: tuple(map(checked_mention, who)) for severity, who in (mention or {}).items()}
        self._shown_as = dict(shown_as or {})
        self._owner: str | None = None
        self._destination: str | None = None
        self._gone: Never | None = None
        self._guild: str | None = None
        self._told = RateLimitHeaders(monotonic, limit)
        self._service = service

    def fit(self, message: Message) -> list[Message]:
        return limits.fit(message)

    @property
    def pace(self) -> RateWindow:
        """5 in 2 s for a webhook, unless answers say otherwise, and 30 in 60 s for a channel (not documented)."""
        return RateWindow(own=self._told.limit, shared=limits.CHANNEL_POSTS)

    def pause(self) -> float:
        """Seconds for which Discord has said that it would refuse the webhook's next request, or every request."""
        return max(self._told.wait(), self._service.wait())

    def together(self, messages: Sequence[Message]) -> int:
        """As many as one request can carry and as call the same people. One that opens a thread stands for itself, and
        so does one with files."""
        head, *rest = messages
        if "thread_name" in self._shown_as or head.attachments or self._rows(head):
            return 1
        alike = takewhile(
            lambda other: not other.attachments and not self._rows(other) and self._like(other) == self._like(head),
            rest,
        )
        sums = accumulate(map(limits.text_length, (head, *alike)))
        return max(1, sum(total <= limits.EMBED_TEXT for total in islice(sums, limits.EMBEDS)))

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:
        calls = () if message.silent else self._calls(message)
        body: dict[str, Any] = {
            **self._shown_as,
            "embeds": [embed for one in (message, *along) for embed in embeds(one)],
            "allowed_mentions": allowed_mentions(calls),
        }
        if message.silent:
            body["flags"] = SUPPRESS_NOTIFICATIONS
        words = [*map(written_mention, calls), *([content_line(message, along)] if self._headline else [])]
        if content := " ".join(filter(None, words)):
            body["content"] = content
        if message.attachments:
            body["attachments"] = listed_files(message.attachments)
        if found := self._rows(message):
            body["components"] = found
        return body

    def post(self, message: Message, *along: Message) -> Verdict:
        query = {"wait": "true"} | self._thread(self._thread_id)
        return self._ask("POST", "/", query, request_content(self.payload(message, *along), message.attachments))

    def find(self, reference: str, known: Collection[str]) -> Found:
        """Read the channel for a message of ours that is none of the `known`."""
        place = self._thread_id or self._destination
        if not self._history:
            return Unclear("without a bot's token the channel cannot be read")
        if place is None or "thread_name" in self._shown_as:
            return Unclear("where the message would be is not known")
        found = self._history.find(place, self._is_ours, reference, known)
        return self._linked(found) if isinstance(found, Delivered) else found

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002
        # What an edit does not name stays: without these two, an old mention and old files would.
        body = (
            {"content": None, "attachments": []}
            | ({"components": []} if self._clears_buttons() else {})
            | self.payload(message)
        )
        kept = {key: value for key, value in body.items() if key not in _ONLY_WHEN_POSTED}
        return self._ask(
            "PATCH", _message(id), self._thread_of(id), request_content(kept, message.attachments), about=id
        )

    def delete(self, id: str) -> Verdict:  # noqa: A002
        found = self._ask("DELETE", _message(id), self._thread_of(id), about=id)
        return Delivered(id) if isinstance(found, Never) and found.missing else found

    def look(self) -> Verdict:
        """Look at the webhook itself: Delivered, with its id and its channel as the place, when it can be posted to."""
        found = self._ask("GET", "/")
        if isinstance(found, Delivered):
            self._destination = found.destination
        return found

    def reopen(self) -> None:
        self._gone = None

    def close(self) -> None:
        self._client.close()
        if self._history:
            self._history.close()

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        *,
        about: str | None = None,
    ) -> Verdict:
        """One request, unless Discord is known to refuse it: repeats at a dead webhook bring a ban."""
        if self._gone:
            return self._gone
        if wait := self.pause():
            return Later(wait, "no request may be made for the moment", paced=True, asked=False)
        self._service.note_request()
        try:
            response = self._client.request(method, path, params=query, **(content or {}))
        except httpx.HTTPError as error:
            return self._hushed(unanswered(error))
        except RuntimeError:
            if not self._client.is_closed:
                raise
            # A new config closes the outlets of the old one: what was about to be sent goes through the next.
            return Later(1, "the channel was closed", paced=True, asked=False)
        answer = ApiResponse.of(response, about)
        self._guild = answer.text("guild_id") or self._guild
        self._owner = answer.text("application_id") or self._owner
        found = verdict(answer, self.subject)
        self._told.heard(answer, found, posted=method == "POST")
        note_for_all(self._service, found)
        if isinstance(found, Delivered):
            return self._linked(found)
        suppressed = self._hushed(found)
        self._gone = suppressed if isinstance(suppressed, Never) and suppressed.gone else None
        return suppressed

    def _rows(self, message: Message) -> list[dict[str, Any]]:
        """The buttons of a message, where a bot answers them."""
        found = buttons.rows(message)
        return found if found and self._is_answered() else []

    def _is_answered(self) -> bool:
        """Whether the bot that answers questions is told of buttons here."""
        raise NotImplementedError

    def _clears_buttons(self) -> bool:
        """Whether a message may have buttons that an edit has to take away."""
        return self._owner is not None

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        """Whether a message of the channel was posted by this webhook or bot."""
        raise NotImplementedError

    def _like(self, message: Message) -> tuple[object, ...]:
        """What messages must have in common to be one: whom they call, and whether they make a sound."""
        return self._calls(message), message.silent

    def _calls(self, message: Message) -> tuple[str, ...]:
        """Whom a message calls: those of its channel, and those whom it names itself."""
        return tuple(dict.fromkeys((*self._mention.get(message.severity, ()), *map(checked_mention, message.mention))))

    def _thread_of(self, message_id: str) -> dict[str, str]:
        """Where a message of ours is: one that opened a thread in a forum has the thread's own id."""
        return self._thread(message_id if "thread_name" in self._shown_as else self._thread_id)

    def _thread(self, id_: str | None) -> dict[str, str]:
        return {"thread_id": id_} if id_ else {}

    def _linked(self, found: Delivered) -> Delivered:
        if self._guild is None or found.destination is None:
            return found
        return replace(found, url=f"{DISCORD}/channels/{self._guild}/{found.destination}/{found.id}")

    def _hushed(self, found: Later | Never | Unclear | Delivered) -> Verdict:
        """The verdict, should an answer or an error have echoed the token, without it."""
        if isinstance(found, Delivered):
            return found
        return replace(found, why=found.why.replace(self._token.reveal(), "***"))


class DiscordOutlet(DiscordChannelOutlet):
    """One webhook of Discord. It may be used from several threads.

    `mention` says who is called for messages of which severity: `everyone`, `role:ID` or `user:ID`; nobody else ever
    is, whatever a message says. `thread_name` is for forum channels: each message opens a thread of that name.
    With a `bot_token` the channel is read where an answer was lost; the bot must see the channel and its history.
    `timeout` is in seconds, for each step of a request. `service` has what all webhooks share. `proxy` is used instead
    of the environment's, and `ca_file` (PEM) is trusted instead of the usual authorities. With `headline` a line
    above the embed says what the message is. `application` gives the application whose bot answers: where the webhook
    is one of its own, alerts have buttons. Raises ReporterError when a setting can never work.
    """

    def __init__(
        self,
        webhook: Secret,
        *,
        base_url: str = DISCORD,
        username: str | None = None,
        avatar_url: str | None = None,
        thread_id: str | None = None,
        thread_name: str | None = None,
        bot_token: Secret | None = None,
        mention: Mapping[Severity, Sequence[str]] | None = None,
        timeout: float = 15,
        monotonic: Callable[[], float] = time.monotonic,
        service: ServiceLimits | None = None,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
        headline: bool = True,
        application: Callable[[], str | None] | None = None,
    ) -> None:
        address = WebhookAddress.parse(webhook, base_url)
        service = service or ServiceLimits(monotonic)
        shown_as = {"username": checked_username(username), "avatar_url": avatar_url, "thread_name": thread_name}
        bot = None
        if bot_token:
            bot = connect_bot(
                address.origin, bot_token, timeout=timeout, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file
            )
        super().__init__(
            connect(address, timeout=timeout, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file),
            address.token,
            ChannelHistory(bot, service) if bot else None,
            thread_id=thread_id or address.thread_id,
            shown_as={key: value for key, value in shown_as.items() if value},
            mention=mention,
            headline=headline,
            monotonic=monotonic,
            service=service,
        )
        self._application = application
        self._webhook_id = address.id

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        return message.get("webhook_id") == self._webhook_id

    def _is_answered(self) -> bool:
        if self._application is None:
            return False
        if self._owner is None:
            self.look()
        return self._owner is not None and self._owner == self._application()


def _message(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"
