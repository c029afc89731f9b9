"""The forecast of when a disk is full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.forecast import time_until_full
from reporter.alerts.model import Level
from reporter.alerts.uptime import HOUR, StateSpan
from tests.support.civil import LAW

NOW = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)


def course(values: Sequence[float]) -> list[StateSpan]:
    """An hour each, the last one just over."""
    first = NOW - len(values) * HOUR
    return [
        StateSpan("probe/disk", Level.OK, first + n * HOUR, first + (n + 1) * HOUR, figures=1, total=value)
        for n, value in enumerate(values)
    ]


def hours(values: Sequence[float], now: float) -> float | None:
    found = time_until_full(course(values), NOW, now)
    return None if found is None else found.total_seconds() / 3600


def test_a_steady_rise_is_followed_to_its_end() -> None:
    assert hours([40 + n for n in range(30)], 69.5) == pytest.approx(30.5)


@pytest.mark.parametrize(
    ("values", "now"),
    [
        ([50.0] * 40, 50.0),
        ([60.0 - n / 10 for n in range(40)], 56.0),
        ([50.0] * 37 + [70.0] * 3, 70.0),  # one large file
        ([50 + (n % 2) * 5 for n in range(40)], 55.0),  # made and cleared away, again and again
        ([50.0, 51.0], 52.0),  # too short to know
        ([50 + n / 1000 for n in range(70)], 50.07),  # years
        ([90.0 + n for n in range(10)], 100.0),  # it is full
    ],
)
def test_what_does_not_rise_steadily_has_no_end(values: Sequence[float], now: float) -> None:
    assert hours(values, now) is None


def test_a_sudden_rise_counts_more_than_a_long_calm() -> None:
    assert hours([50 + n / 100 for n in range(60)] + [55, 60, 65, 70, 75], 80) == pytest.approx(4, rel=0.35)


def test_odd_values_do_not_bend_the_line() -> None:
    values = [40.0 + n for n in range(30)]
    values[10], values[20] = 95.0, 2.0
    assert hours(values, 69.5) == pytest.approx(30.5, rel=0.1)


@LAW
@given(st.lists(st.floats(0, 99), max_size=40), st.floats(0, 100))
def test_an_end_lies_ahead_and_not_too_far(values: list[float], now: float) -> None:
    found = hours(values, now)
    assert found is None or 0 < found <= 24 * 90
