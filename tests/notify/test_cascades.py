"""A cascade of alerts is a few messages, and each alert of it is in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation
from reporter.notify.routing import Observer
from reporter.notify.timeline import Timeline
from reporter.store import incidents
from tests.operations.floors import ask
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

SERVICES = [f"limit/service-{number:02}" for number in range(40)]
TICK = 20


class Desk:
    """Services that fail and recover, judged every twenty seconds; each needs five clean minutes to be well."""

    def __init__(self, stage: Stage, discord: LocalDiscord, alerts: str = "{}") -> None:
        self.discord = discord
        self.stage = stage.report("daily", DAILY).on_discord(discord, "  daily:", more=f"alerts: {alerts}")
        self.down: set[str] = set()

    def passes(self, minutes: float) -> None:
        app = self.stage.app
        for _ in range(round(minutes * 60 / TICK)):
            seen = [
                Observation(
                    name, Level.CRITICAL if name in self.down else Level.OK, "refused" if name in self.down else ""
                )
                for name in SERVICES
            ]
            app.alerts.process(app.runtime.notify, seen, Observer(("daily",)))
            app.runner.tick(app.runtime)
            self.stage.deliver()
            self.stage.clock.forward(seconds=TICK)

    def fall(self, names: Sequence[str], minutes: float) -> None:
        self._one_by_one(self.down.add, names, minutes)

    def rise(self, names: Sequence[str], minutes: float) -> None:
        self._one_by_one(self.down.discard, names, minutes)

    def _one_by_one(self, act: Callable[[str], None], names: Sequence[str], minutes: float) -> None:
        for second in range(0, max(1, round(minutes * 60)), TICK):
            for number, name in enumerate(names):
                if number * minutes * 60 / len(names) <= second:
                    act(name)
            self.passes(TICK / 60)
        for name in names:  # those whose turn comes after the last tick
            act(name)

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.discord.messages("daily")]


@pytest.fixture
def desk(stage: Stage, discord: LocalDiscord) -> Desk:
    return Desk(stage, discord)


def come_and_go(desk: Desk, number: int, fall: float, rise: float, *, reverse: bool = False) -> list[Incident]:
    """Services fail one by one over some minutes, and recover over some; returns what became of each."""
    desk.fall(SERVICES[:number], fall)
    desk.rise(SERVICES[:number][:: -1 if reverse else 1], rise)
    desk.passes(6)
    with desk.stage.app.store.read() as connection:
        return incidents.newest(connection, 100)


def test_forty_services_one_by_one_are_six_messages_at_most(desk: Desk) -> None:
    found = come_and_go(desk, 40, 4, 8)
    assert len(desk.titles) <= 6
    assert len(found) > 35
    assert all(one.notified and one.is_over for one in found)


def test_the_end_of_a_cascade_is_told_once(desk: Desk) -> None:
    desk.fall(SERVICES[:12], 2)
    desk.passes(4)
    desk.rise(SERVICES[:12], 2)
    desk.passes(6)
    assert [title for title in desk.titles if "Resolved" in title] == ["✅ Resolved: 12 alerts after 8m"]
    assert desk.titles[0] == "✅ Over: 12 alerts, critical for 8m"  # the card of the first is that of all


@pytest.mark.full
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(20, 40), fall=st.floats(0, 4), rise=st.floats(0, 8), reverse=st.booleans())
def test_no_cascade_of_four_minutes_is_more_than_six_messages(
    tmp_path_factory: pytest.TempPathFactory, number: int, fall: float, rise: float, reverse: bool
) -> None:
    with LocalDiscord() as discord:
        desk = Desk(Stage(tmp_path_factory.mktemp("home")), discord)
        found = come_and_go(desk, number, fall, rise, reverse=reverse)
        desk.stage.close()
        assert len(desk.titles) <= 6
        assert all(one.notified and one.is_over for one in found if one.withheld is None)


def test_the_first_is_notified_at_once_and_a_second_within_a_minute(desk: Desk) -> None:
    desk.fall(SERVICES[:1], 0)
    assert len(desk.titles) == 1
    desk.fall(SERVICES[1:2], 0)
    assert len(desk.titles) == 1
    desk.passes(1)
    assert len(desk.titles) == 2


def test_the_card_of_the_first_becomes_that_of_the_group(desk: Desk) -> None:
    for name in SERVICES[:2]:
        desk.fall([name], 0)
    desk.passes(1)
    assert desk.titles == ["🚨 CRITICAL: service-00", "🚨 CRITICAL: service-01"]
    for name in SERVICES[2:4]:
        desk.fall([name], 0)
    desk.passes(2)
    assert desk.titles == ["🚨 CRITICAL: 3 alerts", "🚨 CRITICAL: service-01", "🚨 CRITICAL: 2 alerts"]
    first = desk.discord.messages("daily")[0].text
    assert [name for name in SERVICES[:4] if name.removeprefix("limit/") in first] == [*SERVICES[:1], *SERVICES[2:4]]


def test_what_is_critical_does_not_wait_for_what_is_not(desk: Desk) -> None:
    app = desk.stage.app
    app.alerts.process(app.runtime.notify, [Observation("limit/a", Level.WARNING, "near")], Observer(("daily",)))
    desk.fall(SERVICES[:1], 0)
    assert len(desk.titles) == 2


def test_without_groups_nothing_waits(stage: Stage, discord: LocalDiscord) -> None:
    desk = Desk(stage, discord, "{group: null}")
    desk.fall(SERVICES[:3], 1)
    assert len(desk.titles) == 3


def test_what_recovers_while_it_waits_for_others_is_dropped_and_says_so(stage: Stage, discord: LocalDiscord) -> None:
    desk = Desk(stage, discord)
    desk.fall(SERVICES[:3], 0)
    desk.fall(SERVICES[3:4], 0)
    late = SERVICES[3]
    desk.passes(TICK / 60)
    desk.down.clear()
    desk.passes(2)
    with stage.app.store.read() as connection:
        told = Timeline(connection, stage.app.runtime.notify, stage.clock.wall(), stage.app.runtime.describe)
        lines = "\n".join(told.of(late))
    assert "not sent: held back to go out at" in lines, lines
    assert "resolved, if nothing fails until then, and dropped: nothing of it was sent" in lines, lines
    assert f"{late}, recovering" in ask(stage, "status")
    desk.passes(6)
    with stage.app.store.read() as connection:
        told = Timeline(connection, stage.app.runtime.notify, stage.clock.wall(), stage.app.runtime.describe)
        lines = "\n".join(told.of(late))
    assert "not sent: over before it was sent: held back to go out at" in lines, lines
