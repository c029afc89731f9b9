"""Where the lines and candles of a chart stand, in a box of SVG of 1000 by 300, from figures in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from math import log10

WIDTH, HEIGHT = 1000, 300
GAP = 0.3
"""Between two candles, as a share of a candle's place."""
LEAST_BODY = 1
"""The height of a candle that closed where it opened."""


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


@dataclass(frozen=True, slots=True)
class Candle:
    """The prices of some time that began at a moment."""

    began: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class CandleShape:
    """A candle: its wick is a path, its body a rectangle; it is `up` where it closed no lower than it opened."""

    wick: str
    up: bool
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class CandleChart:
    """Candles over the time from `since` to `until`; `marks` are upright lines at moments."""

    candles: tuple[CandleShape, ...]
    marks: tuple[str, ...]
    lowest: Decimal
    highest: Decimal
    since: datetime
    until: datetime


def candle_chart(candles: Sequence[Candle], lasting: timedelta, marked: Sequence[datetime]) -> CandleChart:
    """One candle or more, oldest first, each so long; moments outside them are not marked."""
    since, until = candles[0].began, candles[-1].began + lasting
    low, high = min(one.low for one in candles), max(one.high for one in candles)
    scale, wide = CurveScale.over([low, high]), WIDTH * (lasting / (until - since))

    def x(moment: datetime) -> float:
        return WIDTH * ((moment - since) / (until - since))

    return CandleChart(
        tuple(_shape(one, x(one.began), wide, scale) for one in candles),
        tuple(f"M{x(moment):.1f},0 V{HEIGHT}" for moment in marked if since <= moment <= until),
        low,
        high,
        since,
        until,
    )


def _shape(one: Candle, x: float, wide: float, scale: CurveScale) -> CandleShape:
    opened, closed, middle = scale.y(one.open), scale.y(one.close), x + wide / 2
    return CandleShape(
        wick=f"M{middle:.1f},{scale.y(one.high):.1f} V{scale.y(one.low):.1f}",
        up=one.close >= one.open,
        x=round(x + wide * GAP / 2, 1),
        y=round(min(opened, closed), 1),
        width=round(wide * (1 - GAP), 1),
        height=round(max(abs(closed - opened), LEAST_BODY), 1),
    )
