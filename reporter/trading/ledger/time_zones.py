"""In which zone texts without one are written, as far as other times of the same rows prove it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from reporter.trading.ledger.candidates import Candidate
from reporter.trading.ledger.mapping import moment_of

# Zones that trading machines stand in. The first that fits all rows is taken.
_ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles",
    "Europe/Kyiv", "Europe/Moscow", "Asia/Shanghai", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney",
    "America/Sao_Paulo", "Asia/Dubai", "Asia/Bangkok",
)  # fmt: skip
_AT_ONCE = timedelta(minutes=2)


def proven_zone(values: Sequence[Any], others: Sequence[Candidate]) -> tuple[str, str] | None:
    """The zone in which written times are just before, or at, those of another column whose zone is known, and the
    name of that column; None where no column proves one."""
    for other in others:
        if not other.is_time or not is_certain(other):
            continue
        pairs = [(one, _moment(known)) for one, known in zip(values, other.values, strict=True) if one and known]
        for zone in _ZONES:
            if pairs and all(_together(one, known, zone) for one, known in pairs):
                return zone, other.name
    return None


def is_naive(value: Any) -> bool:
    """Whether a time is written without a zone."""
    if isinstance(value, datetime):
        return value.tzinfo is None
    if not isinstance(value, str) or value.isdigit():
        return False
    return not re.search(r"(Z|[+-]\d\d:?\d\d|UTC|GMT)$", value.strip())


def is_certain(one: Candidate) -> bool:
    """Whether a time's zone is known: a number since 1970, a text with a zone, or SQL's own present time."""
    if one.forms:
        return False
    if {"text", "date"} & one.units.keys():
        default = one.default.upper().replace('"', "'")
        filled_in_utc = "CURRENT_TIMESTAMP" in default or ("'NOW'" in default and "LOCALTIME" not in default)
        return filled_in_utc or not any(map(is_naive, one.known))
    return True


def _moment(value: Any) -> datetime | None:
    """A time; None for the odd value that is none in a column of times."""
    try:
        return moment_of(value)
    except (ValueError, OverflowError):
        return None


def _together(value: Any, known: datetime | None, zone: str) -> bool:
    try:
        read = moment_of(value, None, zone)
    except ValueError:
        return False
    return read is not None and known is not None and timedelta(0) <= known.astimezone(UTC) - read <= _AT_ONCE
