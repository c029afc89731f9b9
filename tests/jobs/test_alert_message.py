"""The messages of alerts: what they say when one opens, lasts, changes and ends, and when several are one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.policies import Rule, Rules
from reporter.alerts.suppression import Silence
from reporter.messages.message import Message, Severity, Tone, plain
from reporter.notify.alert_messages import LISTED, AlertCase, alert_text, filled_in, group_text, silence_text
from reporter.notify.settings import NotifySettings
from tests.jobs.watch import NOW
from tests.support.golden import agrees
from tests.support.stage import Stage

REASON = "3 failures in a row since 14:01:30, limit 3"
REFUSED = Observation("probe/redis", Level.CRITICAL, "refused: nobody listens on port 6379")
ADVICE = Rule("alerts.policies[0]", ("*",), hint="Start it again.", runbook="https://wiki.example.org/redis")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotifySettings]:
    stage = Stage(tmp_path_factory.mktemp("home")).on_screen("")
    yield stage.app.runtime.notify
    stage.close()


def told(
    change: TransitionKind, level: Level, was: Level = Level.OK, *, lasting: timedelta, seen: Observation = REFUSED
) -> Transition:
    return Transition(seen.subject, change, NOW - lasting, REASON, seen, level, was, "1a2b3c4d")


def incident(transition: Transition, **given: object) -> Incident:
    since = transition.since
    one = Incident("1a2b3c4d", transition.subject, since, since, transition.level, Level.CRITICAL)
    return replace(one, **given)  # type: ignore[arg-type]


def alert_message(
    settings: NotifySettings,
    transition: Transition,
    *,
    trouble: Transition | None = None,
    incident: Incident | None = None,
    affected: Sequence[str] = (),
    card: bool = False,
) -> Message:
    case = AlertCase(transition, trouble or transition, incident)
    return filled_in(alert_text(settings.rules, case, NOW, affected=affected, card=card), settings.renderer)


def test_a_critical_alert_with_what_to_do(settings: NotifySettings) -> None:
    advised = replace(settings, rules=Rules((ADVICE,)))
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(minutes=1))
    message = alert_message(advised, opened, affected=["probe/floor-boss", "probe/agents"])
    assert (message.severity, message.tone) == (Severity.CRITICAL, Tone.CRITICAL)
    assert agrees("alert-critical", message)


def test_a_warning_with_its_figures(settings: NotifySettings) -> None:
    seen = Observation("probe/polymarket-api", Level.WARNING, "online, but slower than 500ms", "2.3s", "500ms")
    opened = told(TransitionKind.OPENED, Level.WARNING, lasting=timedelta(minutes=1), seen=seen)
    assert agrees("alert-warning", alert_message(settings, opened))


@pytest.mark.parametrize(
    ("name", "level", "seen"),
    [
        ("alert-agent", Level.CRITICAL,
         Observation("probe/agents-floor", Level.CRITICAL, "2/3 running, silent: Momentum",
                     notes=("Momentum: last heartbeat at 2026-10-30 13:59:30 UTC",))),
        ("alert-daily-loss", Level.CRITICAL,
         Observation("limit/daily_loss/USDT", Level.CRITICAL,
                     "Daily Loss: -105.50 USDT · Limit: -100.00 USDT (106% used)",
                     headline="DAILY LOSS LIMIT REACHED", notes=("USDT · live",))),
        ("alert-risk", Level.WARNING,
         Observation("limit/daily_loss/USDT/Volume_ETH_v1", Level.WARNING,
                     "Daily Loss: -85.30 USDT · Limit: -100.00 USDT (85% used)",
                     headline="Approaching Daily Loss Limit: Volume_ETH_v1", notes=("USDT · live",))),
    ],
)  # fmt: skip
def test_an_alert_of_the_floor(settings: NotifySettings, name: str, level: Level, seen: Observation) -> None:
    opened = told(TransitionKind.OPENED, level, lasting=timedelta(minutes=1), seen=seen)
    assert agrees(name, alert_message(settings, opened))


def test_an_alert_that_is_over(settings: NotifySettings) -> None:
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(minutes=12))
    reason = "clean since 13:57:30, after 7m of trouble"
    over = replace(opened, change=TransitionKind.RESOLVED, level=Level.OK, was=Level.CRITICAL, reason=reason)
    over = replace(over, observation=Observation("probe/redis", Level.OK, "online"), until=NOW - timedelta(minutes=5))
    assert agrees("alert-resolved", alert_message(settings, over, trouble=opened))
    assert agrees("alert-card-over", alert_message(settings, over, trouble=opened, card=True))


def test_an_alert_that_somebody_has_taken_on(settings: NotifySettings) -> None:
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(minutes=12))
    taken = incident(opened, acked_at=NOW, acked_by="anna", note="on it")
    assert agrees("alert-acknowledged", alert_message(settings, opened, incident=taken, card=True))


def test_several_alerts_of_one_moment(settings: NotifySettings) -> None:
    cases = []
    for name, level in (("api", Level.WARNING), ("redis", Level.CRITICAL), ("db", Level.OK)):
        seen = Observation(f"probe/{name}", level, "no answer within 5s")
        opened = told(TransitionKind.OPENED, level, lasting=timedelta(minutes=4), seen=seen)
        trouble = replace(opened, level=Level.CRITICAL) if level is Level.OK else opened
        cases.append(AlertCase(opened, trouble, incident(opened)))
    message = filled_in(group_text(cases, TransitionKind.OPENED, NOW, card=True), settings.renderer)
    assert message.severity is Severity.CRITICAL
    assert agrees("alert-group", message)


def test_a_long_list_says_how_many_more_there_are(settings: NotifySettings) -> None:
    opened = told(TransitionKind.OPENED, Level.WARNING, lasting=timedelta(minutes=4))
    message = filled_in(
        group_text([AlertCase(opened, opened)] * (LISTED + 5), TransitionKind.OPENED, NOW), settings.renderer
    )
    assert plain(message.title) == f"⚠️ Warning: {LISTED + 5} alerts"
    assert "… and 5 more" in str(message.body)


def test_a_silence_that_is_about_to_end(settings: NotifySettings) -> None:
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(hours=1))
    silence = Silence(1, "probe/redis*", NOW - timedelta(hours=2), NOW + timedelta(minutes=10), "new disk", "anna")
    assert agrees("alert-silence", filled_in(silence_text(silence, [incident(opened)], NOW), settings.renderer))


@pytest.mark.parametrize(
    ("change", "level", "title"),
    [
        (TransitionKind.OPENED, Level.UNKNOWN, "⚪ Unknown: redis"),
        (TransitionKind.FLAPPING, Level.CRITICAL, "🔁 Flapping: redis"),
        (TransitionKind.WORSENED, Level.CRITICAL, "🚨 CRITICAL: redis"),
        (TransitionKind.EASED, Level.WARNING, "⬇️ Eased to warning: redis"),
        (TransitionKind.REMINDER, Level.CRITICAL, "⏰ Still critical: redis for 4h"),
        (TransitionKind.ESCALATED, Level.CRITICAL, "📣 Nobody has acknowledged it: redis, critical for 4h"),
    ],
)
def test_the_title_says_what_changed(
    settings: NotifySettings, change: TransitionKind, level: Level, title: str
) -> None:
    transition = told(change, level, Level.WARNING, lasting=timedelta(hours=4))
    assert plain(alert_message(settings, transition).title) == title


def test_an_alert_without_a_sentence_is_told_all_the_same(settings: NotifySettings) -> None:
    bare = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(0), seen=Observation("odd", Level.CRITICAL))
    message = alert_message(settings, bare)
    assert (plain(message.title), message.body) == ("🚨 CRITICAL: odd", ())


def test_a_name_forges_nothing(settings: NotifySettings) -> None:
    seen = Observation("probe/x\n# @everyone **pump** ||x||", Level.CRITICAL, "**@here**\n## a field")
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(0), seen=seen)
    message = alert_message(settings, opened)
    assert plain(message.title) == "🚨 CRITICAL: x⏎# @everyone **pump** ||x||"
    assert [plain(field.name) for field in message.fields] == ["Since", "Why now"]
    listed = filled_in(group_text([AlertCase(opened, opened)], TransitionKind.OPENED, NOW), settings.renderer)
    assert [plain(field.name) for field in listed.fields] == ["Since"]


def test_a_template_that_fails_keeps_no_alert_from_going_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path).on_screen("")
    stage.write("templates/alert.md.j2", "# {{ nonsense }}\n")
    opened = told(TransitionKind.OPENED, Level.CRITICAL, lasting=timedelta(0))
    message = alert_message(stage.app.runtime.notify, opened)
    stage.close()
    assert plain(message.title) == "probe/redis opened: critical"
    assert message.severity is Severity.CRITICAL
