"""Which rule applies to a subject: policies in their order, dependencies, maintenance by the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.maintenance import MaintenanceWindow, fits, maintenance_spans
from reporter.alerts.model import Level
from reporter.alerts.policies import Rule, Rules
from reporter.config.alert_rules import rules
from reporter.config.alerts import AlertsConfig
from reporter.periods.schedules import parse
from reporter.probes.kinds.tcp import TcpProbeConfig

HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_for_each_setting_the_first_that_says_it_counts() -> None:
    config = AlertsConfig.model_validate({
        "policies": [
            {"subjects": "probe/db*", "failures": 5, "warning": {"failures": 6}},
            {"subjects": "*", "failures": 2, "clean": "10m", "warning": {"reminders": []}, "critical": {"clean": "1m"}},
        ]
    })  # fmt: skip
    probe = TcpProbeConfig.model_validate({"address": "db:1", "alert": {"failures": 7, "hint": "look"}})
    made = rules(config, {"db": probe}, "UTC")
    own, other = made.policy("probe/db"), made.policy("probe/db-2")
    assert (own.failures, own.clean, own.at(Level.WARNING).failures) == (7, timedelta(minutes=10), 6)
    assert (other.failures, other.at(Level.CRITICAL).clean) == (5, timedelta(minutes=1))
    assert (other.at(Level.WARNING).reminders, other.at(Level.UNKNOWN).reminders) == ((), other.reminders)
    assert (made.policy("limit/loss").failures, made.advice("probe/db")) == (2, ("look", None))
    assert [rule.origin for rule in made.about("probe/db")] == [
        "probes.db.alert", "alerts.policies[0]", "alerts.policies[1]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("probe/db*", "probe/db-2", True),
        ("db*", "probe/db-2", True),
        ("db", "limit/db", True),
        ("db", "probe/db-2", False),
        ("probe/*", "limit/db", False),
        ("*", "clock", True),
        ("clock", "clock", True),
        ("probe/host-disk-*", "probe/host-disk-/var", True),
    ],
)
def test_a_name_without_its_kind_fits_any_kind(pattern: str, subject: str, expected: bool) -> None:
    assert fits(pattern, subject) is expected


def test_a_subject_depends_on_what_is_named_and_what_goes_round_depends_on_nobody() -> None:
    made = Rules((
        Rule("", ("probe/bot",), depends_on=("probe/api",)),
        Rule("", ("probe/api",), depends_on=("probe/db",)),
        Rule("", ("probe/egg",), depends_on=("probe/hen",)),
        Rule("", ("probe/hen",), depends_on=("probe/egg",)),
        Rule("", ("limit/*",), depends_on=("probe/ledger-*",)),
    ))  # fmt: skip
    assert made.depends("probe/bot", "probe/api")
    assert made.depends("limit/loss", "probe/ledger-floor")
    assert not made.depends("probe/db", "probe/api")
    assert not made.depends("probe/egg", "probe/hen")
    assert not made.depends("probe/hen", "probe/egg")


def test_maintenance_goes_by_the_wall_clock_also_where_it_is_moved() -> None:
    window = MaintenanceWindow(("*",), parse("daily at 03:00"), 2 * HOUR, "Europe/Berlin")
    assert window.until(at("2026-10-24T01:00")) == at("2026-10-24T03:00")
    assert window.until(at("2026-10-25T01:59")) is None  # the clock was set back at 01:00 UTC
    assert window.until(at("2026-10-25T02:00")) == at("2026-10-25T04:00")
    assert window.until(at("2026-10-25T04:00")) is None


def test_windows_that_overlap_are_one_time() -> None:
    windows = [
        MaintenanceWindow(("probe/db",), parse("daily at 02:00"), 2 * HOUR, "UTC"),
        MaintenanceWindow(("*",), parse("daily at 03:00"), 2 * HOUR, "UTC"),
    ]
    day = at("2026-10-24T00:00"), at("2026-10-25T02:30")
    assert maintenance_spans(windows, "probe/db", *day) == [
        (at("2026-10-24T02:00"), at("2026-10-24T05:00")),
        (at("2026-10-25T02:00"), at("2026-10-25T02:30")),
    ]
    assert maintenance_spans(windows, "probe/x", *day) == [(at("2026-10-24T03:00"), at("2026-10-24T05:00"))]
