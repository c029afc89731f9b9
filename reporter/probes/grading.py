"""From the figures of a look to its level, by how each of them stood before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.probes.probe import Measurement, ProbeResult, seconds

# The name of the figure that every answer has.
LATENCY = "latency"

Key = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Grade:
    """How one figure stands, and the limit that it passed or would pass next."""

    measure: Measurement
    level: Level
    limit: float | None

    @property
    def words(self) -> str:
        """What is wrong, in terms of the limit: above it, or on the way back and not far enough yet."""
        measure, limit = self.measure, self.limit if self.limit is not None else self.measure.figure
        shown = measure.shown(limit)
        if not measure.threshold.reached(measure.figure, limit):
            return f"{measure.name} {measure.threshold.back} {shown}"
        return measure.trouble.replace("{limit}", shown) or f"{measure.name} {self._side} {shown}"

    @property
    def _side(self) -> str:
        return "below" if self.measure.threshold.low else "above"


def latency(took: float, threshold: Threshold) -> Measurement:
    """How long an answer took, in seconds."""
    return Measurement(LATENCY, took, threshold, seconds, "slower than {limit}")


def graded(sight: ProbeResult, known: Mapping[Key, Level]) -> tuple[ProbeResult, dict[Key, Level]]:
    """A sight with its figures judged, and how each of them stands now. `known` is how they stood at the last look.

    A figure in trouble makes what was well as bad as itself, and the worst of them says why. What failed already stays
    as it is. A look without figures leaves what is known of them as it was.
    """
    grades = [Grade(one, *one.threshold.graded(one.figure, known.get(one.key, Level.OK))) for one in sight.measures]
    stands = {**known, **{grade.measure.key: grade.level for grade in grades}}
    told = replace(sight, figures=tuple(dict.fromkeys((*_shown(grades), *sight.figures))))
    worst = max(grades, key=lambda grade: _gravity(grade.level), default=None)
    if worst is None or not worst.level.worse_than(sight.level):
        return _with_latency(told, grades), stands
    return _troubled(told, worst, grades), stands


def _troubled(sight: ProbeResult, worst: Grade, grades: list[Grade]) -> ProbeResult:
    """The level and figures of the worst, and the words of all that are in trouble."""
    troubles = [worst, *(grade for grade in grades if grade is not worst and grade.level is not Level.OK)]
    words = ", ".join(grade.words for grade in troubles)
    return replace(
        sight,
        level=worst.level,
        detail=f"{sight.detail}, but {words}",
        value=worst.measure.shown(worst.measure.figure),
        limit=None if worst.limit is None else worst.measure.shown(worst.limit),
        figure=worst.measure.figure,
    )


def _with_latency(sight: ProbeResult, grades: list[Grade]) -> ProbeResult:
    """What is well shows its latency, unless it has a better figure to show."""
    timed = next((grade for grade in grades if grade.measure.name == LATENCY), None)
    if timed is None or sight.value is not None:
        return sight
    figure, shown = timed.measure.figure, timed.measure.shown
    limit = sight.limit or (None if timed.limit is None else shown(timed.limit))
    return replace(sight, value=shown(figure), limit=limit, figure=figure)


def _shown(grades: list[Grade]) -> Iterator[tuple[str, str]]:
    yield from (
        (grade.measure.name, grade.measure.shown(grade.measure.figure))
        for grade in grades
        if grade.measure.name != LATENCY
    )


def _gravity(level: Level) -> int:
    return (Level.OK, Level.UNKNOWN, Level.WARNING, Level.CRITICAL).index(level)
