"""From the figures of a look to its level, by how each figure stood before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reporter.alerts.model import FigureKey, Level
from reporter.alerts.thresholds import Grade, Measurement, Threshold, grade_all, worst
from reporter.probes.number_formats import seconds
from reporter.probes.probe import ProbeResult

# The name of the figure that every answer has.
LATENCY = "latency"


def latency(took: float, threshold: Threshold) -> Measurement:
    """How long an answer took, in seconds."""
    return Measurement(LATENCY, took, threshold, seconds, "slower than {limit}")


def graded(result: ProbeResult, known: Mapping[FigureKey, Level]) -> tuple[ProbeResult, dict[FigureKey, Level]]:
    """A result with its figures graded, and how each figure stands now; `known` is how they stood at the last look.

    A figure in trouble makes a result that is well as bad as itself, and the worst figure says why. A result that
    failed already stays as it is. A look without figures leaves what is known of them as it was.
    """
    grades = grade_all(result.measures, lambda key: known.get(key, Level.OK))
    levels = {**known, **{grade.measurement.key: grade.level for grade in grades}}
    shown = [(grade.measurement.name, grade.value) for grade in grades if grade.measurement.name != LATENCY]
    told = replace(result, figures=tuple(dict.fromkeys((*shown, *result.figures))))
    bad = worst(grades)
    if bad is None or not bad.level.worse_than(result.level):
        return _with_latency(told, grades), levels
    troubles = [bad, *(grade for grade in grades if grade is not bad and grade.level is not Level.OK)]
    detail = f"{result.detail}, but {', '.join(grade.words for grade in troubles)}"
    figure = bad.measurement.figure
    return replace(told, level=bad.level, detail=detail, value=bad.value, limit=bad.limit_text, figure=figure), levels


def _with_latency(result: ProbeResult, grades: list[Grade]) -> ProbeResult:
    """A result that is well shows its latency, unless it has a better figure to show."""
    timed = next((grade for grade in grades if grade.measurement.name == LATENCY), None)
    if timed is None or result.value is not None:
        return result
    limit = result.limit or timed.limit_text
    return replace(result, value=timed.value, limit=limit, figure=timed.measurement.figure)
