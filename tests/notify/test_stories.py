"""Whole stories of `explain`: what was seen, sent or withheld, and what comes next, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reporter.cli.alerts import run_ack
from reporter.notify.timeline import Timeline
from tests.notify.alert_home import Floor, floor, options
from tests.support.golden import reads

STORED = re.compile(r"(?<=channels/)[\d/]+|(?<=Incident )[0-9a-f]{8}|[<\d.]+ms")  # what differs each time


def timeline(stage: Floor, subject: str | None = None) -> str:
    runtime = stage.stage.app.runtime
    with stage.stage.app.store.read() as connection:
        told = Timeline(connection, runtime.notify, stage.clock.wall(), runtime.describe)
        return STORED.sub("…", "\n".join(told.of(subject) if subject else told.overview())) + "\n"


def figures(stage: Floor) -> None:
    """A limit is near and then passed, a silence holds, somebody works on it for a while, and it eases."""
    stage.reads("limit/daily_loss", "ok", "half of it", "2.1%", "4%")
    stage.passes(minutes=1)
    stage.reads("limit/daily_loss", "warning", "near", "3.5%", "4%")
    stage.passes(minutes=1)
    stage.silences("daily_loss", minutes=8)
    stage.reads("limit/daily_loss", "critical", "passed", "4.5%", "4%")
    stage.passes(minutes=2)
    run_ack(stage.stage.app, options(subject="daily_loss", by="anna", note="selling", span="2h"))
    stage.reads("limit/daily_loss", "critical", "passed by far", "9%", "4%")
    stage.passes(minutes=1)


def unknown(stage: Floor) -> None:
    stage.reads("probe/ping", "unknown", "this machine does not let us ping")
    stage.passes(minutes=3)


def recovering(stage: Floor) -> None:
    stage.passes(minutes=1)
    stage.down("db")
    stage.passes(minutes=3)
    stage.up("db")
    stage.passes(minutes=2)


def flapping(stage: Floor) -> None:
    recovering(stage)
    stage.passes(minutes=5)
    stage.down("db")
    stage.passes(minutes=2)


def again(stage: Floor) -> None:
    """The same a day later is another incident; nothing ran meanwhile."""
    recovering(stage)
    stage.passes(minutes=4)
    stage.sleeps(minutes=24 * 60)
    stage.down("db")
    stage.passes(minutes=1)


def late(stage: Floor) -> None:
    """Discord is gone while it opens, and for the step that follows; somebody reads it at last, and it is over."""
    stage.passes(minutes=1)
    with stage.discord.down():
        stage.down("db")
        stage.passes(minutes=4)
    stage.passes(minutes=3)
    stage.up("db")
    stage.passes(minutes=6)


def undelivered(stage: Floor) -> None:
    stage.passes(minutes=1)
    with stage.discord.down():
        stage.down("db")
        stage.passes(minutes=2)


def suspect(stage: Floor) -> None:
    stage.passes(minutes=1)
    stage.down("db")
    stage.passes(minutes=0.2)


def long(stage: Floor) -> None:
    """Of a long trouble only some readings are kept; its words change once. Maintenance goes on for a minute."""
    stage.reads("limit/daily_loss", "critical", "passed", "4.5%")
    stage.passes(minutes=20)
    stage.reads("limit/daily_loss", "critical", "passed by far: 9%", "9%")
    stage.passes(minutes=20)


ALERTS = """\
  policies: [{subjects: "limit/*", warning: {failures: 2}, clean: 0s, reminders: []}]
  maintenance: [{subjects: "limit/*", schedule: daily at 12:03, duration: 1m, reason: rollout}]
  escalation: [{after: 30m, channel: [on-call, alerts-warnings]}, {after: 2m, channel: on-call, level: warning}]
"""


@pytest.mark.parametrize(
    ("scene", "subject"),
    [
        (figures, "limit/daily_loss"),
        (unknown, "probe/ping"),
        (recovering, "probe/db"),
        (flapping, "probe/db"),
        (again, "probe/db"),
        (late, "probe/db"),
        (undelivered, "probe/db"),
        (suspect, "probe/db"),
        (long, "limit/daily_loss"),
    ],
)
def test_the_whole_story_of_a_subject_and_of_all(scene: Callable[[Floor], None], subject: str, tmp_path: Path) -> None:
    probes = {"db": "alert: {runbook: 'https://example.org/db'}"}
    with floor(tmp_path, probes, ALERTS) as stage:
        scene(stage)
        assert reads(f"story-{scene.__name__}", f"{timeline(stage, subject)}\n{timeline(stage)}")
