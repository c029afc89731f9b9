"""How fast a service lets us ask. The limits are kept ahead of time, so that the service never has to refuse."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

MARGIN = 0.15
"""Seconds on top of every wait: the service's clock and ours do not tick together, and the way there varies."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` within any `seconds`: this keeps fixed windows and token buckets as well."""

    requests: int
    seconds: float

    def free_at(self, times: Sequence[float]) -> float:
        """The moment from which one more request may be made. `times`, in seconds and in order, are those of the last
        ones; each is taken when the answer came, for until then nobody knows when the request was counted."""
        if len(times) < self.requests:
            return 0.0
        return times[-self.requests] + self.seconds + MARGIN

    @property
    def for_reports(self) -> Limit:
        """The limit without what is kept for alerts: a tenth, at least one request. An alert waits for no report."""
        return Limit(max(1, self.requests - max(1, self.requests // 10)), self.seconds)


@dataclass(frozen=True, slots=True)
class RateWindow:
    """The limits of an outlet: its own, and one that all outlets with its destination share."""

    own: Limit | None = None
    shared: Limit | None = None


# One process asks no faster than that, whatever the number of its channels: Discord's own limit is 50 in a second.
REQUESTS = Limit(40, 1.0)
# Discord bans an address that was refused 10,000 times in ten minutes. We stop long before.
REFUSALS = Limit(1000, 600.0)


class ServiceLimits:
    """What this process asks of one service through all its channels, and what the service says to all of them.

    One object is shared by all outlets of the service and by all their threads: whoever meets a pause for all, be it a
    post, a check or a look at the time, stops all. It counts by the monotonic clock: the wall clock may be set back.
    """

    def __init__(self, monotonic: Callable[[], float], requests: Limit | None = None) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._limit = requests or REQUESTS
        self._requests: deque[float] = deque(maxlen=self._limit.requests)
        self._refusals: deque[float] = deque(maxlen=REFUSALS.requests)
        self._paused_until = 0.0

    def note_request(self) -> None:
        """A request goes out."""
        self._requests.append(self._monotonic())

    def note_refusal(self) -> None:
        """A request was refused in a way that the service bans for."""
        with self._lock:
            self._refusals.append(self._monotonic())
            full = len(self._refusals) == REFUSALS.requests
            if full and self._refusals[0] > self._refusals[-1] - REFUSALS.seconds:
                log.error(
                    "refused %d times within %.0f s: nothing is sent for a while", REFUSALS.requests, REFUSALS.seconds
                )

    def pause(self, seconds: float) -> None:
        """The service asks for a pause of all its channels."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def wait(self) -> float:
        """Seconds for which no channel of the service may be asked; 0 when it may."""
        free = max(self._paused_until, self._limit.free_at(self._requests), REFUSALS.free_at(self._refusals))
        return max(0.0, free - self._monotonic())
