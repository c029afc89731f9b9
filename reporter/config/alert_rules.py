"""From the config's alert settings to the rules that apply: a probe's own `alert`, then the policies in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reporter.alerts.maintenance import MaintenanceWindow
from reporter.alerts.model import Level
from reporter.alerts.policies import EscalationStep, Rule, Rules
from reporter.config.alerts import AlertOptions, AlertsConfig, LevelOptions
from reporter.config.probes import ProbeSettings
from reporter.periods.schedules import parse

_BY_LEVEL = ("failures", "clean", "reminders")
_FOR_ALL = (*_BY_LEVEL, "unknowns", "flap_window", "flapping_clean", "recheck")


def rules(alerts: AlertsConfig, probes: Mapping[str, ProbeSettings], zone: str) -> Rules:
    """The rules of a config; `probes` are its probes by name, `zone` is the one at top level."""
    return Rules(
        rules=tuple(rule for rule in (*_of_probes(probes), *_of_policies(alerts)) if rule.says),
        windows=tuple(
            MaintenanceWindow(
                entry.subjects, parse(entry.schedule), entry.duration, entry.timezone or zone, entry.reason
            )
            for entry in alerts.maintenance
        ),
        steps=tuple(
            sorted(
                (
                    EscalationStep(entry.after, entry.channel, Level(entry.level), entry.subjects, entry.mention)
                    for entry in alerts.escalation
                ),
                key=lambda step: step.after,
            )
        ),
        group=alerts.group,
        probes=frozenset(probes),
    )


def _of_probes(probes: Mapping[str, ProbeSettings]) -> Iterator[Rule]:
    for name, entry in probes.items():
        depends_on = tuple(other if "/" in other else f"probe/{other}" for other in entry.depends_on)
        yield _rule(f"probes.{name}.alert", (f"probe/{name}",), entry.alert, depends_on)


def _of_policies(alerts: AlertsConfig) -> Iterator[Rule]:
    for number, policy in enumerate(alerts.policies):
        yield _rule(f"alerts.policies[{number}]", policy.subjects, policy, policy.depends_on or ())


def _rule(origin: str, subjects: tuple[str, ...], options: AlertOptions, depends_on: tuple[str, ...]) -> Rule:
    return Rule(
        origin=origin,
        subjects=subjects,
        terms=_said(options, _FOR_ALL),
        at_level={
            Level.WARNING: _said(options.warning, _BY_LEVEL),
            Level.CRITICAL: _said(options.critical, _BY_LEVEL),
        },
        channels=options.channel or (),
        depends_on=depends_on,
        hint=options.hint,
        runbook=options.runbook,
    )


def _said(options: LevelOptions, names: tuple[str, ...]) -> dict[str, Any]:
    """The settings that are given, by their names in a Policy."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}
