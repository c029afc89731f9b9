"""Posts to Discord, through a webhook: a message becomes one embed, and each response a verdict."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, islice, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from reporter.delivery.outlets.discord import buttons, limits
from reporter.delivery.outlets.discord.history import ChannelHistory
from reporter.delivery.outlets.discord.markdown import BLANK, escaped, is_blank, markdown, markdown_line, plain_line
from reporter.delivery.outlets.discord.responses import ApiResponse, note_for_all, unanswered, verdict
from reporter.delivery.outlets.discord.webhook import DISCORD, WebhookAddress, connect, connect_bot
from reporter.delivery.outlets.links import file_names
from reporter.delivery.outlets.outlet import Delivered, Found, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import MARGIN, Limit, RateWindow, ServiceLimits
from reporter.errors import ReporterError
from reporter.messages.headline import headline as headline_of
from reporter.messages.message import Attachment, Field, Message, Severity, Tone, visible
from reporter.secret import Secret
from reporter.version import __version__

USER_AGENT = f"DiscordBot (https://pypi.org/project/reporter, {__version__})"
"""The form that Discord asks of programs; another may be refused at its door (error 40333)."""

COLOURS = {
    Tone.GOOD: 0x2ECC71,
    Tone.BAD: 0xE74C3C,
    Tone.WARNING: 0xF1C40F,
    Tone.CRITICAL: 0xC0392B,
    Tone.INFO: 0x3498DB,
    Tone.NEUTRAL: 0x95A5A6,
}
SUPPRESS_NOTIFICATIONS = 1 << 12
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")

LONGEST_WINDOW = 300.0
"""Seconds; no limit of Discord looks further back, whatever an answer says."""

_MENTION = re.compile(r"everyone|(?P<kind>role|user):(?P<id>\d+)")
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
        words = [*map(_written_mention, calls), *([_content_line(message, along)] if self._headline else [])]
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


class RateLimitHeaders:
    """What Discord's answers say about a webhook's pace: its limit, and when the next request may go. May be shared by
    threads.

    Where it was our own posts that used the limit up, we know better than the answer when the first of them is out of
    sight; else somebody else posts as well, and what the answer says counts.
    """

    def __init__(self, monotonic: Callable[[], float], limit: Limit = limits.POSTS) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ready_at = monotonic()
        self._posts: deque[float] = deque(maxlen=100)
        self.limit = limit

    def wait(self) -> float:
        """Seconds until then; 0 when it is past."""
        return max(0.0, self._ready_at - self._monotonic())

    def heard(self, answer: ApiResponse, found: Verdict, *, posted: bool) -> None:
        now, reset = self._monotonic(), min(answer.number("x-ratelimit-reset-after") or 0.0, LONGEST_WINDOW)
        with self._lock:
            if posted:
                self._posts.append(now)
                self._learn(answer, reset)
            if isinstance(found, Later):
                self._ready_at = max(self._ready_at, now + found.after)
            elif answer.number("x-ratelimit-remaining") == 0:
                ours = self.limit.free_at([at for at in self._posts if at > now - self.limit.seconds])
                self._ready_at = max(self._ready_at, ours if posted and ours else now + reset + MARGIN)

    def _learn(self, answer: ApiResponse, reset: float) -> None:
        """The limit as the answers give it; a window is at least as long as any answer said to wait for its end."""
        requests = int(answer.number("x-ratelimit-limit") or 0) or self.limit.requests
        self.limit = Limit(requests, max(self.limit.seconds, reset))


def embeds(message: Message) -> list[dict[str, Any]]:
    """The message as an embed, followed by one for each further picture: an embed shows only one."""
    pictures = [{"image": {"url": f"attachment://{name}"}} for name in _pictures(message.attachments)]
    return [_embed(message) | (pictures[0] if pictures else {}), *pictures[1:]]


def allowed_mentions(calls: Sequence[str]) -> dict[str, list[str]]:
    """Who may be called, and nobody else: Discord's own default would let any user be."""
    allowed: dict[str, list[str]] = {"parse": []}
    for call in calls:
        kind, _, id_ = call.partition(":")
        allowed.setdefault("parse" if kind == "everyone" else f"{kind}s", []).append(id_ or kind)
    return allowed


def checked_mention(call: str) -> str:
    """The entry itself, when it is one. Raises ReporterError."""
    if not _MENTION.fullmatch(call):
        raise ReporterError(f"{call!r} mentions nobody; write everyone, role:ID or user:ID")
    return call


def checked_username(name: str | None) -> str | None:
    """The name itself, when Discord lets a webhook bear it. Raises ReporterError."""
    if name is None:
        return None
    if not 1 <= len(name.strip()) <= limits.USERNAME:
        raise ReporterError(f"a username has 1 to {limits.USERNAME} characters, not {len(name.strip())}")
    if any(word in name.lower() for word in ("clyde", "discord")) or name.strip().lower() in {"everyone", "here"}:
        raise ReporterError(f"Discord takes no username such as {name!r}: leave out discord, clyde, everyone and here")
    return name


def listed_files(files: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The files as the message names them; a description is what is read to those who cannot see the picture."""
    named = zip(file_names(files), files, strict=True)
    return [
        {"id": number, "filename": name}
        | ({"description": visible(file.alt)[: limits.ALT]} if file.alt.strip() else {})
        for number, (name, file) in enumerate(named)
    ]


def _embed(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {"color": COLOURS[message.tone]}
    if not is_blank(title := markdown_line(message.title)):
        embed["title"] = title
    if not is_blank(description := markdown(message.body)):
        embed["description"] = description
    if message.fields:
        embed["fields"] = [_field(field) for field in message.fields]
    if not is_blank(footer := plain_line(message.footer)):
        embed["footer"] = {"text": footer}
    if message.at:
        embed["timestamp"] = message.at.isoformat()
    return embed if {"title", "description", "fields"} & set(embed) else embed | {"description": BLANK}


def _field(field: Field) -> dict[str, Any]:
    name, value = markdown_line(field.name), markdown(field.blocks)
    return {
        "name": BLANK if is_blank(name) else name,
        "value": BLANK if is_blank(value) else value,
        "inline": field.inline,
    }


def _pictures(files: Sequence[Attachment]) -> list[str]:
    """The names of the files to be shown that Discord can show."""
    named = zip(files, file_names(files), strict=True)
    return [name for file, name in named if file.shown and name.lower().endswith(PICTURES)]


def _written_mention(call: str) -> str:
    kind, _, id_ = call.partition(":")
    return {"everyone": "@everyone", "role": f"<@&{id_}>", "user": f"<@{id_}>"}[kind]


def _content_line(message: Message, along: Sequence[Message]) -> str:
    """What a notification shows of a message, above its embed: nothing in it is a link or calls anybody."""
    more = f" (and {len(along)} more)" if along else ""
    return escaped(headline_of(message) + more).replace("//", f"/{BLANK}/")


def _message(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"


def request_content(body: Mapping[str, Any], files: Sequence[Attachment]) -> dict[str, Any]:
    """The body as httpx takes it: plain JSON, or, with files, a form that has the JSON as one of its parts."""
    text = json.dumps(body)
    if not files:
        return {"content": text, "headers": {"Content-Type": "application/json"}}
    named = zip(file_names(files), files, strict=True)
    parts = [(f"files[{number}]", (name, file.content)) for number, (name, file) in enumerate(named)]
    return {"data": {"payload_json": text}, "files": parts}
