"""Checks each channel once before posting: is it reachable, and to which destination does it lead?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import Connection

from reporter.delivery.channels import Channel, Channels
from reporter.store import channel_states, outbox
from reporter.store.channel_states import ChannelState

# For this long, in seconds, a channel waits until the others are checked whose destination nobody knows.
FIRST_CHECK = 2.0


class _Outcome(Enum):
    UNDER_WAY = auto()
    PASSED = auto()
    FAILED = auto()
    DEAD = auto()


@dataclass(slots=True)
class _Check:
    """The last check of one address."""

    thread: threading.Thread
    began: float
    outcome: _Outcome = _Outcome.UNDER_WAY


class ChannelChecks:
    """The checks of this process, by address. `check` asks a channel, saves what it answers, and says whether it can be
    posted to."""

    def __init__(self, check: Callable[[Channels, Channel], bool]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._checks: dict[str, _Check] = {}

    def passed(self, address: str) -> bool:
        found = self._checks.get(address)
        return found is not None and found.outcome is _Outcome.PASSED

    def mark_dead(self, address: str) -> None:
        """A dead channel is checked again, should it ever be alive again."""
        if found := self._checks.get(address):
            found.outcome = _Outcome.DEAD

    def missing(
        self,
        connection: Connection,
        channels: Channels,
        channel: Channel,
        states: Sequence[ChannelState],
        now: datetime,
    ) -> tuple[list[Channel], list[Channel]]:
        """The channels to be checked before one is posted to: those with its destination, and all others that have
        something to send while nobody knows where they lead. What waits for any of them may be older."""
        same = [channels[state.channel] for state in states if alive(channels, state)]
        needed = [other for other in same if not self.passed(other.address)]
        alike = [other for other in channels.values() if other.outlet.kind == channel.outlet.kind]
        others = {other.name: other for other in alike if other is not channel and self._is_waited_for(other.address)}
        if not others:
            return needed, []
        waiting = [name for name in outbox.backlog(connection, now) if name in others]
        known = {
            state.channel
            for state in (channel_states.all_states(connection) if waiting else [])
            if state.channel in others
            and state.address == others[state.channel].address
            and (state.destination is not None or state.dead_since is not None)
        }
        return needed, [others[name] for name in waiting if name not in known]

    def run(self, channels: Channels, needed: Iterable[Channel], others: Iterable[Channel]) -> None:
        """Check channels side by side. Of the `others` a channel that does not answer soon is not waited for."""
        with self._lock:
            first, second = ([self._under_way(channels, each) for each in some] for some in (needed, others))
        for check in first:
            check.thread.join()
        for check in second:
            check.thread.join(max(0.0, check.began + FIRST_CHECK - time.monotonic()))

    def _under_way(self, channels: Channels, channel: Channel) -> _Check:
        """The check of a channel: one that is under way or was passed, else a new one."""
        found = self._checks.get(channel.address)
        if found and found.outcome in {_Outcome.UNDER_WAY, _Outcome.PASSED}:
            return found
        if found and found.outcome is _Outcome.DEAD:  # and alive again by the store, else it would not be checked
            channel.outlet.reopen()

        def work() -> None:
            passed = False
            try:
                passed = self._check(channels, channel)
            finally:
                if check.outcome is _Outcome.UNDER_WAY:
                    check.outcome = _Outcome.PASSED if passed else _Outcome.FAILED

        thread = threading.Thread(target=work, name=f"check-{channel.name}", daemon=True)
        check = self._checks[channel.address] = _Check(thread, time.monotonic())
        try:
            thread.start()
        except RuntimeError:  # the machine gives no more threads
            check.outcome = _Outcome.FAILED
            raise
        return check

    def _is_waited_for(self, address: str) -> bool:
        found = self._checks.get(address)
        under_way = found is not None and found.outcome is _Outcome.UNDER_WAY
        return found is None or (under_way and time.monotonic() < found.began + FIRST_CHECK)


def alive(channels: Channels, state: ChannelState) -> bool:
    """Whether a state is of a channel of the config that was not found dead under its present address."""
    channel = channels.get(state.channel)
    return channel is not None and not (state.dead_since and state.address == channel.address)
