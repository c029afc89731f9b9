"""Suppression without a store: silences, maintenance, dependencies, escalation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import MaintenanceWindow
from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.notification import decide, due_escalations
from reporter.alerts.policies import OWN_NETWORK, EscalationStep, Rule, Rules
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


def test_whoever_heard_of_trouble_hears_of_its_end_whatever_hushes() -> None:
    suppressed, unheard = Suppression("maintenance"), replace(INCIDENT, notified=(), withheld="maintenance")
    assert decide(change(TransitionKind.RESOLVED), INCIDENT, suppressed).notify
    assert not decide(change(TransitionKind.RESOLVED), unheard, None).notify
    assert not decide(change(TransitionKind.OPENED), unheard, suppressed).notify
    assert not decide(change(TransitionKind.REMINDER), INCIDENT, suppressed).notify
    assert decide(change(TransitionKind.OPENED), unheard, None).notify


def test_what_somebody_has_taken_on_is_not_recalled_but_its_worsening_is_told() -> None:
    taken = replace(INCIDENT, acked_at=NOW, acked_by="anna")
    assert decide(change(TransitionKind.REMINDER), taken, None).reason == "acknowledged by anna"
    assert decide(change(TransitionKind.WORSENED), taken, None).notify
    assert due_escalations(taken, OPEN, [EscalationStep(HOUR, ("boss",))], NOW) == []


def test_each_step_is_taken_once_when_its_time_has_come_and_for_whom_it_is_meant() -> None:
    early, late = EscalationStep(HOUR, ("on-call",)), EscalationStep(2 * HOUR, ("boss",))
    other = EscalationStep(HOUR, ("boss",), subjects=("limit/*",))
    milder = EscalationStep(HOUR, ("team",), level=Level.WARNING)
    steps = [early, late, other, milder]
    assert due_escalations(INCIDENT, OPEN, steps, NOW) == [early, milder]
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
    assert [short.ends_soon(NOW + timedelta(minutes=minutes)) for minutes in (17, 18, 20)] == [False, True, False]
    assert [long.ends_soon(NOW + 8 * HOUR - timedelta(minutes=left)) for left in (11, 10)] == [False, True]
