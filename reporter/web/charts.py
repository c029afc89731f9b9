"""Where the lines of a chart run: paths of SVG in a box of 1000 by 300, from figures in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

WIDTH, HEIGHT = 1000, 300


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve with its labels: `line` and `area` are paths, `low` and `high` the ends of the scale as exact figures."""

    line: str
    area: str
    low: Decimal
    high: Decimal
    zero: float | None
    values: tuple[Decimal, ...]


def curve(values: Sequence[Decimal]) -> Chart | None:
    """A curve through these figures; None where there are fewer than two."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    span = (high - low) or Decimal(1)
    points = [
        (WIDTH * index / (len(values) - 1), float(HEIGHT * (1 - (value - low) / span)))
        for index, value in enumerate(values)
    ]
    line = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    zero = float(HEIGHT * (1 - (0 - low) / span)) if low < 0 < high else None
    return Chart(line, f"{line} L{WIDTH},{HEIGHT} L0,{HEIGHT} Z", low, high, zero, tuple(values))


def balances(opening: Decimal, daily: Sequence[Decimal]) -> list[Decimal]:
    """The balance before the first day and at the end of each."""
    return list(accumulate(daily, initial=opening))


def below_peak(values: Sequence[Decimal]) -> list[Decimal]:
    """How far each value lies below the highest before it; zero or negative."""
    peaks = accumulate(values, max)
    return [value - peak for value, peak in zip(values, peaks, strict=True)]
