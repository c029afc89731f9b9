"""What opens soon after others like it waits for the end of a window that grows while the cascade does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.cascade import FIRST, LONGEST, OURS, began_at, growing_group, is_alike, released_at, sent_alone
from reporter.alerts.incident import Incident
from reporter.alerts.model import Level

START = datetime(2026, 10, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("before", "opened", "released"),
    [
        ([], 0, 0),
        ([0], 0, 0),  # of the same moment
        ([0, 0], 60, 60),  # two of one moment are no cascade yet
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
    assert released_at(at(opened), map(at, before)) == at(released)  # whether it is counted itself or not


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


def incident(name: str, opened: float, *, group: str | None = None, over: bool = False, **more: object) -> Incident:
    """A critical one of a probe, so many seconds after the start."""
    level = more.get("level", Level.CRITICAL)
    assert isinstance(level, Level)
    subject = name if "/" in name or name in OURS else f"probe/{name}"
    ended = at(9999) if over else None
    return Incident(name, subject, at(opened), at(opened), level, level, resolved_at=ended, group=group)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("probe/a", Level.CRITICAL), ("probe/b", Level.CRITICAL), True),
        (("probe/a", Level.WARNING), ("probe/b", Level.UNKNOWN), True),
        (("probe/a", Level.CRITICAL), ("probe/b", Level.WARNING), False),
        (("probe/a", Level.CRITICAL), ("limit/b", Level.CRITICAL), False),
        (("job/a", Level.CRITICAL), ("job/b", Level.CRITICAL), False),  # what is ours never waits
        (("clock", Level.WARNING), ("clock", Level.WARNING), False),
    ],
)
def test_parts_of_a_cascade_are_of_one_kind_and_equally_urgent(
    one: tuple[str, Level], other: tuple[str, Level], expected: bool
) -> None:
    pair = [incident(subject, 0, level=level) for subject, level in (one, other)]
    assert is_alike(*pair) is is_alike(*pair[::-1]) is expected


NEW = incident("new", 1000)
BEFORE = incident("first", 945), incident("second", 955)  # with the new one, a cascade


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], []),
        ([*BEFORE, NEW], ["first", "second"]),
        ([*BEFORE[::-1], NEW], ["first", "second"]),
        ([*BEFORE, incident("same-moment", 1000)], ["first", "second"]),
        ([*BEFORE, incident("long-ago", 0)], ["first", "second"]),  # of an earlier cascade
        ([*BEFORE, incident("grouped", 970, group="g")], ["first", "second"]),
        ([*BEFORE, incident("over", 970, over=True)], ["first", "second"]),
        ([*BEFORE, incident("mild", 970, level=Level.WARNING)], ["first", "second"]),
        ([*BEFORE, incident("limit/other", 970)], ["first", "second"]),
    ],
)
def test_what_a_cascade_has_brought_without_a_group_is_found(others: list[Incident], expected: list[str]) -> None:
    assert [one.id for one in sent_alone(NEW, others)] == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], None),
        ([incident("a", 990, group="g"), incident("b", 980, group="h")], "g"),  # the last one's
        ([incident("b", 980, group="h"), incident("a", 990, group="g")], "g"),
        ([incident("a", 1000, group="g")], "g"),
        ([incident("a", 1001, group="g")], None),
        ([incident("a", 1000 - 480, group="g")], "g"),
        ([incident("a", 1000 - 481, group="g")], None),
        ([incident("a", 990)], None),
        ([incident("a", 990, group="g", over=True)], None),
        ([incident("a", 990, group="g", level=Level.WARNING)], None),
        ([incident("limit/a", 990, group="g")], None),
    ],
)
def test_an_alert_joins_the_group_of_the_last_one_like_it(others: list[Incident], expected: str | None) -> None:
    assert growing_group(NEW, others) == expected
