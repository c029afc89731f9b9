"""Threads that were started and do not begin: the machine has no memory for them."""

from __future__ import annotations

import threading

from reporter.periods.clock import Clock

# So long, in seconds, a thread may take to begin: where many programs want the processor it waits its turn.
BEGIN_WITHIN = 30.0


class BeginningThreads:
    """Sees which threads are about to begin. Whoever started one that never begins waits for it for ever."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[threading.Thread, float] = {}

    def one_never_began(self) -> bool:
        """Whether a thread has been about to begin for too long, at each look since."""
        now = self._clock.monotonic()
        waiting = [thread for thread in threading.enumerate() if not thread.is_alive()]
        self._since = {thread: self._since.get(thread, now) for thread in waiting}
        return any(now - since >= BEGIN_WITHIN for since in self._since.values())
