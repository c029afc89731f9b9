"""What opens soon after others like it waits for the end of a window that grows while the cascade does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.cascade import FIRST, LONGEST, began_at, released_at

START = datetime(2026, 10, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("before", "opened", "released"),
    [
        ([], 0, 0),
        ([0], 0, 0),  # of the same moment
        ([0], 30, 60),
        ([0], 60, 60),  # nothing opened within the first window
        ([0, 30], 60, 180),
        ([0, 30], 61, 180),
        ([0, 30, 61], 170, 180),
        ([0, 30, 61], 181, 420),
        ([0, 30, 61, 181], 500, 660),  # no window is longer than four minutes
        ([0, 30], 181, 181),  # nothing opened in the second window
        ([0, 30, 181], 200, 241),  # which begins another cascade
    ],
)
def test_windows_grow_while_alerts_go_on_opening(before: list[int], opened: int, released: int) -> None:
    assert released_at(at(opened), [*map(at, before), at(opened)]) == at(released)


@pytest.mark.parametrize(
    ("before", "opened", "began"), [([0], 30, 0), ([0], 60, 60), ([0, 30, 61], 170, 0), ([0, 30], 181, 181)]
)
def test_what_opens_after_a_quiet_window_begins_another_cascade(before: list[int], opened: int, began: int) -> None:
    assert began_at(at(opened), [*map(at, before), at(opened)]) == at(began)


@given(st.lists(st.integers(0, 3600), min_size=1, max_size=40))
def test_the_first_is_sent_at_once_and_none_waits_long(moments: list[int]) -> None:
    opened = [at(seconds) for seconds in moments]
    released = [released_at(moment, opened) for moment in opened]
    waits = [release - moment for release, moment in zip(released, opened, strict=True)]
    assert released_at(min(opened), opened) == min(opened)
    assert all(timedelta() <= wait <= LONGEST for wait in waits)
    assert len({release for release in released if release <= min(opened) + FIRST}) <= 2
