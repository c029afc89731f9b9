"""Brings answers to Discord: to a command or a button by its token, to a written question into its channel.

Limits, splitting and pictures are those of reports. An answer is not worth an outbox: what cannot be sent is logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from reporter.chat.task_queue import TaskQueues
from reporter.delivery.outlets.discord import buttons, limits
from reporter.delivery.outlets.discord.outlet import USER_AGENT
from reporter.delivery.outlets.discord.payload import allowed_mentions, embeds, listed_files, request_content
from reporter.delivery.outlets.discord.rate_limits import RateLimitHeaders
from reporter.delivery.outlets.discord.verdicts import ApiResponse, unanswered, verdict
from reporter.delivery.outlets.discord.webhook import connect_api, connect_bot
from reporter.delivery.outlets.outlet import Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import Limit, ServiceLimits
from reporter.messages.message import Message
from reporter.scheduler.chat_settings import DIRECT, ChatWay
from reporter.secret import Secret, masked

log = logging.getLogger(__name__)

TRIES = 4
SAID = Limit(5, 5.0)
"""Of what a bot posts in one channel; not documented, its answers say it."""
EPHEMERAL = 1 << 6
TOKEN_LIVES = 14 * 60.0
"""Seconds for which an interaction's token is used; Discord takes it for 15 minutes."""


@dataclass(slots=True)
class Reply:
    """Where the answers to one question go. Safe to use from several threads, one after the other.

    `token` is an interaction's with `application`, else `question` is the message that is answered. `private`: the
    asker alone sees it.
    """

    channel: str
    question: str = ""
    application: str = ""
    token: str = ""
    private: bool = False
    began: float = field(default_factory=time.monotonic)
    has_begun: bool = False
    pace: RateLimitHeaders = field(default_factory=lambda: RateLimitHeaders(time.monotonic))

    @property
    def by_token(self) -> bool:
        """Whether the token still is good; a later answer is an ordinary message of the channel."""
        return bool(self.token) and time.monotonic() - self.began < TOKEN_LIVES


class DiscordAnswers:
    """Sends answers, each kind by its own way."""

    def __init__(self, token: Secret, base_url: str, stopping: threading.Event, way: ChatWay = DIRECT) -> None:
        self._stopping = stopping
        proxy, ca_file = way.proxy, way.ca_file
        self._bot = connect_bot(base_url, token, timeout=15, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file)
        self._open = connect_api(base_url, timeout=15, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file)
        self._service = ServiceLimits(time.monotonic)
        self._queues = TaskQueues("chat-discord")
        self._lock = threading.Lock()
        self._said: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=limits.CHANNEL_POSTS.requests))
        self._paces: dict[str, RateLimitHeaders] = defaultdict(lambda: RateLimitHeaders(time.monotonic))

    def send(self, reply: Reply, messages: Sequence[Message]) -> None:
        """Send messages one after the other, in their turn: a channel that is full holds up no other."""
        self._queues.submit(reply.channel, partial(self._send_all, reply, messages))

    def _send_all(self, reply: Reply, messages: Sequence[Message]) -> None:
        for message in messages:
            for part in limits.fit(message):
                self._send(reply, part)

    def close(self) -> None:
        self._queues.close()
        self._bot.close()
        self._open.close()

    def _send(self, reply: Reply, part: Message) -> None:
        for _ in range(TRIES):
            by_token = reply.by_token
            first = by_token and not reply.has_begun
            self._wait_for_turn(reply, counts=not first)
            found = self._post(reply, part, by_token=by_token, first=first)
            if isinstance(found, Later) and not self._stopping.is_set():
                self._stopping.wait(found.after)
                continue
            if isinstance(found, Never | Later | Unclear):
                why = found.why.replace(reply.token, "***") if reply.token else found.why
                log.warning("an answer in channel %s of Discord was not sent: %s", reply.channel, masked(why))
            reply.has_begun = True
            return

    def _post(self, reply: Reply, part: Message, *, by_token: bool, first: bool) -> Verdict:
        """The first answer takes the place of the dots that the asker sees; others follow it."""
        base = f"/webhooks/{reply.application}/{reply.token}"
        if first:
            return self._ask(self._open, "PATCH", f"{base}/messages/@original", reply, part)
        if by_token:
            return self._ask(self._open, "POST", base, reply, part)
        return self._ask(self._bot, "POST", f"/channels/{reply.channel}/messages", reply, part)

    def _ask(self, client: httpx.Client, method: str, path: str, reply: Reply, part: Message) -> Verdict:
        body: dict[str, Any] = {"embeds": embeds(part), "allowed_mentions": allowed_mentions(())}
        if found := buttons.rows(part):
            body["components"] = found
        if part.attachments:
            body["attachments"] = listed_files(part.attachments)
        if client is self._open and reply.private and method == "POST":
            body["flags"] = EPHEMERAL
        if client is self._bot and reply.question and not reply.has_begun:
            body["message_reference"] = {"message_id": reply.question, "fail_if_not_exists": False}
        query = {"wait": "true"} if client is self._open and method == "POST" else {}
        self._service.note_request()
        try:
            response = client.request(method, path, params=query, **request_content(body, part.attachments))
        except httpx.HTTPError as error:
            return unanswered(error)
        except RuntimeError:  # a client that was closed
            return Unclear("the door is closed")
        answer = ApiResponse.of(response)
        judged = verdict(answer)
        self._pace(reply).heard(answer, judged, posted=method == "POST")
        return judged

    def _pace(self, reply: Reply) -> RateLimitHeaders:
        return reply.pace if reply.token else self._paces[reply.channel]

    def _wait_for_turn(self, reply: Reply, *, counts: bool) -> None:
        """Wait as long as the limits of the channel ask, and take the turn."""
        windows = (limits.CHANNEL_POSTS,) if reply.token else (limits.CHANNEL_POSTS, SAID)
        while not self._stopping.is_set():
            with self._lock:
                posts = self._said[reply.channel]
                free = max(window.free_at(posts) for window in windows) if counts else 0.0
                wait = max(self._service.wait(), self._pace(reply).wait(), free - time.monotonic())
                if wait <= 0:
                    if counts:
                        posts.append(time.monotonic())
                    return
            self._stopping.wait(wait)
