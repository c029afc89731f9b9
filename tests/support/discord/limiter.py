"""Discord's limits of pace, by whichever of three algorithms: how the real one counts is not told.

5 in 2 s for a webhook stand in the headers, 30 in 60 s for a channel are told to nobody, 50 in 1 s hold for an address.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal, Protocol

Algorithm = Literal["fixed", "sliding", "bucket"]


class Limit(Protocol):
    """At most `limit` requests in so many `seconds`, kept for each key. `now` is in seconds of a monotonic clock."""

    limit: int
    seconds: float

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is room for one more; 0 when there is."""

    def count(self, key: str, now: float) -> None: ...

    def remaining(self, key: str, now: float) -> int: ...

    def reset_after(self, key: str, now: float) -> float:
        """What the headers tell: seconds until the window moves on, or the bucket is full."""


@dataclass
class Sliding:
    """At most `limit` in any `seconds`."""

    limit: int
    seconds: float
    _times: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def wait(self, key: str, now: float) -> float:
        times = self._recent(key, now)
        return max(0.0, times[0] + self.seconds - now) if len(times) >= self.limit else 0.0

    def count(self, key: str, now: float) -> None:
        self._recent(key, now).append(now)

    def remaining(self, key: str, now: float) -> int:
        return max(0, self.limit - len(self._recent(key, now)))

    def reset_after(self, key: str, now: float) -> float:
        times = self._recent(key, now)
        return times[0] + self.seconds - now if times else 0.0

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times[key]
        while times and times[0] <= now - self.seconds:
            times.popleft()
        return times


@dataclass
class Fixed:
    """At most `limit` from the first request on for `seconds`; then everything begins anew."""

    limit: int
    seconds: float
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)

    def wait(self, key: str, now: float) -> float:
        return 0.0 if self.remaining(key, now) else self.reset_after(key, now)

    def count(self, key: str, now: float) -> None:
        began, used = self._window(key, now)
        self._windows[key] = began, used + 1

    def remaining(self, key: str, now: float) -> int:
        return max(0, self.limit - self._window(key, now)[1])

    def reset_after(self, key: str, now: float) -> float:
        began, used = self._window(key, now)
        return began + self.seconds - now if used else 0.0

    def _window(self, key: str, now: float) -> tuple[float, int]:
        began, used = self._windows.get(key, (now, 0))
        return (began, used) if now < began + self.seconds else (now, 0)


@dataclass
class Bucket:
    """A bucket of `limit` tokens that fills up within `seconds`."""

    limit: int
    seconds: float
    _tokens: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, key: str, now: float) -> float:
        return max(0.0, 1 - self._left(key, now)) * self.seconds / self.limit

    def count(self, key: str, now: float) -> None:
        self._tokens[key] = now, self._left(key, now) - 1

    def remaining(self, key: str, now: float) -> int:
        return max(0, int(self._left(key, now)))

    def reset_after(self, key: str, now: float) -> float:
        return (self.limit - self._left(key, now)) * self.seconds / self.limit

    def _left(self, key: str, now: float) -> float:
        at, left = self._tokens.get(key, (now, float(self.limit)))
        return min(self.limit, left + (now - at) * self.limit / self.seconds)


ALGORITHMS: dict[Algorithm, type[Sliding | Fixed | Bucket]] = {
    "fixed": Fixed,
    "sliding": Sliding,
    "bucket": Bucket,
}
