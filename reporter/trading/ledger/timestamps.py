"""Times as databases and bots store them: in a time type, as text, or as a number since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

# As seconds this would be the year 5138: from here on a number counts thousandths, and so on from each of their
# thousandths on, down to nanoseconds.
_TOO_MANY_SECONDS = 10**11
# `2026-10-30 14:02:30.123456789 +0000 UTC` is how Go writes a time; fractions beyond microseconds are cut off.
_TEXT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>[\d:]+)(?:[.,](?P<part>\d+))?)?"
    r"(?: ?(?:(?P<zone>UTC|GMT|Z)|(?P<offset>[+-]\d\d(?::?\d\d)*)(?: [A-Z]{3,5})?))?"
)


def as_moment(value: Any) -> datetime:
    """A stored time, in UTC, which is also the zone of one that names none. Raises ValueError for what is no time."""
    match value:
        case datetime():
            found = value
        case date():
            found = datetime.combine(value, time())
        case _:
            found = _of_number(value) or _of_text(str(value))
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:  # the first or last day of all, in a zone
        raise ValueError(f"{value!r} is no time that can be counted") from None


def _of_number(value: Any) -> datetime | None:
    """Seconds since 1970, or their thousandths, millionths or billionths; None for what is no number."""
    try:
        number = None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None
    if number is None or not number.is_finite():
        return None
    while abs(number) >= _TOO_MANY_SECONDS:
        number /= 1000
    return datetime.fromtimestamp(float(number), UTC)


def _of_text(text: str) -> datetime:
    found = _TEXT.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no time")
    fraction = f".{found['part'][:6].ljust(6, '0')}" if found["part"] else ""
    zone = "Z" if found["zone"] else found["offset"] or ""
    return datetime.fromisoformat(f"{found['day']}T{found['time'] or '00'}{fraction}{zone}")
