"""The geometry of charts: positions of figures on an axis, and the SVG paths through them.

Lengths are in the units of the SVG's viewBox; an unknown figure is None and leaves a gap.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from itertools import accumulate, groupby

from reporter.errors import CurrencyMismatchError
from reporter.trading.trades import Money

Figure = Money | Decimal | int | float

# Room for every digit of the largest float, so that rounding is the only rounding.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_PREFIXES = ("", "m", "µ", "n")


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: `low` stands at `start` and `high` at `end`; `step` is the way from tick to tick."""

    low: Decimal
    high: Decimal
    step: Decimal
    start: float
    end: float

    def __call__(self, figure: Figure | None) -> float | None:
        """Where a figure stands."""
        value = _amount(figure)
        if value is None:
            return None
        return self.start + float((value - self.low) / (self.high - self.low)) * (self.end - self.start)

    @property
    def ticks(self) -> list[Decimal]:
        """The round figures along the axis: the multiples of its step."""
        first, last = _whole(self.low, self.step, ROUND_CEILING), _whole(self.high, self.step, ROUND_FLOOR)
        return [first + number * self.step for number in range(int((last - first) / self.step) + 1)]


def scale(
    figures: Iterable[Figure | None],
    start: float,
    end: float,
    *,
    ticks: int = 4,
    zero: bool = False,
    snug: bool = False,
) -> Scale:
    """An axis that holds all of the figures (and zero, if asked), with about so many round steps.

    It reaches to the next round figure at both ends, or with `snug` no further than the figures. Where all of them are
    the same, or there is none, it reaches a little to both sides. Raises CurrencyMismatchError for amounts of several
    currencies, which no axis has in common.
    """
    figures = list(figures)
    if len(currencies := {figure.currency for figure in figures if isinstance(figure, Money)}) > 1:
        raise CurrencyMismatchError(f"{' and '.join(sorted(currencies))} cannot stand on one axis")
    values = [value for figure in figures if (value := _amount(figure)) is not None]
    values += [Decimal(0)] if zero or not values else []
    low, high = min(values), max(values)
    if low == high:
        reach = abs(low) / 10 or Decimal(1)
        low, high = (low - reach, high + reach) if low or not zero else (Decimal(0), reach)
    step = _round_step(high - low, ticks)
    if snug:
        return Scale(low, high, step, start, end)
    return Scale(_whole(low, step, ROUND_FLOOR), _whole(high, step, ROUND_CEILING), step, start, end)


def _round_step(span: Decimal, ticks: int) -> Decimal:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that needs at most so many steps for the span."""
    least = span / max(ticks, 1)
    unit = Decimal(1).scaleb(least.adjusted())
    return next(unit * factor for factor in map(Decimal, ("1", "2", "2.5", "5", "10")) if unit * factor >= least)


def _whole(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).quantize(Decimal(1), rounding=rounding) * step


def _amount(figure: Figure | None) -> Decimal | None:
    value = figure.amount if isinstance(figure, Money) else figure
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return Decimal(str(value))


@dataclass(frozen=True, slots=True)
class ChartUnit:
    """What the figures of a chart are counted in, so that small ones are short: thousandths `m`, millionths `µ`, …

    `decimals` is how many digits after the point are worth showing beside the largest of them.
    """

    prefix: str
    exponent: int
    decimals: int

    def __call__(self, figure: Figure | None) -> Decimal | None:
        """A figure in this unit, rounded."""
        value = _amount(figure)
        last = Decimal(1).scaleb(-self.decimals)
        return None if value is None else _EXACT.quantize(value.scaleb(self.exponent), last)


def unit(figures: Iterable[Figure | None]) -> ChartUnit:
    """The unit in which the largest of these figures has a digit before the point; at least a tenth stays as it is."""
    size = max((abs(value) for figure in figures if (value := _amount(figure))), default=Decimal(1)).adjusted()
    steps = 0 if size >= -1 else min((2 - size) // 3, len(_PREFIXES) - 1)
    return ChartUnit(_PREFIXES[steps], 3 * steps, max(2, 2 - size - 3 * steps))


def running(changes: Iterable[Figure], start: Figure | None = None) -> list[Decimal]:
    """The start, 0 if it is not known, and the sum after each change: one level more than there are changes."""
    return list(accumulate((_amount(change) or Decimal(0) for change in changes), initial=_amount(start) or Decimal(0)))


def falls(levels: Iterable[Decimal]) -> list[Decimal]:
    """How far each level is below the highest until then: zero or negative."""
    levels = list(levels)
    return [level - peak for level, peak in zip(levels, accumulate(levels, max), strict=True)]


def spread(count: int, start: float, end: float) -> list[float]:
    """The places of so many points, the first at `start` and the last at `end`; one alone stands in the middle."""
    if count < 2:
        return [(start + end) / 2] * count
    return [start + (end - start) * number / (count - 1) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Band:
    """The room of one bar on an axis."""

    start: float
    width: float

    @property
    def middle(self) -> float:
        return self.start + self.width / 2


def bands(count: int, start: float, end: float, *, gap: float = 0.3) -> list[Band]:
    """The room of so many bars beside each other; `gap` is the share of it that stays free between them."""
    room = (end - start) / max(count, 1)
    return [Band(start + room * (number + gap / 2), room * (1 - gap)) for number in range(count)]


Point = tuple[float, float]


def path(xs: Sequence[float], ys: Sequence[float | None]) -> str:
    """The `d` of a line through the points; where a point is not known the line is interrupted."""
    return "".join(_line(stretch) for stretch in _stretches(xs, ys))


def area(xs: Sequence[float], ys: Sequence[float | None], base: float) -> str:
    """The `d` of the area between the points and the level `base`."""
    return "".join(
        f"{_line([(stretch[0][0], base), *stretch, (stretch[-1][0], base)])}Z" for stretch in _stretches(xs, ys)
    )


def _stretches(xs: Sequence[float], ys: Sequence[float | None]) -> Iterator[list[Point]]:
    for known, group in groupby(zip(xs, ys, strict=False), key=lambda point: point[1] is not None):
        if known:
            yield [(x, y) for x, y in group if y is not None]


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{plain_number(round(x, 1))} {plain_number(round(y, 1))}" for x, y in points)


def plain_number(value: float) -> str:
    """A number as SVG reads it: a point, no separators, at most three decimals."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# Widths in Noto Sans, in parts of the font's size, a little generous; it stands for other sans-serif fonts as well.
_NARROW, _SLIM, _WIDE = frozenset("iIjl.,:;'|!()[]/ "), frozenset("rtfscJ_-"), frozenset("mwMW@%—…")


def text_width(text: str, size: float) -> float:
    """About how wide a text is; a font is not asked."""
    return size * sum(map(_width, text))


def _width(char: str) -> float:
    if char in _NARROW:
        return 0.31
    if char in _SLIM:
        return 0.48
    if char in _WIDE:
        return 0.93
    if unicodedata.east_asian_width(char) in {"W", "F"}:
        return 1.1
    return 0.0 if unicodedata.combining(char) else 0.66 if char.isupper() else 0.59


def clipped(text: str, width: float, size: float) -> str:
    """The text, or as much of its two ends as fits into the width with `…` between: names often differ at their end."""
    if text_width(text, size) <= width:
        return text
    kept = len(text) - 1
    while kept and text_width(_middle_out(text, kept), size) > width:
        kept -= 1
    return _middle_out(text, kept)


def _middle_out(text: str, kept: int) -> str:
    tail = kept * 2 // 5
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}"
