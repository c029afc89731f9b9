"""The command uptime: uptime and incidents of everything that is watched, from the spans in our store."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby
from math import floor

from reporter.alerts.maintenance import maintenance_spans, matching
from reporter.alerts.uptime import StateSpan, Uptime, Window, is_component, measured
from reporter.app.app import App
from reporter.errors import ReporterError, nearest
from reporter.messages.message import visible
from reporter.operations.service import no_figures_yet
from reporter.periods.civil import DAY, Period, Unit, before, containing, parse_at
from reporter.periods.time_text import duration_text
from reporter.store import uptime

DONE = 0
BAR_DAYS = 30
# How many incidents of a subject are listed.
INCIDENTS = 20
# The block of a day: the first whose share of uptime the day reaches.
BLOCKS = ((1.0, "█"), (0.99, "▓"), (0.95, "▒"), (0.0, "░"))
COLOURS = {"█": "32", "▓": "33", "▒": "33", "░": "31", "·": "2"}
LEGEND = "One block is a day: █ up all day, ▓ 99% or more, ▒ 95% or more, ░ less, · not seen or maintenance."

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UptimeView:
    """What is shown: the days of the bar, and the windows of the figures by their labels."""

    days: Sequence[Window]
    times: Mapping[str, Window]
    label: str


def run(app: App, options: argparse.Namespace) -> int:
    """`reporter uptime [SUBJECT] [--month 2026-10]`."""
    now = app.clock.wall()
    zone = app.runtime.zone.key
    look = _month(options.month, now, zone) if options.month else _lately(now, zone)
    begin = min(since for since, _ in [*look.days, *look.times.values()])
    with app.store.read() as connection:
        known = uptime.subjects(connection)
        names = _meant(options.subject, known)
        found = uptime.between(connection, begin, now, None if len(names) == len(known) else names)
        spans = {name: list(group) for name, group in groupby(found, key=lambda span: span.subject)}
    if names and not spans:
        print(f"{look.label}: nothing was watched.")
        return DONE
    seen = [span for group in spans.values() for span in group]
    if not any(span.end > span.start for span in seen):
        print(no_figures_yet(app, names, seen))
        return DONE
    print(f"{look.label}, seen {now.astimezone(app.runtime.zone):%Y-%m-%d %H:%M %Z}.\n{LEGEND}\n")
    excluded = partial(maintenance_spans, app.runtime.maintenance)
    if options.subject and len(spans) == 1:
        (name,) = spans
        _show_one(app, _Subject(name, spans[name], excluded(name, begin, now)), look)
    else:
        _show_all([_Subject(name, spans[name], excluded(name, begin, now)) for name in spans], look)
    return DONE


def _lately(now: datetime, zone: str) -> UptimeView:
    """The last day, week and 30 days, and the calendar months that they touch."""
    today = containing(Unit.DAY, now, zone)
    days = Period(today.start - (BAR_DAYS - 1) * DAY, now, "", zone).days()
    this = containing(Unit.MONTH, now, zone)
    last = before(this)
    times = {
        "24 h": (now - DAY, now),
        "7 d": (now - 7 * DAY, now),
        "30 d": (now - 30 * DAY, now),
        last.label: (last.start, last.end),
        this.label: (this.start, now),
    }
    return UptimeView([(day.start, min(day.end, now)) for day in days[-BAR_DAYS:]], times, f"The last {BAR_DAYS} days")


def _month(text: str, now: datetime, zone: str) -> UptimeView:
    """One calendar month. Raises ReporterError for a text that is no month, or a month to come."""
    try:
        date.fromisoformat(f"{text}-01")
        month = containing(Unit.MONTH, parse_at(f"{text}-01", zone), zone)
    except ValueError:
        raise ReporterError(f"{text} is no month: write such as {now:%Y-%m}") from None
    if month.start >= now:
        raise ReporterError(f"{text} has not begun")
    end = min(month.end, now)
    days = Period(month.start, end, "", zone).days()
    return UptimeView(
        [(day.start, day.end) for day in days], {month.label: (month.start, end)}, f"The month {month.label}"
    )


def _meant(text: str | None, known: Sequence[str]) -> list[str]:
    """The subjects that a name or a pattern matches. Raises ReporterError with a suggestion."""
    if text is None:
        return [name for name in known if is_component(name)]
    if found := matching(text, known):
        return found
    near = nearest(text, [*known, *(name.partition("/")[2] for name in known)])
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(known) or 'none yet'}"
    raise ReporterError(f"nothing that is watched has the name {text}: {hint}")


@dataclass(frozen=True, slots=True)
class _Subject:
    name: str
    spans: Sequence[StateSpan]
    windows: Sequence[Window]

    def over(self, time: Window) -> Uptime:
        return measured(self.name, self.spans, *time, self.windows)


# --- Everything: a line a subject ---


def _show_all(subjects: Sequence[_Subject], look: UptimeView) -> None:
    columns = list(look.times)
    width = max(len(subject.name) for subject in subjects)
    if sys.stdout.isatty() and shutil.get_terminal_size().columns < width + len(look.days) + 62:
        columns = columns[:3]
    longest = "30 d" if "30 d" in look.times else columns[0]
    rows = [("SUBJECT", "DAYS".ljust(len(look.days)), *map(str.upper, columns), "INCIDENTS", "LONGEST")]
    for one in sorted(subjects, key=lambda one: _worst_first(one.over(look.times[longest]))):
        figures = {name: one.over(look.times[name]) for name in {*columns, longest}}
        up = figures[longest]
        shares = [_share(figures[name].share) for name in columns]
        rows.append((one.name, _bar(one, look.days), *shares, str(len(up.incidents)), duration_text(up.longest) or "-"))
    _print(rows, left=2)


def _worst_first(up: Uptime) -> tuple[float, str]:
    return (2.0 if up.share is None else up.share), up.subject


# --- One subject ---


def _show_one(app: App, one: _Subject, look: UptimeView) -> None:
    print(f"{visible(one.name)}  {_coloured(_bar(one, look.days))}\n")
    names = ("UP", "DEGRADED", "DOWN", "UNKNOWN", "NOT SEEN", "MAINTENANCE", "INCIDENTS", "LONGEST", "MEAN")
    _print([("", *names), *(_parts(name, one.over(time), _unit(one.spans)) for name, time in look.times.items())], 1)
    begin = min(since for since, _ in look.times.values())
    end = max(until for _, until in look.times.values())
    print("\n" + "\n".join(_story(app, one.over((begin, end)))))


def _parts(name: str, up: Uptime, unit: str) -> Row:
    times = (up.degraded, up.down, up.unknown, up.unobserved, up.maintenance)
    shown = (duration_text(time) if time else "-" for time in times)
    mean = _mean(up.figure, unit)
    return name, _share(up.share), *map(str, shown), str(len(up.incidents)), duration_text(up.longest) or "-", mean


def _story(app: App, up: Uptime) -> Iterator[str]:
    if not up.incidents:
        yield "No incident: it was never down for three readings or more."
        return
    yield f"Incidents{f', the last {INCIDENTS} of {len(up.incidents)}' if len(up.incidents) > INCIDENTS else ''}:"
    for incident in up.incidents[-INCIDENTS:]:
        start, end = (moment.astimezone(app.runtime.zone) for moment in (incident.start, incident.end))
        until = f"{end:%H:%M:%S}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M:%S}"
        lasted = (
            f"lasted {duration_text(incident.lasted)}"
            if incident.over
            else f"not over, for {duration_text(incident.lasted)}"
        )
        yield f"  {start:%Y-%m-%d %H:%M:%S} to {until}  {lasted}"


# --- Figures ---


def _bar(one: _Subject, days: Iterable[Window]) -> str:
    shares = [one.over(day).share for day in days]
    return "".join(
        "·" if share is None else next(block for least, block in BLOCKS if share >= least) for share in shares
    )


def _share(share: float | None) -> str:
    """Cut off, not rounded: a subject that was down for a moment was not up 100%."""
    return "-" if share is None else "100%" if share == 1 else f"{floor(share * 10000) / 100:.2f}%"


def _unit(spans: Sequence[StateSpan]) -> str:
    """The unit of a subject's figures, by how the last one was written."""
    shown = next((span.value for span in reversed(spans) if span.value), "")
    found = re.fullmatch(r"[-+]?[\d.,]+\s*(.*)", shown.split(" ")[0])
    return found[1] if found else ""


def _mean(figure: float | None, unit: str) -> str:
    if figure is None:
        return "-"
    return duration_text(figure) or "-" if unit in {"ms", "s", "m", "h"} else f"{figure:.4g}{unit}"


def _print(rows: Sequence[Row], left: int) -> None:
    """Columns under their names; the first ones to the left, the rest to the right."""
    rows = [tuple(map(visible, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print(_coloured("  ".join(cells).rstrip()))


def _coloured(line: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    return re.sub("█+|▓+|▒+|░+|·+", lambda run: f"\033[{COLOURS[run[0][0]]}m{run[0]}\033[0m", line)
