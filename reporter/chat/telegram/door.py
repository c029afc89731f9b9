"""The door in Telegram: receives questions and buttons by long polling, and answers from the table of operations.

A door that fails costs questions and never reports: it has threads of its own, and shares with delivery only the store.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from reporter.app.app import App
from reporter.chat.questions import MOST_PICTURES, OVER, PICTURE_BYTES, Question, Questions, Strangers
from reporter.chat.task_queue import TaskQueue
from reporter.chat.telegram.answers import TelegramReplies
from reporter.chat.telegram.updates import KINDS, Asked, read_update
from reporter.delivery.outlets.telegram.bot_api import BotAnswer, BotApi
from reporter.http_client import Bounds
from reporter.messages.message import Message, plain_blocks, visible
from reporter.operations import people
from reporter.operations.answering import allowed
from reporter.operations.operation import Actor, Role
from reporter.scheduler.chat_settings import ChatSettings
from reporter.secret import Secret, masked

log = logging.getLogger(__name__)

POLL = 25
"""Seconds that Telegram holds a request open while nothing happens."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds between tries while Telegram cannot be reached, or another program receives the bot's messages."""
ALBUM_WAIT = 2.0
"""Seconds that an album is waited for: each of its pictures comes as an update of its own."""
_FINAL = {401, 404}
_SERVICE = "telegram"


class TelegramDoor:
    """Listens from `start` to `stop`. `deliver` is told the run whose messages wait in the outbox; `poll` is for how
    many seconds Telegram holds a request open while nothing happens, `album` how long the rest of one is waited for."""

    def __init__(
        self,
        app: App,
        settings: ChatSettings,
        token: Secret,
        deliver: Callable[[str], object],
        *,
        poll: float = POLL,
        album: float = ALBUM_WAIT,
    ) -> None:
        self._album_wait = album
        self._poll = poll
        self._app = app
        self._questions = Questions(app, deliver)
        bounds = Bounds(POLL + 30.0, 16 << 20)
        way = settings.telegram_way
        self._api = BotApi(
            token,
            base_url=settings.telegram_url,
            timeout=15 + POLL,
            bounds=bounds,
            proxy=way.proxy,
            ca_file=way.ca_file,
        )
        self._stopping = threading.Event()
        service = app.home.services.telegram
        self._answers = TelegramReplies(token, settings, app.runtime.zone, self._stopping, service)
        self._pictures = TaskQueue("chat-pictures")
        self._albums: dict[str, list[Asked]] = {}
        self._thread = threading.Thread(target=self._listen, name="chat-telegram", daemon=True)
        self._strangers = Strangers()
        self._name = ""

    def start(self) -> None:
        self._note(connected=False, why="not connected yet")
        self._thread.start()

    def stop(self) -> None:
        """End; what is being answered gets a moment."""
        self._stopping.set()
        self._questions.close()
        self._pictures.close()
        self._api.close()
        self._thread.join(2)
        self._answers.close()

    # --- Listening ---

    def _listen(self) -> None:
        offset, failures, told = 0, 0, ""
        while not self._stopping.is_set():
            try:
                if not self._name:
                    self._introduce()
                updates = self._updates(offset, timeout=self._poll)
                reached = max((offset, *(int(update.get("update_id", 0)) + 1 for update in updates)))
                if updates:  # what was confirmed never comes again: after a crash nothing is done twice
                    self._updates(reached, timeout=0, limit=1)
                offset = reached
            except _RefusedError as error:
                if error.final:
                    log.error("the bot of `chat.telegram` does not work, so nobody is answered: %s", error)
                    self._note(connected=False, why=str(error))
                    return
                failures, told = self._pause(failures, told, str(error))
            except (httpx.HTTPError, RuntimeError) as error:  # a client that was closed raises the latter
                failures, told = self._pause(failures, told, f"Telegram cannot be reached ({type(error).__name__})")
            else:
                failures, told = 0, ""
                self._note(connected=True)
                for update in updates:
                    self._take(update)

    def _updates(self, offset: int, **how: float) -> list[dict[str, Any]]:
        """What has happened from `offset` on; what lies before it is confirmed."""
        fields = {"offset": offset, "allowed_updates": list(KINDS), **how}
        found = self._result(self._api.call("getUpdates", fields))
        return found if isinstance(found, list) else []

    def _note(self, *, connected: bool, why: str = "") -> None:
        self._app.doors.note(_SERVICE, connected=connected, why=why)

    def _pause(self, failures: int, told: str, why: str) -> tuple[int, str]:
        """Wait longer each time; the same trouble is logged once."""
        if self._stopping.is_set():
            return failures, told
        if why != told:
            log.warning("questions in Telegram wait: %s", why)
            self._note(connected=False, why=why)
        self._stopping.wait(PAUSES[min(failures, len(PAUSES) - 1)])
        return failures + 1, why

    def _introduce(self) -> None:
        """Learn the bot's name, and show its commands to those who may use them."""
        found = self._result(self._api.call("getMe", {}))
        self._name = str(found.get("username", "")) if isinstance(found, dict) else ""
        log.info("questions are answered by @%s in Telegram", visible(self._name))
        shown = [self._show_menu(identity, role) for identity, role in people.everybody(self._app).items()]
        self._app.doors.introduce(_SERVICE, f"@{visible(self._name)}", max(shown, default=0))

    def _show_menu(self, identity: str, role: Role) -> int:
        """Show somebody the commands of a role; returns how many are shown."""
        service, _, number = identity.partition(":")
        if service != _SERVICE:
            return 0
        commands = [
            {"command": one.name, "description": one.help[:256]}
            for one in allowed(Actor("", role))
            if one.name.isalnum()
        ]
        scope = {"type": "chat", "chat_id": int(number)}
        with suppress(_RefusedError):  # somebody who never wrote to the bot has no chat with it
            self._result(self._api.call("setMyCommands", {"commands": commands, "scope": scope}))
            return len(commands)
        return 0

    def _result(self, answer: BotAnswer) -> Any:
        if answer.accepted:
            return answer.result
        final = answer.status in _FINAL and answer.by_telegram
        why = answer.description or f"the answer {answer.status} is not Telegram's"
        if answer.status == 409:
            why = "another program receives this bot's messages; stop it"
        raise _RefusedError(masked(why), final=final)

    # --- Who asks ---

    @property
    def _settings(self) -> ChatSettings:
        """Who may ask, as the config says now."""
        return self._app.runtime.chat or ChatSettings()

    def _take(self, update: dict[str, Any]) -> None:
        try:
            asked = read_update(update, self._name)
            if asked is None:
                return
            if asked.private and people.is_pairing(asked.text):
                self._pair(asked)
            elif asked.album:
                self._gather(asked)
            else:
                self._question(asked)
        except Exception:
            log.exception("an update of Telegram could not be read")

    def _actor(self, asked: Asked) -> Actor | None:
        """Who asks, by the roles of the person and of the group; a stranger is nobody, and hears nothing."""
        if not asked.private and asked.chat not in self._settings.telegram_groups:
            self._ignore(asked)
            return None
        role = people.role_of(self._app, asked.identity, [f"{_SERVICE}:{asked.chat}"])
        if role is None:
            self._ignore(asked)
            return None
        return Actor(visible(asked.name), role, f"{_SERVICE}:{asked.chat}", asked.identity, alone=asked.private)

    def _pair(self, asked: Asked) -> None:
        """Somebody sends a code of the command line; a wrong one gets no answer, like any stranger."""
        if not self._questions.is_in_pace(asked.identity):
            return
        name = visible(asked.name)
        person = people.pair(self._app, asked.text, asked.identity, name, f"{_SERVICE}:{asked.chat}")
        if person is None:
            self._ignore(asked)
            return
        log.warning("%s [%s] was paired by a code and is %s now", masked(name), person.identity, person.role)
        self._questions.say(people.welcome(person), self._say(asked))
        self._show_menu(person.identity, Role[person.role.upper()])

    def _ignore(self, asked: Asked) -> None:
        """A line in the log, once for a person in a chat."""
        if self._strangers.is_new((asked.user, asked.chat)):
            log.warning(
                "%s (telegram:%d) wrote to the bot in chat %d and got no answer: `chat.roles` and "
                "`chat.telegram.groups` say who gets one",
                masked(visible(asked.name)), asked.user, asked.chat,
            )  # fmt: skip

    # --- What is asked ---

    def _gather(self, asked: Asked) -> None:
        """An album is one question: its text stands beside one of its pictures."""
        pieces = self._albums.setdefault(asked.album, [])
        pieces.append(asked)
        if len(pieces) == 1:
            waiting = threading.Timer(self._album_wait, self._gathered, (asked.album,))
            waiting.daemon = True
            try:
                waiting.start()
            except RuntimeError:  # the machine gives no more threads
                self._albums.pop(asked.album)
                raise

    def _gathered(self, album: str) -> None:
        pieces = self._albums.pop(album, [])
        told = [piece for piece in pieces if piece.text]
        pictures = tuple(picture for piece in pieces for picture in piece.pictures)
        if told:
            self._question(replace(told[0], pictures=pictures))

    def _question(self, asked: Asked) -> None:
        actor = self._actor(asked)
        if actor is None:
            return
        if asked.verb:
            self._questions.press(asked.verb, asked.incident, actor, partial(self._pressed, asked))
        elif asked.pictures:
            self._pictures.submit(partial(self._with_pictures, asked, actor))
        else:
            self._ask(asked, actor, ())

    def _ask(self, asked: Asked, actor: Actor, files: tuple[tuple[str, bytes], ...]) -> None:
        quiet = not (asked.private or asked.text.startswith("/"))
        question = Question(text=asked.text, files=files, at=asked.at, quiet=quiet)
        self._questions.take(question, actor, self._say(asked))

    def _with_pictures(self, asked: Asked, actor: Actor) -> None:
        """Fetch the pictures that came with a question; without one of them nothing is done."""
        say = self._say(asked)
        if len(asked.pictures) > MOST_PICTURES:
            self._questions.say(f"At most {MOST_PICTURES} pictures: nothing is done.", say)
            return
        try:
            files = tuple((f"picture-{number}", self._fetched(one)) for number, one in enumerate(asked.pictures, 1))
        except (_RefusedError, httpx.HTTPError, RuntimeError):
            self._questions.say("The pictures could not be fetched from Telegram: nothing is done. Try again.", say)
        else:
            self._ask(asked, actor, files)

    def _fetched(self, picture: str) -> bytes:
        found = self._result(self._api.call("getFile", {"file_id": picture}))
        path, size = str(found.get("file_path", "")), int(found.get("file_size") or 0)
        if not path or size > PICTURE_BYTES:
            raise _RefusedError("the picture is too large", final=False)
        return self._api.download(path)

    # --- Answers ---

    def _say(self, asked: Asked) -> Callable[[Sequence[Message]], None]:
        return partial(self._send, asked)

    def _send(self, asked: Asked, messages: Sequence[Message]) -> None:
        try:
            self._answers.send(asked.chat, asked.topic, messages)
        except Exception:
            log.exception("an answer in Telegram could not be sent")

    def _pressed(self, asked: Asked, messages: Sequence[Message]) -> None:
        """Answer a button: a sentence is shown for a moment, anything else is sent. The buttons of what is over go."""
        first = messages[0]
        is_sentence = len(messages) == 1 and not (first.title or first.incident or first.members)
        text = "\n".join(plain_blocks(first.body)) if is_sentence else ""
        self._toast(asked, text)
        if not is_sentence:
            self._send(asked, messages)
        if text == OVER and asked.message is not None:
            with suppress(httpx.HTTPError, RuntimeError):
                self._api.call("editMessageReplyMarkup", {"chat_id": asked.chat, "message_id": asked.message})

    def _toast(self, asked: Asked, text: str) -> None:
        """Telegram shows it for a moment. A query that is too old to answer is no trouble."""
        with suppress(httpx.HTTPError, RuntimeError):
            self._api.call("answerCallbackQuery", {"callback_query_id": asked.query, "text": text[:200]})


class _RefusedError(Exception):
    """What Telegram refused; `final`: until the config changes."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final
