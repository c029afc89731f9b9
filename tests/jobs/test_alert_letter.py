"""The letter of an alert: what it says when it opens, lasts, changes and ends."""

from datetime import timedelta

import pytest

from reporter.alerts import Change, Level, Observation, Transition
from reporter.catalog import stock_home
from reporter.message import Message, plain
from reporter.render import Renderer
from tests.golden import agrees
from tests.jobs.watch import NOW


def letter(
    change: Change, level: Level, was: Level, *, lasting: timedelta, seen: Observation | None = None, reason: str = "…"
) -> Message:
    seen = seen or Observation("probe/redis", level, "refused")
    told = Transition(seen.subject, change, NOW - lasting, reason, seen, level, was)
    facts = {"transition": told, "now": NOW, "duration": lasting}
    return Renderer([stock_home() / "templates"]).render("alert", facts, at=NOW)


def test_a_critical_alert() -> None:
    reason = "3 failures in a row since 14:01:30, limit 3"
    message = letter(Change.OPENED, Level.CRITICAL, Level.OK, lasting=timedelta(minutes=1), reason=reason)
    assert agrees("alert-critical", message)


def test_a_warning_with_its_figures() -> None:
    seen = Observation("probe/polymarket-api", Level.WARNING, "online, but slower than 500ms", "2.3s", "500ms")
    reason = "3 failures in a row since 14:01:30, limit 3"
    message = letter(Change.OPENED, Level.WARNING, Level.OK, lasting=timedelta(minutes=1), seen=seen, reason=reason)
    assert agrees("alert-warning", message)


def test_an_alert_that_is_over() -> None:
    seen = Observation("probe/redis", Level.OK, "online")
    reason = "clean since 13:57:30, after 7m of trouble"
    message = letter(Change.RESOLVED, Level.OK, Level.CRITICAL, lasting=timedelta(minutes=12), seen=seen, reason=reason)
    assert agrees("alert-resolved", message)


@pytest.mark.parametrize(
    ("change", "level", "title"),
    [
        (Change.OPENED, Level.UNKNOWN, "⚪ Unknown: redis"),
        (Change.WORSENED, Level.CRITICAL, "🚨 CRITICAL: redis"),
        (Change.EASED, Level.WARNING, "⬇️ Eased to warning: redis"),
        (Change.REMINDER, Level.CRITICAL, "⏰ Still critical: redis for 4h"),
    ],
)
def test_the_title_says_what_changed(change: Change, level: Level, title: str) -> None:
    assert plain(letter(change, level, Level.WARNING, lasting=timedelta(hours=4)).title) == title


def test_an_alert_without_a_sentence_is_told_all_the_same() -> None:
    message = letter(
        Change.OPENED, Level.CRITICAL, Level.OK, lasting=timedelta(0), seen=Observation("odd", Level.CRITICAL)
    )
    assert plain(message.title) == "🚨 CRITICAL: odd"
    assert message.body == ()


def test_a_name_forges_nothing() -> None:
    seen = Observation("probe/x\n# @everyone **pump** ||x||", Level.CRITICAL, "**@here**\n## a field")
    message = letter(Change.OPENED, Level.CRITICAL, Level.OK, lasting=timedelta(0), seen=seen)
    assert plain(message.title) == "🚨 CRITICAL: x⏎# @everyone **pump** ||x||"
    assert [plain(field.name) for field in message.fields] == ["Since", "Why now"]
