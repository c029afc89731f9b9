"""Judge, write, commit: templates lock nothing, and what others change meanwhile is judged again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from reporter.alerts.model import Level, Observation
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.messages.message import Message, Severity, Tone
from reporter.messages.templates.renderer import Renderer
from reporter.notify.pipeline import ATTEMPTS
from reporter.notify.routing import Observer
from reporter.store import alerts, incidents
from tests.support.clocks import HandClock
from tests.support.discord.local import LocalDiscord
from tests.support.processes import until
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

# Whether some session of this server waits for a lock of another one.
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


class Meanwhile(Renderer):
    """Lets something happen while a template is filled in."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__([])
        self._act = act
        self.times = 0

    def render(
        self,
        name: str,
        facts: Mapping[str, Any],
        *,
        tone: Tone = Tone.NEUTRAL,
        severity: Severity = Severity.INFO,
        at: datetime | None = None,
    ) -> Message:
        self.times += 1
        self._act()
        return super().render(name, facts, tone=tone, severity=severity, at=at)


@pytest.fixture
def stage(stage: Stage) -> Stage:
    return stage.on_screen("")


def observe(stage: Stage, renderer: Renderer, subject: str = "limit/loss", level: Level = Level.CRITICAL) -> int:
    settings = replace(stage.app.runtime.notify, renderer=renderer)
    return stage.app.alerts.process(settings, [Observation(subject, level, "used up")], Observer())


def titles(stage: Stage) -> list[str]:
    with stage.app.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT message FROM outbox ORDER BY id").scalars()
        return [str(row) for row in rows]


def test_another_writer_is_not_held_while_a_template_is_filled_in(stage: Stage) -> None:
    def write() -> None:
        with closing(sqlite3.connect(Path(stage.environ["STORE"]), timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")  # it raises if somebody else holds the lock
            other.rollback()

    renderer = Meanwhile(write)
    assert observe(stage, renderer) == 1
    assert renderer.times == 1


@pytest.mark.parametrize(
    ("subject", "level", "kept"),
    [
        ("job/daily", Level.OK, False),
        ("limit/loss", Level.OK, False),
        ("probe/db", Level.OK, True),  # it is seen when it was last looked at
        ("job/daily", Level.WARNING, True),
    ],
)
def test_what_is_well_and_was_never_in_trouble_is_not_saved_at_each_run(
    stage: Stage, subject: str, level: Level, *, kept: bool
) -> None:
    observe(stage, Renderer([]), subject, level)
    with stage.app.store.read() as connection:
        assert (subject in alerts.subjects(connection)) is kept
    observe(stage, Renderer([]), "job/other", Level.CRITICAL)
    observe(stage, Renderer([]), "job/other", Level.OK)
    with stage.app.store.read() as connection:  # what was in trouble is saved when it is well again
        assert alerts.of_subjects(connection, ["job/other"])["job/other"].state.level is Level.OK


def test_what_another_has_changed_meanwhile_is_judged_again(stage: Stage) -> None:
    def silence() -> None:
        now = stage.clock.wall()
        with stage.app.store.begin() as connection:
            incidents.add_silence(connection, "limit/*", now, now.replace(hour=23), "new disk", "anna")

    assert observe(stage, Meanwhile(silence)) == 0
    with stage.app.store.read() as connection:
        [incident] = incidents.open_incidents(connection)
    assert (incident.notified, incident.withheld) == ((), "silenced by anna until 23:00 UTC: new disk")


def test_an_alert_goes_out_plainly_if_others_never_stop_changing_what_it_rests_on(stage: Stage) -> None:
    def change() -> None:
        stage.clock.forward(seconds=1)
        seen = [Observation("limit/loss", Level.WARNING if renderer.times % 2 else Level.OK)]
        stage.app.alerts.process(stage.app.runtime.notify, seen, Observer())

    renderer = Meanwhile(change)
    observe(stage, renderer)
    assert renderer.times == ATTEMPTS
    with stage.app.store.read() as connection:
        state = alerts.alert_state(connection, "limit/loss")
    assert state.level is Level.CRITICAL


def test_an_alert_that_nothing_routes_goes_to_one_channel(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", DAILY)
    stage.on_discord(discord, "  daily: {channel: other}", channels=["daily", "other", "third"])
    app = stage.app
    app.alerts.process(app.runtime.notify, [Observation("limit/a", Level.CRITICAL, "over")], Observer())
    stage.deliver()
    assert [name for name in ("daily", "other", "third") if discord.messages(name)] == ["daily"]


def test_two_daemons_that_see_the_same_at_once_send_it_once(
    stage: Stage, discord: LocalDiscord, server: PostgreSQL
) -> None:
    stage.environ["STORE"] = server.url(schema=server.new_schema())
    stage.report("daily", DAILY).on_discord(discord, "  daily:", channels=["daily"])
    later = HandClock(stage.clock.now + timedelta(seconds=1))
    home = FolderHome(stage.folder, clock=later, environ=stage.environ)
    bad, told = Observation("limit/a", Level.CRITICAL, "over"), []
    with closing(App(home, clock=later)) as other:

        def sees(app: App, **more: Any) -> None:
            told.append(app.alerts.process(app.runtime.notify, [bad], Observer(("daily",)), **more))

        warned = replace(bad, level=Level.WARNING)  # so that there is a row to lock
        stage.app.alerts.process(stage.app.runtime.notify, [warned], Observer(("daily",)))
        stage.deliver()
        second = threading.Thread(target=sees, args=(other,), kwargs={"patience": 30.0})

        def waits() -> bool:
            with other.store.read() as connection:
                return bool(connection.execute(WAITING).scalar_one())

        def meanwhile(_connection: Connection, _number: int) -> None:
            second.start()
            until(waits, lambda: "the other never waited")  # it has judged by what it saw before

        sees(stage.app, save=meanwhile)
        second.join()
    assert sorted(told) == [0, 1]
