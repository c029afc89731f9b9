"""Delivers queued messages to their channels: in order in each, independent channels side by side, without loss.

Step 7 of the way from schedule to Discord. The promise: computed exactly once, delivered at least once, and every
possible second copy marked.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeGuard

from sqlalchemy import Connection

from reporter.alerts.model import Level, Observation
from reporter.delivery.channel_check import ChannelChecks, alive
from reporter.delivery.channels import Channel
from reporter.delivery.outlets.outlet import Absent, Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import Limit
from reporter.errors import ReporterError, StoreError
from reporter.messages.message import Message, Severity
from reporter.periods.clock import Clock
from reporter.periods.time_text import duration_text
from reporter.scheduler.runner import Runner
from reporter.scheduler.runtime import Runtime
from reporter.store import channel_states, channel_stats, outbox
from reporter.store.channel_states import ChannelState
from reporter.store.channel_stats import DeliveryCounts
from reporter.store.database import Store
from reporter.store.outbox import QueuedMessage

log = logging.getLogger(__name__)

# A lane is held for longer than any request can take, so that two never send at once.
LEASE = timedelta(seconds=90)
SHORTEST_WAIT, SHORT_WAIT, LONGEST_WAIT = 1.0, 4.0, 60.0
# Most outages are over within minutes: so many tries come soon after each other, and only then the pauses grow long.
SOON = 40
# From this lateness on a message says that it is late.
LATE = timedelta(minutes=2)
# A channel that failed so often in a row is told of elsewhere.
TROUBLE = 5
# When more wait for a place than it takes at once, those that are alike travel together.
BURST = 5
# One process asks no faster than that, whatever the number of its channels: Discord's own limit is 50 in a second.
EVERYWHERE = Limit(40, 1.0)
# Discord bans an address that was refused 10,000 times in ten minutes. We stop long before.
REFUSALS = Limit(1000, 600.0)
# By how many of its own last messages a channel is recognized when it is read.
KNOWN = 20


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """It may be there or not, and the channel wants no repeats."""

    why: str


@dataclass(frozen=True, slots=True)
class Obsolete:
    """There is nothing left to be edited, and what was to be told is told by messages of its own."""

    why: str


Outcome = Verdict | NeedsReview | Obsolete


class DeliveryWorker:
    """Sends what is due. It holds no config: each call is given the wiring that counts at that moment."""

    def __init__(self, store: Store, clock: Clock, runner: Runner) -> None:
        self._store = store
        self._clock = clock
        self._runner = runner
        self._lock = threading.Lock()
        self._troubled: set[str] = set()
        self._asked: deque[float] = deque(maxlen=EVERYWHERE.requests)
        self._refusals: deque[float] = deque(maxlen=REFUSALS.requests)
        self._all_wait_until: dict[str, float] = {}  # by kind of outlet; monotonic, for the wall clock may be set back
        self._unsaved: list[SendResult] = []
        self._channel_checks = ChannelChecks(store, clock, asking=self._ask, trouble=self._trouble)

    def ready(self, runtime: Runtime) -> tuple[list[str], float]:
        """The channels that can be served now, the most urgent first, and in how many seconds to look again.

        Of those that lead to one place only the first is named: it stands for all.
        """
        self._save_unsaved(runtime)
        now = self._clock.wall()
        with self._store.read() as connection:
            backlog, lanes = outbox.backlog(connection, now), channel_states.all_states(connection)
        waits = {name: self._wait(runtime, lanes, name, now) for name in _one_a_destination(runtime, lanes, backlog)}
        return [name for name, wait in waits.items() if wait <= 0], min(
            (wait for wait in waits.values() if wait > 0), default=LONGEST_WAIT
        )

    def serve(self, runtime: Runtime, channel: str, stopping: threading.Event | None = None) -> int:
        """Send what waits for a channel until it is empty or has to wait; returns how many requests were settled."""
        settled = 0
        while not (stopping and stopping.is_set()) and self.step(runtime, channel):
            settled += 1
        return settled

    def step(self, runtime: Runtime, channel: str) -> bool:
        """Send the most urgent row of a channel's place, with those that go along; False when there is none, or when
        the place has to wait."""
        known = runtime.channels.get(channel)
        if known is None:
            return False
        self._save_unsaved(runtime)
        if not self._channel_checks.check(runtime, known, lambda lanes: self._free(runtime, lanes, channel)):
            return False
        token = secrets.token_hex(8)
        rows = self._claimed(runtime, known, token)
        if not rows:
            return False
        self._ask()
        known = runtime.channels[rows[0].channel]
        return self._settled(runtime, SendResult(known, rows, token, self._sent(known, rows, token)))

    def _ask(self) -> None:
        """Note that a request goes out."""
        self._asked.append(self._clock.monotonic())

    def _free(self, runtime: Runtime, lanes: Sequence[ChannelState], channel: str) -> bool:
        return self._wait(runtime, lanes, channel, self._clock.wall()) <= 0

    def _wait(self, runtime: Runtime, lanes: Sequence[ChannelState], channel: str, now: datetime) -> float:
        """Seconds until a channel may be posted to, by all that we know; 0 or less when it may."""
        own = next((lane for lane in lanes if lane.channel == channel), None)
        destination = [lane for lane in lanes if own and lane.destination == own.destination and alive(runtime, lane)]
        moments = [moment for lane in destination for moment in (lane.ready_at, lane.leased_until) if moment]
        outlet, stamp = runtime.channels[channel].outlet, now.timestamp()
        waits = [
            *((moment - now).total_seconds() for moment in moments),
            _paced_wait(
                outlet.pace.own, _posts(lane for lane in destination if own and lane.address == own.address), stamp
            ),
            _paced_wait(outlet.pace.shared, _posts(destination), stamp),
            outlet.pause(),
            self._wait_everywhere(outlet.kind),
        ]
        return max(waits)

    def _wait_everywhere(self, kind: str) -> float:
        """Seconds for which no channel is served: the service says so, or we were quick, or refused too often."""
        told = self._all_wait_until.get(kind, 0.0)
        free = max(told, EVERYWHERE.free_at(self._asked), REFUSALS.free_at(self._refusals))
        return max(0.0, free - self._clock.monotonic())

    def _claimed(self, runtime: Runtime, channel: Channel, token: str) -> Sequence[QueuedMessage]:
        """Take the place's most urgent row in hand, and those that go along; none when the place has to wait."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            outbox.expire(connection, now)
            destination = channel_states.lock_channels(connection, channel.name, channel.address, now)
            names = [
                lane.channel
                for lane in destination
                if alive(runtime, lane) and self._channel_checks.includes(runtime, lane)
            ]
            upcoming = outbox.upcoming(connection, names, now, outbox.TOGETHER)
            if not upcoming or self._wait(runtime, destination, upcoming[0].channel, now) > 0:
                return []
            rows = self._together(connection, runtime, upcoming, now)
            outbox.claim_rows(connection, rows, destination, token, now, LEASE)
        return rows

    def _together(
        self, connection: Connection, runtime: Runtime, upcoming: Sequence[QueuedMessage], now: datetime
    ) -> Sequence[QueuedMessage]:
        """The first row with those that go along: after a lost answer the same ones, else when more wait than go at
        once."""
        head = upcoming[0]
        if head.doubtful:
            return outbox.batch_of(connection, head, now)
        if not _light(head) or len(upcoming) <= BURST:
            return [head]
        channel = runtime.channels[head.channel]
        alike = list(takewhile(lambda row: row.channel == head.channel and _light(row), upcoming))
        try:
            return alike[: _room(channel, alike, now)]
        except Exception:
            log.exception("what waits for %s cannot go together", head.channel)
            return [head]

    def _sent(self, channel: Channel, rows: Sequence[QueuedMessage], token: str) -> Outcome:
        """Send rows in one request, after any doubt about an earlier one is resolved."""
        try:
            if rows[0].doubtful and rows[0].edit is None:
                found = self._sought(channel, rows[0], token)
                if not isinstance(found, Absent | Unclear):
                    return found
                if isinstance(found, Unclear) and channel.hold_doubtful and rows[0].kind != "board":
                    return NeedsReview(found.why)
                if isinstance(found, Absent):
                    rows = [replace(row, maybe_sent=False) for row in rows]
            return self._posted(channel, rows, token)
        except StoreError:
            raise
        except Exception as error:
            log.exception("the outlet of %s failed", channel.name)
            return Never(f"the outlet failed: {type(error).__name__}")

    def _sought(self, channel: Channel, row: QueuedMessage, token: str) -> Delivered | Absent | Later | Unclear:
        """Look into the channel for a message whose answer was lost."""
        with self._store.read() as connection:
            known = outbox.known_ids(connection, channel.address, KNOWN)
        found = channel.outlet.find("" if row.kind == "board" else f"ref {row.reference}", known)
        self._renew(token)
        if not isinstance(found, Later):
            log.info("%s: a message in doubt %s", row.channel, _in_words(found))
        return found

    def _posted(self, channel: Channel, rows: Sequence[QueuedMessage], token: str) -> Outcome:
        now = self._clock.wall()
        head, *others = rows
        message = self._fitted(channel, head, now)
        if head.edit is None:
            return channel.outlet.post(message, *(self._fitted(channel, row, now) for row in others))
        return self._edited(channel, head, head.edit, message, token)

    def _fitted(self, channel: Channel, row: QueuedMessage, now: datetime) -> Message:
        """The one part of the message that this row stands for, with what the reader has to know about its way."""
        parts = channel.outlet.fit(row.message)
        if row.of == 0 and len(parts) > 1:
            with self._store.begin() as connection:
                row = outbox.split_parts(connection, row, len(parts))
        part = parts[min(row.part, len(parts)) - 1]
        return _noted(channel, row, part, now)

    def _edited(self, channel: Channel, row: QueuedMessage, message_id: str, message: Message, token: str) -> Outcome:
        """Replace a message; a board that is gone, old, or may not be edited any more is posted anew."""
        verdict = None if row.anew else channel.outlet.edit(message_id, message)
        if verdict and not (isinstance(verdict, Never) and (verdict.missing or verdict.frozen)):
            return verdict
        if isinstance(verdict, Never) and row.kind == "alert":
            return Obsolete(verdict.why)
        self._renew(token)
        anew = channel.outlet.post(message)
        if isinstance(anew, Delivered):
            self._renew(token)
            if not isinstance(verdict, Never) or verdict.frozen:
                channel.outlet.delete(message_id)
            with self._store.begin() as connection:
                outbox.withdraw(connection, row.channel, message_id, self._clock.wall())
        return anew

    def _renew(self, token: str) -> None:
        """Keep the lane through another request: each alone is shorter than a lease."""
        with self._store.begin() as connection:
            channel_states.renew_lease(connection, token, self._clock.wall() + LEASE)

    def _settled(self, runtime: Runtime, sent: SendResult) -> bool:
        """Save what the outlet said; True if the place can go on at once. What cannot be saved is kept in mind."""
        self._wait_for_signal(sent.channel, sent.verdict)
        try:
            failures = self._save(sent)
        except StoreError:
            with self._lock:
                self._unsaved.append(sent)
            raise
        self._count(sent.verdict)
        for row in sent.rows:
            _tell_log(row, sent.verdict)
        self._tell(runtime, sent.channel.name, sent.verdict, failures)
        return isinstance(sent.verdict, Delivered | Never | NeedsReview | Obsolete) and not _gone(sent.verdict)

    def _wait_for_signal(self, channel: Channel, verdict: Outcome) -> None:
        """When a service says so none of its channels is served for a while; that cannot wait for the store."""
        if isinstance(verdict, Later) and verdict.everywhere:
            self._all_wait_until[channel.outlet.kind] = self._clock.monotonic() + verdict.after

    def _save_unsaved(self, runtime: Runtime) -> None:
        """What was answered while the store could not be written must be saved before anything else is sent."""
        while self._unsaved:
            with self._lock:
                sent = self._unsaved.pop(0) if self._unsaved else None
            if sent:
                self._settled(runtime, sent)  # which keeps it in mind again if it still cannot be saved

    def _save(self, sent: SendResult) -> int:
        """Returns how often the channel has failed in a row."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            channel_states.lock_leased(connection, sent.token)
            lane = channel_states.channel_state(connection, sent.channel.name)
            failures = lane.failures + 1 if lane else 1
            if lane and lane.posts:
                channel_states.record_posts(connection, lane.channel, (*lane.posts[:-1], now.timestamp()))
            for row in sent.rows:
                _save_row(connection, row, sent.verdict, now)
            channel_stats.add(connection, sent.channel.name, _tally(sent, now), now)
            self._save_lane(connection, sent.channel, sent.verdict, failures, now)
            channel_states.release(connection, sent.token)
        return failures

    def _save_lane(
        self, connection: Connection, channel: Channel, verdict: Outcome, failures: int, now: datetime
    ) -> None:
        match verdict:
            case Delivered():
                channel_states.mark_working(connection, channel.name)
            case Later() | Unclear():
                ready_at = now + timedelta(seconds=_pause(verdict, failures))
                channel_states.mark_waiting(connection, channel.name, ready_at, verdict.why, failed=not _paced(verdict))
            case Never(gone=True):
                channel_states.mark_dead(connection, channel.name, now, verdict.why)
                self._channel_checks.forget(channel.address)

    def _trouble(self, runtime: Runtime, channel: Channel, verdict: Verdict) -> None:
        """What became of a look at a channel that nothing was sent to."""
        self._wait_for_signal(channel, verdict)
        now = self._clock.wall()
        with self._store.begin() as connection:
            channel_states.lock_channels(connection, channel.name, channel.address, now)
            lane = channel_states.channel_state(connection, channel.name)
            failures = lane.failures + 1 if lane else 1
            if _paced(verdict):
                channel_stats.add(connection, channel.name, DeliveryCounts(slowed=1), now)
            self._save_lane(connection, channel, verdict, failures, now)
        self._count(verdict)
        log.warning("%s cannot be reached: %s", channel.name, _in_words(verdict))
        self._tell(runtime, channel.name, verdict, failures)

    def _count(self, verdict: Outcome) -> None:
        """Keep count of what the service bans for."""
        if not (isinstance(verdict, Later | Never) and verdict.counted):
            return
        self._refusals.append(self._clock.monotonic())
        if len(self._refusals) == REFUSALS.requests and self._refusals[0] > self._refusals[-1] - REFUSALS.seconds:
            log.error("refused %d times within %.0f s: nothing is sent for a while", *_of(REFUSALS))

    def _tell(self, runtime: Runtime, channel: str, verdict: Outcome, failures: int) -> None:
        """Trouble with a channel is itself told, on another one."""
        seen = list(self._observed(channel, verdict, failures))
        if not seen:
            return
        try:
            self._runner.observe(runtime, seen)
        except ReporterError as error:
            log.error("trouble with channel %s could not be saved: %s", channel, error)

    def _observed(self, channel: str, verdict: Outcome, failures: int) -> Iterator[Observation]:
        subject = f"channel/{channel}"
        match verdict:
            case Never(gone=True):
                self._troubled.add(channel)
                yield Observation(subject, Level.CRITICAL, f"channel {channel} is closed to us: {verdict.why}")
            case Never():
                yield Observation(f"{subject}/message", Level.WARNING, f"a message was refused: {verdict.why}")
            case NeedsReview():
                why = f"a message may have arrived or not, and is held until a person decides: {verdict.why}"
                yield Observation(f"{subject}/message", Level.WARNING, why)
            case Later() | Unclear() if not _paced(verdict) and failures >= TROUBLE and channel not in self._troubled:
                self._troubled.add(channel)
                why = f"channel {channel} failed {failures} times in a row: {verdict.why}"
                yield Observation(subject, Level.WARNING, why)
            case Delivered() if channel in self._troubled:
                self._troubled.discard(channel)
                yield Observation(subject, Level.OK, f"channel {channel} takes messages again")


@dataclass(frozen=True, slots=True)
class SendResult:
    """Rows that went to a channel in one request, under which token they were taken, and what came back."""

    channel: Channel
    rows: Sequence[QueuedMessage]
    token: str
    verdict: Outcome


def _one_a_destination(runtime: Runtime, lanes: Sequence[ChannelState], backlog: Sequence[str]) -> list[str]:
    """The first channel of each place that has something to send and can take it."""
    by_name = {lane.channel: lane for lane in lanes}
    first: dict[str, str] = {}
    for name in backlog:
        lane = by_name.get(name)
        if name in runtime.channels and (lane is None or alive(runtime, lane)):
            first.setdefault(lane.destination if lane else f"channel {name}", name)
    return list(first.values())


def _posts(lanes: Iterable[ChannelState]) -> list[float]:
    """The moments of the last posts of some lanes, in order."""
    return sorted(post for lane in lanes for post in lane.posts)


def _paced_wait(limit: Limit | None, posts: Sequence[float], now: float) -> float:
    """Seconds until one more may be posted. Moments that have not come yet are those of a clock that was set back."""
    if limit is None:
        return 0.0
    return limit.free_at([post for post in posts if post <= now]) - now


def _tally(sent: SendResult, now: datetime) -> DeliveryCounts:
    """What is counted of an answer."""
    number = len(sent.rows)
    match sent.verdict:
        case Delivered():
            late = [row for row in sent.rows if row.kind != "board" and now - row.created_at >= LATE]
            return DeliveryCounts(sent=number, late=len(late))
        case Later(paced=True):
            return DeliveryCounts(slowed=1)
        case Later() | Unclear():
            return DeliveryCounts(retried=number)
        case Never(gone=False):
            return DeliveryCounts(refused=number)
    return DeliveryCounts()


def _light(row: QueuedMessage) -> bool:
    """Whether a row may travel with others: it is whole, and no board that has to be edited by itself."""
    return row.slot is None and row.of <= 1 and not row.doubtful


def _room(channel: Channel, rows: Sequence[QueuedMessage], now: datetime) -> int:
    """How many of some rows, from the first on, one request can carry; at least one."""
    noted: list[Message] = []
    for row in rows:
        fitted = channel.outlet.fit(row.message)
        noted.append(_noted(channel, row, fitted[0], now))
        if len(fitted) > 1 or channel.outlet.together(noted) < len(noted):
            return max(1, len(noted) - 1)
    return len(noted)


def _noted(channel: Channel, row: QueuedMessage, part: Message, now: datetime) -> Message:
    """A part of a row's message as it goes out; what got late into the channel's quiet hours makes no sound."""
    noted = part.noted(*_notes(row, now))
    loud = part.severity is Severity.CRITICAL or not channel.etiquette.quiet(now)
    return noted if loud else replace(noted, silent=True)


def _notes(row: QueuedMessage, now: datetime) -> list[str]:
    """What the reader has to know: that it is late, that it may be a repeat, and by what both copies are known."""
    if row.kind == "board":
        return []
    late = now - row.created_at
    return [
        f"delivered {duration_text(late)} late" if late >= LATE else "",
        "may be a repeat" if row.maybe_sent else "",
        f"ref {row.reference}",
    ]


def _save_row(connection: Connection, row: QueuedMessage, verdict: Outcome, now: datetime) -> None:
    match verdict:
        case Delivered():
            outbox.mark_delivered(connection, row, now, message_id=verdict.id, place=verdict.place, url=verdict.url)
        case Later() | Unclear():
            outbox.mark_retry(connection, row, why=verdict.why, in_doubt=isinstance(verdict, Unclear))
        case NeedsReview():
            outbox.mark_needs_review(connection, row, verdict.why)
        case Obsolete():
            outbox.mark_obsolete(connection, row, now, verdict.why)
        case Never(gone=True):
            outbox.mark_retry(connection, row, why=verdict.why, in_doubt=False)
        case Never():
            outbox.mark_dead(connection, row, now, verdict.why)


def _pause(verdict: Later | Unclear, failures: int) -> float:
    """Seconds until the next try: longer each time, with some chance, and never less than we are told."""
    soon = min(SHORT_WAIT, SHORTEST_WAIT * (1 << min(failures - 1, 12)))
    late = 1 << min(max(0, failures - SOON), 12)
    backoff = min(LONGEST_WAIT, soon * late) * random.uniform(0.75, 1.25)  # noqa: S311
    if _paced(verdict):
        return verdict.after
    return max(verdict.after, backoff) if isinstance(verdict, Later) else backoff


def _paced(verdict: Outcome) -> TypeGuard[Later]:
    return isinstance(verdict, Later) and verdict.paced


def _gone(verdict: Outcome) -> bool:
    return isinstance(verdict, Never) and verdict.gone


def _of(limit: Limit) -> tuple[int, float]:
    return limit.requests, limit.seconds


def _in_words(found: Verdict | Absent) -> str:
    match found:
        case Delivered():
            return "is there"
        case Absent():
            return "is not there"
        case _:
            return found.why


def _tell_log(row: QueuedMessage, verdict: Outcome) -> None:
    match verdict:
        case Delivered():
            log.info("%s: %s delivered%s", row.channel, row.kind, " (edited)" if row.edit == verdict.id else "")
        case Later(paced=True):
            log.debug("%s: %s", row.channel, verdict.why)
        case Obsolete():
            log.info("%s: the first message of an alert cannot be edited any more: %s", row.channel, verdict.why)
        case NeedsReview():
            log.error("%s: held, for it may have arrived: %s", row.channel, verdict.why)
        case Later() | Unclear():
            log.warning("%s: not delivered yet: %s", row.channel, verdict.why)
        case Never():
            log.error("%s: not delivered: %s", row.channel, verdict.why)
