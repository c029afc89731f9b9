"""What all doors in chat have in common: how often somebody may ask, what is too late, and how long people wait."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from reporter.app.app import App
from reporter.chat.task_queue import TaskQueue
from reporter.errors import ReporterError
from reporter.messages.message import Message, Run, Text
from reporter.operations.answering import Door, found, understood
from reporter.operations.incidents import later, some, story
from reporter.operations.operation import Actor, NotUnderstoodError, Operation
from reporter.periods.time_text import moment_text
from reporter.secret import masked
from reporter.store import incidents

log = logging.getLogger(__name__)

LATE_CHANGE = timedelta(seconds=60)
"""What changes something is not done so long after it was asked."""
LATE_QUESTION = timedelta(minutes=10)
"""From this age on an answer says when its question was asked."""
PATIENCE = 60.0
"""Seconds after which somebody who waits for an answer hears that it takes longer."""
MOST, WITHIN = 5, 10.0
"""So many questions of one person, within so many seconds."""
ONLY = "only."
"""Stands before the incident in buttons of one that was chosen: a group may have the id of one of its incidents."""
OVER = "This is over."
"""What a button says whose incident has ended."""
MOST_EXPLAINED = 5
"""Incidents of one message that a button explains, or draws."""
MOST_PICTURES, PICTURE_BYTES = 10, 10 << 20
"""What may come with a question."""

Say = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks: a `text`, or an operation by its `name` with `values`. `files` came with it.

    `at` is when it was asked, None where the door says no time. `quiet`: what is not understood gets no answer, for
    people may have meant each other. A `note` stands under the answer.
    """

    text: str = ""
    name: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    at: datetime | None = None
    quiet: bool = False
    note: str = ""

    @property
    def operation(self) -> Operation | None:
        """What is asked for; None where it is not understood."""
        try:
            return found(self.name) if self.name else understood(self.text)[0]
        except ReporterError:
            return None


class Questions:
    """Answers one question after the other in each of three queues.

    What is quick (help, acknowledgements, silences) waits for no report, and control waits for neither.
    """

    def __init__(self, app: App, deliver: Callable[[str], object], *, patience: float = PATIENCE) -> None:
        self._app = app
        self._door = Door(app, deliver)
        self._patience = patience
        self._quick, self._control, self._slow = (TaskQueue(f"chat-{name}") for name in ("quick", "control", "slow"))
        self._asked: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST))
        self._warned: dict[str, float] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Begin nothing more."""
        for queue in (self._quick, self._control, self._slow):
            queue.close()

    def take(self, question: Question, actor: Actor, say: Say) -> None:
        """Answer a question when its turn comes."""
        if not self._in_pace(actor.who, say):
            return
        queue = self._queue_of(question.operation)
        queue.submit(partial(self._within_patience, queue, partial(self._answered, question, actor), say))

    def _queue_of(self, operation: Operation | None) -> TaskQueue:
        match operation:
            case None | Operation(group="Help") | Operation(group="Alerts", changes=True):
                return self._quick
            case Operation(group="Control"):
                return self._control
        return self._slow

    def press(self, verb: str, incident: str, actor: Actor, say: Say) -> None:
        """Do what a button says, when its turn comes."""
        if self._in_pace(actor.who, say):
            queue = self._slow if verb in {"graph", "refresh"} else self._quick
            queue.submit(partial(self._within_patience, queue, partial(self._pressed, verb, incident, actor), say))

    def say(self, text: str, say: Say) -> None:
        """Say a sentence when its turn comes."""
        self._quick.submit(partial(say, [line(text)]))

    def is_in_pace(self, who: str) -> bool:
        """Whether somebody asks no faster than allowed; what is in pace is counted."""
        with self._lock:
            now, before = time.monotonic(), self._asked[who]
            if len(before) == MOST and before[0] >= now - WITHIN:
                return False
            before.append(now)
            return True

    def _in_pace(self, who: str, say: Say) -> bool:
        """The same; the first question too many is answered by that."""
        if self.is_in_pace(who):
            return True
        with self._lock:
            if self._warned.get(who, 0.0) >= self._asked[who][0]:
                return False
            self._warned[who] = time.monotonic()
        self.say(f"At most {MOST} questions within {WITHIN:.0f} s: the others are left out.", say)
        return False

    def _within_patience(self, queue: TaskQueue, work: Callable[[], Sequence[Message]], say: Say) -> None:
        """Say what comes of something. Somebody who waits long hears that it takes longer, and the others go on."""
        waiting = threading.Timer(self._patience, self._go_on, (queue, say))
        waiting.daemon = True
        waiting.start()
        try:
            messages = work()
        except ReporterError as error:
            messages = [line(masked(str(error)))]
        except Exception:
            log.exception("a question in chat could not be answered")
            messages = [line("This failed; the log says why.")]
        finally:
            waiting.cancel()
        say(messages)

    def _go_on(self, queue: TaskQueue, say: Say) -> None:
        queue.pass_over()
        say([line("This takes longer; the answer follows.")])

    def _answered(self, question: Question, actor: Actor) -> Sequence[Message]:
        age = self._app.clock.wall() - question.at if question.at else timedelta()
        at = moment_text(question.at, self._app.runtime.zone) if question.at else ""
        operation = question.operation
        if age > LATE_CHANGE and operation and operation.changes:
            return [line(f"Asked at {at}, while I was away, and not done. Ask again if it is still wanted.")]
        try:
            if question.name:
                messages = self._door.invoke(question.name, dict(question.values), actor, question.files, question.at)
            else:
                messages = self._door.answer(question.text, actor, question.files, question.at)
        except NotUnderstoodError:
            if question.quiet:
                return []
            raise
        late = f"asked at {at}" if age > LATE_QUESTION else ""
        return [message.noted(question.note, late) for message in messages]

    def _pressed(self, verb: str, incident: str, actor: Actor) -> Sequence[Message]:
        """A button does what the same words would do; its incident is looked up, and nothing else is believed. The
        button of a message about several incidents has their group's id, and is about all that are open; `one` of them
        can be chosen, and gets buttons of its own."""
        if verb == "refresh":
            self._door.invoke("refresh", {"name": incident}, actor)
            return [line("Refreshed.")]
        with self._app.store.read() as connection:
            open_ones = incidents.open_incidents(connection)
        alone = incident.removeprefix(ONLY) if verb == "one" or incident.startswith(ONLY) else ""
        meant = [one for one in open_ones if one.id == alone or (not alone and incident in {one.id, one.group})]
        subjects = [one.subject for one in meant]
        if not meant:
            return [line(OVER)]
        if verb == "pick":
            return [replace(line("Which one?"), members=tuple((one.id, one.subject) for one in meant))]
        if verb == "one":
            return [replace(line(story(self._app, meant[0].subject)[0]), incident=f"{ONLY}{meant[0].id}")]
        if verb in {"explain", "graph"}:
            return self._each(verb, subjects[:MOST_EXPLAINED], actor)
        return [line(f"{self._done(verb, subjects, actor)}: {some(subjects)}")]

    def _done(self, verb: str, subjects: Sequence[str], actor: Actor) -> str:
        match verb:
            case "ack":
                self._each("ack", subjects, actor)
                return f"Acknowledged by {actor.name}"
            case "silence":
                self._each("silence", subjects, actor, span="1h", reason="a button")
                return "Silenced for an hour"
            case "morning":
                self._each("silence", subjects, actor, until="morning", reason="a button")
                return f"Silenced until {moment_text(later(self._app, verb), self._app.runtime.zone)}"
        raise NotUnderstoodError("this button is not known any more")

    def _each(self, name: str, subjects: Sequence[str], actor: Actor, **values: str) -> list[Message]:
        return [
            message
            for subject in subjects
            for message in self._door.invoke(name, {"subject": subject, **values}, actor)
        ]


class Strangers:
    """Who wrote and got no answer: a line in the log for each, once."""

    def __init__(self, most: int = 1000) -> None:
        self._known: set[object] = set()
        self._most = most

    def is_new(self, who: object) -> bool:
        if who in self._known or len(self._known) >= self._most:
            return False
        self._known.add(who)
        return True


def line(text: str) -> Message:
    """A message of one sentence; what stands in backticks is code."""
    return Message(body=(Text(tuple(tuple(_runs(each)) for each in text.splitlines())),))


def _runs(text: str) -> Iterator[Run]:
    parts = text.split("`")
    for number, part in enumerate(parts):
        closed = number % 2 == 1 and number < len(parts) - 1
        if part:
            yield Run("code", part) if closed else Run("text", part if number % 2 == 0 else f"`{part}")
