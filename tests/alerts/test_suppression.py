"""Suppression without a store: silences, maintenance, dependencies, escalation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import MaintenanceWindow
from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.notification import (
    Decision,
    decide,
    delayed_transition,
    due_escalations,
    is_notification_owed,
    transition_by_time,
)
from reporter.alerts.policies import OWN_NETWORK, EscalationStep, Policy, Rule, Rules, policy_for
from reporter.alerts.suppression import Silence, Suppression, affected_subjects, suppression_of
from reporter.periods.schedules import parse

NOW = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Rules((
    Rule("", ("probe/bot",), depends_on=("probe/db",)),
    Rule("", ("probe/page",), depends_on=("probe/bot",)),
))  # fmt: skip


def standing(subject: str, phase: Phase, level: Level, seen: Level | None = None) -> AlertState:
    return AlertState(subject, phase, level, NOW, observation=Observation(subject, seen or level))


@pytest.mark.parametrize(
    ("phase", "level", "seen", "child", "blamed"),
    [
        (Phase.OPEN, Level.CRITICAL, Level.CRITICAL, Level.CRITICAL, True),
        (Phase.SUSPECT, Level.OK, Level.CRITICAL, Level.CRITICAL, True),
        (Phase.RECOVERING, Level.CRITICAL, Level.OK, Level.CRITICAL, True),
        (Phase.OPEN, Level.CRITICAL, Level.CRITICAL, Level.WARNING, True),
        (Phase.OPEN, Level.WARNING, Level.WARNING, Level.CRITICAL, False),  # slow does not explain dead
        (Phase.OPEN, Level.UNKNOWN, Level.UNKNOWN, Level.CRITICAL, False),  # nor does not knowing
        (Phase.OK, Level.OK, Level.OK, Level.CRITICAL, False),
    ],
)
def test_a_trouble_explains_what_depends_on_it_if_it_is_as_bad(
    phase: Phase, level: Level, seen: Level, child: Level, *, blamed: bool
) -> None:
    found = suppression_of("probe/bot", child, NOW, rules=RULES, troubled=[standing("probe/db", phase, level, seen)])
    assert (found == Suppression("it depends on probe/db, which is in trouble", "probe/db")) is blamed


def test_a_trouble_of_which_no_reading_is_known_is_as_bad_as_its_alert() -> None:
    bare = AlertState("probe/db", Phase.OPEN, Level.WARNING, NOW)
    found = [suppression_of("probe/bot", level, NOW, rules=RULES, troubled=[bare]) for level in Level]
    assert [bool(one) for one in found] == [True, True, False, True]


def test_what_cannot_be_looked_at_is_no_news_while_our_own_network_is_gone() -> None:
    gone = standing(OWN_NETWORK, Phase.OPEN, Level.CRITICAL)
    assert suppression_of("probe/x", Level.UNKNOWN, NOW, rules=RULES, troubled=[gone])
    assert suppression_of("probe/x", Level.CRITICAL, NOW, rules=RULES, troubled=[gone]) is None
    assert suppression_of(OWN_NETWORK, Level.UNKNOWN, NOW, rules=RULES, troubled=[gone]) is None


def test_what_is_taken_along_is_named_also_by_way_of_others() -> None:
    states = [standing(f"probe/{name}", Phase.OPEN, Level.CRITICAL) for name in ("db", "bot", "page", "other")]
    assert affected_subjects("probe/db", states, RULES) == ["probe/bot", "probe/page"]
    assert affected_subjects("probe/other", states, RULES) == []


def test_silences_and_maintenance_say_who_wants_it_and_until_when() -> None:
    silence = Silence(1, "db*", NOW - HOUR, NOW + HOUR, "new disk", "anna")
    found = suppression_of("probe/db", Level.CRITICAL, NOW, rules=Rules(), silences=[silence])
    assert found == Suppression("silenced by anna until 15:02 UTC: new disk")
    window = MaintenanceWindow(("probe/*",), parse("daily at 14:00"), HOUR, "UTC", "backups")
    assert suppression_of("probe/db", Level.CRITICAL, NOW, rules=Rules(windows=(window,))) == Suppression(
        "maintenance until 15:00 UTC: backups"
    )
    assert suppression_of("limit/db", Level.CRITICAL, NOW, rules=Rules(windows=(window,))) is None
    assert suppression_of("probe/db", Level.CRITICAL, NOW + HOUR, rules=Rules(), silences=[silence]) is None


INCIDENT = Incident(
    "1a2b3c4d", "probe/db", NOW - HOUR, NOW - HOUR, Level.CRITICAL, Level.CRITICAL, notified=("alerts",)
)
OPEN = AlertState("probe/db", Phase.OPEN, Level.CRITICAL, NOW - HOUR, opened_at=NOW - HOUR)


def change(what: TransitionKind) -> Transition:
    level = Level.OK if what is TransitionKind.RESOLVED else Level.CRITICAL
    return Transition("probe/db", what, NOW - HOUR, "…", Observation("probe/db", level), level, Level.CRITICAL)


HEARD = Decision(True, "the channels that were notified of the trouble are notified of this")
FREE = Decision(True, "nothing suppresses it")
HUSHED, KEPT = Decision(False, "silenced"), Decision(False, "maintenance")
OVER = Decision(False, "over before it was sent: maintenance")
TAKEN = Decision(False, "acknowledged by anna")


@pytest.mark.parametrize(
    ("kind", "plain", "hushed", "unheard", "taken"),
    [
        ("opened", FREE, HUSHED, FREE, FREE),
        ("flapping", FREE, HUSHED, FREE, FREE),
        ("worsened", FREE, HUSHED, FREE, FREE),
        ("eased", HEARD, HEARD, KEPT, HEARD),
        ("reminder", FREE, HUSHED, FREE, TAKEN),
        ("escalated", FREE, HUSHED, FREE, TAKEN),
        ("resolved", HEARD, HEARD, OVER, HEARD),
        ("unwatched", HEARD, HEARD, OVER, HEARD),
    ],
)
def test_whom_what_is_told(kind: str, plain: Decision, hushed: Decision, unheard: Decision, taken: Decision) -> None:
    """Who was notified of trouble is notified of its end; what somebody works on is not recalled, but it may worsen."""
    told = change(TransitionKind(kind))
    nobody = replace(INCIDENT, notified=(), withheld="maintenance")
    assert decide(told, INCIDENT, None) == plain
    assert decide(told, INCIDENT, Suppression("silenced")) == hushed
    assert decide(told, nobody, None) == unheard
    assert decide(told, replace(INCIDENT, acked_at=NOW, acked_by="anna"), None) == taken


def test_an_end_of_which_nobody_knows_why_nobody_heard_says_that() -> None:
    unheard = replace(INCIDENT, notified=())
    assert decide(change(TransitionKind.RESOLVED), unheard, None) == Decision(
        False, "nobody was notified of the trouble"
    )


@pytest.mark.parametrize(
    ("phase", "notified", "withheld", "owed"),
    [
        (Phase.OPEN, (), "silenced", True),
        (Phase.OPEN, (), None, True),
        (Phase.OPEN, ("alerts",), "silenced", True),  # a worse level was withheld
        (Phase.OPEN, ("alerts",), None, False),
        (Phase.RECOVERING, (), "silenced", False),
        (Phase.OK, (), "silenced", False),
        (None, (), "silenced", False),
    ],
)
def test_what_was_withheld_is_owed_while_the_trouble_lasts(
    phase: Phase | None, notified: tuple[str, ...], withheld: str | None, *, owed: bool
) -> None:
    state = None if phase is None else replace(OPEN, phase=phase)
    assert is_notification_owed(replace(INCIDENT, notified=notified, withheld=withheld), state) is owed


SEEN = Observation("probe/db", Level.CRITICAL, "refused")
WITHHELD = replace(INCIDENT, notified=(), withheld="maintenance")


@pytest.mark.parametrize(
    ("incident", "openings", "kind"),
    [
        (WITHHELD, 1, TransitionKind.OPENED),
        (WITHHELD, 2, TransitionKind.FLAPPING),
        (replace(WITHHELD, notified=("alerts",)), 2, TransitionKind.WORSENED),
    ],
)
def test_what_is_told_late_says_since_when_and_why(incident: Incident, openings: int, kind: TransitionKind) -> None:
    state = replace(OPEN, observation=SEEN, openings=openings, unobserved=HOUR, since=NOW - 2 * HOUR)
    reason = "critical since 12:02:30 UTC, withheld until now: maintenance"
    assert delayed_transition(incident, state, NOW) == Transition(
        "probe/db", kind, NOW - 2 * HOUR, reason, SEEN, Level.CRITICAL, Level.CRITICAL, "1a2b3c4d", unobserved=HOUR
    )


def test_what_an_earlier_version_wrote_is_told_by_what_its_incident_knows() -> None:
    bare = AlertState("probe/db", Phase.OPEN, Level.CRITICAL)
    assert transition_by_time(INCIDENT, bare, TransitionKind.ESCALATED, "…") == Transition(
        "probe/db",
        TransitionKind.ESCALATED,
        INCIDENT.since,
        "…",
        Observation("probe/db", Level.CRITICAL),
        Level.CRITICAL,
        Level.CRITICAL,
        "1a2b3c4d",
    )
    assert delayed_transition(WITHHELD, bare, NOW).reason.startswith("critical since 13:02:30 UTC")
    assert due_escalations(INCIDENT, bare, [EscalationStep(HOUR, ("boss",))], NOW) != []


def test_nobody_else_hears_of_what_somebody_has_taken_on() -> None:
    taken = replace(INCIDENT, acked_at=NOW, acked_by="anna")
    assert due_escalations(taken, OPEN, [EscalationStep(HOUR, ("boss",))], NOW) == []


def test_each_step_is_taken_once_when_its_time_has_come_and_for_whom_it_is_meant() -> None:
    early, late = EscalationStep(HOUR, ("on-call",)), EscalationStep(2 * HOUR, ("boss",))
    other = EscalationStep(HOUR, ("boss",), subjects=("limit/*",))
    milder = EscalationStep(HOUR, ("team",), level=Level.WARNING)
    steps = [early, late, other, milder]
    assert due_escalations(INCIDENT, OPEN, steps, NOW) == [early, milder]
    assert EscalationStep(HOUR, ("on-call", "boss")).name == "3600s on-call+boss"  # as it is stored
    assert due_escalations(replace(INCIDENT, escalated=(early.name,)), OPEN, steps, NOW) == [milder]
    assert due_escalations(replace(INCIDENT, level=Level.WARNING), OPEN, steps, NOW) == [milder]
    assert due_escalations(replace(INCIDENT, resolved_at=NOW), OPEN, steps, NOW) == []


def test_a_step_counts_from_the_opening_of_the_present_trouble_and_only_what_was_observed() -> None:
    steps = [EscalationStep(HOUR, ("on-call",))]
    again = replace(OPEN, opened_at=NOW - timedelta(minutes=3))
    assert due_escalations(INCIDENT, again, steps, NOW) == []
    assert due_escalations(INCIDENT, again, steps, NOW + HOUR) == steps
    assert due_escalations(INCIDENT, replace(OPEN, unobserved=HOUR), steps, NOW) == []


def test_people_are_reminded_of_a_silence_when_a_tenth_of_it_is_left_or_ten_minutes() -> None:
    short = Silence(1, "*", NOW, NOW + timedelta(minutes=20), "", "anna")
    long = Silence(1, "*", NOW, NOW + 8 * HOUR, "", "anna")
    assert not short.reminded
    assert [short.ends_soon(NOW + timedelta(minutes=minutes)) for minutes in (17, 18, 20)] == [False, True, False]
    assert [long.ends_soon(NOW + 8 * HOUR - timedelta(minutes=left)) for left in (11, 10)] == [False, True]


def test_a_silence_holds_from_its_beginning_up_to_its_end() -> None:
    silence = Silence(1, "*", NOW, NOW + HOUR, "", "anna")
    moments = [NOW - timedelta(seconds=1), NOW, NOW + HOUR - timedelta(seconds=1), NOW + HOUR]
    assert [silence.holds(moment) for moment in moments] == [False, True, True, False]
    assert not silence.ends_soon(NOW - timedelta(seconds=1))


def test_whom_our_own_network_takes_along() -> None:
    states = [
        standing("probe/far", Phase.OPEN, Level.UNKNOWN),
        standing("probe/dead", Phase.OPEN, Level.CRITICAL),
        standing("probe/bot", Phase.OPEN, Level.CRITICAL),
        standing(OWN_NETWORK, Phase.OPEN, Level.CRITICAL),
        standing("probe/well", Phase.OK, Level.OK, Level.UNKNOWN),
    ]
    needs = Rules((Rule("", ("probe/bot",), depends_on=(OWN_NETWORK,)),))
    assert affected_subjects(OWN_NETWORK, states, needs) == ["probe/bot", "probe/far"]


# --- Rules ---


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Rule("", ("*",)), False),
        (Rule("", ("*",), at_level={Level.WARNING: {}}), False),
        (Rule("", ("*",), terms={"failures": 2}), True),
        (Rule("", ("*",), at_level={Level.WARNING: {"failures": 2}}), True),
        (Rule("", ("*",), channels=("alerts",)), True),
        (Rule("", ("*",), depends_on=("db",)), True),
        (Rule("", ("*",), hint="look"), True),
        (Rule("", ("*",), runbook="https://example.org"), True),
    ],
)
def test_a_rule_says_something_if_anything_is_set(rule: Rule, *, says: bool) -> None:
    assert rule.says is says


def test_the_first_rule_that_says_it_counts_also_for_channels_and_advice() -> None:
    made = Rules((
        Rule("", ("probe/db",), hint="look"),
        Rule("", ("probe/*",), channels=("infra",), hint="ask", runbook="https://example.org"),
        Rule("", ("*",), channels=("all",)),
    ))  # fmt: skip
    found = {subject: (made.channels(subject), made.advice(subject)) for subject in ("probe/db", "probe/x", "job/x")}
    assert found == {
        "probe/db": (("infra",), ("look", "https://example.org")),
        "probe/x": (("infra",), ("ask", "https://example.org")),
        "job/x": (("all",), (None, None)),
    }
    assert (Rules().channels("job/x"), Rules().advice("job/x")) == ((), (None, None))


def test_a_subject_depends_on_nobody_who_leads_back_to_it_by_way_of_others() -> None:
    ring = Rules((
        Rule("", ("probe/a",), depends_on=("b", "solid")),
        Rule("", ("probe/b",), depends_on=("probe/c",)),
        Rule("", ("probe/c",), depends_on=("a",)),
        Rule("", ("probe/self",), depends_on=("probe/*",)),
    ))  # fmt: skip
    pairs = [(one, other) for one in "abc" for other in "abc" if one != other]
    assert not [pair for pair in pairs if ring.depends(f"probe/{pair[0]}", f"probe/{pair[1]}")]
    assert ring.depends("probe/a", "probe/solid")
    assert not ring.depends("probe/self", "probe/self")
    assert ring.depends("probe/self", "probe/a")


NO_TIME, MINUTES = timedelta(), timedelta(minutes=5)


@pytest.mark.parametrize(
    ("kind", "failures", "clean", "flaps_within", "flapping_clean"),
    [
        ("probe", 3, MINUTES, HOUR, 3 * MINUTES),
        ("of-mine", 3, MINUTES, HOUR, 3 * MINUTES),
        ("limit", 1, MINUTES, HOUR, 3 * MINUTES),
        ("channel", 1, MINUTES, HOUR, 3 * MINUTES),
        ("feed", 1, MINUTES, HOUR, 3 * MINUTES),
        ("audit", 1, MINUTES, HOUR, 3 * MINUTES),
        ("job", 1, NO_TIME, HOUR, 3 * MINUTES),  # one run that went well proves it
        ("ping", 1, NO_TIME, HOUR, 3 * MINUTES),
        ("store", 1, NO_TIME, HOUR, 3 * MINUTES),
        ("clock", 1, NO_TIME, NO_TIME, NO_TIME),  # a clock that is right is right, however often it was wrong
        ("network", 2, MINUTES, HOUR, 3 * MINUTES),
    ],
)
def test_how_patient_one_is_with_a_kind(
    kind: str, failures: int, clean: timedelta, flaps_within: timedelta, flapping_clean: timedelta
) -> None:
    assert policy_for(f"{kind}/x") == Policy(
        failures=failures,
        clean=clean,
        reminders=(HOUR, 4 * HOUR, 24 * HOUR),
        unknowns=3,
        recheck=timedelta(seconds=10),
        interval=None,
        flap_window=flaps_within,
        flapping_clean=flapping_clean,
        warning=None,
        critical=None,
    )
    assert policy_for(kind, MINUTES) == replace(policy_for(f"{kind}/x"), interval=MINUTES)
