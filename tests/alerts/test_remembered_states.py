"""What the state of an alert remembers, compared whole, and that a clock that is set changes nothing that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.policies import Policy
from reporter.alerts.state_machine import after_step, closed, incident_of, next_state
from tests.alerts.test_state_machine import LIMIT, LOST, PROBE, START, STEADY, Step, every, history, reading
from tests.support.civil import LAW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OPEN, RECOVERING, SUSPECT = Phase.OPEN, Phase.RECOVERING, Phase.SUSPECT
WARNING, CRITICAL, UNKNOWN = Level.WARNING, Level.CRITICAL, Level.UNKNOWN


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def remembered(**known: Any) -> AlertState:
    """A state; numbers of a moment are seconds after the start."""
    moments = {
        name: at(known[name]) for name in known if name.endswith(("_at", "_since")) or name in {"since", "began"}
    }
    return AlertState("probe/db", **(known | moments))


# An alert that three critical readings opened.
OPENED: dict[str, Any] = {
    "phase": OPEN, "level": CRITICAL, "since": 0, "opened_at": 60, "began": 0, "openings": 1,
}  # fmt: skip
FLAPPING = OPENED | {"flapping": True, "flaps": 1}


@pytest.mark.parametrize(
    ("steps", "known"),
    [
        (every(30, "o"), {}),
        (every(30, "oc"), {"phase": SUSPECT, "since": 30, "failures": 1}),
        (every(30, "oc?"), {"phase": SUSPECT, "since": 30, "failures": 1, "unknowns": 1}),
        (every(30, "??c"), {"phase": SUSPECT, "since": 0, "failures": 1}),
        (every(30, "cc?o"), {}),
        (every(30, "ccc"), OPENED),
        (every(30, "c?c?c"), OPENED | {"opened_at": 120}),
        (every(30, "???"), OPENED | {"level": UNKNOWN, "unknowns": 3}),
        (every(30, "???w"), OPENED | {"level": UNKNOWN, "failures": 1}),
        (every(30, "wwwcc"), OPENED | {"level": WARNING, "failures": 2}),
        (every(30, "wwwccw"), OPENED | {"level": WARNING}),
        (every(30, "wwwccc"), OPENED),
        (every(30, "ccc?"), OPENED | {"unknowns": 1}),
        (every(30, "ccc?c"), OPENED),
        (every(30, "cccww"), OPENED | {"milder_since": 90}),
        (every(30, "cccww?"), OPENED | {"unknowns": 1}),
        (every(30, "cccwwc"), OPENED),
        (every(30, "cccwo"), OPENED | {"phase": RECOVERING, "milder_since": 90, "clean_since": 120}),
        (every(30, "ccc?oo"), OPENED | {"phase": RECOVERING, "milder_since": 120, "clean_since": 120}),
        (every(30, "wwwco"), OPENED | {"level": WARNING, "phase": RECOVERING, "milder_since": 120, "clean_since": 120}),
        (every(30, "ccco?"), OPENED | {"unknowns": 1}),
        (every(30, "cccoc"), OPENED | {"relapses": 1}),
        (every(30, "cccocow"), OPENED | {"relapses": 2, "milder_since": 150}),
        (every(30, "ccc" + "w" * 11), OPENED | {"level": WARNING, "eased_at": 390}),
        (every(30, "ccc" + "w" * 11 + "ccc"), FLAPPING | {"eased_at": 390}),
        (every(30, "ccc" + LOST), {"began": 0, "openings": 1, "resolved_at": 390}),
        (every(30, "cccoc" + LOST + "ccc"), FLAPPING | {
            "since": 480, "opened_at": 540, "openings": 2, "resolved_at": 450,
        }),
        (every(30, "ccc" + "w" * 11 + "ccc" + "o" * 31), {
            "began": 0, "openings": 1, "resolved_at": 1410, "flapping": True, "flaps": 1,
        }),
        # After a silence nothing counts as in a row, and what was not seen was no trouble.
        ([(0, "c"), (30, "c"), (200, "c")], {"phase": SUSPECT, "since": 200, "failures": 1}),
        ([(0, "?"), (30, "?"), (200, "?")], {"phase": SUSPECT, "since": 200, "unknowns": 1}),
        ([*every(30, "wwwcc"), (300, "c")], OPENED | {"level": WARNING, "failures": 1}),
        ([*every(30, "ccc??"), (300, "?")], OPENED | {"unknowns": 1}),
        ([*every(30, "cccww"), (300, "w")], OPENED | {"milder_since": 300}),
        ([*every(30, "cccoo"), (300, "?")], OPENED | {"unknowns": 1}),
        ([*every(30, "ccc"), (660, "o")], OPENED | {
            "phase": RECOVERING, "milder_since": 660, "clean_since": 660, "unobserved": timedelta(seconds=600),
        }),
        ([*every(30, "ccc"), (660, "c"), (690, "c")], OPENED),
        ([*every(30, "ccc"), (-60, "c")], OPENED | {"unobserved": timedelta(seconds=-120)}),
        ([*every(30, "ccc"), (660, "o"), *((690 + 30 * n, "o") for n in range(10))], {
            "began": 0, "openings": 1, "resolved_at": 960,
        }),
    ],
)  # fmt: skip
def test_what_is_remembered_of_a_history(steps: list[Step], known: dict[str, Any]) -> None:
    state, told = history(STEADY, steps)
    seconds, letter = steps[-1]
    incident = told[0].incident if told else None
    expected = remembered(last_reading_at=seconds, observation=reading("probe/db", letter), incident=incident, **known)
    assert state == expected


def test_what_reopens_after_the_hour_is_another_incident_of_which_nothing_old_is_remembered() -> None:
    state, told = history(STEADY, every(30, "ccc" + LOST + "ccc" + "o" * 31 + "o" * 121 + "ccc"))
    began = 30 * (3 + 11 + 3 + 31 + 121)
    assert len({one.incident for one in told}) == 2
    assert (state.since, state.began, state.openings) == (at(began), at(began), 1)
    assert (state.flapping, state.flaps, state.opened_at) == (False, 0, at(began + 60))


def test_a_reminder_counts_itself_and_leaves_all_else() -> None:
    before, _ = history(LIMIT, [(0, "c"), (60, "?")])
    after, told, again = next_state(before, at(3600), None, LIMIT)
    assert after == replace(before, reminders=1)
    assert again == at(4 * 3600)
    assert told == Transition(
        "probe/db",
        TransitionKind.REMINDER,
        START,
        "still critical, in trouble for 1h, since 14:02:10 UTC; the last reading could not look",
        Observation("probe/db", UNKNOWN, "it is unknown"),
        CRITICAL,
        CRITICAL,
        incident_of(before),
    )


@pytest.mark.parametrize(
    ("steps", "again"),
    [
        (every(30, "o"), None),
        (every(30, "oc"), 40),
        ([(0, "c"), (9, ".")], 10),
        ([(0, "c"), (10, ".")], None),
        (every(30, "ccc"), 60 + 3600),
        (every(30, "cccw"), 90 + 300),  # when it may have eased
        (every(30, "ccco"), 90 + 300),  # when it may be over
        (every(30, "???w"), None),
        (every(30, "ccc" + LOST + "ccco"), 510 + 900),
        (every(30, "ccc" + LOST + "ccc"), 480 + 4 * 3600),  # what flaps is recalled seldomer
        (every(30, "ccc" + "w" * 11), 60 + 3600),
    ],
)
def test_when_to_look_again_without_a_reading(steps: list[Step], again: float | None) -> None:
    state, _ = history(PROBE, steps[:-1])
    seconds, letter = steps[-1]
    assert next_state(state, at(seconds), reading("probe/db", letter), PROBE)[2] == (
        None if again is None else at(again)
    )


@pytest.mark.parametrize(("gap", "said"), [(120, ""), (121, "; not observed for 2m 1s")])
def test_two_minutes_that_nobody_observed_are_not_worth_a_word(gap: int, said: str) -> None:
    _, told = history(STEADY, [*every(30, "ccc"), *((60 + gap + 30 * n, "o") for n in range(11))])
    assert told[-1].reason.endswith(f"after 1m of trouble{said}")
    assert told[-1].lasted(at(9999)) == MINUTE


def test_an_alert_whose_subject_is_watched_no_more_is_closed_as_that() -> None:
    state, (opened,) = history(PROBE, every(30, "ccc"))
    assert closed(state, "it is in no config") == Transition(
        "probe/db",
        TransitionKind.UNWATCHED,
        START,
        "it is in no config",
        Observation("probe/db", Level.OK, "it is in no config"),
        Level.OK,
        CRITICAL,
        opened.incident,
    )


def test_an_incident_has_the_same_name_wherever_it_is_made_and_no_other_has_it() -> None:
    early, late = (replace(AlertState("probe/db", OPEN, CRITICAL), since=moment) for moment in (START, at(1)))
    named = replace(early, incident="1a2b3c4d")
    assert incident_of(named) == "1a2b3c4d"
    assert incident_of(early) == incident_of(replace(early, opened_at=START)) == "a4930d48"  # as it is stored
    assert len({incident_of(early), incident_of(late), incident_of(replace(early, subject="probe/x"))}) == 3


# --- Clocks that are set ---

WAKEFUL = replace(PROBE, reminders=())
gaps = st.sampled_from([1, 10, 30, 60, 400, 1000])


def told_of(policy: Policy, steps: Sequence[tuple[int, str]], set_at: int, step: timedelta) -> list[Any]:
    """What is told: at which step, which change, the level, and how long the trouble had lasted."""
    state, now, told = AlertState("probe/db"), START, list[Any]()
    for number, (seconds, letter) in enumerate(steps):
        if number == set_at:
            state, now = after_step(state, step), now + step
        now += timedelta(seconds=seconds)
        state, transition, again = next_state(state, now, reading("probe/db", letter), policy)
        if transition:
            told.append((number, transition.change, transition.level, transition.lasted(now)))
        told += [(number, again - now)] if again else []
    return told


@LAW
@given(
    st.lists(st.tuples(gaps, st.sampled_from("oooowccc?.")), max_size=60),
    st.integers(0, 60),
    st.sampled_from([timedelta(seconds=-30), timedelta(seconds=30), 6 * HOUR, timedelta(days=400)]),
)
def test_a_clock_that_is_set_changes_nothing_that_is_told(
    steps: list[tuple[int, str]], set_at: int, step: timedelta
) -> None:
    assert told_of(WAKEFUL, steps, set_at, step) == told_of(WAKEFUL, steps, -1, step)


@pytest.mark.parametrize("letters", ["ccc" + LOST + "|ccc", "ccc" + "w" * 11 + "|ccc"])
@pytest.mark.parametrize("hours", [-1, 1, 9999])
def test_what_flaps_over_a_step_of_the_clock_flaps(letters: str, hours: int) -> None:
    before, after = letters.split("|")
    steps = [(30, letter) for letter in before + after]
    told = told_of(WAKEFUL, steps, len(before), hours * HOUR)
    assert told == told_of(WAKEFUL, steps, -1, hours * HOUR)
