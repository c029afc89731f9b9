"""Brings queued messages to their channels: in order in each, independent channels side by side, nothing lost.

Step 7 of the way from schedule to Discord. The promise: computed exactly once, delivered at least once, and every
possible second copy marked.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import Connection

from reporter.alerts.model import Level, Observation
from reporter.delivery.channel_check import ChannelChecks, alive
from reporter.delivery.channels import Channel, Channels
from reporter.delivery.outlets.outlet import Absent, Delivered, Later, Never, Unclear, Verdict
from reporter.errors import ReporterError, StoreError
from reporter.messages.message import Message, Severity
from reporter.periods.clock import Clock, ClockSteps, seconds_asleep
from reporter.periods.time_text import duration_text
from reporter.store import channel_states, channel_stats, outbox
from reporter.store.channel_states import ChannelState
from reporter.store.channel_stats import DeliveryCounts
from reporter.store.database import Store
from reporter.store.outbox import QueuedMessage

log = logging.getLogger(__name__)

# A channel is leased for longer than any request can take, so that two processes never send at once.
LEASE = timedelta(seconds=90)
# What a killed process has sent is there after so long, or never will be.
GRACE = timedelta(seconds=5)
# From this length on a pause that a service asks for is trouble: it is reported, and survives a restart.
LONG_PAUSE = timedelta(minutes=5)
SHORTEST_WAIT, SHORT_WAIT, LONGEST_WAIT = 1.0, 4.0, 60.0
# Most outages are over within minutes: this many tries follow each other soon, and only then the pauses grow long.
SOON = 40
# From this lateness on a message says that it is late.
LATE = timedelta(minutes=2)
# After this many failures in a row a channel's trouble is reported on another channel.
TROUBLE = 5
# When more messages wait than this, those that are alike travel together.
BURST = 5
# When a channel is read, it is recognized by at most this many of its own last messages.
KNOWN = 20
# So many times in a row a claim is tried while further channels turn out to have the same destination.
CLAIMS = 3


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """The message may be there or not, and the channel wants no repeats."""

    why: str


@dataclass(frozen=True, slots=True)
class Obsolete:
    """There is nothing left to be edited; what was to be said is said by messages of its own."""

    why: str


Outcome = Verdict | NeedsReview | Obsolete


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came back for the rows of one request, and under which token they were claimed. A check has no rows."""

    channel: Channel
    rows: Sequence[QueuedMessage]
    token: str
    outcome: Outcome


class DeliveryWorker:
    """Sends what is due. It holds no config: each call is given the channels that count at that moment.

    `report` is given what is wrong with a channel, to be judged like any other observation. While `doubted` says that
    the clock cannot be right, no message expires.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        report: Callable[[Sequence[Observation]], None],
        doubted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._steps = ClockSteps(clock, seconds_asleep)
        self._following = threading.Lock()
        self._report = report
        self._doubted = doubted
        self._process = secrets.token_hex(8)  # how the leases of this process begin
        self._checks = ChannelChecks(self._check)
        self._troubled: set[str] = set()  # those whose trouble this process has reported
        self._well: set[str] = set()  # and of which it has reported that they take messages
        self._unsaved: list[Settlement] = []
        self._lock = threading.Lock()

    def ready(self, channels: Channels) -> tuple[list[str], float]:
        """The channels that can be served now, the most urgent first, and in how many seconds to look again.

        Of the channels with one destination only the first is named: it stands for all.
        """
        self._save_unsaved()
        now = self._now()
        with self._store.read() as connection:
            backlog = outbox.backlog(connection, now)
            states = {state.channel: state for state in channel_states.all_states(connection)}
        self._end_leases_of_the_dead(states, now)
        self._save_pauses(channels, states, backlog, now)
        waits: dict[str, float] = {}
        for name in (name for name in backlog if name in channels):
            own = states.get(name)
            if own and (
                not alive(channels, own) or any(own.leads_where(states[other]) for other in waits if other in states)
            ):
                continue
            waits[name] = self._wait(channels, list(states.values()), name, now, urgent=backlog[name])
        soon = min((wait for wait in waits.values() if wait > 0), default=LONGEST_WAIT)
        return [name for name, wait in waits.items() if wait <= 0], soon

    def serve(self, channels: Channels, name: str, stopping: threading.Event | None = None) -> int:
        """Send what waits for a channel until it is empty or has to wait; returns how many requests were settled."""
        settled = 0
        while not (stopping and stopping.is_set()) and self.step(channels, name):
            settled += 1
        return settled

    def step(self, channels: Channels, name: str) -> bool:
        """Send the most urgent row of a channel's destination, with those that go along; False when there is none, or
        when the destination has to wait."""
        self._save_unsaved()
        token = self._process + secrets.token_hex(8)
        rows = self._claim(channels, channels[name], token) if name in channels else []
        if not rows:
            return False
        channel = channels[rows[0].channel]
        return self._settle(Settlement(channel, rows, token, self._send(channel, rows, token)))

    # --- Which rows, and when ---

    def _now(self) -> datetime:
        """The present moment, once what the store keeps of pauses, leases and queued messages is told by this clock.

        Of two daemons at one store only one clock may be wrong: what the other noted is left as it is.
        """
        with self._following, self._steps.taken() as step:
            if step and not self._store.shared:
                with self._store.begin() as connection:
                    outbox.follow_clock(connection, step, self._clock.wall())
        return self._clock.wall()

    def _expire(self, now: datetime) -> None:
        """Give up what is no longer to be kept, unless it only seems old by a clock that cannot be right."""
        with self._store.read() as connection:
            overdue = outbox.overdue(connection, now)
        if overdue and not self._doubted():
            with self._store.begin() as connection:
                outbox.expire(connection, now)

    def _end_leases_of_the_dead(self, states: Mapping[str, ChannelState], now: datetime) -> None:
        """Where this process knows that it is alone, nobody waits for the lease of one that was killed."""
        leased = [state for state in states.values() if state.lease and not state.lease.startswith(self._process)]
        if any(state.leased_until and state.leased_until > now + GRACE for state in leased):
            with self._store.begin() as connection, self._store.only_sender() as alone:
                if alone:
                    outbox.end_leases_of_others(connection, self._process, LEASE, GRACE)

    def _save_pauses(
        self, channels: Channels, states: Mapping[str, ChannelState], backlog: Collection[str], now: datetime
    ) -> None:
        """A long pause of a whole service outlives the process, whichever request met it."""
        for name, channel in channels.items():
            pause, state = timedelta(seconds=channel.outlet.pause()), states.get(name)
            if pause >= LONG_PAUSE and (state is None or state.ready_at < now + pause - LONG_PAUSE / 2):
                why = f"{channel.outlet.kind} asks all channels for a pause of {duration_text(pause)}"
                later = Later(pause.total_seconds(), why, everywhere=True, paced=True, asked=False)
                self._settle(Settlement(channel, (), "", later), report=name in backlog)

    def _wait(
        self, channels: Channels, states: Sequence[ChannelState], name: str, now: datetime, *, urgent: bool
    ) -> float:
        """Seconds until a channel may be posted to, by all that we know; 0 or less when it may."""
        outlet, stamp = channels[name].outlet, now.timestamp()
        waits = [outlet.pause()]
        own = next((state for state in states if state.channel == name), None)
        if own is None:
            return max(waits)
        same = [state for state in states if own.leads_where(state) and alive(channels, state)]
        for state in same:
            waits += [(moment - now).total_seconds() for moment in (state.ready_at, state.leased_until) if moment]
        own_posts = [post for state in same if state.webhook == own.webhook for post in state.posts]
        all_posts = [post for state in same for post in state.posts]
        for whole, posts in ((outlet.pace.own, own_posts), (outlet.pace.shared, all_posts)):
            if whole:
                limit = whole if urgent else whole.for_reports
                # A moment that has not come yet is that of a clock that was set back.
                waits.append(limit.free_at(sorted(post for post in posts if post <= stamp)) - stamp)
        return max(waits)

    def _claim(self, channels: Channels, channel: Channel, token: str) -> Sequence[QueuedMessage]:
        """Claim the most urgent row for a channel's destination, and those that go along; none when it has to wait.

        Channels that must be checked before are checked, outside of any transaction.
        """
        self._store.join_senders()
        for _ in range(CLAIMS):
            now = self._now()
            self._expire(now)
            with self._store.begin() as connection:
                states = channel_states.lock_channels(connection, channel.name, channel.address, now)
                living = [state for state in states if alive(channels, state)]
                if channel.name not in {state.channel for state in living}:
                    return []
                if self._wait(channels, states, channel.name, now, urgent=True) > 0:
                    return []
                needed, others = self._checks.missing(connection, channels, channel, states, now)
                if not needed and not others:
                    names = [state.channel for state in living]
                    upcoming = outbox.upcoming(connection, names, now, outbox.TOGETHER)
                    if not upcoming:
                        return []
                    head = upcoming[0]
                    if self._wait(channels, states, head.channel, now, urgent=head.urgent) > 0:
                        return []
                    rows = self._together(connection, channels[head.channel], upcoming, now)
                    outbox.claim_rows(connection, rows, states, token, now, LEASE)
                    return rows
            self._checks.run(channels, needed, others)
        return []

    def _together(
        self, connection: Connection, channel: Channel, upcoming: Sequence[QueuedMessage], now: datetime
    ) -> Sequence[QueuedMessage]:
        """The rows to send in one request. A retry after a lost answer sends the same rows again."""
        head = upcoming[0]
        if head.doubtful:
            return outbox.batch_of(connection, head, now)
        if len(upcoming) <= BURST or not _may_travel(head):
            return [head]
        alike = list(takewhile(lambda row: row.channel == head.channel and _may_travel(row), upcoming))
        try:
            fitted: list[Message] = []
            for row in alike:
                parts = channel.outlet.fit(row.message)
                fitted.append(_noted(channel, row, parts[0], now))
                if len(parts) > 1 or channel.outlet.together(fitted) < len(fitted):
                    return alike[: max(1, len(fitted) - 1)]
        except Exception:
            log.exception("what waits for %s cannot go together", head.channel)
            return [head]
        return alike

    # --- One request ---

    def _send(self, channel: Channel, rows: Sequence[QueuedMessage], token: str) -> Outcome:
        """Send rows in one request, after any doubt about an earlier one is resolved."""
        head = rows[0]
        try:
            if head.doubtful and head.edit is None:
                found = self._find(channel, head, token)
                if not isinstance(found, Absent | Unclear):
                    return found
                if isinstance(found, Unclear) and channel.hold_doubtful and head.kind != "board":
                    return NeedsReview(found.why)
                if isinstance(found, Absent):
                    rows = [replace(row, maybe_sent=False) for row in rows]
            now = self._now()
            messages = [self._fitted(channel, row, now) for row in rows]
            if head.edit is None:
                return channel.outlet.post(*messages)
            return self._edit(channel, head, head.edit, messages[0], token)
        except StoreError:
            raise
        except Exception as error:
            log.exception("the outlet of %s failed", channel.name)
            return Never(f"the outlet failed: {type(error).__name__}")

    def _find(self, channel: Channel, row: QueuedMessage, token: str) -> Delivered | Absent | Later | Unclear:
        """Look into the channel for a message whose answer was lost."""
        with self._store.read() as connection:
            known = outbox.known_ids(connection, channel.address, KNOWN)
        found = channel.outlet.find("" if row.kind == "board" else f"ref {row.reference}", known)
        self._renew(channel, token)
        if not isinstance(found, Later):
            log.info("%s: a message in doubt %s", row.channel, _in_words(found))
        return found

    def _fitted(self, channel: Channel, row: QueuedMessage, now: datetime) -> Message:
        """The part of the message that this row stands for, with what the reader has to know about its way."""
        parts = channel.outlet.fit(row.message)
        if row.parts is None and len(parts) > 1:
            with self._store.begin() as connection:
                row = outbox.split_parts(connection, row, len(parts))
        return _noted(channel, row, parts[min(row.part, len(parts)) - 1], now)

    def _edit(self, channel: Channel, row: QueuedMessage, message_id: str, message: Message, token: str) -> Outcome:
        """Replace a message; a board that is gone, old, or may not be edited any more is posted again."""
        verdict = None if row.post_again else channel.outlet.edit(message_id, message)
        if verdict and not (isinstance(verdict, Never) and (verdict.missing or verdict.frozen)):
            return verdict
        if isinstance(verdict, Never) and row.kind == "alert":
            return Obsolete(verdict.why)
        self._renew(channel, token)
        posted = channel.outlet.post(message)
        if isinstance(posted, Delivered):
            self._renew(channel, token)
            if not isinstance(verdict, Never) or verdict.frozen:
                channel.outlet.delete(message_id)
            with self._store.begin() as connection:
                outbox.withdraw(connection, row.channel, message_id, self._clock.wall())
        return posted

    def _renew(self, channel: Channel, token: str) -> None:
        """Keep the lease through another request: each request alone is shorter than a lease."""
        until = self._now() + LEASE
        with self._store.begin() as connection:
            channel_states.renew_lease(connection, token, channel.name, until)

    def _check(self, channels: Channels, channel: Channel) -> bool:
        """Ask a channel, without posting, whether it can be posted to, and save what it answers."""
        try:
            verdict = channel.outlet.look()
        except Exception as error:
            log.exception("the outlet of %s failed", channel.name)
            verdict = Unclear(f"the outlet failed: {type(error).__name__}")
        try:
            if isinstance(verdict, Later | Unclear) or (isinstance(verdict, Never) and verdict.gone):
                log.warning("%s cannot be reached: %s", channel.name, verdict.why)
                self._settle(Settlement(channel, (), "", verdict))
                return False
            destination = verdict.destination if isinstance(verdict, Delivered) else None
            now = self._now()
            with self._store.begin() as connection:
                for name in (other.name for other in channels.values() if other.address == channel.address):
                    channel_states.lock_channels(connection, name, channel.address, now)
                    channel_states.save(connection, name, destination=destination or None)
        except ReporterError as error:
            log.error("what a check of %s has shown could not be saved: %s", channel.name, error)
            return False
        return True

    # --- What came back ---

    def _settle(self, settlement: Settlement, *, report: bool = True) -> bool:
        """Save what the outlet said; True if the destination can go on at once. What cannot be saved is kept in
        memory."""
        channel, outcome = settlement.channel, settlement.outcome
        try:
            failures = self._save(settlement)
        except StoreError:
            if settlement.rows:
                with self._lock:
                    self._unsaved.append(settlement)
            raise
        for row in settlement.rows:
            _log(row, outcome)
        if report and (observation := self._observation(channel.name, outcome, failures)):
            try:
                self._report([observation])
            except ReporterError as error:
                log.error("trouble with channel %s could not be saved: %s", channel.name, error)
            else:
                self._reported(channel.name, observation)
        return not isinstance(outcome, Later | Unclear) and not (isinstance(outcome, Never) and outcome.gone)

    def _reported(self, channel: str, observation: Observation) -> None:
        """Remember what is known of a channel elsewhere."""
        if observation.level is Level.OK:
            self._well.add(channel)
            self._troubled.discard(channel)
        elif observation.subject == f"channel/{channel}":
            self._troubled.add(channel)

    def _save_unsaved(self) -> None:
        """What was answered while the store could not be written must be saved before anything else is sent."""
        while self._unsaved:
            with self._lock:
                settlement = self._unsaved.pop(0) if self._unsaved else None
            if settlement:
                self._settle(settlement)  # which keeps it in memory again if it still cannot be saved

    def _save(self, settlement: Settlement) -> int:
        """Save what became of the rows and of their channel; returns how often the channel has failed in a row."""
        channel, rows, outcome = settlement.channel, settlement.rows, settlement.outcome
        now = self._now()
        with self._store.begin() as connection:
            if not rows:
                channel_states.lock_channels(connection, channel.name, channel.address, now)
            state = channel_states.lock_leased(connection, settlement.token, channel.name)
            failures = state.failures + 1 if state else 1
            for row in rows:
                _settle_row(connection, row, outcome, now)
            changes = _changes(outcome, failures, now)
            if state and state.posts and rows:
                # A post counts from its answer on, which came later than the claim; a request that never left, not at
                # all.
                asked = not isinstance(outcome, Later) or outcome.asked
                answered = (now.timestamp(),) if asked else ()
                changes["posts"] = channel_states.recent_posts((*state.posts[:-1], *answered))
            if changes:
                channel_states.save(connection, channel.name, **changes)
            channel_stats.add(connection, channel.name, _counts(rows, outcome, now), now)
            channel_states.release(connection, settlement.token)
        if isinstance(outcome, Never) and outcome.gone:
            self._checks.mark_dead(channel.address)
        return failures

    def _observation(self, channel: str, outcome: Outcome, failures: int) -> Observation | None:
        """What is to be judged of a channel, so that its trouble is reported on another one.

        That it takes messages is said once in each process and after each trouble: the trouble may have been reported
        before a restart.
        """
        subject, named = f"channel/{channel}", f"channel {channel}"
        level, why = Level.WARNING, ""
        if not isinstance(outcome, Delivered):
            self._well.discard(channel)
        match outcome:
            case Never(gone=True):
                level, why = Level.CRITICAL, f"{named} is closed to us: {outcome.why}"
            case Never():
                subject, why = f"{subject}/message", f"a message was refused: {outcome.why}"
            case NeedsReview():
                why = f"a message may have arrived or not, and is held until a person decides: {outcome.why}"
                subject = f"{subject}/message"
            case Later(after=after) if after >= LONG_PAUSE.total_seconds():
                why = f"{named} waits for {duration_text(after)}: {outcome.why}"
            case Later(paced=False) | Unclear() if failures >= TROUBLE and channel not in self._troubled:
                why = f"{named} failed {failures} times in a row: {outcome.why}"
            case Delivered() if channel not in self._well:
                level, why = Level.OK, f"{named} takes messages again"
        return Observation(subject, level, why) if why else None


def _settle_row(connection: Connection, row: QueuedMessage, outcome: Outcome, now: datetime) -> None:
    match outcome:
        case Delivered(id=id_, destination=destination, url=url):
            outbox.mark_delivered(connection, row, now, message_id=id_, destination=destination, url=url)
        case Later() | Unclear() | Never(gone=True):
            outbox.mark_retry(connection, row, outcome.why, in_doubt=isinstance(outcome, Unclear))
        case NeedsReview():
            outbox.mark_retry(connection, row, outcome.why, in_doubt=True, review=True)
        case Obsolete():
            outbox.mark_settled(connection, row, "superseded", outcome.why, now)
        case Never():
            outbox.mark_settled(connection, row, "dead", outcome.why, now)


def _changes(outcome: Outcome, failures: int, now: datetime) -> dict[str, object]:
    """What changes in the state of the channel."""
    match outcome:
        case Delivered():
            return {"failures": 0, "error": None}
        case Later() | Unclear():
            paced = isinstance(outcome, Later) and outcome.paced
            ready_at = now + timedelta(seconds=_pause(outcome, failures))
            return {"error": outcome.why, "ready_at": ready_at} | ({} if paced else {"failures": failures})
        case Never(gone=True):
            return {"dead_since": now, "error": outcome.why}
    return {}


def _counts(rows: Sequence[QueuedMessage], outcome: Outcome, now: datetime) -> DeliveryCounts:
    """What is counted of an answer."""
    match outcome:
        case Delivered():
            late = sum(row.kind != "board" and now - row.not_before >= LATE for row in rows)
            return DeliveryCounts(sent=len(rows), late=late)
        case Later(paced=True):
            return DeliveryCounts(slowed=1)
        case Later() | Unclear():
            return DeliveryCounts(retried=len(rows))
        case Never(gone=False):
            return DeliveryCounts(refused=len(rows))
    return DeliveryCounts()


def _may_travel(row: QueuedMessage) -> bool:
    """Whether a row may travel with others: it is whole, and no board that has to be edited by itself."""
    return row.slot is None and not row.is_split and not row.doubtful


def _noted(channel: Channel, row: QueuedMessage, part: Message, now: datetime) -> Message:
    """A part of a row's message as it goes out: with what the reader has to know about its way.

    That is how late it is, that it may be a repeat, and the reference that both copies bear. A message that comes late
    into the channel's quiet hours makes no sound.
    """
    late = now - row.not_before
    notes = [
        f"delivered {duration_text(late, units=1)} late" if late >= LATE else "",
        "may be a repeat" if row.maybe_sent else "",
        f"ref {row.reference}",
    ]
    noted = part if row.kind == "board" else part.noted(*notes)
    loud = part.severity is Severity.CRITICAL or not channel.quiet_rules.quiet(now)
    return noted if loud else replace(noted, silent=True)


def _pause(outcome: Later | Unclear, failures: int) -> float:
    """Seconds until the next try: longer each time, with some chance, and never less than the service says."""
    if isinstance(outcome, Later) and outcome.paced:
        return outcome.after
    soon = min(SHORT_WAIT, SHORTEST_WAIT * (1 << min(failures - 1, 12)))
    late = 1 << min(max(0, failures - SOON), 12)
    backoff = min(LONGEST_WAIT, soon * late) * random.uniform(0.75, 1.25)  # noqa: S311
    return max(outcome.after, backoff) if isinstance(outcome, Later) else backoff


def _in_words(found: Verdict | Absent) -> str:
    match found:
        case Delivered():
            return "is there"
        case Absent():
            return "is not there"
        case _:
            return found.why


def _log(row: QueuedMessage, outcome: Outcome) -> None:
    match outcome:
        case Delivered():
            log.info("%s: %s delivered%s", row.channel, row.kind, " (edited)" if row.edit == outcome.id else "")
        case Later(paced=True):
            log.debug("%s: %s", row.channel, outcome.why)
        case Obsolete():
            log.info("%s: the first message of an alert cannot be edited any more: %s", row.channel, outcome.why)
        case NeedsReview():
            log.error("%s: held, for it may have arrived: %s", row.channel, outcome.why)
        case Later() | Unclear():
            log.warning("%s: not delivered yet: %s", row.channel, outcome.why)
        case Never():
            log.error("%s: not delivered: %s", row.channel, outcome.why)
