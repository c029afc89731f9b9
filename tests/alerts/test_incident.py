"""What one transition makes of an incident, compared whole: nothing else of it may change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.incident import (
    NOTIFIED_BY_EARLIER_VERSION,
    Incident,
    after_transition,
    incident_of_transition,
    with_notified,
    with_withheld,
)
from reporter.alerts.model import Level, Observation, Transition, TransitionKind

NOW = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEGAN, WELL = NOW - 30 * MINUTE, NOW - 5 * MINUTE
OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN

# An incident of which everything is known, so that whatever is lost shows.
KNOWN = Incident(
    "1a2b3c4d",
    "probe/db",
    opened_at=BEGAN + MINUTE,
    since=BEGAN,
    level=WARNING,
    worst=WARNING,
    notified=("alerts",),
    withheld="maintenance",
    group="5e6f",
    acked_at=NOW - MINUTE,
    acked_by="anna",
    note="new disk",
    acked_until=NOW + MINUTE,
    escalated=("60s boss",),
)
FREE = replace(KNOWN, acked_at=None, acked_by=None, note=None, acked_until=None)  # nobody works on it
OVER = replace(FREE, resolved_at=NOW - 3 * MINUTE, until=WELL)


def change(kind: TransitionKind, level: Level, was: Level, until: datetime | None = None) -> Transition:
    return Transition("probe/db", kind, BEGAN, "…", Observation("probe/db", level), level, was, "1a2b3c4d", until)


@pytest.mark.parametrize(
    ("kind", "level", "was", "expected"),
    [
        ("opened", CRITICAL, OK, (NOW, CRITICAL, ())),
        ("flapping", WARNING, OK, (NOW, WARNING, ())),
        # An earlier version opened these: they are as old as their trouble, and it notified people of them.
        ("worsened", CRITICAL, WARNING, (BEGAN, CRITICAL, (NOTIFIED_BY_EARLIER_VERSION,))),
        ("eased", WARNING, CRITICAL, (BEGAN, WARNING, (NOTIFIED_BY_EARLIER_VERSION,))),
        ("resolved", OK, CRITICAL, (BEGAN, CRITICAL, (NOTIFIED_BY_EARLIER_VERSION,))),
        ("unwatched", OK, UNKNOWN, (BEGAN, UNKNOWN, (NOTIFIED_BY_EARLIER_VERSION,))),
    ],
)
def test_a_transition_of_an_unknown_incident_begins_it(
    kind: str, level: Level, was: Level, expected: tuple[datetime, Level, tuple[str, ...]]
) -> None:
    opened_at, stands, notified = expected
    assert incident_of_transition(change(TransitionKind(kind), level, was), NOW) == Incident(
        "1a2b3c4d", "probe/db", opened_at, BEGAN, stands, stands, notified=notified
    )


@pytest.mark.parametrize(
    ("known", "transition", "expected"),
    [
        (KNOWN, change(TransitionKind.WORSENED, CRITICAL, WARNING), replace(KNOWN, level=CRITICAL, worst=CRITICAL)),
        (KNOWN, change(TransitionKind.EASED, UNKNOWN, WARNING), replace(KNOWN, level=UNKNOWN)),
        (KNOWN, change(TransitionKind.REMINDER, WARNING, WARNING), KNOWN),
        (
            KNOWN,
            change(TransitionKind.RESOLVED, OK, WARNING, until=WELL),
            replace(FREE, resolved_at=NOW, until=WELL),
        ),
        (KNOWN, change(TransitionKind.UNWATCHED, OK, WARNING), replace(FREE, resolved_at=NOW, until=NOW)),
        # The trouble is back: those who were notified of the last one were also notified of its end.
        (
            OVER,
            change(TransitionKind.FLAPPING, CRITICAL, OK),
            replace(FREE, level=CRITICAL, worst=CRITICAL, notified=(), withheld=None),
        ),
        (
            replace(OVER, acked_at=NOW, acked_by="anna"),
            change(TransitionKind.FLAPPING, WARNING, OK),
            replace(FREE, notified=(), withheld=None),
        ),
    ],
    ids=["worsened", "eased", "reminder", "resolved", "unwatched", "flapping", "flapping again"],
)
def test_an_incident_changes_as_its_alert_does(known: Incident, transition: Transition, expected: Incident) -> None:
    assert after_transition(known, transition, NOW) == expected


def test_who_is_notified_is_written_down_once_and_nothing_is_withheld_any_more() -> None:
    assert with_notified(KNOWN, ["pnl", "alerts", "pnl"]) == replace(KNOWN, notified=("alerts", "pnl"), withheld=None)


@pytest.mark.parametrize("kind", list(TransitionKind))
@pytest.mark.parametrize("notified", [(), ("alerts",)])
def test_a_reason_is_kept_while_people_know_less_than_is_true(kind: TransitionKind, notified: tuple[str, ...]) -> None:
    incident = replace(KNOWN, notified=notified)
    less = kind is TransitionKind.WORSENED or (not notified and kind not in {"resolved", "unwatched"})
    assert with_withheld(incident, kind, "silenced") == (replace(incident, withheld="silenced") if less else incident)


def test_incidents_of_a_group_share_one_message() -> None:
    assert (KNOWN.slot, replace(KNOWN, group=None).slot) == ("incident/5e6f", "incident/1a2b3c4d")
