"""The messages of alerts: one incident, several incidents of one moment, and a silence that ends soon."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Transition, TransitionKind, name_of
from reporter.alerts.policies import Rules
from reporter.alerts.suppression import Silence
from reporter.errors import TemplateError
from reporter.messages.message import Line, Message, Run, Severity, Text, Tone
from reporter.messages.templates.renderer import Renderer

log = logging.getLogger(__name__)

# A message lists at most so many alerts, and says how many more there are.
LISTED = 20

_OF_LEVEL = {
    Level.CRITICAL: (Severity.CRITICAL, Tone.CRITICAL),
    Level.WARNING: (Severity.WARNING, Tone.WARNING),
    Level.UNKNOWN: (Severity.WARNING, Tone.WARNING),
    Level.OK: (Severity.INFO, Tone.GOOD),  # the end of an alert mentions nobody, however urgent the alert was
}
_WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)


@dataclass(frozen=True, slots=True)
class AlertText:
    """A template and the values for it. `plain` are the lines to send if the template fails."""

    template: str
    facts: Mapping[str, Any]
    level: Level
    at: datetime
    plain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """An alert's message before its template is filled in.

    A draft with a `slot` is the first message of an incident or group. An `edit` replaces one that was delivered.
    `relief` is the end of what was critical. `incident` and `members` are those of the message.
    """

    key: str
    channel: str
    text: AlertText
    slot: str | None = None
    mention: tuple[str, ...] = ()
    relief: bool = False
    edit: bool = False
    subjects: tuple[str, ...] = ()
    incident: str = ""
    members: tuple[tuple[str, str], ...] = ()


class AlertWriter:
    """Fills in templates, each text once. No template is filled in while a transaction of the store is open."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._written: list[tuple[AlertText, Message]] = []

    def message(self, draft: AlertDraft, *, plain: bool = False) -> Message:
        """The message of a draft. With `plain`, a text that was not written yet is written without its template."""
        found = next((message for text, message in self._written if text is draft.text or text == draft.text), None)
        if found is None:
            found = _plain(draft.text) if plain else filled_in(draft.text, self._renderer)
            self._written.append((draft.text, found))
        return replace(found, mention=draft.mention or found.mention, incident=draft.incident, members=draft.members)


def filled_in(text: AlertText, renderer: Renderer) -> Message:
    """The message of a text. It is plain if the template fails: an alert must go out."""
    severity, tone = _OF_LEVEL[text.level]
    try:
        return renderer.render(text.template, text.facts, tone=tone, severity=severity, at=text.at)
    except TemplateError as error:
        log.error("the template of an alert failed, so the alert is sent as plain text: %s", error)
        return _plain(text)


def _plain(text: AlertText) -> Message:
    severity, tone = _OF_LEVEL[text.level]
    title, *lines = (_line(line) for line in text.plain)
    return Message(title=title, body=(Text(tuple(lines)),), tone=tone, severity=severity, at=text.at)


def _line(text: str) -> Line:
    return (Run("text", text),)


@dataclass(frozen=True, slots=True)
class AlertCase:
    """An incident in a message: the transition to announce, and the last one that described the trouble."""

    transition: Transition
    trouble: Transition
    incident: Incident | None = None

    @property
    def name(self) -> str:
        return name_of(self.transition.subject)

    @property
    def level(self) -> Level:
        return self.transition.level


def alert_text(
    rules: Rules, case: AlertCase, now: datetime, *, affected: Sequence[str] = (), card: bool = False
) -> AlertText:
    """The text of one transition. A `card` shows how the incident stands, and is edited when that changes."""
    transition, seen = case.transition, case.transition.observation
    hint, runbook = rules.advice(transition.subject)
    facts = {
        "name": case.name,
        "transition": transition,
        "trouble": case.trouble,
        "incident": case.incident,
        "now": now,
        "duration": transition.lasted(now),
        "affected": [name_of(subject) for subject in affected],
        "hint": hint,
        "runbook": runbook,
        "card": card,
    }
    plain = (f"{transition.subject} {transition.change}: {seen.level}", seen.detail, transition.reason)
    return AlertText("alert", facts, transition.level, now, plain)


def group_text(cases: Sequence[AlertCase], change: TransitionKind, now: datetime, *, card: bool = False) -> AlertText:
    """The text of several transitions of one kind. A `card` lists how each of the incidents stands."""
    ordered = sorted(cases, key=lambda case: (_WORST_FIRST.index(case.level), case.transition.subject))
    over = sum(case.level is Level.OK for case in cases)
    since = min(case.trouble.since for case in cases)
    until = max(case.transition.until or now for case in cases) if over == len(cases) else now
    unobserved = min(case.transition.unobserved for case in cases)
    facts = {
        "cases": ordered[:LISTED],
        "more": max(0, len(cases) - LISTED),
        "count": len(cases),
        "over": over,
        "change": change,
        "level": ordered[0].level,
        "worst": _worst({case.incident.worst if case.incident else case.trouble.level for case in cases}),
        "since": since,
        "until": until,
        "duration": max(until - since - unobserved, timedelta()),
        "now": now,
        "card": card,
    }
    return AlertText("alert_group", facts, ordered[0].level, now, tuple(case.transition.subject for case in ordered))


def silence_text(silence: Silence, incidents: Collection[Incident], now: datetime) -> AlertText:
    """The text that reminds people of a silence that ends soon, while something under it is in trouble."""
    listed = list(incidents)[:LISTED]
    facts = {"silence": silence, "incidents": listed, "more": max(0, len(incidents) - LISTED), "now": now}
    plain = (f"the silence of {silence.pattern} ends", *(incident.subject for incident in incidents))
    return AlertText("alert_silence", facts, Level.WARNING, now, plain)


def _worst(levels: Collection[Level]) -> Level:
    return next(level for level in _WORST_FIRST if level in levels)
