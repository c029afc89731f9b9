"""Thresholds: a level begins at one figure and ends at another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level
from reporter.alerts.thresholds import NEVER, Measurement, Threshold, entered, grade_all, worst

HIGH = Threshold(warning=80, critical=90)
LOW = Threshold(warning=14, critical=3, low=True)


@pytest.mark.parametrize(("figure", "known", "level"), [
    (79.9, Level.OK, Level.OK),
    (80, Level.OK, Level.WARNING),
    (77, Level.WARNING, Level.WARNING),
    (75.9, Level.WARNING, Level.OK),
    (90, Level.OK, Level.CRITICAL),
    (86, Level.CRITICAL, Level.CRITICAL),
    (85.4, Level.CRITICAL, Level.WARNING),
    (86, Level.WARNING, Level.WARNING),
])  # fmt: skip
def test_a_level_is_entered_at_its_limit_and_left_a_twentieth_below(figure: float, known: Level, level: Level) -> None:
    assert HIGH.graded(figure, known)[0] is level


@pytest.mark.parametrize(("figure", "known", "level"), [
    (15, Level.OK, Level.OK),
    (14, Level.OK, Level.WARNING),
    (14.5, Level.WARNING, Level.WARNING),
    (15, Level.WARNING, Level.OK),
    (3, Level.WARNING, Level.CRITICAL),
    (-1, Level.OK, Level.CRITICAL),
])  # fmt: skip
def test_where_low_is_bad_it_is_the_other_way_round(figure: float, known: Level, level: Level) -> None:
    assert LOW.graded(figure, known)[0] is level


def test_one_can_say_where_a_level_is_left() -> None:
    own = Threshold(warning=0.5, leave_warning=0.2)
    assert own.graded(0.21, Level.WARNING) == (Level.WARNING, 0.5)
    assert own.graded(0.19, Level.WARNING) == (Level.OK, 0.5)


def test_the_limit_told_is_the_one_passed_or_the_next() -> None:
    assert [HIGH.graded(figure)[1] for figure in (10, 85, 95)] == [80, 80, 90]
    assert Threshold(critical=9).graded(1) == (Level.OK, 9)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.sampled_from(list(Level)))
def test_a_worse_figure_is_never_of_a_better_level(one: float, other: float, known: Level) -> None:
    better, worse = sorted((one, other))
    assert not HIGH.graded(better, known)[0].worse_than(HIGH.graded(worse, known)[0])


def percent(figure: float) -> str:
    return f"{figure:g}%"


@pytest.mark.parametrize(("measured", "known", "expected"), [
    (Measurement("load", 12), Level.OK, ("ok", "12", None, "load above 12")),
    (Measurement("load", 1234.5), Level.OK, ("ok", "1,234.5", None, "load above 1,234.5")),
    (Measurement("disk", 85, HIGH, percent), Level.OK, ("warning", "85%", "80%", "disk above 80%")),
    (Measurement("disk", 80, HIGH, percent), Level.OK, ("warning", "80%", "80%", "disk above 80%")),
    (Measurement("disk", 78, HIGH, percent), Level.WARNING, ("warning", "78%", "80%", "disk not yet well below 80%")),
    (Measurement("days", 2, LOW), Level.OK, ("critical", "2", "3", "days below 3")),
    (Measurement("days", 14.5, LOW), Level.WARNING, ("warning", "14.5", "14", "days not yet well above 14")),
    (
        Measurement("latency", 95, HIGH, trouble="slower than {limit}"),
        Level.OK,
        ("critical", "95", "90", "slower than 90"),
    ),
    (
        Measurement("latency", 88, HIGH, trouble="slower than {limit}"),
        Level.CRITICAL,
        ("critical", "88", "90", "latency not yet well below 90"),
    ),
])  # fmt: skip
def test_the_words_of_a_figure(measured: Measurement, known: Level, expected: tuple[str, str, str | None, str]) -> None:
    (grade,) = grade_all([measured], {measured.key: known}.__getitem__)
    assert (grade.level.value, grade.value, grade.limit_text, grade.words) == expected
    assert grade.returning is ("not yet" in grade.words)


def test_the_first_of_the_worst_leads_and_what_is_well_is_not_remembered() -> None:
    measures = [
        Measurement("calm", 1, HIGH),
        Measurement("free", 14, LOW),
        Measurement("disk", 85, HIGH),
        Measurement("any", 9),
    ]
    grades = grade_all(measures, lambda _: Level.OK)
    first = worst(grades)
    assert first
    assert first.measurement.name == "free"
    assert worst([]) is None
    assert entered({grade.measurement.key: grade.level for grade in grades}) == (
        ("disk", False, Level.WARNING), ("free", True, Level.WARNING),
    )  # fmt: skip
    assert NEVER.graded(1e9) == (Level.OK, None)
