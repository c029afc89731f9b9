"""Keeps the rate limits of a service ahead of time, so that the service has nothing to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARGIN = 0.15
"""Seconds on top of every wait: the service's clock and ours do not tick together, and the way there varies."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` within any `seconds`. Whoever keeps that pleases fixed windows and token buckets as well."""

    requests: int
    seconds: float

    def free_at(self, times: Sequence[float]) -> float:
        """The moment from which one more may be asked. `times`, in seconds and in order, are those of the last ones;
        they are taken when the answer came, for until then nobody knows when the request was counted."""
        if len(times) < self.requests:
            return 0.0
        return times[-self.requests] + self.seconds + MARGIN


@dataclass(frozen=True, slots=True)
class RateWindow:
    """What an outlet keeps: its own limit, and one that all outlets of the same place share."""

    own: Limit | None = None
    shared: Limit | None = None
