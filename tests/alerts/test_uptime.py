"""From readings to spans, and from spans to uptime."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level, Observation
from reporter.alerts.uptime import StateSpan, extended, measured, outages, rolled_up
from tests.support.civil import LAW

START = datetime(2026, 10, 30, 14, 58, tzinfo=UTC)
PATIENCE = timedelta(seconds=90)
LEVELS = {"o": Level.OK, "w": Level.WARNING, "c": Level.CRITICAL, "?": Level.UNKNOWN}

Step = tuple[float, str]  # seconds after the start; a letter of LEVELS


def told(steps: Sequence[Step], patience: timedelta = PATIENCE) -> list[StateSpan]:
    """The spans that these readings make."""
    closed: list[StateSpan] = []
    standing = None
    for seconds, letter in steps:
        seen = Observation("probe/db", LEVELS[letter], figure=seconds)
        growth = extended(standing, seen, START + timedelta(seconds=seconds), patience)
        closed += growth.closed
        standing = growth.standing
    return closed + ([standing] if standing else [])


def every(seconds: float, letters: str) -> list[Step]:
    return [(seconds * number, letter) for number, letter in enumerate(letters)]


def sketch(spans: Sequence[StateSpan]) -> list[tuple[str, float, float, int]]:
    """Level, start and end in seconds after the start, readings."""
    return [
        (span.level.value, (span.start - START).total_seconds(), (span.end - START).total_seconds(), span.readings)
        for span in spans
    ]


def test_a_reading_holds_until_the_followingone() -> None:
    assert sketch(told(every(30, "oocco"))) == [("ok", 0, 60, 2), ("critical", 60, 120, 2), ("ok", 120, 120, 1)]


def test_a_span_is_cut_at_the_full_hour() -> None:
    spans = told(every(30, "oooooo"))
    assert sketch(spans) == [("ok", 0, 120, 4), ("ok", 120, 150, 2)]
    assert [span.in_row for span in spans] == [4, 6]
    assert [span.mean for span in spans] == [45, 135]


def test_a_time_without_readings_belongs_to_nobody() -> None:
    assert sketch(told([(0, "o"), (30, "o"), (121, "o")])) == [("ok", 0, 30, 2), ("ok", 121, 121, 1)]


def test_a_reading_of_something_seldom_holds_over_the_hours() -> None:
    spans = told([(0, "o"), (7200, "o")], timedelta(hours=6))
    assert sketch(spans) == [("ok", 0, 120, 1), ("ok", 120, 3720, 0), ("ok", 3720, 7200, 1)]


def test_a_reading_from_before_the_end_counts_as_taken_at_the_end() -> None:
    assert sketch(told([(0, "o"), (30, "o"), (29, "c")])) == [("ok", 0, 30, 2), ("critical", 30, 30, 1)]


def test_the_share_is_of_the_time_that_is_known() -> None:
    spans = told([*every(10, "oowwcc??"), (80, "o")])
    uptime = measured("probe/db", spans, START - timedelta(seconds=40), START + timedelta(seconds=100))
    seconds = [part.total_seconds() for part in (uptime.well, uptime.degraded, uptime.down, uptime.unknown)]
    assert seconds == [20, 20, 20, 20]
    assert uptime.unobserved == timedelta(seconds=60)
    assert uptime.share == pytest.approx(2 / 3)


def test_nothing_known_is_no_share() -> None:
    assert measured("probe/db", [], START, START + timedelta(days=1)).share is None
    unknown = measured("probe/db", told(every(30, "???")), START, START + timedelta(seconds=60))
    assert (unknown.share, unknown.unknown) == (None, timedelta(seconds=60))


def test_maintenance_is_in_no_other_part_and_no_incident_begins_in_it() -> None:
    spans = told(every(30, "oo" + "c" * 10 + "oo"))
    window = (START + timedelta(seconds=45), START + timedelta(seconds=300))
    end = START + timedelta(seconds=390)
    uptime = measured("probe/db", spans, START, end, [window, window])
    assert uptime.maintenance == timedelta(seconds=255)
    assert (uptime.well, uptime.down) == (timedelta(seconds=75), timedelta(seconds=60))
    assert uptime.incidents == ()
    assert len(measured("probe/db", spans, START, end).incidents) == 1


@pytest.mark.parametrize(
    ("letters", "lasted"),
    [
        ("oocco", []),  # two readings are a hiccup
        ("ooccco", [90]),
        ("ocooooooooccco", [360]),  # a pause of four minutes belongs to it
        ("occc" + "o" * 10 + "ccco", [90, 90]),
        ("o" + "c" * 200 + "o", [6000]),  # the cut at the hour ends nothing
        ("occcc", [90]),
    ],
)
def test_trouble_that_lasts_is_an_incident(letters: str, lasted: list[int]) -> None:
    found = list(outages(told(every(30, letters))))
    assert [incident.lasted.total_seconds() for incident in found] == lasted
    assert all(incident.over is letters.endswith("o") for incident in found)


def test_spans_of_one_level_and_day_become_one() -> None:
    fine = told(every(60, "o" * 180 + "c" * 70 + "o"))
    (first, down, last) = rolled_up(fine)
    assert (first.readings, down.readings, last.readings) == (180, 70, 1)
    assert first.mean == sum(60 * number for number in range(180)) / 180
    assert (first.lowest, first.highest) == (0, 60 * 179)


histories = st.lists(st.tuples(st.integers(1, 4000), st.sampled_from("owc?")), max_size=30).map(
    lambda steps: [(sum(gap for gap, _ in steps[: n + 1]), letter) for n, (_, letter) in enumerate(steps)]
)


@LAW
@given(histories, st.integers(60, 9000))
def test_the_parts_add_up_to_the_whole_and_no_span_overlaps(steps: list[Step], patience: int) -> None:
    spans = told(steps, timedelta(seconds=patience))
    assert all(one.end <= following.start for one, following in pairwise(spans))
    assert sum(span.readings for span in spans) == len(steps)
    end = START + timedelta(hours=20)
    up = measured("probe/db", spans, START, end, [(START + timedelta(hours=1), START + timedelta(hours=3))])
    assert up.well + up.degraded + up.down + up.unknown + up.unobserved + up.maintenance == end - START


@LAW
@given(histories, st.integers(60, 9000))
def test_what_was_rolled_measures_the_same(steps: list[Step], patience: int) -> None:
    spans = told(steps, timedelta(seconds=patience))
    coarse = list(rolled_up(spans))
    end = START + timedelta(days=2)
    fine, rough = measured("probe/db", spans, START, end), measured("probe/db", coarse, START, end)
    assert (fine.well, fine.down, fine.unknown, fine.incidents) == (
        rough.well,
        rough.down,
        rough.unknown,
        rough.incidents,
    )
    assert len(coarse) <= len(spans)


@LAW
@given(histories, st.integers(0, 1200))
def test_two_halves_make_the_whole(steps: list[Step], minutes: int) -> None:
    spans, middle, end = told(steps), START + timedelta(minutes=minutes), START + timedelta(days=1)
    whole = measured("probe/db", spans, START, end)
    first, second = measured("probe/db", spans, START, middle), measured("probe/db", spans, middle, end)
    assert first.down + second.down == whole.down
    assert first.unobserved + second.unobserved == whole.unobserved
