"""The door in Telegram: receives questions and buttons by long polling, and answers from the table of operations.

A door that fails costs questions and never reports: it has threads of its own, and shares with delivery only the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import httpx

from reporter.app.app import App
from reporter.chat.answers import Answers
from reporter.chat.lane import Lane
from reporter.chat.updates import KINDS, Asked, read_update
from reporter.delivery.outlets.telegram.bot_api import BotAnswer, BotApi
from reporter.errors import ReporterError
from reporter.http_client import Bounds
from reporter.messages.message import Message, Run, Text, visible
from reporter.operations import people
from reporter.operations.answering import Door, allowed, understood
from reporter.operations.operation import Actor, NotUnderstoodError, Role
from reporter.periods.time_text import moment_text
from reporter.scheduler.chat_settings import ChatSettings
from reporter.secret import Secret, masked
from reporter.store import incidents

log = logging.getLogger(__name__)

POLL = 25
"""Seconds that Telegram holds a request open while nothing happens."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds between tries while Telegram cannot be reached, or another program receives the bot's messages."""
LATE_CHANGE = timedelta(seconds=60)
"""What changes something is not done so long after it was asked."""
LATE_QUESTION = timedelta(minutes=10)
"""From this age on an answer says when its question was asked."""
PATIENCE = 60.0
"""Seconds after which somebody who waits for an answer hears that it takes longer."""
MOST, WITHIN = 5, 10.0
"""So many questions of one person, within so many seconds."""
_FINAL = {401, 404}


class TelegramDoor:
    """Listens from `start` to `stop`. `deliver` is told the run whose messages wait in the outbox; `poll` is for how
    many seconds Telegram holds a request open while nothing happens."""

    def __init__(
        self,
        app: App,
        settings: ChatSettings,
        token: Secret,
        deliver: Callable[[str], object],
        *,
        poll: float = POLL,
    ) -> None:
        self._poll = poll
        self._app = app
        self._door = Door(app, deliver)
        bounds = Bounds(POLL + 30.0, 8 << 20)
        self._api = BotApi(token, base_url=settings.telegram_url, timeout=15 + POLL, bounds=bounds)
        self._stopping = threading.Event()
        self._answers = Answers(token, settings.telegram_url, app.runtime.zone, self._stopping)
        # An acknowledgement waits for no report: what changes something has a lane of its own.
        self._quick, self._slow = Lane("chat-quick"), Lane("chat-slow")
        self._thread = threading.Thread(target=self._listen, name="chat-telegram", daemon=True)
        self._asked: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=MOST))
        self._warned: dict[int, float] = {}
        self._strangers: set[tuple[int, int]] = set()
        self._name = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End; what is being answered gets a moment."""
        self._stopping.set()
        for lane in (self._quick, self._slow):
            lane.close()
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
                fields = {"offset": offset, "timeout": self._poll, "allowed_updates": list(KINDS)}
                updates = self._result(self._api.call("getUpdates", fields))
            except _RefusedError as error:
                if error.final:
                    log.error("the bot of `chat.telegram` does not work, so nobody is answered: %s", error)
                    return
                failures, told = self._pause(failures, told, str(error))
            except (httpx.HTTPError, RuntimeError) as error:  # a client that was closed raises the latter
                failures, told = self._pause(failures, told, f"Telegram cannot be reached ({type(error).__name__})")
            else:
                failures, told = 0, ""
                for update in updates if isinstance(updates, list) else ():
                    offset = max(offset, int(update.get("update_id", 0)) + 1)
                    self._take(update)

    def _pause(self, failures: int, told: str, why: str) -> tuple[int, str]:
        """Wait longer each time; the same trouble is logged once."""
        if self._stopping.is_set():
            return failures, told
        if why != told:
            log.warning("questions in Telegram wait: %s", why)
        self._stopping.wait(PAUSES[min(failures, len(PAUSES) - 1)])
        return failures + 1, why

    def _introduce(self) -> None:
        """Learn the bot's name, and show its commands to those who may use them."""
        found = self._result(self._api.call("getMe", {}))
        self._name = str(found.get("username", "")) if isinstance(found, dict) else ""
        log.info("questions are answered by @%s in Telegram", visible(self._name))
        for identity, role in people.everybody(self._app).items():
            self._show_menu(identity, role)

    def _show_menu(self, identity: str, role: Role) -> None:
        service, _, number = identity.partition(":")
        if service != "telegram":
            return
        commands = [
            {"command": one.name, "description": one.help[:256]}
            for one in allowed(Actor("", role))
            if one.name.isalnum()
        ]
        scope = {"type": "chat", "chat_id": int(number)}
        with suppress(_RefusedError):  # somebody who never wrote to the bot has no chat with it
            self._result(self._api.call("setMyCommands", {"commands": commands, "scope": scope}))

    def _result(self, answer: BotAnswer) -> Any:
        if answer.accepted:
            return answer.result
        final = answer.status in _FINAL and answer.by_telegram
        why = answer.description or f"the answer {answer.status} is not Telegram's"
        if answer.status == 409:
            why = "another program receives this bot's messages; stop it"
        raise _RefusedError(masked(why), final=final)

    # --- Who asks, and how often ---

    @property
    def _settings(self) -> ChatSettings:
        """Who may ask, as the config says now."""
        return self._app.runtime.chat or ChatSettings()

    def _take(self, update: dict[str, Any]) -> None:
        try:
            asked = read_update(update, self._name)
            if asked and asked.private and asked.text.casefold().startswith(f"{people.WORD} "):
                self._pair(asked)
                return
            actor = self._actor(asked) if asked else None
            if asked is None or actor is None or not self._in_pace(asked):
                return
            lane = self._quick if asked.verb or _is_quick(asked.text) else self._slow
            lane.submit(partial(self._answer, asked, actor))
        except Exception:
            log.exception("an update of Telegram could not be read")

    def _actor(self, asked: Asked) -> Actor | None:
        """Who asks, by the roles of the person and of the group; a stranger is nobody, and hears nothing."""
        settings = self._settings
        if not asked.private and asked.chat not in settings.telegram_groups:
            self._ignore(asked)
            return None
        role = people.role_of(self._app, [asked.identity, f"telegram:{asked.chat}"])
        if role is None:
            self._ignore(asked)
            return None
        return Actor(visible(asked.name), role, f"telegram:{asked.chat}", asked.identity)

    def _pair(self, asked: Asked) -> None:
        """Somebody sends a code of the command line; a wrong one gets no answer, like any stranger."""
        if self._is_too_fast(asked):
            return
        name = visible(asked.name)
        person = people.pair(self._app, asked.text, asked.identity, name, f"telegram:{asked.chat}")
        if person is None:
            self._ignore(asked)
            return
        log.warning("%s [%s] was paired by a code and is %s now", masked(name), person.identity, person.role)
        told = f"You are {person.role} here now. The same in the config:"
        self._slow.submit(partial(self._say, asked, f"{told}\nchat: {{roles: {{{person.role}: {person.identity}}}}}"))
        self._show_menu(person.identity, Role[person.role.upper()])

    def _ignore(self, asked: Asked) -> None:
        """A line in the log, once for a person in a chat."""
        if (asked.user, asked.chat) not in self._strangers and len(self._strangers) < 1000:
            self._strangers.add((asked.user, asked.chat))
            log.warning(
                "%s (telegram:%d) wrote to the bot in chat %d and got no answer: `chat.roles` and "
                "`chat.telegram.groups` say who gets one",
                masked(visible(asked.name)), asked.user, asked.chat,
            )  # fmt: skip

    def _is_too_fast(self, asked: Asked) -> bool:
        """Whether somebody asks faster than allowed; what is in pace is counted."""
        now, before = time.monotonic(), self._asked[asked.user]
        if len(before) < MOST or before[0] < now - WITHIN:
            before.append(now)
            return False
        return True

    def _in_pace(self, asked: Asked) -> bool:
        """Whether somebody asks no faster than allowed; the first question too many is answered by that."""
        if not self._is_too_fast(asked):
            return True
        if self._warned.get(asked.user, 0.0) < self._asked[asked.user][0]:
            self._warned[asked.user] = time.monotonic()
            told = f"At most {MOST} questions within {WITHIN:.0f} s: the others are left out."
            self._slow.submit(partial(self._say, asked, told))
        return False

    # --- Answering ---

    def _answer(self, asked: Asked, actor: Actor) -> None:
        waiting = threading.Timer(PATIENCE, self._say, (asked, "This takes longer; the answer follows."))
        waiting.daemon = True
        waiting.start()
        try:
            if asked.verb:
                self._press(asked, actor)
            else:
                self._answers.send(asked.chat, asked.topic, self._answered(asked, actor))
        except ReporterError as error:
            self._say(asked, masked(str(error)))
        except Exception:
            log.exception("a question in Telegram could not be answered")
            self._say(asked, "This failed; the log says why.")
        finally:
            waiting.cancel()

    def _answered(self, asked: Asked, actor: Actor) -> Sequence[Message]:
        age = self._app.clock.wall() - asked.at if asked.at else timedelta()
        at = moment_text(asked.at, self._app.runtime.zone) if asked.at else ""
        if age > LATE_CHANGE and _changes(asked.text):
            return [_line(f"Asked at {at}, while I was away, and not done. Ask again if it is still wanted.")]
        try:
            messages = self._door.answer(asked.text, actor)
        except NotUnderstoodError:
            if asked.private or asked.text.startswith("/"):
                raise
            return []
        return [message.noted(f"asked at {at}") for message in messages] if age > LATE_QUESTION else messages

    def _press(self, asked: Asked, actor: Actor) -> None:
        """A button does what the same words would do; its incident is looked up, and nothing else is believed."""
        with self._app.store.read() as connection:
            found = [one for one in incidents.open_incidents(connection) if one.id == asked.incident]
        if not found:
            self._toast(asked, "This is over.")
            return
        subject = found[0].subject
        try:
            match asked.verb:
                case "ack":
                    self._door.invoke("ack", {"subject": subject}, actor)
                    self._toast(asked, f"Acknowledged by {actor.name}.")
                case "silence":
                    given = {"subject": subject, "span": "1h", "reason": "a button in Telegram"}
                    self._door.invoke("silence", given, actor)
                    self._toast(asked, f"{subject} is silenced for an hour.")
                case "explain":
                    messages = self._door.invoke("explain", {"subject": subject}, actor)
                    self._toast(asked, "")
                    self._answers.send(asked.chat, asked.topic, messages)
        except ReporterError as error:
            self._toast(asked, masked(str(error)))

    def _toast(self, asked: Asked, text: str) -> None:
        """Answer a button: Telegram shows it for a moment. A query that is too old to answer is no trouble."""
        with suppress(httpx.HTTPError, RuntimeError):
            self._api.call("answerCallbackQuery", {"callback_query_id": asked.query, "text": text[:200]})

    def _say(self, asked: Asked, text: str) -> None:
        try:
            self._answers.send(asked.chat, asked.topic, [_line(text)])
        except Exception:
            log.exception("an answer in Telegram could not be sent")


class _RefusedError(Exception):
    """What Telegram refused; `final`: until the config changes."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


def _changes(text: str) -> bool:
    """Whether a text asks for something that changes something."""
    try:
        return understood(text)[0].changes
    except ReporterError:
        return False


def _is_quick(text: str) -> bool:
    """Whether a text needs no report: it changes something, asks for help, or is not understood."""
    try:
        operation, _ = understood(text)
    except ReporterError:
        return True
    return operation.changes or operation.group == "Help"


def _line(text: str) -> Message:
    return Message(body=(Text(tuple((Run("text", line),) for line in text.splitlines())),))
