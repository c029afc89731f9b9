"""Where a transition is sent: one table of policies, routes, jobs, dead channels, and of who heard of the trouble."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.policies import Rule, Rules
from reporter.delivery.channels import Routes
from reporter.notify.routing import notified_channels, reminder_channels
from reporter.notify.settings import NotifySettings
from tests.support.stage import Stage

NOW = datetime(2026, 10, 30, 14, tzinfo=UTC)
OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN
ROUTED = Routes(critical=("ops",), warning=("team",))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotifySettings]:
    """Four channels, and neither a route nor a rule."""
    stage = Stage(tmp_path_factory.mktemp("home")).on_screen("")
    plain = stage.app.runtime.notify
    channel = next(iter(plain.channels.values()))
    named = {name: replace(channel, name=name) for name in ("pnl", "ops", "team", "spare")}
    yield replace(plain, channels=named, routes=Routes(), rules=Rules())
    stage.close()


@dataclass(frozen=True)
class Case:
    expected: tuple[str, ...]
    routes: Routes = field(default_factory=Routes)
    job: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    change: str = "opened"
    level: Level = CRITICAL
    was: Level = OK
    subject: str = "probe/db"
    dead: tuple[str, ...] = ()
    notified: tuple[str, ...] = ()


CASES = {
    "nothing is said: the first channel alone": Case(("pnl",)),
    "the job's": Case(("team", "spare"), job=("team", "spare")),
    "the fallback, where neither route nor job is": Case(("spare",), Routes(fallback=("spare",))),
    "the job before the fallback": Case(("team",), Routes(fallback=("spare",)), job=("team",)),
    "the route of critical": Case(("ops",), ROUTED, job=("pnl",)),
    "the route of warnings": Case(("team",), ROUTED, level=WARNING),
    "what is unknown is a warning": Case(("team",), ROUTED, level=UNKNOWN),
    "an end goes where its trouble went": Case(("ops",), ROUTED, change="resolved", level=OK, was=CRITICAL),
    "what eased was critical": Case(("ops",), ROUTED, change="eased", level=WARNING, was=CRITICAL),
    "a route for all beside its own": Case(("ops", "pnl"), replace(ROUTED, all=("pnl", "ops"))),
    "no route of that severity": Case(("pnl",), Routes(critical=("ops",)), job=("pnl",), level=WARNING),
    "a policy before the routes": Case(("spare",), ROUTED, own=("spare",), job=("pnl",)),
    "who heard of the trouble hears of its end": Case(
        ("spare",), ROUTED, own=("ops",), change="resolved", level=OK, was=CRITICAL, notified=("spare",)
    ),
    "and of its easing": Case(("spare",), ROUTED, change="eased", level=WARNING, was=CRITICAL, notified=("spare",)),
    "and of its subject being gone": Case(
        ("spare",), ROUTED, change="unwatched", level=OK, was=CRITICAL, notified=("spare",)
    ),
    "what gets worse goes where that belongs": Case(
        ("ops",), ROUTED, change="worsened", was=WARNING, notified=("team",)
    ),
    "who heard is in the config no more": Case(
        ("ops",), ROUTED, change="resolved", level=OK, was=CRITICAL, notified=("gone",)
    ),
    "trouble of a channel goes to another": Case(("pnl",), ROUTED, subject="channel/ops"),
    "trouble of the first channel": Case(("ops",), subject="channel/pnl"),
    "trouble of a channel, by the fallback": Case(
        ("spare",), replace(ROUTED, fallback=("spare",)), subject="channel/ops"
    ),
    "trouble of one of two": Case(("team",), Routes(critical=("ops", "team")), subject="channel/ops"),
    "a dead one has another beside it": Case(("ops", "pnl"), ROUTED, dead=("ops",)),
    "the fallback beside a dead one": Case(("ops", "spare"), replace(ROUTED, fallback=("spare",)), dead=("ops",)),
    "one that works is enough": Case(("ops", "team"), Routes(critical=("ops", "team")), dead=("ops",)),
    "no dead one is added": Case(("ops", "team"), ROUTED, dead=("ops", "pnl")),
    "the one that is in trouble is not added": Case(
        ("ops", "team"), ROUTED, subject="channel/pnl", dead=("ops",)
    ),
    "all are dead": Case(("ops",), ROUTED, dead=("pnl", "ops", "team", "spare")),
    "each channel once": Case(("team",), job=("team", "team")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_where_a_transition_is_sent(settings: NotifySettings, name: str) -> None:
    case = CASES[name]
    rules = Rules((Rule("", ("*",), channels=case.own),))
    seen = Observation(case.subject, case.level)
    told = Transition(case.subject, TransitionKind(case.change), NOW, "…", seen, case.level, case.was)
    own = replace(settings, routes=case.routes, rules=rules)
    assert notified_channels(own, told, case.job, case.dead, case.notified) == case.expected


@pytest.mark.parametrize(
    ("routes", "expected"), [(Routes(), ("pnl",)), (ROUTED, ("team",)), (Routes(fallback=("spare",)), ("spare",))]
)
def test_where_people_are_reminded_of_a_silence(
    settings: NotifySettings, routes: Routes, expected: tuple[str, ...]
) -> None:
    assert tuple(reminder_channels(replace(settings, routes=routes))) == expected
