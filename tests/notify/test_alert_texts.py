"""What several alerts in one message are: their order, how many are over, and how long they lasted together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.policies import Rule, Rules
from reporter.alerts.suppression import Silence
from reporter.messages.message import Message, Run, Severity, Text, Tone
from reporter.messages.templates.renderer import Renderer
from reporter.notify.alert_messages import (
    LISTED,
    AlertCase,
    AlertDraft,
    AlertText,
    AlertWriter,
    alert_text,
    group_text,
    silence_text,
)

NOW = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN
OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED


def case(
    name: str,
    level: Level = CRITICAL,
    *,
    began: float = 10,
    ended: float | None = None,
    unseen: float = 0,
    worst: Level | None = None,
) -> AlertCase:
    """An alert that began so many minutes ago, and may have ended."""
    since, until = NOW - began * MINUTE, None if ended is None else NOW - ended * MINUTE
    seen = Observation(f"probe/{name}", level, "refused")
    told = Transition(
        seen.subject, OPENED if level is not OK else RESOLVED, since, "…", seen, level, until=until,
        unobserved=unseen * MINUTE,
    )  # fmt: skip
    trouble = Transition(seen.subject, OPENED, since, "…", seen, CRITICAL if level is OK else level)
    incident = Incident(name, seen.subject, since, since, level, worst) if worst else None
    return AlertCase(told, trouble, incident)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        (
            [case("b", WARNING, began=3), case("z"), case("a"), case("u", UNKNOWN), case("w", OK, ended=1)],
            {
                "order": "a z b u w",
                "over": 1,
                "level": CRITICAL,
                "worst": CRITICAL,
                "since": 10,
                "until": 0,
                "lasted": 10,
            },
        ),
        (
            [case("b", OK, began=30, ended=5), case("a", OK, began=20, ended=2)],
            {"order": "a b", "over": 2, "level": OK, "worst": CRITICAL, "since": 30, "until": 2, "lasted": 28},
        ),
        (
            [case("a", OK, began=20, ended=5, worst=WARNING), case("b", OK, began=20, worst=UNKNOWN)],
            {"order": "a b", "over": 2, "level": OK, "worst": WARNING, "since": 20, "until": 0, "lasted": 20},
        ),
        (
            [case("a", began=20, unseen=9), case("b", began=30, unseen=4)],
            {"order": "a b", "over": 0, "level": CRITICAL, "worst": CRITICAL, "since": 30, "until": 0, "lasted": 26},
        ),
        (
            [case("a", WARNING, began=20, unseen=90)],
            {"order": "a", "over": 0, "level": WARNING, "worst": WARNING, "since": 20, "until": 0, "lasted": 0},
        ),
    ],
)
def test_what_several_alerts_are_together(cases: list[AlertCase], expected: dict[str, Any]) -> None:
    text = group_text(cases, OPENED, NOW)
    facts = dict(text.facts)
    ordered = [one.name for one in facts.pop("cases")]
    assert " ".join(ordered) == expected["order"]
    assert facts == {
        "more": 0,
        "count": len(cases),
        "over": expected["over"],
        "change": OPENED,
        "level": expected["level"],
        "worst": expected["worst"],
        "since": NOW - expected["since"] * MINUTE,
        "until": NOW - expected["until"] * MINUTE,
        "duration": expected["lasted"] * MINUTE,
        "now": NOW,
        "card": False,
    }
    assert (text.template, text.level, text.at) == ("alert_group", expected["level"], NOW)
    assert text.plain == tuple(f"probe/{name}" for name in ordered)


@pytest.mark.parametrize(("number", "more"), [(LISTED, 0), (LISTED + 1, 1), (LISTED + 7, 7)])
def test_a_message_lists_twenty_and_says_how_many_more(number: int, more: int) -> None:
    text = group_text([case(f"p{index:02}") for index in range(number)], OPENED, NOW, card=True)
    assert (len(text.facts["cases"]), text.facts["more"], text.facts["count"]) == (20, more, number)
    assert (text.facts["card"], len(text.plain)) == (True, number)
    silence = Silence(1, "p*", NOW, NOW + 20 * MINUTE, "new disk", "anna")
    open_ones = [Incident(f"i{index}", f"probe/p{index}", NOW, NOW, WARNING, WARNING) for index in range(number)]
    reminder = silence_text(silence, open_ones, NOW)
    assert reminder == AlertText(
        "alert_silence",
        {"silence": silence, "incidents": open_ones[:20], "more": more, "now": NOW},
        WARNING,
        NOW,
        ("the silence of p* ends", *(one.subject for one in open_ones)),
    )


def test_the_whole_text_of_one_alert() -> None:
    one = case("db", WARNING, began=20, unseen=5, worst=CRITICAL)
    rules = Rules((Rule("", ("probe/db",), hint="look", runbook="https://example.org"),))
    facts = {
        "name": "db",
        "transition": one.transition,
        "trouble": one.trouble,
        "incident": one.incident,
        "now": NOW,
        "duration": 15 * MINUTE,
        "affected": ["bot", "daily loss"],
        "hint": "look",
        "runbook": "https://example.org",
        "card": True,
    }
    plain = ("probe/db opened: warning", "refused", "…")
    found = alert_text(rules, one, NOW, affected=["probe/bot", "limit/daily_loss"], card=True)
    assert found == AlertText("alert", facts, WARNING, NOW, plain)
    assert alert_text(rules, one, NOW).facts == facts | {"affected": [], "card": False}


def test_a_draft_says_who_is_called_and_what_its_buttons_act_on() -> None:
    text = alert_text(Rules(), case("db", WARNING), NOW)
    draft = AlertDraft("key", "ops", text, mention=("user:1",), incident="1a2b", members=(("1a2b", "probe/db"),))
    lines = tuple((Run("text", line),) for line in ("probe/db opened: warning", "refused", "…"))
    bare = Message(title=lines[0], body=(Text(lines[1:]),), tone=Tone.WARNING, severity=Severity.WARNING, at=NOW)
    writer = AlertWriter(Renderer([]))
    assert writer.message(draft, plain=True) == replace(
        bare, mention=("user:1",), incident="1a2b", members=(("1a2b", "probe/db"),)
    )
    assert writer.message(AlertDraft("other", "ops", text)) == bare  # each text is written once


@pytest.mark.parametrize(
    ("level", "severity", "tone"),
    [
        (CRITICAL, Severity.CRITICAL, Tone.CRITICAL),
        (WARNING, Severity.WARNING, Tone.WARNING),
        (UNKNOWN, Severity.WARNING, Tone.WARNING),
        (OK, Severity.INFO, Tone.GOOD),
    ],
)
def test_how_urgent_an_alert_is(level: Level, severity: Severity, tone: Tone) -> None:
    text = alert_text(Rules(), case("db", level), NOW)
    written = AlertWriter(Renderer([])).message(AlertDraft("key", "ops", text), plain=True)
    assert (written.severity, written.tone) == (severity, tone)
