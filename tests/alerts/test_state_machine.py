"""The alert state machine: scripted histories, and laws that no history may break."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import (
    AlertState,
    Level,
    Observation,
    Phase,
    Transition,
    TransitionKind,
    name_of,
    state_from_json,
    state_to_json,
)
from reporter.alerts.policies import Policy, policy_for
from reporter.alerts.state_machine import after_step, next_state
from tests.support.civil import LAW

START = datetime(2026, 10, 30, 14, 2, 10, tzinfo=UTC)
LEVELS = {"o": Level.OK, "w": Level.WARNING, "c": Level.CRITICAL, "?": Level.UNKNOWN, ".": None}

Step = tuple[float, str]  # seconds since the start; a letter of LEVELS, `.` for a look without a reading


def reading(subject: str, letter: str) -> Observation | None:
    level = LEVELS[letter]
    return Observation(subject, level, f"it is {level}") if level else None


def history(policy: Policy, steps: Iterable[Step], subject: str = "probe/db") -> tuple[AlertState, list[Transition]]:
    """The end of a history, and all that was told in it. The state goes through its stored form at each step."""
    state, told = AlertState(subject), []
    for seconds, letter in steps:
        now = START + timedelta(seconds=seconds)
        state, transition, _ = next_state(state_from_json(state_to_json(state)), now, reading(subject, letter), policy)
        told += [transition] if transition else []
    return state, told


def every(seconds: float, letters: str) -> list[Step]:
    """One step after the other, so many seconds apart."""
    return [(seconds * index, letter) for index, letter in enumerate(letters)]


def changes(told: Iterable[Transition]) -> list[str]:
    return [f"{transition.change} {transition.level}" for transition in told]


PROBE, LIMIT, JOB = policy_for("probe/db"), policy_for("limit/daily_loss"), policy_for("job/daily_summary")


@pytest.mark.parametrize(
    ("policy", "steps", "expected"),
    [
        (PROBE, every(30, "ooccoo"), []),
        (PROBE, every(30, "occo" * 20), []),
        (PROBE, every(30, "occc"), ["opened critical"]),
        (PROBE, every(30, "owwc"), ["opened critical"]),
        (PROBE, every(30, "ccccccc"), ["opened critical"]),
        (PROBE, every(30, "ccc" + "o" * 10), ["opened critical"]),
        (PROBE, every(30, "ccc" + "o" * 11), ["opened critical", "resolved ok"]),
        (PROBE, every(30, "ccc" + "ooooco" * 10), ["opened critical"]),
        (PROBE, [*every(30, "ccco"), (389, ".")], ["opened critical"]),
        (PROBE, [*every(30, "ccco"), (390, ".")], ["opened critical", "resolved ok"]),
        (PROBE, every(30, "wwwccc"), ["opened warning", "worsened critical"]),
        (PROBE, every(30, "wwwccwcc"), ["opened warning"]),
        (PROBE, every(30, "ccc" + "w" * 11), ["opened critical", "eased warning"]),
        (PROBE, every(30, "ccc" + "w" * 11 + "."), ["opened critical", "eased warning"]),
        (PROBE, every(30, "ccc" + "wwwwc" * 5), ["opened critical"]),
        (PROBE, every(30, "ccc" + "wo" * 5 + "w"), ["opened critical", "eased warning"]),
        (PROBE, every(30, "??"), []),
        (PROBE, every(30, "??c??"), []),
        (PROBE, every(30, "???"), ["opened unknown"]),
        (PROBE, every(30, "?" * 20), ["opened unknown"]),
        (PROBE, every(30, "c?c?c"), ["opened critical"]),
        (PROBE, every(30, "c?c?o"), []),
        (PROBE, every(30, "???ccc"), ["opened unknown", "worsened critical"]),
        (PROBE, every(30, "???wwwcc"), ["opened unknown", "worsened warning"]),
        (PROBE, every(30, "???wwwccc"), ["opened unknown", "worsened warning", "worsened critical"]),
        (PROBE, every(30, "???" + "o" * 11), ["opened unknown", "resolved ok"]),
        (PROBE, every(30, "ccc???"), ["opened critical"]),
        (PROBE, every(30, "ccc" + "oooo?" * 5), ["opened critical"]),
        (LIMIT, every(300, "w"), ["opened warning"]),
        (LIMIT, every(300, "wcwwoo"), ["opened warning", "worsened critical", "eased warning", "resolved ok"]),
        (LIMIT, every(300, "??"), []),
        (JOB, every(86400, "co"), ["opened critical", "resolved ok"]),
        (JOB, every(60, "coco"), ["opened critical", "resolved ok", "flapping critical"]),
    ],
)
def test_what_a_history_tells(policy: Policy, steps: list[Step], expected: list[str]) -> None:
    assert changes(history(policy, steps)[1]) == expected


LOST = "o" * 11  # well for five minutes, so that an alert is over
QUIET = "o" * 31  # and for fifteen


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("ccc" + LOST + "ccc" + LOST, ["opened critical", "resolved ok", "flapping critical"]),
        ("ccc" + LOST + "ccc" + QUIET, ["opened critical", "resolved ok", "flapping critical", "resolved ok"]),
        ("ccc" + LOST + "o" * 121 + "ccc", ["opened critical", "resolved ok", "opened critical"]),
        ("ccc" + LOST + "cco" * 9, ["opened critical", "resolved ok"]),
        ("ccc" + "w" * 11 + "ccc" + "w" * 11, ["opened critical", "eased warning", "worsened critical"]),
        (
            "ccc" + "w" * 11 + "ccc" + "w" * 31,
            ["opened critical", "eased warning", "worsened critical", "eased warning"],
        ),
    ],
)
def test_what_comes_back_within_the_hour_is_flapping_and_takes_longer_to_be_over(
    letters: str, expected: list[str]
) -> None:
    assert changes(history(PROBE, every(30, letters))[1]) == expected


def test_what_flaps_is_one_incident_and_says_how_often() -> None:
    state, told = history(PROBE, every(30, "ccc" + LOST + "ccc" + QUIET + "ccc"))
    assert len({transition.incident for transition in told}) == 1
    assert (state.openings, state.flapping) == (3, True)
    assert told[2].reason == (
        "3 failures in a row since 14:09:10 UTC, limit 3; in trouble 2 times since 14:02:10 UTC, last over at "
        "14:08:40 UTC: flapping, so over only after 15m without a failure"
    )
    later, _ = history(PROBE, every(30, "ccc" + LOST + "o" * 121 + "ccc"))
    assert (later.openings, later.flapping) == (1, False)


def test_the_end_says_when_the_trouble_ended_and_how_often_it_came_and_went() -> None:
    _, (_, resolved) = history(PROBE, every(30, "cccococ" + LOST))
    assert resolved.until == START + timedelta(seconds=210)
    assert resolved.reason == "clean since 14:05:40 UTC, after 3m 30s of trouble; it came and went 2 times"


def test_each_level_may_have_a_policy_of_its_own() -> None:
    patient = replace(PROBE, warning=replace(PROBE, failures=5, clean=timedelta(minutes=1), reminders=()))
    assert changes(history(patient, every(30, "wwww"))[1]) == []
    assert changes(history(patient, every(30, "wwwww" + "ooo"))[1]) == ["opened warning", "resolved ok"]
    assert changes(history(patient, every(30, "ccc" + "ooo"))[1]) == ["opened critical"]
    state, _ = history(patient, every(30, "wwwww"))
    assert followed(state, patient, 2) == []


def test_a_level_that_changes_recalls_nothing_that_lies_behind() -> None:
    late = replace(LIMIT, warning=replace(LIMIT, reminders=(timedelta(hours=8),)))
    _, told = history(late, [(0, "w"), (7200, "c"), (7210, "."), (4 * 3600, ".")])
    assert changes(told) == ["opened warning", "worsened critical", "reminder critical"]


@pytest.mark.parametrize(
    ("policy", "steps", "reason"),
    [
        (PROBE, every(30, "occc"), "3 failures in a row since 14:02:40 UTC, limit 3"),
        (LIMIT, every(30, "oc"), "critical at 14:02:40 UTC, one such reading is enough"),
        (PROBE, every(30, "???"), "could not look 3 times in a row since 14:02:10 UTC, limit 3"),
        (PROBE, every(30, "wwwccc"), "critical for 3 readings in a row, was warning"),
        (LIMIT, every(30, "wc"), "critical, was warning"),
        (PROBE, every(30, "ccc" + "w" * 11), "not critical since 14:03:40 UTC, now warning"),
        (PROBE, every(30, "ccc" + "o" * 11), "clean since 14:03:40 UTC, after 1m 30s of trouble"),
        (JOB, every(90000, "co"), "clean again, after 1 day, 1 hour of trouble"),
        (LIMIT, [(0, "c"), (3600, ".")], "still critical, in trouble for 1h, since 14:02:10 UTC"),
        (
            LIMIT,
            [(0, "c"), (60, "?"), (3600, "?")],
            "still critical, in trouble for 1h, since 14:02:10 UTC; the last 2 readings could not look",
        ),
        (LIMIT, [(0, "c"), (86400, ".")], "still critical, in trouble for 1 day, since 2026-10-30 14:02:10 UTC"),
    ],
)
def test_whatever_is_told_says_why(policy: Policy, steps: list[Step], reason: str) -> None:
    assert history(policy, steps)[1][-1].reason == reason


def test_reasons_speak_the_zone_of_the_clock_and_the_state_keeps_utc() -> None:
    now = START.astimezone(ZoneInfo("Europe/Berlin"))
    state, transition, _ = next_state(AlertState("limit/x"), now, reading("limit/x", "c"), LIMIT)
    assert transition
    assert transition.reason == "critical at 15:02:10 CET, one such reading is enough"
    assert (state.since, state.opened_at, state.last_reading_at) == (START, START, START)
    assert {moment.tzinfo for moment in (state.since, state.opened_at, state.last_reading_at) if moment} == {UTC}


def test_what_is_told_carries_the_reading_and_both_levels() -> None:
    opened, resolved = history(PROBE, every(30, "owcc" + "o" * 11))[1]
    assert (opened.was, opened.level, opened.observation) == (Level.OK, Level.CRITICAL, reading("probe/db", "c"))
    assert (resolved.was, resolved.level, resolved.observation) == (Level.CRITICAL, Level.OK, reading("probe/db", "o"))
    assert opened.since == resolved.since == START + timedelta(seconds=30)


def test_a_suspect_is_looked_at_again_soon_and_silently() -> None:
    state, transition, again = next_state(AlertState("probe/db"), START, reading("probe/db", "c"), PROBE)
    assert (state.phase, transition, again) == (Phase.SUSPECT, None, START + timedelta(seconds=10))
    assert next_state(state, START + timedelta(seconds=10), None, PROBE) == (state, None, None)


def test_a_subject_that_is_well_needs_no_second_look() -> None:
    assert next_state(AlertState("probe/db"), START, reading("probe/db", "o"), PROBE)[1:] == (None, None)
    assert next_state(AlertState("probe/db"), START, None, PROBE) == (AlertState("probe/db"), None, None)


def followed(state: AlertState, policy: Policy, days: int) -> list[tuple[float, str]]:
    """What is told in so many days if nobody reads and every wished look is granted: hours since START, change."""
    told: list[tuple[float, str]] = []
    again = state.last_reading_at
    while again is not None and again <= START + timedelta(days=days):
        now = again
        state, transition, again = next_state(state, now, None, policy)
        told += [((now - START) / timedelta(hours=1), str(transition.change))] if transition else []
    return told


def test_an_open_alert_is_recalled_after_1_4_and_24_hours_and_then_daily() -> None:
    state, _, _ = next_state(AlertState("limit/x"), START, reading("limit/x", "c"), LIMIT)
    assert followed(state, LIMIT, 4) == [(hour, "reminder") for hour in (1, 4, 24, 48, 72, 96)]


def test_reminders_count_from_the_opening_not_from_the_first_suspicion() -> None:
    state, _ = history(PROBE, [(0, "c"), (1800, "c"), (3600, "c")])
    assert followed(state, PROBE, 1) == [(2, "reminder"), (5, "reminder")]


def test_reminders_that_were_slept_through_are_one_reminder() -> None:
    state, told = history(LIMIT, [(0, "c"), (3 * 86400 + 60, "."), (3 * 86400 + 120, ".")])
    assert changes(told) == ["opened critical", "reminder critical"]
    assert state.reminders == 5


def test_that_nobody_could_look_is_told_once_and_not_recalled() -> None:
    state, told = history(PROBE, every(30, "?" * 10))
    assert changes(told) == ["opened unknown"]
    assert followed(state, PROBE, 3) == []


def test_no_reminders_are_sent_where_none_are_wanted() -> None:
    quiet = replace(LIMIT, reminders=())
    state, _, again = next_state(AlertState("limit/x"), START, reading("limit/x", "c"), quiet)
    assert again is None
    assert next_state(state, START + timedelta(days=9), None, quiet)[1] is None


def test_a_recovering_subject_resolves_at_the_wished_look() -> None:
    state, _ = history(LIMIT, [(0, "c"), (60, "o")])
    assert followed(state, LIMIT, 2) == [(0.1, "resolved")]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "c"), (30, "c"), (120, "c")], ["opened critical"]),  # three intervals: still in a row
        ([(0, "c"), (30, "c"), (121, "c")], []),
        ([(0, "c"), (30, "c"), (-30, "c")], ["opened critical"]),  # a minute back: readings that crossed
        ([(0, "c"), (30, "c"), (-31, "c")], []),  # more: the clock was set
        ([(0, "c"), (30, "c"), (121, "c"), (151, "c"), (181, "c")], ["opened critical"]),
        ([*every(30, "cccoo"), (400, "."), (430, ".")], ["opened critical"]),  # nobody looked: not proven clean
        ([*every(30, "cccoo"), (400, "o"), (430, "o")], ["opened critical"]),
    ],
)
def test_after_a_silence_nothing_counts_as_in_a_row(steps: list[Step], expected: list[str]) -> None:
    assert changes(history(policy_for("probe/db", timedelta(seconds=30)), steps)[1]) == expected


def test_what_is_looked_at_seldom_is_not_silent_between_two_looks() -> None:
    state, told = AlertState("probe/db"), []
    for minutes in (0, 5, 10):
        seen = Observation("probe/db", Level.CRITICAL, "refused", every=timedelta(minutes=5))
        policy = policy_for("probe/db", timedelta(seconds=30))
        state, transition, _ = next_state(state, START + timedelta(minutes=minutes), seen, policy)
        told += [transition] if transition else []
    assert changes(told) == ["opened critical"]


def test_trouble_that_a_silence_interrupted_began_after_it() -> None:
    _, told = history(policy_for("probe/db", timedelta(seconds=30)), [(0, "c"), (30, "c"), *AFTER_SILENCE])
    assert [transition.since for transition in told] == [START + timedelta(seconds=200)]


AFTER_SILENCE: list[Step] = [(200, "c"), (230, "c"), (260, "c")]


def test_an_alert_that_nobody_looks_at_any_more_is_still_recalled() -> None:
    regular = policy_for("probe/db", timedelta(seconds=30))
    state, told = history(regular, [*every(30, "cccoo"), (400, "."), (3660, ".")])
    assert state.phase is Phase.OPEN
    assert changes(told) == ["opened critical", "reminder critical"]


@pytest.mark.parametrize(("before", "level"), [("occ", Level.OK), ("wwwcc", Level.WARNING)])
def test_a_policy_made_stricter_does_not_take_an_unknown_reading_for_a_failure(before: str, level: Level) -> None:
    state, _ = history(PROBE, every(30, before))
    state, transition, _ = next_state(state, START + timedelta(minutes=3), reading("probe/db", "?"), LIMIT)
    assert (state.level, transition) == (level, None)
    _, transition, _ = next_state(state, START + timedelta(minutes=4), reading("probe/db", "c"), LIMIT)
    assert transition


def test_a_clock_set_back_proves_neither_failure_nor_health() -> None:
    assert changes(history(PROBE, [(0, "c"), (30, "c"), (-3600, "c")])[1]) == []
    steps = [*every(30, "ccco"), (-3600, "o"), (-3600 + 299, "o"), (-3600 + 300, "o")]
    assert changes(history(PROBE, steps)[1]) == ["opened critical", "resolved ok"]
    assert changes(history(PROBE, steps[:-1])[1]) == ["opened critical"]


def test_each_prefix_has_its_policy() -> None:
    failures = {prefix: policy_for(f"{prefix}/x").failures for prefix in ("probe", "limit", "job", "channel", "else")}
    assert failures == {"probe": 3, "limit": 1, "job": 1, "channel": 1, "else": 3}
    assert policy_for("probe/x", timedelta(seconds=30)).interval == timedelta(seconds=30)


def test_a_state_of_an_earlier_version_is_still_read() -> None:
    stored = '{"subject":"probe/db","phase":"open","level":"critical","since":"2026-10-30T14:02:10Z","gone":1}'
    state = state_from_json(stored)
    assert (state.phase, state.level, state.since) == (Phase.OPEN, Level.CRITICAL, START)
    assert next_state(state, START + timedelta(days=2), None, PROBE)[1] is None
    with pytest.raises(ValueError, match="JSON"):
        state_from_json("not json")


histories = st.lists(
    st.tuples(st.sampled_from([1, 10, 30, 60, 400, 4000, -50, -500]), st.sampled_from("oowc?.")), max_size=60
)
policies = st.builds(
    Policy,
    failures=st.integers(1, 4),
    unknowns=st.integers(1, 4),
    clean=st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(minutes=5)]),
    interval=st.none() | st.just(timedelta(seconds=30)),
)


def play(policy: Policy, steps: list[tuple[int, str]]) -> list[tuple[AlertState, Transition | None]]:
    state, now, played = AlertState("probe/db"), START, []
    for seconds, letter in steps:
        now += timedelta(seconds=seconds)
        state, transition, _ = next_state(state, now, reading("probe/db", letter), policy)
        played.append((state, transition))
    return played


@LAW
@given(policies, histories)
def test_an_alert_is_opened_once_before_anything_else_is_told_and_resolved_once(
    policy: Policy, steps: list[tuple[int, str]]
) -> None:
    is_open = False
    for state, transition in play(policy, steps):
        if transition:
            assert is_open is (transition.change not in {TransitionKind.OPENED, TransitionKind.FLAPPING})
            is_open = transition.change is not TransitionKind.RESOLVED
        assert is_open is (state.phase in {Phase.OPEN, Phase.RECOVERING}) is (state.level is not Level.OK)


@LAW
@given(policies, histories)
def test_levels_told_follow_one_another(policy: Policy, steps: list[tuple[int, str]]) -> None:
    level = Level.OK
    for state, transition in play(policy, steps):
        if transition:
            assert transition.was is level
            level = transition.level
            assert transition.reason
        assert state.level is level


@LAW
@given(policies, histories)
def test_a_state_keeps_its_promises_and_survives_being_stored(policy: Policy, steps: list[tuple[int, str]]) -> None:
    for state, _ in play(policy, steps):
        assert state_from_json(state_to_json(state)) == state
        assert (state.since is None) is (state.phase is Phase.OK)
        assert (state.clean_since is None) is (state.phase is not Phase.RECOVERING)
        assert (state.opened_at is None) is (state.phase in {Phase.OK, Phase.SUSPECT})


@LAW
@given(policies, histories)
def test_unknown_readings_alone_never_say_that_anything_is_down(policy: Policy, steps: list[tuple[int, str]]) -> None:
    played = play(policy, [(seconds, "?" if letter in "wc" else letter) for seconds, letter in steps])
    assert all(state.level in {Level.OK, Level.UNKNOWN} for state, _ in played)


@LAW
@given(policies, histories)
def test_a_look_without_a_reading_opens_nothing(policy: Policy, steps: list[tuple[int, str]]) -> None:
    for (_, letter), (_, transition) in zip(steps, play(policy, steps), strict=True):
        if letter == "." and transition:
            assert transition.change in {TransitionKind.EASED, TransitionKind.REMINDER, TransitionKind.RESOLVED}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("probe/db", "db"),
        ("probe/host-load", "load of this machine"),
        ("probe/host-cpu@floor-1", "CPU of floor-1"),
        ("probe/host-disk-/data", "disk /data of this machine"),
        ("probe/host-of-mine", "host-of-mine"),
        ("limit/daily_loss", "daily loss"),
        ("limit/daily_loss/live/USDT", "daily loss: USDT · live"),
        ("limit/review/paper/USDT/floor/a/b", "review: a/b · USDT · paper"),
        ("channel/pnl", "channel pnl"),
        ("network/own", "own network"),
        ("clock", "clock"),
    ],
)
def test_a_subject_has_a_name_that_people_use(subject: str, name: str) -> None:
    assert name_of(subject) == name


# --- Time that nobody observed, and clocks that are set ---

STEADY = replace(PROBE, interval=timedelta(seconds=30))


def test_time_that_nobody_observed_is_not_time_in_trouble() -> None:
    back = [(36_180.0 + seconds, letter) for seconds, letter in every(30, "o" * 11)]
    _, told = history(STEADY, [*every(30, "ccccccc"), *back])
    assert changes(told)[-1] == "resolved ok"
    assert told[-1].lasted(START + timedelta(days=9)) < timedelta(minutes=6)
    assert "after 3m of trouble; not observed for 10h" in told[-1].reason


@pytest.mark.parametrize("hours", [-6, 6, 490_896, -490_896])
@pytest.mark.parametrize("interval", [None, timedelta(seconds=30)])
def test_a_clock_that_is_set_makes_no_trouble_longer_or_shorter(hours: int, interval: timedelta | None) -> None:
    policy, step = replace(PROBE, interval=interval), timedelta(hours=hours)
    state, now = AlertState("probe/db"), START
    for _ in range(10):
        now += timedelta(seconds=30)
        state, _, _ = next_state(state, now, reading("probe/db", "c"), policy)
    state, now, told = after_step(state, step), now + step, None
    while told is None or not told.change.ends:
        now += timedelta(seconds=30)
        state, told, _ = next_state(state, now, reading("probe/db", "o"), policy)
    assert timedelta(minutes=4) <= told.lasted(now) <= timedelta(minutes=6)
    assert re.search(r"after [45]m( \d+s)? of trouble", told.reason)


def test_reminders_go_on_after_a_clock_that_ran_ahead_is_right_again() -> None:
    policy, ahead = replace(LIMIT, interval=timedelta(seconds=30)), START + timedelta(days=365)
    state, _, _ = next_state(AlertState("limit/x"), ahead, reading("limit/x", "c"), policy)
    told = []
    for seconds in range(0, 7_200, 30):
        state, transition, _ = next_state(state, START + timedelta(seconds=seconds), reading("limit/x", "c"), policy)
        told += [transition] if transition else []
    assert changes(told) == ["reminder critical"]


# --- The worst that can flap ---


def flap(letters: str, bad: int, good: int) -> int:
    """How many messages two hours make of so many bad looks and then so many good ones, and six quiet hours after."""
    looks = "".join((letters[0] * bad + letters[1] * good)[number % (bad + good)] for number in range(240))
    return len(history(STEADY, every(30, looks + "o" * 720))[1])


def test_a_minute_down_and_sixteen_up_for_two_hours_makes_at_most_six_messages() -> None:
    assert flap("co", 3, 32) <= 6


@pytest.mark.full
@pytest.mark.parametrize("letters", ["co", "wo", "?o", "cw", "?c", "?w"])
def test_no_two_hours_of_flapping_make_more_than_six_messages(letters: str) -> None:
    worst = max((flap(letters, bad, good), bad, good) for bad in (1, 2, 3, 6, 22, 79) for good in range(6, 200, 9))
    assert worst[0] <= 6, worst


def test_an_alert_that_eased_reminds_when_its_milder_level_does() -> None:
    often = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 360))
    policy = replace(PROBE, reminders=(timedelta(hours=1),), warning=replace(PROBE, reminders=often))
    steps = [*every(60, "c" * 180), *((seconds, "w") for seconds in range(180 * 60, 365 * 60, 60))]
    _, told = history(policy, steps)
    assert changes(told) == ["opened critical", "reminder critical", "eased warning", "reminder warning"]
    assert told[-1].lasted(START + timedelta(seconds=steps[-1][0])) >= timedelta(hours=6)
