"""Checks channels before anything is posted: whether the webhook works, and which Discord channel it belongs to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from reporter.delivery.channels import Channel
from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.errors import ReporterError
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store import channel_states, outbox
from reporter.store.channel_states import ChannelState
from reporter.store.database import Store

log = logging.getLogger(__name__)

# For so long, in seconds, a channel waits for another to say where it leads.
FIRST_LOOK = 2.0


class ChannelChecks:
    """Whom this process has looked at, by address. `asking` is told of each look, and `trouble` of those that fail."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        asking: Callable[[], None],
        trouble: Callable[[Runtime, Channel, Verdict], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._asking = asking
        self._trouble = trouble
        self._lock = threading.Lock()
        self._met: set[str] = set()  # looked at once: a dead one is known before it is posted to
        self._looked: set[str] = set()  # those, and where a look has failed
        self._settled_in: set[str] = set()  # whose whole place was looked at
        self._dead: set[str] = set()
        self._looks: dict[str, threading.Thread] = {}  # under way

    def includes(self, runtime: Runtime, lane: ChannelState) -> bool:
        """Whether the channel of a lane was looked at, under its present address."""
        return lane.address in self._met and runtime.channels[lane.channel].address == lane.address

    def check(self, runtime: Runtime, channel: Channel, free: Callable[[Sequence[ChannelState]], bool]) -> bool:
        """Look at a channel before the first post, as soon as its lanes are `free`; True when it can be posted to.

        So is every other that leads to the same place, or of which nobody knows where it leads: what waits for it may
        be the older.
        """
        now = self._clock.wall()
        unplaced = self._unplaced(runtime, channel, now)
        if channel.address in self._settled_in and not unplaced:
            return True
        with self._store.begin() as connection:
            lanes = channel_states.lock_channels(connection, channel.name, channel.address, now)
        if not self._open(runtime, channel, lanes) or not free(lanes):
            return False
        strangers = [runtime.channels[lane.channel] for lane in self._strangers(runtime, lanes)]
        self._look_at(runtime, strangers, unplaced)
        with self._store.begin() as connection:
            lanes = channel_states.lock_channels(connection, channel.name, channel.address, now)
        if self._strangers(runtime, lanes) or channel.address not in self._met:
            return False
        self._settled_in.add(channel.address)
        return True

    def _open(self, runtime: Runtime, channel: Channel, lanes: Sequence[ChannelState]) -> bool:
        """Whether a channel may be asked; one that was found dead, and is no more by the store, is asked as if anew."""
        if not any(lane.channel == channel.name and alive(runtime, lane) for lane in lanes):
            return False
        if channel.address in self._dead:
            self._dead.discard(channel.address)
            channel.outlet.reopen()
        return True

    def _unplaced(self, runtime: Runtime, channel: Channel, now: datetime) -> list[Channel]:
        """The other channels of the service that have something to send while nobody knows where they lead."""
        alike = [one for one in runtime.channels.values() if one.outlet.kind == channel.outlet.kind]
        unseen = {one.name: one for one in alike if one is not channel and one.address not in self._looked}
        if not unseen:
            return []
        with self._store.read() as connection:
            backlog = [name for name in outbox.backlog(connection, now) if name in unseen]
            lanes = channel_states.all_states(connection) if backlog else []
        known = {lane.channel for lane in lanes if lane.channel in unseen and _settled(lane, unseen[lane.channel])}
        return [unseen[name] for name in backlog if name not in known]

    def _strangers(self, runtime: Runtime, lanes: Sequence[ChannelState]) -> list[ChannelState]:
        """Those of some lanes that could be posted to and were not looked at yet."""
        return [lane for lane in lanes if alive(runtime, lane) and not self.includes(runtime, lane)]

    def _look_at(self, runtime: Runtime, needed: Iterable[Channel], others: Iterable[Channel]) -> None:
        """Look at channels side by side. Of the `others` one that does not answer soon is not waited for."""
        with self._lock:
            first, second = ([self._look_under_way(runtime, one) for one in some] for some in (needed, others))
        end = time.monotonic() + FIRST_LOOK
        for look in first:
            look.join()
        for look in second:
            look.join(max(0.0, end - time.monotonic()))

    def _look_under_way(self, runtime: Runtime, channel: Channel) -> threading.Thread:
        """The look at a channel: one that is under way or has succeeded, else a new one."""
        look = self._looks.get(channel.address)
        if look is None or not (look.is_alive() or channel.address in self._met):
            look = threading.Thread(
                target=self._look, args=(runtime, channel), name=f"look-{channel.name}", daemon=True
            )
            self._looks[channel.address] = look
            self._asking()
            look.start()
        return look

    def _look(self, runtime: Runtime, channel: Channel) -> None:
        try:
            self._note(runtime, channel, _guarded_look(channel))
        except ReporterError as error:
            log.error("what a look at %s has shown could not be saved: %s", channel.name, error)
        self._looked.add(channel.address)

    def _note(self, runtime: Runtime, channel: Channel, seen: Verdict) -> None:
        """Remember what a look has shown."""
        if isinstance(seen, Later | Unclear) or (isinstance(seen, Never) and seen.gone):
            self._trouble(runtime, channel, seen)
            return
        names = [one.name for one in runtime.channels.values() if one.address == channel.address]
        with self._store.begin() as connection:
            for name in names:
                channel_states.lock_channels(connection, name, channel.address, self._clock.wall())
                channel_states.record_destination(connection, name, seen.place if isinstance(seen, Delivered) else None)
        self._met.add(channel.address)

    def forget(self, address: str) -> None:
        """A dead channel is a stranger, should it ever be alive again."""
        self._dead.add(address)
        self._met.discard(address)
        self._settled_in.discard(address)


def alive(runtime: Runtime, lane: ChannelState) -> bool:
    """Whether the lane belongs to a channel of the config and was not found dead under its present address."""
    known = runtime.channels.get(lane.channel)
    return known is not None and not (lane.dead_since and lane.address == known.address)


def _settled(lane: ChannelState, channel: Channel) -> bool:
    """Whether it is known where a channel leads, or that it leads nowhere."""
    return lane.address == channel.address and (lane.place is not None or lane.dead_since is not None)


def _guarded_look(channel: Channel) -> Verdict:
    try:
        return channel.outlet.look()
    except Exception as error:
        log.exception("the outlet of %s failed", channel.name)
        return Unclear(f"the outlet failed: {type(error).__name__}")
