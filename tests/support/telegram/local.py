"""The local Telegram itself: what it receives and keeps, and what a test may ask of it."""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from reporter.periods.clock import SystemClock
from tests.support.discord.faults import Garbled, Status
from tests.support.discord.limiter import Sliding
from tests.support.telegram.faults import Fault, Limited, Refused
from tests.support.telegram.markup import MarkupError, Parsed, parse
from tests.support.telegram.server import Answer, Call, Json, Server
from tests.support.telegram.world import Bot, Chat, ChatKind, Sent

TEXT, CAPTION, ALBUM = 4096, 1024, 10
PHOTO_BYTES, FILE_BYTES = 10 * 1024 * 1024, 50 * 1024 * 1024
_TOKEN = re.compile(r"\d{5,12}:[\w-]{30,60}")


class RefusedError(Exception):
    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        body: Json = {"ok": False, "error_code": status, "description": description}
        self.answer = Answer(status, body | ({"parameters": parameters} if parameters else {}))


def bad(description: str, **parameters: int) -> RefusedError:
    return RefusedError(400, f"Bad Request: {description}", **parameters)


@dataclass(frozen=True)
class Request:
    """One request that came in and what it was answered; a status of 0 is no answer at all."""

    method: str
    chat: str
    status: int
    at: float


class LocalTelegram:
    """A Telegram on a free port of this machine.

    `limits` off lets everything pass at any pace. `latency` is how many seconds a request takes. `now` is its clock;
    `monotonic` counts for its limits.
    """

    def __init__(
        self,
        *,
        limits: bool = True,
        latency: float = 0.0,
        now: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        port: int = 0,
    ) -> None:
        self.now = now or SystemClock().wall
        self.limits = limits
        self.latency = latency
        self._monotonic = monotonic
        self.arrived = threading.Condition()
        self.closing = threading.Event()
        self.requests: list[Request] = []
        self.answered: list[Json] = []  # what buttons were answered
        self._bots: dict[str, Bot] = {}
        self._chats: dict[int, Chat] = {}
        self._sent: list[Sent] = []
        self._pictures: dict[str, bytes] = {}
        self._faults: list[tuple[str | None, str | None, Fault]] = []
        self._outage: Fault | None = None
        self._last_id = 0
        self._last_update = 1000
        self._in_chat, self._in_group, self._over_all = Sliding(1, 1.0), Sliding(20, 60.0), Sliding(30, 1.0)
        self._server = self._listen(port)
        self.port: int = self._server.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- What a test makes and asks ---

    def token(self, name: str = "reporter_bot") -> str:
        """The token of a bot."""
        if name not in self._bots:
            id_ = 7_000_000_000 + len(self._bots)
            self._bots[name] = Bot(id_, name, f"{id_}:{secrets.token_urlsafe(26)}")
        return self._bots[name].token

    def bot(self, name: str = "reporter_bot") -> Bot:
        return self._bots[name]

    def chat(self, name: str, kind: ChatKind = "supergroup", *, forum: bool = False) -> int:
        """The id of a chat that the bots are in."""
        found = next((chat for chat in self._chats.values() if chat.name == name and not chat.migrated_to), None)
        return (found or self._open(name, kind, forum=forum)).id

    def topic(self, name: str, title: str) -> int:
        """Open a topic in a forum; its id."""
        self._last_id += 1
        self._named(name).topics[self._last_id] = title
        return self._last_id

    def close_topic(self, name: str, topic: int) -> None:
        self._named(name).closed_topics.add(topic)

    def shut(self, name: str, why: str = "Forbidden: bot was kicked from the supergroup chat") -> None:
        """Keep bots out of a chat."""
        self._named(name).shut = why

    def mute(self, name: str) -> None:
        """Take from bots the right to post."""
        self._named(name).muted = True

    def open_again(self, name: str) -> None:
        self._named(name).shut, self._named(name).muted = "", False

    def migrate(self, name: str) -> int:
        """Make a supergroup of a group; its new id."""
        old = self._named(name)
        new = self._open(name, "supergroup")
        old.migrated_to = new.id
        return new.id

    def delete_by_hand(self, message: Sent) -> None:
        message.deleted = True

    def messages(self, name: str) -> list[Sent]:
        """What a reader of the chat finds now, oldest first."""
        return [sent for sent in self._sent if sent.chat.name == name and not sent.deleted]

    def everything(self) -> list[Sent]:
        return list(self._sent)

    def wait_for(self, name: str, count: int = 1, seconds: float = 120) -> list[Sent]:
        """The messages of a chat once there are so many. Raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.messages(name)) >= count, seconds):
                raise TimeoutError(f"{len(self.messages(name))} of {count} messages in {name} after {seconds} s")
            return self.messages(name)

    def show(
        self, chat: str, user: int, pictures: list[bytes], caption: str = "", *, bot: str = "reporter_bot"
    ) -> None:
        """Somebody sends pictures; several are an album, whose pieces come as updates of their own."""
        album = {"media_group_id": secrets.token_hex(6)} if len(pictures) > 1 else {}
        for number, content in enumerate(pictures):
            id_ = secrets.token_hex(8)
            self._pictures[id_] = content
            sizes = [
                {"file_id": f"small-{id_}", "width": 90, "height": 90},
                {"file_id": id_, "width": 800, "height": 600},
            ]
            text = {"caption": caption} if caption and number == 0 else {}
            self._written(chat, user, {"photo": sizes, **album, **text}, None, bot)

    def say(self, chat: str, user: int, text: str, *, at: datetime | None = None, bot: str = "reporter_bot") -> None:
        """Somebody writes in a chat; the bot will hear of it."""
        entities = []
        if text.startswith("/"):
            command = text.split(maxsplit=1)[0]
            entities = [{"type": "bot_command", "offset": 0, "length": len(command)}]
        self._written(chat, user, {"text": text} | ({"entities": entities} if entities else {}), at, bot)

    def _written(self, chat: str, user: int, content: Json, at: datetime | None, bot: str) -> None:
        place = self._named(chat)
        self._last_id += 1
        body = {
            "message_id": self._last_id,
            "date": int((at or self.now()).timestamp()),
            "chat": _chat_json(place),
            "from": {"id": user, "is_bot": False, "first_name": f"user{user}"},
            **content,
        }
        self._update(bot, {"message": body})

    def update(self, bot: str, body: Json) -> None:
        """Any other update."""
        self._update(bot, body)

    def press(self, message: Sent, user: int, button: str, *, data: str | None = None) -> str:
        """Somebody presses a button; the id of the query."""
        query = secrets.token_hex(8)
        body = {
            "id": query,
            "from": {"id": user, "is_bot": False, "first_name": f"user{user}"},
            "message": _message_json(message),
            "chat_instance": "1",
            "data": message.buttons[button] if data is None else data,
        }
        self._update(message.bot.name, {"callback_query": body})
        return query

    def fail(self, fault: Fault, *, times: int = 1, chat: str | None = None, method: str | None = None) -> None:
        """Let the next requests, about one chat or any, by one method or any, go wrong."""
        self._faults += [(chat, method, fault)] * times

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Every request goes wrong for a while."""
        self._outage = fault
        try:
            yield
        finally:
            self._outage = None

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens on the port for a while: connections are refused."""
        self._stop()
        try:
            yield
        finally:
            self._server = self._listen(self.port)

    def close(self) -> None:
        self.closing.set()
        with self.arrived:
            self.arrived.notify_all()
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, port: int) -> Server:
        server = Server(("127.0.0.1", port), self)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def _open(self, name: str, kind: ChatKind, *, forum: bool = False) -> Chat:
        number = len(self._chats) + 1
        id_ = {"private": 10_000, "group": -20_000, "supergroup": -100_2000_000_000, "channel": -100_3000_000_000}[kind]
        made = Chat(id_ + number if id_ > 0 else id_ - number, name, kind, forum)
        self._chats[made.id] = made
        return made

    def _named(self, name: str) -> Chat:
        found = [chat for chat in self._chats.values() if chat.name == name]
        return found[-1]

    def _update(self, bot: str, body: Json) -> None:
        with self.arrived:
            self._last_update += 1
            self._bots[bot].updates.append({"update_id": self._last_update, **body})
            self.arrived.notify_all()

    # --- What follows answers requests; `arrived` is held meanwhile ---

    def take_fault(self, call: Call) -> Fault | None:
        if self._outage:
            return self._outage
        for number, (chat, method, fault) in enumerate(self._faults):
            mine = chat is None or any(c.name == chat and str(c.id) == call.chat for c in self._chats.values())
            if mine and method in {None, call.method}:
                del self._faults[number]
                return fault
        return None

    def spoilt(self, fault: Fault) -> Answer | None:
        match fault:
            case Status():
                return Answer(fault.status, f"<html><h1>{fault.status}</h1></html>")
            case Garbled():
                return Answer(200, fault.text)
            case Refused():
                return RefusedError(fault.status, fault.description).answer
            case Limited():
                return _too_many(fault.retry_after).answer
            case _:
                return None

    def file(self, token: str, path: str) -> bytes | None:
        """A file by the path that `getFile` gave."""
        known = any(bot.token == token for bot in self._bots.values())
        return self._pictures.get(path.removeprefix("photos/").removesuffix(".jpg")) if known else None

    def note(self, call: Call, answer: Answer | None, started: float) -> None:
        self.requests.append(Request(call.method, call.chat, answer.status if answer else 0, started))
        self.arrived.notify_all()

    @property
    def limited(self) -> int:
        """How many answers were a 429."""
        return sum(request.status == 429 for request in self.requests)

    def answer(self, call: Call) -> Answer:
        try:
            return Answer(200, {"ok": True, "result": self._done(call, self._known(call))})
        except RefusedError as refused:
            return refused.answer
        except MarkupError as error:
            return bad(f"can't parse entities: {error}").answer

    def _known(self, call: Call) -> Bot:
        if not _TOKEN.fullmatch(call.token):
            raise RefusedError(404, "Not Found")
        found = [bot for bot in self._bots.values() if bot.token == call.token]
        if not found:
            raise RefusedError(401, "Unauthorized")
        return found[0]

    def _done(self, call: Call, bot: Bot) -> object:  # noqa: C901 - one line a method
        match call.method:
            case "getMe":
                return {"id": bot.id, "is_bot": True, "first_name": bot.name, "username": bot.name}
            case "getChat":
                return self._card(call)
            case "getChatMember":
                return self._membership(call)
            case "sendMessage" | "sendPhoto" | "sendDocument":
                return _message_json(self._send(call, bot))
            case "sendMediaGroup":
                return [_message_json(sent) for sent in self._send_album(call, bot)]
            case "editMessageText" | "editMessageCaption" | "editMessageMedia" | "editMessageReplyMarkup":
                return _message_json(self._edit(call, bot))
            case "deleteMessage":
                self._delete(call, [int(call.fields["message_id"])])
                return True
            case "deleteMessages":
                self._delete(call, list(map(int, _json(call.fields["message_ids"]))), many=True)
                return True
            case "getUpdates":
                return self._updates(call, bot)
            case "getFile":
                content = self._pictures.get(str(call.fields.get("file_id")))
                if content is None:
                    raise bad("wrong file_id or the file is temporarily unavailable")
                id_ = call.fields["file_id"]
                return {"file_id": id_, "file_size": len(content), "file_path": f"photos/{id_}.jpg"}
            case "deleteWebhook":
                return True
            case "setMyCommands":
                bot.commands = _json(call.fields["commands"])
                return True
            case "answerCallbackQuery":
                self.answered.append(dict(call.fields))
                return True
        raise RefusedError(404, "Not Found: method not found")

    def _updates(self, call: Call, bot: Bot) -> list[Json]:
        """Long polling; of two that poll at once the older one is sent away."""
        offset, timeout = int(call.fields.get("offset", 0)), float(call.fields.get("timeout", 0))
        bot.polls += 1
        mine = bot.polls
        bot.updates = [update for update in bot.updates if update["update_id"] >= offset]
        self.arrived.notify_all()
        self.arrived.wait_for(lambda: bot.updates or bot.polls != mine or self.closing.is_set(), timeout)
        if bot.polls != mine:
            raise RefusedError(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
        return bot.updates[: int(call.fields.get("limit", 100))]

    def _place(self, call: Call) -> Chat:
        try:
            chat = self._chats[int(call.chat)]
        except (KeyError, ValueError):
            raise bad("chat not found" if call.chat else "chat_id is empty") from None
        if chat.migrated_to:
            raise bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
        return chat

    def _card(self, call: Call) -> Json:
        chat = self._place(call)
        if chat.shut:
            raise RefusedError(403, chat.shut) if chat.shut.startswith("Forbidden") else bad(chat.shut)
        return _chat_json(chat)

    def _membership(self, call: Call) -> Json:
        chat = self._place(call)
        status = "kicked" if chat.shut else "restricted" if chat.muted else "administrator"
        return {"status": status, "can_send_messages": not chat.muted, "can_post_messages": True}

    def _may_post(self, call: Call) -> tuple[Chat, int | None]:
        chat = self._card_chat(call)
        if chat.muted:
            raise bad("not enough rights to send text messages to the chat")
        topic = call.fields.get("message_thread_id")
        if topic is not None and int(topic) not in chat.topics:
            raise bad("message thread not found")
        if topic is not None and int(topic) in chat.closed_topics:
            raise bad("TOPIC_CLOSED")
        return chat, None if topic is None else int(topic)

    def _card_chat(self, call: Call) -> Chat:
        self._card(call)
        return self._place(call)

    def _paced(self, chat: Chat, count: int = 1) -> None:
        """One in a second in a chat, 20 in a minute in a group, 30 in a second over all; an album is its files."""
        if not self.limits:
            return
        now, key = self._monotonic(), str(chat.id)
        found = [(self._in_chat, key), (self._over_all, "*"), *([(self._in_group, key)] if chat.is_group else [])]
        if wait := max(limit.wait(key, now) for limit, key in found):
            raise _too_many(max(1, math.ceil(wait)))
        for limit, key in found:
            for _ in range(count if limit is self._in_group else 1):
                limit.count(key, now)

    def _send(self, call: Call, bot: Bot) -> Sent:
        chat, topic = self._may_post(call)
        kind = {"sendMessage": "text", "sendPhoto": "photo", "sendDocument": "document"}[call.method]
        body = dict(call.fields)
        parsed = self._read(body, kind)
        files = self._files(call, [(kind, body.get(kind))]) if kind != "text" else {}
        self._paced(chat)
        return self._keep(bot, chat, topic, parsed, kind, files, body)

    def _send_album(self, call: Call, bot: Bot) -> list[Sent]:
        chat, topic = self._may_post(call)
        media = _json(call.fields.get("media", "[]"))
        if not 2 <= len(media) <= ALBUM:
            raise bad("group send failed: an album has 2 to 10 files")
        kinds = {item["type"] for item in media}
        if len(kinds) > 1 and kinds - {"photo", "video"}:
            raise bad("can't parse InputMedia: document can't be mixed with other media types")
        parsed = [self._caption(item) for item in media]
        files = [self._files(call, [(item["type"], item["media"])]) for item in media]
        self._paced(chat, len(media))
        album, kept = self._last_id + 1, []
        for item, seen, file in zip(media, parsed, files, strict=True):
            kept.append(self._keep(bot, chat, topic, seen, item["type"], file, dict(call.fields), album=album))
        return kept

    def _caption(self, item: Json) -> Parsed:
        return self._read(item, "photo")

    def _read(self, body: Json, kind: str) -> Parsed:
        """The text or the caption that a reader sees. Raises RefusedError."""
        parsed = parse(str(body.get("text" if kind == "text" else "caption", "")), body.get("parse_mode"))
        if kind == "text" and not parsed.text:
            raise bad("message text is empty")
        if parsed.length > (TEXT if kind == "text" else CAPTION):
            raise bad("message is too long" if kind == "text" else "message caption is too long")
        for row in _json(body.get("reply_markup", {})).get("inline_keyboard", []):
            for button in row:
                if not 1 <= len(button.get("callback_data", "x").encode()) <= 64:
                    raise bad("BUTTON_DATA_INVALID")
        return parsed

    def _files(self, call: Call, wanted: list[tuple[str, object]]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for kind, named in wanted:
            part = str(named or kind).removeprefix("attach://")
            if part not in call.files:
                raise bad(f"there is no {kind} in the request")
            name, content = call.files[part]
            if not content:
                raise bad("file must be non-empty")
            if len(content) > (PHOTO_BYTES if kind == "photo" else FILE_BYTES):
                raise RefusedError(413, "Request Entity Too Large")
            if kind == "photo":
                _look_at(content)
            found[name] = content
        return found

    def _keep(
        self,
        bot: Bot,
        chat: Chat,
        topic: int | None,
        parsed: Parsed,
        kind: Any,
        files: dict[str, bytes],
        body: Json,
        album: int | None = None,
    ) -> Sent:
        self._last_id += 1
        silent = str(body.get("disable_notification", "false")).lower() == "true"
        sent = Sent(
            self._last_id, bot, chat, topic, parsed, self.now(), kind, files, silent, album,
            _json(body["reply_markup"]) if body.get("reply_markup") else None, body,
        )  # fmt: skip
        if parsed.dropped:
            sent.warnings.append(f"{parsed.dropped} entities dropped")
        if kind == "text" and not _json(body.get("link_preview_options", {})).get("is_disabled"):
            sent.warnings.append("link preview")
        self._sent.append(sent)
        return sent

    def _found(self, call: Call, id_: int) -> Sent | None:
        chat = self._card_chat(call)
        return next((sent for sent in self._sent if sent.id == id_ and sent.chat is chat and not sent.deleted), None)

    def _edit(self, call: Call, bot: Bot) -> Sent:
        sent = self._found(call, int(call.fields["message_id"]))
        if sent is None:
            raise bad("message to edit not found")
        if sent.bot is not bot:
            raise bad("message can't be edited")
        body = dict(call.fields)
        media = _json(body.get("media", "{}"))
        kind, files = sent.kind, sent.files
        match call.method:
            case "editMessageText":
                if sent.kind != "text":
                    raise bad("there is no text in the message to edit")
                parsed = self._read(body, "text")
            case "editMessageCaption":
                if sent.kind == "text":
                    raise bad("there is no caption in the message to edit")
                parsed = self._read(body, "photo")
            case "editMessageMedia":
                if sent.album and media["type"] != sent.kind:
                    raise bad("message can't be edited")
                parsed, kind = self._caption(media), media["type"]
                files = self._files(call, [(kind, media["media"])])
            case _:
                parsed = sent.parsed
        keyboard = _json(body["reply_markup"]) if body.get("reply_markup") else None
        if (parsed, files, keyboard) == (sent.parsed, sent.files, sent.keyboard):
            raise bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )
        self._paced(sent.chat)
        sent.earlier.append(sent.text)
        sent.parsed, sent.kind, sent.files, sent.keyboard = parsed, kind, files, keyboard
        sent.edited_at = self.now()
        return sent

    def _delete(self, call: Call, ids: list[int], *, many: bool = False) -> None:
        for id_ in ids:
            sent = self._found(call, id_)
            if sent is None:
                if many:
                    continue  # those that cannot be found are skipped
                raise bad("message to delete not found")
            if self.now() - sent.at > timedelta(hours=48):
                raise bad("message can't be deleted for everyone")
            sent.deleted = True


def _too_many(seconds: int) -> RefusedError:
    return RefusedError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def _look_at(content: bytes) -> None:
    """Whether it is a picture that Telegram takes. Raises RefusedError."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
        if width + height > 10_000 or max(width, height) > 20 * min(width, height):
            raise bad("PHOTO_INVALID_DIMENSIONS")
    elif not content.startswith((b"\xff\xd8\xff", b"RIFF")):
        raise bad("IMAGE_PROCESS_FAILED")


def _json(value: object) -> Any:
    """What stands in a form as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _chat_json(chat: Chat) -> Json:
    named = {"first_name": chat.name} if chat.kind == "private" else {"title": chat.name}
    return {"id": chat.id, "type": chat.kind, **named} | ({"is_forum": True} if chat.forum else {})


def _message_json(sent: Sent) -> Json:
    body: Json = {
        "message_id": sent.id,
        "date": int(sent.at.timestamp()),
        "chat": _chat_json(sent.chat),
        "from": {"id": sent.bot.id, "is_bot": True, "first_name": sent.bot.name, "username": sent.bot.name},
        "text" if sent.kind == "text" else "caption": sent.text,
    }
    if sent.topic:
        body |= {"message_thread_id": sent.topic, "is_topic_message": True}
    return body | ({"media_group_id": str(sent.album)} if sent.album else {})
