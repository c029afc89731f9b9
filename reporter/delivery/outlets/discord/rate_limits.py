"""The pace of a webhook, as the headers of Discord's answers give it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from reporter.delivery.outlets.discord import limits
from reporter.delivery.outlets.discord.verdicts import ApiResponse
from reporter.delivery.outlets.outlet import Later, Verdict
from reporter.delivery.rate_limits import MARGIN, Limit

LONGEST_WINDOW = 300.0
"""Seconds; no limit of Discord looks further back, whatever an answer says."""


class RateLimitHeaders:
    """What Discord's answers say about a webhook's pace: its limit, and when the next request may go. May be shared by
    threads.

    Where it was our own posts that used the limit up, we know better than the answer when the first of them is out of
    sight; else somebody else posts as well, and what the answer says counts.
    """

    def __init__(self, monotonic: Callable[[], float], limit: Limit = limits.POSTS) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ready_at = monotonic()
        self._posts: deque[float] = deque(maxlen=100)
        self.limit = limit

    def wait(self) -> float:
        """Seconds until then; 0 when it is past."""
        return max(0.0, self._ready_at - self._monotonic())

    def heard(self, answer: ApiResponse, found: Verdict, *, posted: bool) -> None:
        now, reset = self._monotonic(), min(answer.number("x-ratelimit-reset-after") or 0.0, LONGEST_WINDOW)
        with self._lock:
            if posted:
                self._posts.append(now)
                self._learn(answer, reset)
            if isinstance(found, Later):
                self._ready_at = max(self._ready_at, now + found.after)
            elif answer.number("x-ratelimit-remaining") == 0:
                ours = self.limit.free_at([at for at in self._posts if at > now - self.limit.seconds])
                self._ready_at = max(self._ready_at, ours if posted and ours else now + reset + MARGIN)

    def _learn(self, answer: ApiResponse, reset: float) -> None:
        """The limit as the answers give it; a window is at least as long as any answer said to wait for its end."""
        requests = int(answer.number("x-ratelimit-limit") or 0) or self.limit.requests
        self.limit = Limit(requests, max(self.limit.seconds, reset))
