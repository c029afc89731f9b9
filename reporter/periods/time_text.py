"""How durations and moments read, in every log line, command, alert and report: the one writer of each."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import overload


@overload
def duration_text(value: timedelta, *, units: int = ...) -> str: ...
@overload
def duration_text(value: float | Decimal | None, *, units: int = ...) -> str | None: ...
def duration_text(value: float | Decimal | timedelta | None, *, units: int = 2) -> str | None:
    """`5ms`, `2.3s`, `14m 27s`, `3h 5m`, `7 days, 14 hours`; a bare number counts seconds.

    A duration names its two largest units, or as few as `units` says. What is smaller is cut off, not rounded up. Below
    ten seconds it has two digits. None, for None and for a number that is not finite.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds is None or not math.isfinite(seconds):
        return None
    sign, length = ("-" if seconds < 0 else ""), abs(float(seconds))
    return sign + (_below_ten_seconds(length) if length < 10 else _whole_units(int(length), units))


def passed(moment: datetime, now: datetime) -> timedelta:
    """For how long something lasts that began at a moment: no time, where a clock that was set back shows an earlier
    one."""
    return max(now - moment, timedelta())


def ago(moment: datetime | None, now: datetime | None) -> str | None:
    """How far a moment is from now, in one unit: `15s ago`, `2 days ago`, `in 5m`, `just now`."""
    if moment is None or now is None:
        return None
    seconds = int((now - moment).total_seconds())
    distance = _whole_units(abs(seconds), 1)
    return "just now" if seconds == 0 else f"{distance} ago" if seconds > 0 else f"in {distance}"


def moment_text(moment: datetime, zone: tzinfo) -> str:
    """`2026-01-30 14:23:45 CET`: a moment in full, for commands and logs. Reports use the format of the config."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def clock_time(moment: datetime, now: datetime) -> str:
    """`14:23:45 CET`: a time of day in the zone of `now`, with the date where that is another one."""
    there = moment.astimezone(now.tzinfo)
    return f"{there:%H:%M:%S %Z}" if there.date() == now.date() else f"{there:%Y-%m-%d %H:%M:%S %Z}"


def _below_ten_seconds(seconds: float) -> str:
    if 0 < seconds < 0.001:
        return "<1ms"
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}".removesuffix(".0") + "s"


def _whole_units(seconds: int, units: int) -> str:
    """Whole seconds in their largest units: words from a day on, letters below."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        named = [f"{count:,} {unit}{'' if count == 1 else 's'}" for count, unit in ((days, "day"), (hour, "hour"))]
        return ", ".join(named[: units if hour else 1])
    parts = [(hour, "h"), (minute, "m"), (second, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), 2)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + units] if count)
