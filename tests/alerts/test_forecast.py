"""The forecast of when a disk is full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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


def seen(*points: tuple[float, float | None]) -> list[StateSpan]:
    """One value each or none, so many hours before now."""
    moments = [(NOW - back * HOUR, value) for back, value in points]
    return [
        StateSpan("probe/disk", Level.OK, at, at, figures=int(value is not None), total=value or 0)
        for at, value in moments
    ]


SLOW = 2.0**-17  # by so much a second, which floats write exactly
THEN = 90 * 24  # hours


@pytest.mark.parametrize(
    ("points", "now", "expected"),
    [
        ([(3, 50), (2, 51), (1, 52)], 53, 47),  # four values over three hours are enough
        ([(3, 50), (1, 52)], 53, None),
        ([(2.99, 50), (2, 51), (1, 52)], 53, None),
        ([(4, 50), (3, 51), (2, 51), (1, 52)], 53, 47 * 24 / 17),  # three of four steps go up
        ([(5, 50), (4, 51), (3, 51), (2, 51), (1, 52)], 53, None),
        ([(3, 50), (2, 51), (2, 51), (1, 52)], 53, 47),  # two of one moment
        ([(3, 50), (2, 51), (1, 52), (-1, 7), (-2, 6)], 53, 47),  # what is not yet is not looked at
        ([(3, 50), (1, 52), (0, 52.9)], 53, None),  # nor what is now, twice
        ([(3, 50), (2.5, None), (2, 51), (1, 52)], 53, 47),
        ([(back / 5, 50 + back / 10) for back in range(40, 30, -1)] + [(6, 60), (4, 70), (2, 80)], 90, 2),  # six hours
        ([(back, 100 - (THEN + back) * 3600 * SLOW) for back in (3, 2, 1)], 100 - THEN * 3600 * SLOW, THEN),
        ([(back, 100 - (THEN + 1 + back) * 3600 * SLOW) for back in (3, 2, 1)], 100 - (THEN + 1) * 3600 * SLOW, None),
        ([(24 - 3 * n, value) for n, value in enumerate((60, 54, 55, 56, 52, 53, 54, 55))], 56, None),  # a pace of 0
        ([(12, 90), (11, 91), (10, 92), (9, 93), (8, 40), (7, 41), (6, 42), (5, 43), (4, 1), (3, 2), (2, 3)], 4, None),
    ],
)
def test_how_much_has_to_be_known_and_how_far_a_forecast_goes(
    points: list[tuple[float, float | None]], now: float, expected: float | None
) -> None:
    found = time_until_full(seen(*points), NOW, now)
    assert found == (None if expected is None else pytest.approx(timedelta(hours=expected), abs=timedelta(seconds=1)))


@LAW
@given(st.lists(st.integers(1, 600), min_size=8, max_size=30), st.floats(0.1, 2))
def test_a_straight_line_is_followed_to_its_end_however_long_its_spans_are(minutes: list[int], pace: float) -> None:
    spans, start = [], NOW - timedelta(minutes=sum(minutes))
    for length in minutes:
        end = start + timedelta(minutes=length)
        middle = (start - NOW + timedelta(minutes=length) / 2) / HOUR
        spans.append(StateSpan("probe/disk", Level.OK, start, end, figures=2, total=2 * (60 + pace * middle)))
        start = end
    found = time_until_full(spans, NOW, 60)
    long = spans[0].start + timedelta(minutes=minutes[0]) / 2 <= NOW - timedelta(hours=3)
    assert found == (pytest.approx(40 / pace * HOUR, abs=timedelta(minutes=1)) if long else None)


@LAW
@given(st.lists(st.floats(0, 99), max_size=40), st.floats(0, 100))
def test_an_end_lies_ahead_and_not_too_far(values: list[float], now: float) -> None:
    found = hours(values, now)
    assert found is None or 0 < found <= 24 * 90
