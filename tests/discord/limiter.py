"""Discord's limits of pace: 5 in 2 s for a webhook, told in headers, and 30 in 60 s for a channel, told to nobody."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass
class Window:
    """At most `limit` in any `seconds`."""

    limit: int
    seconds: float
    _times: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is room for one more; 0 when there is."""
        times = self._recent(key, now)
        return max(0.0, times[0] + self.seconds - now) if len(times) >= self.limit else 0.0

    def count(self, key: str, now: float) -> None:
        self._recent(key, now).append(now)

    def remaining(self, key: str, now: float) -> int:
        return max(0, self.limit - len(self._recent(key, now)))

    def reset_after(self, key: str, now: float) -> float:
        """Seconds until the window is empty again."""
        times = self._recent(key, now)
        return times[-1] + self.seconds - now if times else 0.0

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times[key]
        while times and times[0] <= now - self.seconds:
            times.popleft()
        return times
