"""The operation graph: the recent past of a subject as a picture: its figure, and how it stood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from reporter.alerts.model import Level, name_of
from reporter.alerts.uptime import StateSpan, Uptime, measured
from reporter.app.app import App
from reporter.config.types import Duration
from reporter.messages.message import Message
from reporter.messages.report_pictures import with_pictures
from reporter.operations.incidents import named_subject, subjects
from reporter.operations.operation import Arguments, Invocation, Words
from reporter.periods.civil import DAY
from reporter.probes.number_formats import in_bytes, percent, seconds
from reporter.store import alerts, incidents, uptime

MOST_INCIDENTS = 50
"""Incidents that are looked through where no figures are kept."""
INSTANT = timedelta(microseconds=1)
"""So that a reading of this very moment is among them."""

Shown = Callable[[float], str]

_UNITS: dict[Shown, dict[str, float]] = {
    seconds: {"µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "day": 86400, "days": 86400},
    percent: {"%": 1},
    in_bytes: {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
}
_QUANTITY = re.compile(r"(?P<number>-?\d[\d,]*(?:\.\d+)?) ?(?P<unit>µs|ms|days?|[KMGT]iB|[smhB%](?![\w]))?")


def drawn_subjects(app: App) -> list[str]:
    """Every subject with a state, an incident or figures."""
    with app.store.read() as connection:
        measured_ones = uptime.subjects(connection)
    return list(dict.fromkeys((*subjects(app), *measured_ones)))


class GraphArguments(Arguments):
    subject: Annotated[str, Words(known=drawn_subjects)]
    span: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=90)), Words("SPAN", after="for")] = DAY


@dataclass(frozen=True)
class GraphPiece:
    """How a subject stood for a while, by shares of the whole time from 0 to 1. The figures are None where unknown."""

    start: float
    end: float
    level: Level
    mean: float | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class GraphReading:
    """A single reading that was kept: `at` is a share of the whole time."""

    at: float
    figure: float
    level: Level


@dataclass(frozen=True)
class SubjectGraph:
    """What the picture shows. `shown` writes a figure with its unit; `limit` is in the figure's own units."""

    subject: str
    name: str
    start: datetime
    end: datetime
    pieces: Sequence[GraphPiece]
    readings: Sequence[GraphReading]
    shown: Shown | None
    limit: float | None
    now: str
    limit_words: str
    level: Level
    times: Sequence[tuple[float, str]] = ()

    @property
    def figures(self) -> list[float]:
        """Everything that the axis has to hold."""
        of_pieces = (one for piece in self.pieces for one in (piece.lowest, piece.highest))
        known = [one for one in (*of_pieces, *(reading.figure for reading in self.readings)) if one is not None]
        return [*known, self.limit] if known and self.limit is not None else known

    @property
    def line(self) -> tuple[list[float], list[float | None]]:
        """The means as steps: shares of the time, and figures; None where the line is interrupted."""
        xs: list[float] = []
        ys: list[float | None] = []
        for piece in self.pieces:
            if xs and (piece.start > xs[-1] or piece.mean is None):
                xs.append(xs[-1])
                ys.append(None)
            xs += [piece.start, piece.end]
            ys += [piece.mean, piece.mean]
        return xs, ys

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The mean of the time, the lowest and the highest figure in words."""
        known = [piece for piece in self.pieces if piece.mean is not None]
        if self.shown is None or not known:
            return []
        length = sum(piece.end - piece.start for piece in known)
        weighed = sum((piece.mean or 0.0) * (piece.end - piece.start) for piece in known)
        mean = weighed / length if length else known[-1].mean or 0.0
        lowest = min(one for piece in known if (one := piece.lowest) is not None)
        highest = max(one for piece in known if (one := piece.highest) is not None)
        return [("Mean", self.shown(mean)), ("Lowest", self.shown(lowest)), ("Highest", self.shown(highest))]

    def words(self, figure: float | Decimal) -> str:
        """A figure with its unit."""
        return self.shown(float(figure)) if self.shown else ""

    def places(self, wide: float) -> list[float]:
        """Where the points of the line stand on an axis of this width."""
        return [share * wide for share in self.line[0]]


def graph(asked: Invocation[GraphArguments]) -> Iterator[Message]:
    """The figure of a subject, its limit and its levels. Raises ReporterError for a subject that is not known."""
    app, now = asked.app, asked.now
    subject = named_subject(asked.arguments.subject, drawn_subjects(app))
    since = now - asked.arguments.span
    with app.store.read() as connection:
        state = alerts.alert_state(connection, subject)
        spans = uptime.of_subject(connection, subject, since, now + INSTANT)
        kept = uptime.kept_readings(connection, subject, since, now + INSTANT)
    spans = spans or list(_stood(app, subject, state.last_reading_at, since, now))
    seen = state.observation
    of_span = spans[-1].value if spans else None
    shown = _shown(subject, spans)
    limit_words = (seen.limit if seen else None) or ""
    drawn = SubjectGraph(
        subject,
        name_of(subject),
        since,
        now,
        [piece for span in spans if (piece := _piece(span, since, now, shown))],
        _readings(kept, shown, since, now) if shown else [],
        shown,
        _limit(subject, limit_words, shown),
        (seen.value if seen else None) or of_span or "",
        limit_words,
        state.level,
        _times(since, now, app.runtime.zone),
    )
    facts = {"graph": drawn, "stood": _troubled(measured(subject, spans, since, now)), "span": asked.arguments.span}
    message = asked.answer("graph", **facts)
    if not asked.drawn or not drawn.pieces:
        yield message
        return
    runtime = app.runtime
    yield with_pictures(message, runtime.renderer, runtime.charts, "answers/graph", facts)


def _stood(app: App, subject: str, seen_at: datetime | None, since: datetime, now: datetime) -> Iterator[StateSpan]:
    """How a subject stood whose readings are not kept, by its incidents; nothing is known of it before the first one,
    unless it was seen since."""
    with app.store.read() as connection:
        mine = [one for one in incidents.newest(connection, MOST_INCIDENTS, subject) if (one.until or now) > since]
        changes = incidents.transitions_of(connection, [one.id for one in mine])
    ordered = [told.transition for told in sorted(changes, key=lambda one: one.at)]
    moments = [one.since if one.level is not Level.OK else (one.until or now) for one in ordered]
    if not ordered:
        if seen_at is not None and seen_at > since:
            yield StateSpan(subject, Level.OK, since, now)
        return
    yield StateSpan(subject, Level.OK, since, max(moments[0], since))
    for change, start, end in zip(ordered, moments, [*moments[1:], now], strict=True):
        yield StateSpan(subject, change.level, max(start, since), max(end, since), value=change.observation.value)


def _piece(span: StateSpan, since: datetime, now: datetime, shown: Shown | None) -> GraphPiece | None:
    """What of a span lies in the time; without figures where they are not those of the axis."""
    start, end = max(span.start, since), min(span.end, now)
    if end <= start and not span.figures:
        return None
    at = _share(start, since, now), _share(max(end, start), since, now)
    if shown is None or not span.figures or _unit(span.value, span.lowest, span.highest) not in {shown, None}:
        return GraphPiece(*at, span.level)
    return GraphPiece(*at, span.level, span.mean, span.lowest, span.highest)


def _readings(kept: Sequence[uptime.Sample], shown: Shown, since: datetime, now: datetime) -> list[GraphReading]:
    """The single readings around trouble, where their words say the figure in the axis's own unit."""
    found = ((one, next((figure for unit, figure in _quantities(one.value) if unit is shown), None)) for one in kept)
    return [
        GraphReading(_share(one.at, since, now), figure, one.level)
        for one, figure in found
        if figure is not None and _is_the_figure(one.value)
    ]


def _is_the_figure(value: str | None) -> bool:
    """Whether the words of a reading are its figure and no more."""
    return len(list(_quantities(value))) == 1


def _shown(subject: str, spans: Sequence[StateSpan]) -> Shown | None:
    """In what the figures count, by the words of the newest that has some: a subject in trouble may show another figure
    than in good times. None where it has none."""
    if subject.startswith("limit/") and any(span.figures for span in spans):
        return percent
    newest = next((span for span in reversed(spans) if span.figures), None)
    return None if newest is None else _unit(newest.value, newest.lowest, newest.highest) or _plain


def _unit(value: str | None, lowest: float | None, highest: float | None) -> Shown | None:
    """The unit whose quantity among the words is one of the figures: they lie between the lowest and the highest."""
    low, high = lowest or 0.0, highest or 0.0
    room = 0.06 * max(abs(low), abs(high)) + 1e-9  # words are rounded
    return next((unit for unit, figure in _quantities(value) if low - room <= figure <= high + room), None)


def _quantities(text: str | None) -> Iterator[tuple[Shown, float]]:
    """The figures among some words, each with what it counts in; the units of a time, such as `3h 5m`, are one."""
    found: list[tuple[Shown, float]] = []
    for quantity in _QUANTITY.finditer(text or ""):
        number = float(quantity["number"].replace(",", ""))
        unit = next((one for one, names in _UNITS.items() if quantity["unit"] in names), _plain)
        size = number * (_UNITS[unit][quantity["unit"]] if unit in _UNITS else 1)
        if found and unit is found[-1][0] is seconds:
            found[-1] = seconds, found[-1][1] + size
        else:
            found.append((unit, size))
    return iter(found)


def _limit(subject: str, words: str, shown: Shown | None) -> float | None:
    if subject.startswith("limit/"):
        return 100.0
    return next((figure for unit, figure in _quantities(words) if unit is shown), None)


def _times(since: datetime, now: datetime, zone: ZoneInfo) -> list[tuple[float, str]]:
    """What stands below the axis of time."""
    pattern = "%a %H:%M" if now - since <= timedelta(days=6) else "%b %d"
    moments = (since, since + (now - since) / 2, now)
    return [(share, f"{at.astimezone(zone):{pattern}}") for share, at in zip((0.0, 0.5, 1.0), moments, strict=True)]


def _troubled(stood: Uptime) -> list[tuple[str, timedelta]]:
    """For how long it was not well, by the name of the level."""
    named = (("Warning", stood.degraded), ("Critical", stood.down), ("Unknown", stood.unknown))
    return [(name, time) for name, time in named if time]


def _plain(figure: float) -> str:
    return f"{figure:,.4g}"


def _share(moment: datetime, since: datetime, now: datetime) -> float:
    return min(1.0, max(0.0, (moment - since) / (now - since)))
