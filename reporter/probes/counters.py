"""Rates and shares from a server's counters, which count from the server's start."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from reporter.probes.number_formats import seconds

Counters = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CounterDelta:
    """By how much counters have risen within so many seconds."""

    risen: Counters
    within: float

    def rate(self, name: str) -> float:
        """So many a second."""
        return self.risen[name] / self.within if self.within else 0.0

    def share(self, part: str, other: str, *, of_at_least: float = 1000) -> float | None:
        """Percent of `part` in both; None while there are too few of them for the share to say anything."""
        whole = self.risen[part] + self.risen[other]
        return 100 * self.risen[part] / whole if whole >= of_at_least else None

    def told(self, name: str) -> str:
        """`3 in 52m`; `none in 52m`."""
        return f"{f'{self.risen[name]:,.0f}' if self.risen[name] else 'none'} in {seconds(self.within)}"


@dataclass(slots=True)
class CounterHistory:
    """Counters as they were seen over the last `span` seconds, at most one entry each `step` seconds."""

    span: float = 3600.0
    step: float = 60.0
    _seen: deque[tuple[float, Counters]] = field(default_factory=deque)

    def since(self, now: float, counters: Counters) -> CounterDelta | None:
        """What has happened since the oldest entry; None at the first look.

        A counter that has fallen was set to zero with its server: what was seen before is forgotten.
        """
        if self._seen and any(counters[name] < seen for name, seen in self._seen[-1][1].items()):
            self._seen.clear()
        while len(self._seen) > 1 and self._seen[1][0] <= now - self.span:
            self._seen.popleft()
        first = self._seen[0] if self._seen else None
        if first is None or now - self._seen[-1][0] >= self.step:
            self._seen.append((now, counters))
        if first is None:
            return None
        return CounterDelta({name: value - first[1][name] for name, value in counters.items()}, now - first[0])
