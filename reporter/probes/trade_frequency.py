"""The usual pace of trades at each hour of the week, and the length from which a silence is unusual.

A silence is measured by the number of trades expected in it: an hour without any at night, or over a weekend on
which markets are closed, counts little. On that scale, silences of all hours compare with each other, and a few weeks
of history give a rare silence its length. (This is the time-rescaling of point processes: Brown et al., Neural
Computation 14, 2002.) A silence is unusual when silences of its length occur less often than once in `rarity`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

HOURS = 168  # of a week; the first begins on Monday at midnight
_HOUR, _WEEK = 3600.0, 604800.0
_MONDAY = 4 * 86400.0  # 1970 began on a Thursday

# So many trades, and so much history in weeks, are needed to tell each hour of the week from the others; to tell
# weekdays and hours of the day; and to say anything at all.
_BY_HOUR_OF_WEEK = (672, 2.5)
_BY_DAY_AND_HOUR = (100, 1.5)
_ANYTHING = (30, 0.9)


@dataclass(frozen=True, slots=True)
class TradeFrequency:
    """What `rates` trades an hour of the week brings, and how long past silences were, in trades missed.

    `basis` says what the rates were told apart by. Trades that closed within one minute count as one.
    """

    rates: tuple[float, ...]
    silences: tuple[float, ...]
    weeks: float
    basis: str
    zone: tzinfo

    @property
    def trades(self) -> int:
        return len(self.silences) + 1

    def share(self, part: float) -> float:
        """The silence that such a part of all silences stays below, in trades missed."""
        return self.silences[min(int(part * len(self.silences)), len(self.silences) - 1)]

    def once_in(self, rarity: timedelta) -> float:
        """The silence that was reached, or passed, once in that time; the longest one where history is shorter."""
        times = max(round(self.weeks * _WEEK / rarity.total_seconds()), 1)
        return self.silences[max(len(self.silences) - times, 0)]

    def lasts(self, since: datetime, missed: float) -> timedelta | None:
        """How long after a trade so many more should have come; None if they never should have."""
        at, left = _wall(since, self.zone), missed
        start = at
        for _ in range(60 * HOURS):
            rate, rest = self.rates[_hour(at)], _HOUR - at % _HOUR
            if rate * rest / _HOUR >= left:
                return timedelta(seconds=at - start + (left / rate * _HOUR if rate else 0.0))
            left -= rate * rest / _HOUR
            at += rest
        return None


def trade_frequency(closings: Iterable[datetime], until: datetime, zone: tzinfo = UTC) -> TradeFrequency | None:
    """The pace of what closed up to `until`, by the clock of `zone`; None where there is too little of it to say."""
    walls = sorted({math.floor(_wall(closing, zone) / 60) * 60.0 for closing in closings})
    end = _wall(until, zone)
    weeks = (end - walls[0]) / _WEEK if walls else 0.0
    if not _enough(_ANYTHING, walls, weeks):
        return None
    rates, basis = _rates(walls, weeks)
    missed = _Missed(rates)
    silences = sorted(missed.between(one, next_) for one, next_ in pairwise(walls))
    return TradeFrequency(tuple(rates), tuple(silences), weeks, basis, zone)


def _rates(walls: Sequence[float], weeks: float) -> tuple[list[float], str]:
    """Trades an hour, for each hour of the week, and what they were told apart by."""
    counts = Counter(_hour(at) for at in walls)
    if _enough(_BY_HOUR_OF_WEEK, walls, weeks):
        return _smoothed([counts[hour] / weeks for hour in range(HOURS)]), "hour of the week"
    if _enough(_BY_DAY_AND_HOUR, walls, weeks):
        days = Counter(hour // 24 for hour in counts.elements())
        hours = Counter(hour % 24 for hour in counts.elements())
        total = len(walls)
        product = [days[hour // 24] * hours[hour % 24] / total / weeks for hour in range(HOURS)]
        return _smoothed(product), "weekday and hour"
    return [len(walls) / weeks / HOURS] * HOURS, "all hours alike"


def _enough(wanted: tuple[int, float], walls: Sequence[float], weeks: float) -> bool:
    return len(walls) >= wanted[0] and weeks >= wanted[1]


def _smoothed(rates: Sequence[float]) -> list[float]:
    """Each hour a little like its neighbours; the week is a ring."""
    return [(rates[hour - 1] + 2 * rates[hour] + rates[(hour + 1) % HOURS]) / 4 for hour in range(HOURS)]


class _Missed:
    """How many trades a stretch of time should bring."""

    def __init__(self, rates: Sequence[float]) -> None:
        self._rates = rates
        self._before = [0.0]
        for rate in rates:
            self._before.append(self._before[-1] + rate)

    def between(self, start: float, end: float) -> float:
        return self._upto(end) - self._upto(start)

    def _upto(self, at: float) -> float:
        weeks, rest = divmod(at - _MONDAY, _WEEK)
        hour, part = divmod(rest, _HOUR)
        return weeks * self._before[-1] + self._before[int(hour)] + self._rates[int(hour)] * part / _HOUR


def _hour(at: float) -> int:
    return int((at - _MONDAY) % _WEEK // _HOUR)


def _wall(moment: datetime, zone: tzinfo) -> float:
    """Seconds that the clocks of a zone have shown since 1970."""
    offset = moment.astimezone(zone).utcoffset() or timedelta(0)
    return moment.timestamp() + offset.total_seconds()
