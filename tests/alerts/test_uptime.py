"""From readings to spans, and from spans to uptime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level, Observation
from reporter.alerts.uptime import (
    Outage,
    StateSpan,
    Uptime,
    extended,
    hour_of,
    is_component,
    measured,
    outages,
    rolled_up,
)
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


def test_an_hour_is_struck_by_the_clock_of_utc() -> None:
    moment = datetime(2026, 10, 30, 20, 28, 7, 500, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert hour_of(moment) == datetime(2026, 10, 30, 14, tzinfo=UTC)


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


Reading = tuple[float, str, float | None]  # seconds after the start, a letter of LEVELS, a figure


def plainly(subject: str, level: Level, start: float, end: float, in_row: int, known: Sequence[Reading]) -> StateSpan:
    """A span as its readings say, those before it giving the value that stands."""
    figures = [figure for at, _, figure in known if at >= start and figure is not None]
    return StateSpan(
        subject,
        level,
        START + timedelta(seconds=start),
        START + timedelta(seconds=end),
        readings=sum(at >= start for at, _, _ in known),
        in_row=in_row,
        figures=len(figures),
        total=sum(figures),
        lowest=min(figures, default=None),
        highest=max(figures, default=None),
        value=f"{known[-1][0]:g}s",
    )


def grown(readings: Sequence[Reading], patience: timedelta = PATIENCE) -> list[StateSpan]:
    closed: list[StateSpan] = []
    standing = None
    for at, letter, figure in readings:
        seen = Observation("probe/db", LEVELS[letter], value=f"{at:g}s", figure=figure)
        growth = extended(standing, seen, START + timedelta(seconds=at), patience)
        closed, standing = closed + growth.closed, growth.standing
    return closed + ([standing] if standing else [])


def test_a_span_has_the_figures_of_its_own_readings_and_the_value_of_the_last() -> None:
    first: list[Reading] = [(0, "o", 3.0), (30, "o", None), (60, "o", -1.5), (90, "o", 2.0)]
    down: list[Reading] = [(200, "c", None)]
    spans = grown([*first, *down, (4000, "c", 7.0)], timedelta(hours=6))
    assert spans == [
        plainly("probe/db", Level.OK, 0, 120, 4, first),
        # Struck by the hour: nobody looked in what is left, and what was seen before still stands.
        replace(plainly("probe/db", Level.OK, 120, 200, 4, first), readings=0),
        plainly("probe/db", Level.CRITICAL, 200, 3720, 1, down),
        plainly("probe/db", Level.CRITICAL, 3720, 4000, 2, [(4000, "c", 7.0)]),
    ]


gaps = st.sampled_from([1, 30, 90, 91, 3600])


@LAW
@given(st.lists(st.tuples(gaps, st.sampled_from("oc"), st.none() | st.integers(-9, 9)), max_size=30))
def test_what_is_rolled_up_has_the_figures_of_all_its_readings(steps: list[tuple[int, str, float | None]]) -> None:
    runs: list[list[Reading]] = []
    ends: list[float] = []
    at = 0
    for gap, letter, figure in steps:
        at = min(at + gap, 9 * 3600)  # within one day
        if runs and gap <= 90:  # what was seen holds until now
            ends[-1] = at
        if not runs or gap > 90 or letter != runs[-1][0][1]:
            runs, ends = [*runs, []], [*ends, at]
        runs[-1].append((at, letter, figure))
    assert list(rolled_up(grown([reading for run in runs for reading in run]))) == [
        plainly("probe/db", LEVELS[run[0][1]], run[0][0], end, len(run), run)
        for run, end in zip(runs, ends, strict=True)
    ]


@pytest.mark.parametrize(
    ("gap", "midnight", "pieces"), [(0, False, 1), (1, False, 2), (0, True, 2)], ids=["touch", "apart", "next day"]
)
def test_only_spans_that_touch_within_one_day_of_utc_become_one(gap: int, midnight: bool, pieces: int) -> None:
    start = datetime(2026, 10, 30, 23 if midnight else 22, tzinfo=UTC)
    middle = start + timedelta(hours=1)
    one = StateSpan("probe/db", Level.OK, start, middle)
    other = StateSpan("probe/db", Level.OK, middle + timedelta(seconds=gap), middle + timedelta(minutes=5))
    assert len(list(rolled_up([one, other]))) == pieces


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("probe/db", True), ("ping/backup", True), ("probe/host-cpu", False), ("limit/loss", False), ("clock", False)],
)
def test_what_is_up_or_down(subject: str, expected: bool) -> None:
    assert is_component(subject) is expected


def stretch(letter: str, start: float, end: float, readings: int = 3) -> StateSpan:
    """A span from so many to so many minutes after the start."""
    since, until = span_of(start, end)
    total = readings * start
    return StateSpan("probe/db", LEVELS[letter], since, until, readings, figures=readings, total=total)


def span_of(start: float, end: float) -> tuple[datetime, datetime]:
    return START + timedelta(minutes=start), START + timedelta(minutes=end)


@pytest.mark.parametrize(
    ("spans", "excluded", "expected"),
    [
        ([], [], []),
        ([stretch("o", 0, 9)], [], []),
        ([stretch("c", 0, 9, 2)], [], []),
        ([stretch("c", 0, 9)], [], [(0, 9, False)]),
        ([stretch("c", 0, 9), stretch("o", 9, 9)], [], [(0, 9, True)]),
        ([stretch("c", 0, 9, 2), stretch("o", 9, 13.9), stretch("c", 13.9, 20, 1)], [], [(0, 20, False)]),
        ([stretch("c", 0, 9), stretch("o", 9, 14), stretch("c", 14, 20)], [], [(0, 9, True), (14, 20, False)]),
        ([stretch("c", 5, 9)], [span_of(0, 5)], [(5, 9, False)]),
        ([stretch("c", 5, 9)], [span_of(5, 6)], []),
        ([stretch("c", 5, 9)], [span_of(8, 9)], [(5, 9, False)]),
    ],
)
def test_which_stretches_are_incidents(
    spans: list[StateSpan], excluded: list[tuple[datetime, datetime]], expected: list[tuple[float, float, bool]]
) -> None:
    assert list(outages(spans, excluded)) == [Outage(*span_of(start, end), over) for start, end, over in expected]


@pytest.mark.parametrize(("start", "end", "counted"), [(0, 10, 0), (0, 10.1, 1), (20, 30, 1), (20.1, 30, 0)])
def test_an_incident_counts_whole_in_each_time_that_it_touches(start: float, end: float, counted: int) -> None:
    spans = [stretch("o", 0, 10), stretch("c", 10, 20), stretch("o", 20.5, 30)]
    assert len(measured("probe/db", spans, *span_of(start, end)).incidents) == counted


def test_the_whole_of_a_measure() -> None:
    spans = [
        stretch("o", -20, -10),
        stretch("o", -10, 0),  # its readings lie before
        stretch("w", 0, 2),
        stretch("c", 2, 5),
        stretch("?", 5, 9),
        stretch("o", 8, 20),  # another daemon's: what overlaps counts once
        stretch("o", 29, 40),
        stretch("o", 30, 31),  # its readings lie behind
    ]
    windows = [span_of(16, 25), span_of(-9, -5), span_of(18, 19), span_of(24, 26), span_of(29, 90)]
    minutes = {"degraded": 2, "down": 3, "unknown": 4, "well": 7, "maintenance": 11, "unobserved": 3}
    assert measured("probe/db", spans, *span_of(0, 30), windows) == Uptime(
        "probe/db",
        **{name: timedelta(minutes=number) for name, number in minutes.items()},
        incidents=(Outage(*span_of(2, 5), over=True),),
        figure=(0 + 2 + 5 + 8 + 29) / 5,
    )
    at_once = [stretch("o", 0, 0), stretch("o", 30, 30)]  # one look at the very beginning, and one at the end
    assert measured("probe/db", at_once, *span_of(0, 30)).figure == 0
    longest = Uptime("probe/db", incidents=(Outage(*span_of(2, 5), over=True), Outage(*span_of(9, 10), over=True)))
    assert (longest.longest, longest.share, longest.figure) == (timedelta(minutes=3), None, None)
    assert Uptime("probe/db").longest is None


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
