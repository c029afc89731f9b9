"""Computes uptime: from readings to spans of time, and from spans to shares of time up, incidents and gaps.

A reading holds until the next one: the time between two readings belongs to the earlier. Where no reading came for
longer than the reader's patience, the time in between was not observed. It counts neither as up nor as down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reporter.alerts.model import Level, Observation

NO_TIME = timedelta(0)
HOUR = timedelta(hours=1)
# Two failing stretches with less than this between them are one incident: so long an alert waits until it is over.
PAUSE = timedelta(minutes=5)
# As many readings as open an alert by default: fewer are a hiccup, which counts as down time but is no incident.
READINGS = 3
# So many readings may be missed before the time in between counts as not observed.
PATIENCE = 3

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A stretch of time in which each reading of a subject had the same level."""

    subject: str
    """The thing observed."""
    level: Level
    """Its level for the whole span."""
    start: datetime
    """The first moment of the span."""
    end: datetime
    """The end of the span."""
    readings: int = 0
    """The number of readings in it."""
    in_row: int = 0
    """The number of readings since the level last changed."""
    figures: int = 0
    """The number of readings with a figure."""
    total: float = 0.0
    """The sum of the figures, in the subject's own units."""
    lowest: float | None = None
    """The lowest figure, in the subject's own units."""
    highest: float | None = None
    """The highest figure, in the subject's own units."""
    value: str | None = None
    """The last figure with its unit, ready to show."""

    @property
    def mean(self) -> float | None:
        """The mean figure, in the subject's own units; None where no reading had one."""
        return self.total / self.figures if self.figures else None


@dataclass(frozen=True, slots=True)
class Outage:
    """Trouble that lasted: from the first failing reading to the first good one, or to the last one known."""

    start: datetime
    """The first failing reading."""
    end: datetime
    """The first good reading, or the last one known."""
    over: bool
    """Whether it is over."""

    @property
    def lasted(self) -> timedelta:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Uptime:
    """How a subject fared over a time. The parts add up to the whole."""

    subject: str
    """The thing observed."""
    well: timedelta = NO_TIME
    """Time in which it was well."""
    degraded: timedelta = NO_TIME
    """Time in which it was up with a warning."""
    down: timedelta = NO_TIME
    """Time in which it was down."""
    unknown: timedelta = NO_TIME
    """Time in which nobody could look."""
    unobserved: timedelta = NO_TIME
    """Time in which nobody looked."""
    maintenance: timedelta = NO_TIME
    """Time in maintenance, which is in no other part."""
    incidents: tuple[Outage, ...] = ()
    """Its outages, in order."""
    figure: float | None = None
    """The mean of what was measured, in the subject's own units."""

    @property
    def known(self) -> timedelta:
        """Time in which it was seen: well, degraded or down."""
        return self.well + self.degraded + self.down

    @property
    def share(self) -> float | None:
        """The share of the known time in which it was up, 0 to 1; None where nothing is known."""
        return (self.well + self.degraded) / self.known if self.known else None

    @property
    def longest(self) -> timedelta | None:
        """How long the longest incident lasted."""
        return max((incident.lasted for incident in self.incidents), default=None)


def is_component(subject: str) -> bool:
    """Whether a subject is a thing that is up or down. The figures of a machine and of the reporter itself are none: a
    busy processor is not down."""
    return subject.startswith(("probe/", "ping/")) and not subject.startswith("probe/host-")


@dataclass(slots=True)
class Extension:
    """What one more reading makes of a span: `closed` ones that will not change any more, and the one that goes on."""

    standing: StateSpan
    closed: list[StateSpan] = field(default_factory=list)


def extended(before: StateSpan | None, seen: Observation, at: datetime, patience: timedelta) -> Extension:
    """Fold a reading into the span that stood before it. A reading `at` before its end counts as taken at the end.

    Spans end at each full hour of UTC, so that figures have a course; `patience` is how long a reading may hold.
    """
    if before is None:
        return Extension(_begun(seen, at))
    at = max(at, before.end)
    if at - before.end > patience:
        return Extension(_begun(seen, at), [before])
    *cut, last = _until(before, at)
    if last.level is seen.level:
        return Extension(_counted(last, seen), cut)
    return Extension(_begun(seen, at), [*cut, last] if last.readings or last.end > last.start else cut)


def _begun(seen: Observation, at: datetime) -> StateSpan:
    return _counted(StateSpan(seen.subject, seen.level, at, at), seen)


def _counted(span: StateSpan, seen: Observation) -> StateSpan:
    readings, in_row, figure = span.readings + 1, span.in_row + 1, seen.figure
    if figure is None:
        return replace(span, readings=readings, in_row=in_row, value=seen.value)
    return replace(
        span,
        readings=readings,
        in_row=in_row,
        value=seen.value,
        figures=span.figures + 1,
        total=span.total + figure,
        lowest=figure if span.lowest is None else min(span.lowest, figure),
        highest=figure if span.highest is None else max(span.highest, figure),
    )


def _until(span: StateSpan, at: datetime) -> list[StateSpan]:
    """The span made longer, and cut at each hour that has struck since."""
    pieces = []
    while (strike := hour_of(span.start) + HOUR) <= at:
        pieces.append(replace(span, end=strike))
        span = StateSpan(span.subject, span.level, strike, strike, in_row=span.in_row, value=span.value)
    return [*pieces, replace(span, end=at)]


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def rolled_up(spans: Iterable[StateSpan]) -> Iterator[StateSpan]:
    """Spans of one subject in order, those of one level that follow each other within a day of UTC made one."""
    last: StateSpan | None = None
    for span in spans:
        if last is not None and _continues(last, span):
            last = _joined(last, span)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _continues(last: StateSpan, span: StateSpan) -> bool:
    same = span.level is last.level and span.start == last.end
    return same and span.start.astimezone(UTC).date() == last.start.astimezone(UTC).date()


def _joined(last: StateSpan, span: StateSpan) -> StateSpan:
    return replace(
        last,
        end=span.end,
        readings=last.readings + span.readings,
        in_row=span.in_row,
        figures=last.figures + span.figures,
        total=last.total + span.total,
        lowest=min((low for low in (last.lowest, span.lowest) if low is not None), default=None),
        highest=max((high for high in (last.highest, span.highest) if high is not None), default=None),
        value=span.value,
    )


def measured(
    subject: str, spans: Sequence[StateSpan], start: datetime, end: datetime, excluded: Iterable[Window] = ()
) -> Uptime:
    """The uptime of a subject from `start` to `end`, which must not lie in the future, by its spans in order.

    Time in a window of `excluded` is maintenance, whatever was seen in it. An incident is counted, whole, in each time
    that it touches.
    """
    windows = list(_merged(excluded, start, end))
    times = dict.fromkeys(Level, NO_TIME)
    for piece in _clipped(spans, start, end):
        times[piece.level] += (piece.end - piece.start) - _overlap(piece, windows)
    maintenance = sum((until - since for since, until in windows), NO_TIME)
    inside = [span for span in spans if start <= span.start < end or span.start < start < span.end]
    figures = sum(span.figures for span in inside)
    return Uptime(
        subject,
        well=times[Level.OK],
        degraded=times[Level.WARNING],
        down=times[Level.CRITICAL],
        unknown=times[Level.UNKNOWN],
        unobserved=max(NO_TIME, end - start - maintenance - sum(times.values(), NO_TIME)),
        maintenance=maintenance,
        incidents=tuple(outage for outage in outages(spans, windows) if outage.start < end and outage.end >= start),
        figure=sum(span.total for span in inside) / figures if figures else None,
    )


def _clipped(spans: Iterable[StateSpan], start: datetime, end: datetime) -> Iterator[StateSpan]:
    """What of the spans lies in a time; where two overlap, the earlier counts."""
    for span in spans:
        start, until = max(start, span.start), min(end, span.end)
        if until > start:
            yield replace(span, start=start, end=until)
            start = until


def _merged(windows: Iterable[Window], start: datetime, end: datetime) -> Iterator[Window]:
    """Windows in order, within a time, none overlapping another."""
    for window in sorted(windows):
        since, until = max(window[0], start), min(window[1], end)
        if until > since:
            yield since, until
            start = until


def _overlap(span: StateSpan, windows: Iterable[Window]) -> timedelta:
    shared = (min(span.end, until) - max(span.start, since) for since, until in windows)
    return sum((time for time in shared if time > NO_TIME), NO_TIME)


def outages(spans: Sequence[StateSpan], excluded: Sequence[Window] = ()) -> Iterator[Outage]:
    """Stretches of critical readings, three or more; pauses of less than five minutes belong to them.

    One that began in maintenance is none.
    """
    stretches: list[list[StateSpan]] = []
    for span in spans:
        if span.level is not Level.CRITICAL:
            continue
        if not stretches or span.start - stretches[-1][-1].end >= PAUSE:
            stretches.append([])
        stretches[-1].append(span)
    for stretch in stretches:
        start, last = stretch[0].start, stretch[-1]
        in_maintenance = any(since <= start < until for since, until in excluded)
        if sum(span.readings for span in stretch) >= READINGS and not in_maintenance:
            yield Outage(start, last.end, over=last is not spans[-1])
