"""By how much the wall clock was set: what the monotonic clock, and sleep, cannot account for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.periods.clock import CLOCK_STEP, ClockSteps, SystemClock, seconds_asleep
from tests.support.civil import LAW

NONE = timedelta()


class Hands:
    """A clock whose hands are set by hand, and a machine that sleeps; binary fractions, so that sums are exact."""

    def __init__(self) -> None:
        self.now, self.ticks, self.slept = datetime(2026, 10, 30, 12, tzinfo=UTC), 1024.0, 0.0

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    def asleep(self) -> float:
        return self.slept

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds

    def sleeps(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.slept += seconds

    def is_set(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@LAW
@given(st.lists(st.tuples(st.sampled_from(["passes", "sleeps", "is_set"]), st.integers(-9000, 9000)), max_size=20))
def test_only_a_clock_that_is_set_makes_a_step_and_each_is_told_once(script: list[tuple[str, int]]) -> None:
    clock = Hands()
    steps = ClockSteps(clock, clock.asleep)
    for what, seconds in script:
        getattr(clock, what)(seconds if what == "is_set" else abs(seconds))
        step = timedelta(seconds=seconds) if what == "is_set" and abs(seconds) >= CLOCK_STEP else NONE
        assert steps.since_last() == step
        assert steps.since_last() == NONE


@pytest.mark.parametrize(("seconds", "told"), [(5, 5), (-5, -5), (4.75, 0), (-4.75, 0)])
def test_a_clock_that_is_steered_was_not_set(seconds: float, told: float) -> None:
    clock = Hands()
    steps = ClockSteps(clock)
    for _ in range(3):  # what is steered does not add up to a step
        clock.is_set(seconds)
        assert steps.since_last() == timedelta(seconds=told)


def test_sleep_is_a_step_where_nobody_says_how_long_it_was() -> None:
    clock = Hands()
    steps = ClockSteps(clock)
    clock.sleeps(3600)
    assert steps.since_last() == timedelta(hours=1)


def test_a_step_that_could_not_be_taken_into_account_counts_again() -> None:
    clock = Hands()
    steps = ClockSteps(clock)
    clock.is_set(3600)

    def fail() -> None:
        with steps.taken() as step:
            raise OSError(f"locked after {step}")

    for _ in range(2):
        with pytest.raises(OSError, match="locked after 1:00:00"):
            fail()
    with steps.taken() as step:
        assert step == timedelta(hours=1)
    with steps.taken() as step:
        assert step == NONE


def test_the_machines_own_clock_shows_the_present() -> None:
    clock = SystemClock()
    assert abs(clock.wall() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.wall().tzinfo is UTC
    before = clock.monotonic()
    assert 0 <= clock.monotonic() - before < 5
    assert -1 < seconds_asleep() < 366 * 86_400  # the two clocks are read one after the other
