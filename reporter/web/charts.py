"""Where the lines of a chart run: paths of SVG in a box of 1000 by 300, from figures in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from math import log10

WIDTH, HEIGHT = 1000, 300


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve: `line` and `area` are paths."""

    line: str
    area: str


@dataclass(frozen=True, slots=True)
class CurveScale:
    """From figures to heights: the highest of them is at the top. A logarithmic one takes figures above 0 only."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def over(cls, *rows: Sequence[Decimal], logarithmic: bool = False) -> CurveScale:
        """The scale that all these figures fit in; a linear one where a logarithm of one would be none."""
        values = [value for row in rows for value in row]
        low, high = min(values), max(values)
        if logarithmic and low > 0:
            return cls(log10(low), log10(high), logarithmic=True)
        return cls(float(low), float(high))

    def y(self, value: Decimal) -> float:
        figure = log10(value) if self.logarithmic else float(value)
        return HEIGHT * (1 - (figure - self.low) / ((self.high - self.low) or 1))


def curve(values: Sequence[Decimal], scale: CurveScale | None = None) -> Chart | None:
    """A curve through these figures; None where there are fewer than two."""
    if len(values) < 2:
        return None
    over = scale or CurveScale.over(values)
    points = [(WIDTH * index / (len(values) - 1), over.y(value)) for index, value in enumerate(values)]
    line = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Chart(line, f"{line} L{WIDTH},{HEIGHT} L0,{HEIGHT} Z")


def balances(opening: Decimal, daily: Sequence[Decimal]) -> list[Decimal]:
    """The balance before the first day and at the end of each."""
    return list(accumulate(daily, initial=opening))


def below_peak(values: Sequence[Decimal]) -> list[Decimal]:
    """How far each value lies below the highest before it; zero or negative."""
    peaks = accumulate(values, max)
    return [value - peak for value, peak in zip(values, peaks, strict=True)]
