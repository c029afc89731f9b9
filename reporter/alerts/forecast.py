"""Forecasts when a disk is full: a trend of past readings that single odd values do not bend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from statistics import median

from reporter.alerts.uptime import StateSpan

# A pace is known after so many values over so long a time, most of which must be higher than the one before.
FEWEST, SHORTEST, RISING = 4, timedelta(hours=3), 0.75
# What lies further ahead is no forecast.
FURTHEST = timedelta(days=90)

Point = tuple[datetime, float]


def time_until_full(spans: Sequence[StateSpan], now: datetime, figure: float, full: float = 100.0) -> timedelta | None:
    """How long until a figure reaches `full` at its pace, by its spans (see History.spans) and its value now.

    None where it does not rise steadily, or for too short a time to know. The pace is the median of those between any
    two values (Theil and Sen), so that one large file is no trend. That of the last six hours counts if it is the
    quicker one: what suddenly grows is what is worth knowing.
    """
    points = ((span.start + (span.end - span.start) / 2, span.mean) for span in spans)
    course: list[Point] = [(at, mean) for at, mean in points if mean is not None and at < now]
    course.append((now, figure))
    lately = [point for point in course if point[0] >= now - timedelta(hours=6)]
    paces = [pace for part in (course, lately) if (pace := _pace(part)) is not None]
    if not paces or figure >= full:
        return None
    ahead = (full - figure) / max(paces)
    return timedelta(seconds=ahead) if ahead <= FURTHEST.total_seconds() else None


def _pace(points: Sequence[Point]) -> float | None:
    """By how much a figure rises in a second; None where it does not rise steadily."""
    if len(points) < FEWEST or points[-1][0] - points[0][0] < SHORTEST:
        return None
    steps = [later[1] > earlier[1] for earlier, later in pairwise(points)]
    if sum(steps) < RISING * len(steps):
        return None
    rises = [
        (later[1] - earlier[1]) / (later[0] - earlier[0]).total_seconds()
        for earlier, later in combinations(points, 2)
        if later[0] > earlier[0]
    ]
    pace = median(rises)
    return pace if pace > 0 else None
