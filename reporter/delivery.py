"""Brings waiting messages to their channels: in order in each, independent channels side by side, nothing lost.

Step 7 of the way from trigger to Discord. The promise: computed exactly once, delivered at least once, and every
possible second copy marked.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeGuard

from reporter import outbox
from reporter.alerts import Level, Observation
from reporter.clock import Clock
from reporter.errors import ReporterError
from reporter.message import Message
from reporter.outbox import Waiting
from reporter.outlets import Delivered, Later, Never, Unclear, Verdict
from reporter.runner import Runner
from reporter.store import Store
from reporter.wiring import Channel, Wiring

log = logging.getLogger(__name__)

# A lane is held for longer than any request can take, so that two never send at once.
LEASE = timedelta(seconds=90)
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 300.0
# From this lateness on a message says that it is late.
LATE = timedelta(minutes=2)
# A channel that failed so often in a row is told of elsewhere.
TROUBLE = 5


class Delivery:
    """Sends what is due. It holds no config: each call is given the wiring that counts at that moment."""

    def __init__(self, store: Store, clock: Clock, runner: Runner) -> None:
        self._store = store
        self._clock = clock
        self._runner = runner
        self._owner = secrets.token_hex(8)
        self._troubled: set[str] = set()
        self._met: set[str] = set()  # addresses that were looked at once: a dead one is known before it is posted to
        self._all_wait_until: datetime | None = None

    def ready(self, wiring: Wiring) -> tuple[list[str], float]:
        """The channels that can be served now, the most urgent first, and in how many seconds to look again."""
        now = self._clock.wall()
        if self._all_wait_until and now < self._all_wait_until:
            return [], (self._all_wait_until - now).total_seconds()
        with self._store.read() as connection:
            backlog = outbox.backlog(connection, now)
        open_ = [b for b in backlog if _alive(wiring, b)]
        waits = [(b.ready_at - now).total_seconds() for b in open_ if b.ready_at > now]
        return [b.channel for b in open_ if b.ready_at <= now], min(waits, default=LONGEST_WAIT)

    def serve(self, wiring: Wiring, channel: str, stopping: threading.Event | None = None) -> int:
        """Send what waits for a channel until it is empty or has to wait; returns how many rows were settled."""
        settled = 0
        while not (stopping and stopping.is_set()) and self.step(wiring, channel):
            settled += 1
        return settled

    def step(self, wiring: Wiring, channel: str) -> bool:
        """Send the most urgent row of a channel; False when there is none, or when the channel has to wait."""
        known = wiring.channels.get(channel)
        if known is None:
            return False
        now = self._clock.wall()
        with self._store.begin() as connection:
            outbox.expire(connection, now)
            row = outbox.claim(connection, channel, known.address, self._owner, now, LEASE)
        if row is None:
            return False
        message, row = self._fitted(known, row, now)
        return self._settle(wiring, known, row, self._send(known, row, message))

    def _fitted(self, channel: Channel, row: Waiting, now: datetime) -> tuple[Message, Waiting]:
        """The one part of the message that this row stands for, with what the reader has to know about its way."""
        parts = channel.outlet.fit(row.message)
        if row.of == 0 and len(parts) > 1:
            with self._store.begin() as connection:
                row = outbox.divide(connection, row, len(parts))
        part = parts[min(row.part, len(parts)) - 1]
        return part.noted(*_notes(row, now)), row

    def _send(self, channel: Channel, row: Waiting, message: Message) -> Verdict:
        try:
            if channel.address not in self._met:
                met = channel.outlet.look()
                if isinstance(met, Never) and met.gone:
                    return met
                self._met.add(channel.address)
            if row.edit is None:
                return channel.outlet.post(message)
            return self._edit(channel, row, row.edit, message)
        except Exception as error:
            log.exception("the outlet of %s failed", channel.name)
            return Never(f"the outlet failed: {type(error).__name__}")

    def _edit(self, channel: Channel, row: Waiting, message_id: str, message: Message) -> Verdict:
        """Replace a board's message; where it is gone or may not be edited any more, post it anew."""
        verdict = channel.outlet.edit(message_id, message)
        if not isinstance(verdict, Never) or not (verdict.missing or verdict.frozen):
            return verdict
        anew = channel.outlet.post(message)
        if isinstance(anew, Delivered):
            if verdict.frozen:
                channel.outlet.delete(message_id)
            with self._store.begin() as connection:
                outbox.withdraw(connection, row.channel, message_id, self._clock.wall())
        return anew

    def _settle(self, wiring: Wiring, channel: Channel, row: Waiting, verdict: Verdict) -> bool:
        """Save what the outlet said; True if the channel can go on at once."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            lane = outbox.lane(connection, row.channel)
            failures = lane.failures + 1 if lane else 1
            match verdict:
                case Delivered():
                    outbox.delivered(
                        connection,
                        row,
                        self._owner,
                        now,
                        message_id=verdict.id,
                        place=verdict.place,
                        url=verdict.url,
                    )
                case Later() | Unclear():
                    ready_at = now + timedelta(seconds=_wait(verdict, failures))
                    outbox.later(
                        connection,
                        row,
                        self._owner,
                        ready_at=ready_at,
                        why=verdict.why,
                        failed=not _paced(verdict),
                        maybe_sent=isinstance(verdict, Unclear),
                    )
                    if isinstance(verdict, Later) and verdict.everywhere:
                        self._all_wait_until = ready_at
                case Never(gone=True):
                    outbox.channel_gone(connection, row, self._owner, now, verdict.why)
                case Never():
                    outbox.refused(connection, row, self._owner, now, verdict.why)
        _tell_log(row, verdict)
        self._tell(wiring, channel.name, verdict, failures)
        return isinstance(verdict, Delivered | Never) and not (isinstance(verdict, Never) and verdict.gone)

    def _tell(self, wiring: Wiring, channel: str, verdict: Verdict, failures: int) -> None:
        """Trouble with a channel is itself told, on another one."""
        seen = list(self._observed(channel, verdict, failures))
        if not seen:
            return
        try:
            self._runner.observe(wiring, seen)
        except ReporterError as error:
            log.error("trouble with channel %s could not be saved: %s", channel, error)

    def _observed(self, channel: str, verdict: Verdict, failures: int) -> Iterator[Observation]:
        subject = f"channel/{channel}"
        match verdict:
            case Never(gone=True):
                self._troubled.add(channel)
                yield Observation(subject, Level.CRITICAL, f"channel {channel} is closed to us: {verdict.why}")
            case Never():
                yield Observation(f"{subject}/message", Level.WARNING, f"a message was refused: {verdict.why}")
            case Later() | Unclear() if not _paced(verdict) and failures >= TROUBLE and channel not in self._troubled:
                self._troubled.add(channel)
                why = f"channel {channel} failed {failures} times in a row: {verdict.why}"
                yield Observation(subject, Level.WARNING, why)
            case Delivered() if channel in self._troubled:
                self._troubled.discard(channel)
                yield Observation(subject, Level.OK, f"channel {channel} takes messages again")


def _alive(wiring: Wiring, backlog: outbox.Backlog) -> bool:
    known = wiring.channels.get(backlog.channel)
    return known is not None and known.address != backlog.dead_address


def _notes(row: Waiting, now: datetime) -> list[str]:
    """What the reader has to know: that it is late, that it may be a repeat, and by what both copies are known."""
    if row.kind == "board":
        return []
    late = now - row.created_at
    return [
        f"delivered {_span(late)} late" if late >= LATE else "",
        "may be a repeat" if row.maybe_sent else "",
        f"ref {row.reference}",
    ]


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _wait(verdict: Later | Unclear, failures: int) -> float:
    """Seconds until the next try: twice as long each time with some chance, and never less than we are told."""
    backoff = min(LONGEST_WAIT, SHORTEST_WAIT * (1 << min(failures - 1, 12))) * random.uniform(0.7, 1.3)  # noqa: S311
    if _paced(verdict):
        return verdict.after
    return max(verdict.after, backoff) if isinstance(verdict, Later) else backoff


def _paced(verdict: Verdict) -> TypeGuard[Later]:
    return isinstance(verdict, Later) and verdict.paced


def _tell_log(row: Waiting, verdict: Verdict) -> None:
    match verdict:
        case Delivered():
            log.info("%s: %s delivered%s", row.channel, row.kind, " (edited)" if row.edit == verdict.id else "")
        case Later(paced=True):
            log.debug("%s: %s", row.channel, verdict.why)
        case Later() | Unclear():
            log.warning("%s: not delivered yet: %s", row.channel, verdict.why)
        case Never():
            log.error("%s: not delivered: %s", row.channel, verdict.why)
