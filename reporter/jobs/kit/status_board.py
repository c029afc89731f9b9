"""What status boards share: marks and titles by level, the worst first, the usual latency."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log10
from typing import TypedDict

from pydantic import Field

from reporter.alerts.model import AlertState, Level
from reporter.alerts.readings import Reading
from reporter.jobs.context import Context, Params, Report
from reporter.messages.message import Tone
from reporter.periods.time_text import duration_text

LEVEL_MARKS = {Level.OK: "🟢", Level.WARNING: "🟡", Level.CRITICAL: "🔴", Level.UNKNOWN: "⚪"}
LEVEL_TITLES = {Level.OK: "✅", Level.WARNING: "⚠️", Level.CRITICAL: "🚨", Level.UNKNOWN: "⚪"}
LEVEL_TONES = {
    Level.OK: Tone.GOOD,
    Level.WARNING: Tone.WARNING,
    Level.CRITICAL: Tone.CRITICAL,
    Level.UNKNOWN: Tone.NEUTRAL,
}
WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)

# What a probe calls the time that its answer took.
LATENCY = "latency"


class BoardParams(Params):
    """`probes` are the names of those to show, instead of all of the board's kinds; `repost_hours` is after how many
    hours the board is posted anew at the end of its channel."""

    probes: tuple[str, ...] = Field((), strict=False)
    repost_hours: float | None = Field(None, gt=0)

    @property
    def repost(self) -> timedelta | None:
        return None if self.repost_hours is None else timedelta(hours=self.repost_hours)


@dataclass(frozen=True, slots=True)
class Panel:
    """How one probe was last seen, with all its figures; `since` is when its trouble began."""

    mark: str
    name: str
    words: str
    since: datetime | None
    figures: tuple[tuple[str, str], ...]
    at: datetime


def worst_level(levels: Collection[Level]) -> Level:
    """The gravest of some levels; OK where there is none."""
    return next((level for level in WORST_FIRST if level in levels), Level.OK)


def level_summary(levels: Sequence[Level], well: str) -> str:
    """`2 critical, 3 warnings`, or the given words when all is well."""
    words = {Level.WARNING: "warnings"} if levels.count(Level.WARNING) > 1 else {}
    counts = [f"{levels.count(level)} {words.get(level, level)}" for level in WORST_FIRST[:-1] if level in levels]
    return ", ".join(counts) or well


def trouble_since(level: Level, state: AlertState | None, now: datetime) -> datetime | None:
    """When the trouble of a subject began, to the minute: the judge dates it a moment after the look, and that is no
    change to show."""
    if level is Level.OK:
        return None
    return ((state and state.since) or now).replace(second=0, microsecond=0)


def roughly(seconds: float) -> float:
    """A time in steps of 1, 2, 5 and their tens, so that it hardly ever changes."""
    scale = 10.0 ** floor(log10(seconds))
    digit = seconds / scale
    return scale * (1 if digit < 1.5 else 2 if digit < 3.5 else 5 if digit < 7.5 else 10)


def usual_latency(mean: float | None) -> str | None:
    """What an answer takes as a rule, such as `about 5ms`; None where nothing is known."""
    return f"about {duration_text(roughly(mean))}" if mean is not None and mean > 0 else None


class BoardFacts(TypedDict):
    """What a board of probes adds for its template."""

    mark: str
    """The mark of the worst level: ✅, ⚠️, 🚨, ⚪."""
    summary: str
    """How many probes stand at each level: `2 critical, 3 warnings`."""
    panels: list[Panel]
    """One panel a probe, the worst first."""
    more: list[tuple[str, int, str]]
    """Probes that find no place: mark, number, level."""
    missing: list[str]
    """Probes that the parameters name and nobody has looked at."""
    kinds: tuple[str, ...]
    """The kinds of probes that this board is for."""
    seen: datetime | None
    """When the oldest of these readings was taken."""


def status_board(ctx: Context[BoardParams], kinds: Collection[str], most: int) -> Report:
    """A board of probes, with all that was measured. It looks at nothing that the last round has looked at.

    The worst `most` of them are shown, so that it stays one message; the others are counted.
    """
    wanted = ctx.params.probes or tuple(kinds)
    readings = _worst_first(ctx.readings(wanted))
    standing = {state.subject: state for state in ctx.history.open_alerts()}
    means = ctx.history.means()
    levels = [reading.observation.level for reading in readings]
    known = {reading.name for reading in readings}
    facts: BoardFacts = {
        "mark": LEVEL_TITLES[worst_level(levels)] if readings else LEVEL_TITLES[Level.UNKNOWN],
        "summary": level_summary(levels, "All Well" if readings else "Nothing To Show"),
        "panels": [_panel(one, standing, means, ctx.now) for one in readings[:most]],
        "more": [
            (LEVEL_MARKS[level], levels[most:].count(level), level.value) for level in dict.fromkeys(levels[most:])
        ],
        "missing": [name for name in ctx.params.probes if name not in known],
        "kinds": tuple(kinds),
        "seen": min((reading.at for reading in readings), default=None),
    }
    tone = LEVEL_TONES[worst_level(levels)] if readings else Tone.NEUTRAL
    return Report(facts=facts, tone=tone, slot="board", repost=ctx.params.repost)


def _worst_first(readings: Iterable[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda reading: WORST_FIRST.index(reading.observation.level))


def _panel(reading: Reading, standing: Mapping[str, AlertState], means: Mapping[str, float], now: datetime) -> Panel:
    seen = reading.observation
    return Panel(
        LEVEL_MARKS[seen.level],
        reading.name,
        seen.detail,
        trouble_since(seen.level, standing.get(seen.subject), now),
        tuple(_figures(reading, means.get(seen.subject))),
        reading.at,
    )


def _figures(reading: Reading, mean: float | None) -> Iterator[tuple[str, str]]:
    """What was measured, the latency first and with what it is as a rule."""
    if reading.latency is not None:
        rule = usual_latency(mean) if reading.observation.figure == reading.latency else None
        yield "Latency", f"{duration_text(reading.latency)}" + (f" (usually {rule})" if rule else "")
    for name, text in reading.figures:
        if name != LATENCY:
            yield name[:1].upper() + name[1:], text
