"""The text of alert messages: an alert that opens, lasts or resolves, several at once, and a silence that ends soon."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Transition, TransitionKind, name_of
from reporter.alerts.suppression import Silence
from reporter.errors import TemplateError
from reporter.messages.message import Line, Message, Run, Severity, Text, Tone
from reporter.notify.settings import NotifySettings

log = logging.getLogger(__name__)

# A message of many lists so many of them and says how many more there are.
LISTED = 20

_OF_LEVEL = {
    Level.CRITICAL: (Severity.CRITICAL, Tone.CRITICAL),
    Level.WARNING: (Severity.WARNING, Tone.WARNING),
    Level.UNKNOWN: (Severity.WARNING, Tone.WARNING),
    Level.OK: (Severity.INFO, Tone.GOOD),  # the end of an alert calls nobody, however urgent it was
}
_WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)


@dataclass(frozen=True, slots=True)
class AlertCase:
    """An incident as a letter tells it: the change that is told, and the last one that said what the trouble is."""

    transition: Transition
    trouble: Transition
    incident: Incident | None = None

    @property
    def name(self) -> str:
        return name_of(self.transition.subject)

    @property
    def level(self) -> Level:
        return self.transition.level


def alert_message(
    settings: NotifySettings,
    transition: Transition,
    now: datetime,
    *,
    trouble: Transition | None = None,
    incident: Incident | None = None,
    affected: Sequence[str] = (),
    card: bool = False,
) -> Message:
    """The letter of one change. As a `card` it tells how the incident stands, and is edited when that changes."""
    hint, runbook = settings.rules.advice(transition.subject)
    facts = {
        "name": name_of(transition.subject),
        "transition": transition,
        "trouble": trouble or transition,
        "incident": incident,
        "now": now,
        "duration": (transition.until or now) - transition.since,
        "affected": [name_of(subject) for subject in affected],
        "hint": hint,
        "runbook": runbook,
        "card": card,
    }
    return _written(settings, "alert", facts, transition.level, now, _plain_alert(transition))


def group_message(
    settings: NotifySettings, cases: Sequence[AlertCase], change: TransitionKind, now: datetime, *, card: bool = False
) -> Message:
    """The letter of several changes of one kind; as a `card` it lists how each of the incidents stands."""
    ordered = sorted(cases, key=lambda case: (_WORST_FIRST.index(case.level), case.transition.subject))
    worst = next((level for level in _WORST_FIRST if any(case.level is level for case in cases)), Level.OK)
    over = sum(case.level is Level.OK for case in cases)
    since = min(case.trouble.since for case in cases)
    until = max(case.transition.until or now for case in cases) if over == len(cases) else now
    facts = {
        "cases": ordered[:LISTED],
        "more": max(0, len(cases) - LISTED),
        "count": len(cases),
        "over": over,
        "change": change,
        "level": worst,
        "worst": _worst_of(cases),
        "since": since,
        "until": until,
        "duration": until - since,
        "now": now,
        "card": card,
    }
    return _written(settings, "alert_group", facts, worst, now, [case.transition.subject for case in ordered])


def silence_message(
    settings: NotifySettings, silence: Silence, incidents: Collection[Incident], now: datetime
) -> Message:
    """The letter that says that a silence is about to end while something under it is in trouble."""
    facts = {"silence": silence, "incidents": list(incidents)[:LISTED], "more": max(0, len(incidents) - LISTED)}
    plain = [f"the silence of {silence.pattern} ends", *(one.subject for one in incidents)]
    return _written(settings, "alert_silence", {**facts, "now": now}, Level.WARNING, now, plain)


def _worst_of(cases: Sequence[AlertCase]) -> Level:
    levels = {case.incident.worst if case.incident else case.trouble.level for case in cases}
    return next((level for level in _WORST_FIRST if level in levels), Level.OK)


def _written(
    settings: NotifySettings, template: str, facts: Mapping[str, Any], level: Level, now: datetime, plain: Sequence[str]
) -> Message:
    """The letter by the home's template; a plain one if that fails: an alert must go out."""
    severity, tone = _OF_LEVEL[level]
    try:
        return settings.renderer.render(template, facts, tone=tone, severity=severity, at=now)
    except TemplateError as error:
        log.error("the alert is told plainly, for its template failed: %s", error)
        title, *lines = (_line(text) for text in plain)
        return Message(title=title, body=(Text(tuple(lines)),), tone=tone, severity=severity, at=now)


def _plain_alert(transition: Transition) -> list[str]:
    seen = transition.observation
    return [f"{transition.subject} {transition.change}: {seen.level}", seen.detail, transition.reason]


def _line(text: str) -> Line:
    return (Run("text", text),)
