"""Posts to one chat of Telegram as a bot: a message becomes a text, a picture, a file or an album."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx

from reporter.delivery.outlets import message_splitting
from reporter.delivery.outlets.links import file_names
from reporter.delivery.outlets.outlet import Delivered, Found, Later, Never, Unclear, Verdict
from reporter.delivery.outlets.telegram import limits
from reporter.delivery.outlets.telegram.bot_api import TELEGRAM, BotAnswer, BotApi, Files
from reporter.delivery.outlets.telegram.html import Markup, message_markup, several
from reporter.delivery.outlets.telegram.limits import TelegramLimits, is_photo
from reporter.delivery.outlets.telegram.verdicts import read_id, unanswered, unchanged, verdict
from reporter.delivery.rate_limits import RateWindow, ServiceLimits
from reporter.messages.message import Message, Run
from reporter.secret import MASK, Secret

log = logging.getLogger(__name__)

BUTTONS = (
    {"ack": "✋ Acknowledge", "silence": "🔇 Silence 1 h"},
    {"morning": "🌙 Until morning", "explain": "🔎 Explain"},
    {"graph": "📈 Show graph"},
)
CHOOSE = "☰ For one of them…"
"""Under a message about several incidents; the bot then asks which."""
MOST_CHOICES = 30
"""Incidents to choose one of."""
REFRESH = "🔄 Refresh"
"""What a button says, by its verb. Its data holds the verb and an incident's id and no more, in 64 bytes."""
_CONTINUED = (Run("italic", "This message continues in a newer one."),)


class TelegramOutlet:
    """One chat, reached by one bot. It may be used from several threads.

    `chat` is the chat's id, or `@name` of a public channel; `topic` is the `message_thread_id` of a forum's topic.
    With `buttons` an alert has some; whoever receives the bot's messages carries them out.
    Times are shown in `zone`. `timeout` is in seconds, for each step of a request. `service` has what all chats share.
    A group that became a supergroup is followed. Raises ReporterError when a setting can never work.
    """

    kind = "telegram"

    def __init__(
        self,
        token: Secret,
        chat: str,
        *,
        topic: int | None = None,
        buttons: bool = False,
        zone: tzinfo = UTC,
        base_url: str = TELEGRAM,
        timeout: float = 15,
        monotonic: Callable[[], float] = time.monotonic,
        service: ServiceLimits | None = None,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._api = BotApi(token, base_url=base_url, timeout=timeout, proxy=proxy, ca_file=ca_file)
        self._token = token
        self._chat = chat
        self._topic = topic
        self._buttons = buttons
        self._zone = zone
        self._limits = TelegramLimits(zone)
        self._service = service or ServiceLimits(monotonic, limits.REQUESTS)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._refused_until = self._full_until = monotonic()
        self._gone: Never | None = None

    @property
    def pace(self) -> RateWindow:
        """One in a second in a chat, and 20 in a minute in a group or channel."""
        return RateWindow(own=limits.POSTS, shared=limits.GROUP_POSTS if self._is_group else None)

    def pause(self) -> float:
        """Seconds for which Telegram has said that it would refuse the next request, or for which an album counts."""
        return max(self._refused(), self._full_until - self._monotonic())

    def fit(self, message: Message) -> list[Message]:
        return message_splitting.fit(message, self._limits)

    def together(self, messages: Sequence[Message]) -> int:
        """As many as one text holds. One with files stands for itself."""
        head = messages[0]
        if not _is_plain(head):
            return 1
        count = 1
        alike = list(takewhile(lambda one: _is_plain(one) and one.silent == head.silent, messages))
        while count < len(alike) and _is_one_text(several(alike[: count + 1], self._zone)):
            count += 1
        return count

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:
        """The fields of the request; of files there are the names of their parts."""
        body: dict[str, Any] = {"chat_id": self._chat}
        if self._topic is not None:
            body["message_thread_id"] = self._topic
        if message.silent:
            body["disable_notification"] = True
        return body | self._content(several((message, *along), self._zone), message) | self._keyboard(message)

    def post(self, message: Message, *along: Message) -> Verdict:
        method = {0: "sendMessage", 1: "sendPhoto" if _photos(message) else "sendDocument"}
        chosen = method.get(len(message.attachments), "sendMediaGroup")
        found = self._ask(chosen, self.payload(message, *along), _files(message))
        if len(message.attachments) > 1:
            self._count_album(len(message.attachments))
        return found

    def find(self, reference: str, known: Collection[str]) -> Found:  # noqa: ARG002 - the contract's
        """A bot is not shown what it wrote."""
        return Unclear("a bot of Telegram cannot read what was written in a chat")

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002 - the contract's name
        """Replace a text, or a picture with its caption. An album is posted again."""
        ids = read_id(id)
        if len(ids) > 1 or len(message.attachments) > 1:
            return Never("an album cannot be replaced", frozen=True)
        body: dict[str, Any] = {"chat_id": self._chat, "message_id": ids[0]}
        written = message_markup(message, self._zone)
        if not message.attachments:
            content = self._content(written, message) | self._keyboard(message)
            return self._ask("editMessageText", body | content, about=id)
        media = {"media": _media(message, written)[0]} | self._keyboard(message)
        return self._ask("editMessageMedia", body | media, _files(message), about=id)

    def delete(self, id: str) -> Verdict:  # noqa: A002
        """Take a message back. One that is older than two days stays, and says that it is not the newest."""
        found = self._ask("deleteMessages", {"chat_id": self._chat, "message_ids": read_id(id)}, about=id)
        if isinstance(found, Never) and not found.gone and not found.missing:
            return self.edit(id, Message(title=_CONTINUED, silent=True))
        return Delivered(id) if isinstance(found, Never) and found.missing else found

    def look(self) -> Verdict:
        """Look at the chat, and in groups and channels at the bot's rights there."""
        found = self._ask("getChat", {"chat_id": self._chat}, about="")
        if not isinstance(found, Delivered) or not self._is_group:
            return found
        member = self._ask("getChatMember", {"chat_id": self._chat, "user_id": self._api.bot_id}, about="")
        return found if isinstance(member, Delivered) else member

    def reopen(self) -> None:
        self._gone = None

    def close(self) -> None:
        self._api.close()

    @property
    def _is_group(self) -> bool:
        return self._chat.startswith(("-", "@"))

    def _content(self, written: Markup, message: Message) -> dict[str, Any]:
        """What a message says, and its files by the names of their parts."""
        files = message.attachments
        if not files:
            preview = {"is_disabled": True}
            return {"text": written.html, "parse_mode": "HTML", "link_preview_options": preview}
        media = _media(message, written)
        if len(files) > 1:
            return {"media": media}
        [only] = media
        return {only["type"]: only["media"], "caption": written.html, "parse_mode": "HTML"}

    def _keyboard(self, message: Message) -> dict[str, Any]:
        """The buttons of an open incident, of several to choose one of, or of a board. An edit without them takes them
        away."""
        if not self._buttons or len(message.attachments) > 1:
            return {}
        rows = _rows(message)
        return {"reply_markup": {"inline_keyboard": rows}} if rows else {}

    def _ask(
        self, method: str, fields: Mapping[str, Any], files: Files | None = None, *, about: str | None = None
    ) -> Verdict:
        """One request, unless Telegram is known to refuse it."""
        if self._gone:
            return self._gone
        if wait := self._refused():
            return Later(wait, "no request may be made for the moment", paced=True, asked=False)
        self._service.note_request()
        try:
            answer = self._api.call(method, fields, files)
        except httpx.HTTPError as error:
            return self._hushed(unanswered(error))
        except RuntimeError:
            if not self._api.is_closed:
                raise
            # A new config closes the outlets of the old one: what was about to be sent goes through the next.
            return Later(1, "the channel was closed", paced=True, asked=False)
        if self._moved(answer):
            return self._ask(method, {**fields, "chat_id": self._chat}, files, about=about)
        return self._judged(method, answer, about)

    def _judged(self, method: str, answer: BotAnswer, about: str | None) -> Verdict:
        if about and unchanged(answer):
            return self._linked(Delivered(about, destination=self._chat, date=answer.date))
        done = about is not None and answer.accepted
        found = self._looked_at(method, answer, about or "") if done else verdict(answer)
        if isinstance(found, Later):
            with self._lock:
                self._refused_until = max(self._refused_until, self._monotonic() + found.after)
        found = self._hushed(found)
        self._gone = found if isinstance(found, Never) and found.gone else None
        return self._linked(found) if isinstance(found, Delivered) else found

    def _looked_at(self, method: str, answer: BotAnswer, about: str) -> Verdict:
        """What an accepted request means that posted nothing."""
        result = answer.result if isinstance(answer.result, dict) else {}
        match method:
            case "getChat":
                return Delivered("", destination=str(result.get("id", self._chat)), date=answer.date)
            case "getChatMember":
                status = str(result.get("status"))
                muted = status == "restricted" and result.get("can_send_messages") is False
                unheard = status == "administrator" and result.get("can_post_messages") is False
                if status in {"left", "kicked"} or muted or unheard:
                    return Never(f"the bot has no right to post there (it is {status})", gone=True)
        edited = verdict(answer)
        return edited if isinstance(edited, Delivered) else Delivered(about, destination=self._chat, date=answer.date)

    def _moved(self, answer: BotAnswer) -> bool:
        """Whether the group became a supergroup under another id, which counts from here on."""
        new = answer.parameter("migrate_to_chat_id") if answer.by_telegram else None
        if new is None or str(new) == self._chat:
            return False
        log.warning("the group %s is a supergroup now: write `chat: %s` in the config", self._chat, new)
        self._chat = str(new)
        return True

    def _count_album(self, count: int) -> None:
        """Telegram counts each file of an album as a message."""
        window = limits.GROUP_POSTS if self._is_group else limits.POSTS
        with self._lock:
            pause = (count - 1) * window.seconds / window.requests
            self._full_until = max(self._full_until, self._monotonic() + pause)

    def _refused(self) -> float:
        return max(0.0, self._refused_until - self._monotonic(), self._service.wait())

    def _linked(self, found: Delivered) -> Delivered:
        """With the address that opens a message of a supergroup or a channel; others have none."""
        chat = found.destination or self._chat
        if not found.id or not chat.startswith("-100"):
            return found
        topic = f"{self._topic}/" if self._topic is not None else ""
        return replace(found, url=f"https://t.me/c/{chat.removeprefix('-100')}/{topic}{read_id(found.id)[0]}")

    def _hushed(self, found: Verdict) -> Verdict:
        """The verdict, should an answer or an error have echoed the token, without it."""
        if isinstance(found, Delivered):
            return found
        return replace(found, why=found.why.replace(self._token.reveal(), MASK))


def _is_plain(message: Message) -> bool:
    """Whether a message is text alone, without files and buttons."""
    return not (message.attachments or message.incident or message.refreshes or message.members)


def _rows(message: Message) -> list[list[dict[str, str]]]:
    if message.incident:
        rows = [[_button(verb, message.incident, text) for verb, text in row.items()] for row in BUTTONS]
        if message.members:
            rows[-1].append(_button("pick", message.incident, CHOOSE))
        return rows
    if message.members:
        return [[_button("one", id_, subject[:64])] for id_, subject in message.members[:MOST_CHOICES]]
    return [[_button("refresh", message.refreshes, REFRESH)]] if message.refreshes else []


def _button(verb: str, about: str, text: str) -> dict[str, str]:
    """Its data holds a verb and an id and no more: whoever's client sends it chooses it."""
    return {"text": text, "callback_data": f"r1:{verb}:{about}"}


def _is_one_text(written: Markup) -> bool:
    return (
        written.length <= limits.TEXT
        and written.entities <= limits.ENTITIES
        and len(written.html.encode()) <= limits.RAW_BYTES
    )


def _photos(message: Message) -> bool:
    return all(is_photo(file) for file in message.attachments)


def _media(message: Message, written: Markup) -> list[dict[str, Any]]:
    """The files as Telegram lists them; the first one bears the text."""
    kind = "photo" if _photos(message) else "document"
    listed: list[dict[str, Any]] = [
        {"type": kind, "media": f"attach://file{number}"} for number in range(len(message.attachments))
    ]
    # The caption of an album of documents stands below the last of them.
    listed[-1 if kind == "document" else 0] |= {"caption": written.html, "parse_mode": "HTML"}
    return listed


def _files(message: Message) -> dict[str, tuple[str, bytes]] | None:
    named = zip(file_names(message.attachments), message.attachments, strict=True)
    return {f"file{number}": (name, file.content) for number, (name, file) in enumerate(named)} or None
