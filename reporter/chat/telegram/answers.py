"""Brings answers to a chat of Telegram: split, in order, and at the chat's pace. An answer is not worth an outbox."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from zoneinfo import ZoneInfo

from reporter.chat.task_queue import TaskQueues
from reporter.delivery.outlets.outlet import Later, Never, Unclear
from reporter.delivery.outlets.telegram import limits
from reporter.delivery.outlets.telegram.outlet import TelegramOutlet
from reporter.delivery.rate_limits import ServiceLimits
from reporter.messages.message import Message
from reporter.scheduler.chat_settings import ChatSettings
from reporter.secret import Secret

log = logging.getLogger(__name__)

TRIES = 4


class TelegramReplies:
    """The chats that answers go to. Safe to use from several threads.

    `service` counts all requests of the bot, those of delivery too: Telegram's limit is one for both.
    """

    def __init__(
        self, token: Secret, settings: ChatSettings, zone: ZoneInfo, stopping: threading.Event, service: ServiceLimits
    ) -> None:
        self._token = token
        self._way = settings.telegram_way
        self._base_url = settings.telegram_url
        self._zone = zone
        self._stopping = stopping
        self._service = service
        self._lock = threading.Lock()
        self._outlets: dict[tuple[int, int | None], TelegramOutlet] = {}
        self._posts: dict[int, deque[float]] = {}
        self._queues = TaskQueues("chat-answers")

    def send(self, chat: int, topic: int | None, messages: Iterable[Message]) -> None:
        """Send messages one after the other, when their turn in the chat comes: a chat that is full holds up no other.

        What cannot be sent is logged: the next question may go well.
        """
        self._queues.submit(chat, partial(self._send_all, chat, topic, messages))

    def _send_all(self, chat: int, topic: int | None, messages: Iterable[Message]) -> None:
        outlet = self._outlet(chat, topic)
        for message in messages:
            for part in outlet.fit(message):
                self._send(chat, outlet, part)

    def close(self) -> None:
        self._queues.close()
        for outlet in self._outlets.values():
            outlet.close()

    def _outlet(self, chat: int, topic: int | None) -> TelegramOutlet:
        with self._lock:
            if (chat, topic) not in self._outlets:
                self._outlets[chat, topic] = TelegramOutlet(
                    self._token,
                    str(chat),
                    topic=topic,
                    buttons=True,
                    zone=self._zone,
                    base_url=self._base_url,
                    service=self._service,
                    proxy=self._way.proxy,
                    ca_file=self._way.ca_file,
                )
            return self._outlets[chat, topic]

    def _send(self, chat: int, outlet: TelegramOutlet, part: Message) -> None:
        for _ in range(TRIES):
            self._wait_for_turn(chat, outlet)
            found = outlet.post(part)
            if isinstance(found, Later) and not self._stopping.is_set():
                self._stopping.wait(found.after)
                continue
            if isinstance(found, Never):
                outlet.reopen()  # a later question shows whether the chat is open again
            if isinstance(found, Never | Later | Unclear):
                log.warning("an answer in chat %d was not sent: %s", chat, found.why)
            return

    def _wait_for_turn(self, chat: int, outlet: TelegramOutlet) -> None:
        """Wait as long as the limits of the chat ask, and take the turn."""
        while not self._stopping.is_set():
            with self._lock:
                posts = self._posts.setdefault(chat, deque(maxlen=limits.GROUP_POSTS.requests))
                windows = [window for window in (outlet.pace.own, outlet.pace.shared) if window]
                free = max(window.free_at(posts) for window in windows)
                wait = max(outlet.pause(), free - time.monotonic())
                if wait <= 0:
                    posts.append(time.monotonic())
                    return
            self._stopping.wait(wait)
