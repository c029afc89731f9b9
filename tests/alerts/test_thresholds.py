"""Thresholds: a level begins at one figure and ends at another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold

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
