"""Reads the ways in which people write a date: `yesterday`, `27.11.2026`, `2026/11/27`, `14:00`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

_FORMS = (
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
    r"(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})",
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
)
_TIME = r"(?P<time>\d{1,2}:\d{2}(?::\d{2})?)"


def in_figures(text: str, now: datetime | None) -> str:
    """The text with its date as 2026-11-27; what is no date stays as it is, for the reader to refuse.

    `now`, in the user's zone, gives a meaning to `yesterday`, `last week` and to a time without a date. Raises
    ValueError for figures that can be read in two ways, such as 11/12/2026.
    """
    words = " ".join(text.split())
    if figures := re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})", words):
        less, more = sorted((int(figures[1]), int(figures[2])))
        if not 1 <= less <= 12 < more:
            raise ValueError(f"{words!r} can be read in two ways: write year, month and day, such as 2026-11-27.")
        words = f"{figures[3]}-{less:02}-{more:02}{words[figures.end() :]}"
    if now is not None and (found := re.fullmatch(_TIME, words)):
        return _last(found["time"], now)
    head, _, clock = words.partition(" ")
    if now is not None and (period := _relative(words.lower(), now)):
        return period
    day = _relative(head.lower(), now) if now is not None else None
    day = day or _in_order(head)
    return f"{day} {_padded(clock)}".strip() if day else words


def _relative(words: str, now: datetime) -> str | None:
    """The label of what the words name."""
    today = now.date()
    monday = today - timedelta(days=today.weekday())
    last_month = today.replace(day=1) - timedelta(days=1)
    named = {
        "now": now.isoformat(" ", "seconds"),
        "today": f"{today}",
        "yesterday": f"{today - timedelta(days=1)}",
        "this week": f"{monday:%G-W%V}",
        "last week": f"{monday - timedelta(days=7):%G-W%V}",
        "this month": f"{today:%Y-%m}",
        "last month": f"{last_month:%Y-%m}",
    }
    return named.get(words)


def _in_order(text: str) -> str | None:
    for form in _FORMS:
        if found := re.fullmatch(form, text):
            return f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"
    return None


def _last(clock: str, now: datetime) -> str:
    """The last time that a clock showed that, today or yesterday."""
    try:
        shown = time.fromisoformat(_padded(clock))
    except ValueError:
        return clock
    days = 0 if shown <= now.time() else 1
    return f"{date.fromordinal(now.toordinal() - days)} {_padded(clock)}"


def _padded(clock: str) -> str:
    return f"0{clock}" if re.match(r"\d:", clock) else clock
