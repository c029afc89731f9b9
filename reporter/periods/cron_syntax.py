"""Reads cron expressions: forms such as `@daily`, names of days and months, and what to write instead of a mistake."""

from __future__ import annotations

import re
from calendar import day_name, month_name
from datetime import datetime

from cronsim import CronSim, CronSimError

# An expression speaks of wall times, and is read without regard to any one of them.
ANY_WALL = datetime(2000, 1, 1)  # noqa: DTZ001

# Named forms, as in Debian's cron.
NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day of the month", "month", "weekday")
_VALUES = (
    "0 to 59, such as `0,30` or `*/15`",
    "0 to 23, such as `9-17` or `*/6`",
    "1 to 31, such as `1,15`, or `L` for the last day",
    "1 to 12 or jan to dec, such as `1-3`",
    "0 to 7 or sun to sat, such as `1-5`; 0 and 7 are Sunday",
)
_LAST = (59, 23, 31, 12, 6)
_MONTHS = [name.lower() for name in month_name][1:]
_WEEKDAYS = [name.lower() for name in day_name]


def expression(text: str) -> str:
    """The five fields of an expression as CronSim reads them. Raises ValueError with what to write."""
    words = text.strip()
    if words.startswith("@"):
        return _named(words.lower())
    fields = words.split()
    if len(fields) != len(_FIELDS):
        raise ValueError('A cron expression has five fields (minute hour day month weekday): `cron "0 0 * * *"`.')
    plain = " ".join(_plain(field) for field in fields)
    try:
        next(CronSim(plain, ANY_WALL))
    except (CronSimError, StopIteration):
        raise ValueError(_trouble(plain)) from None
    return plain


def _named(form: str) -> str:
    if form in NAMED:
        return NAMED[form]
    raise ValueError(f"`cron {form}` names no time: write one of {', '.join(NAMED)}, or five fields.")


def _plain(field: str) -> str:
    """A field with the names of cron, and `2-2/2` as the `2` that it means: CronSim takes that for `2/2`."""
    for name in (*_MONTHS, *_WEEKDAYS):
        field = re.sub(rf"\b{name}\b", name[:3], field, flags=re.IGNORECASE)
    return re.sub(r"\b(\w+)-\1/\d+", r"\1", field)


def _trouble(plain: str) -> str:
    """What is wrong, and what to write."""
    for number, field in enumerate(plain.split()):
        alone = ["*"] * len(_FIELDS)
        alone[number] = field
        try:
            CronSim(" ".join(alone), ANY_WALL)
        except CronSimError:
            return f'`cron "{plain}"` cannot be read: {_wrong_field(number, field)}.'
    last = "for the last day of a month write `L` as its day, or `monthly on last at 00:10`"
    return f'`cron "{plain}"` never comes: no date fits it; {last}.'


def _wrong_field(number: int, field: str) -> str:
    wrong = f"`{field}` is no {_FIELDS[number]}"
    backwards = re.fullmatch(r"(\d+)-(\d+)", field)
    if field == "?":
        return f"{wrong}; write `*`"
    if backwards and int(backwards[2]) < int(backwards[1]) <= _LAST[number]:
        first = 1 if number in {2, 3} else 0
        return f"{wrong}, for it runs backwards; write `{backwards[1]}-{_LAST[number]},{first}-{backwards[2]}`"
    return f"{wrong}; write {_VALUES[number]}"
