"""A cascade of alerts is a few messages, and each alert of it is in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from reporter.alerts.model import Level, Observation
from reporter.notify.routing import Observer
from reporter.store import incidents
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

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.discord.messages("daily")]


@pytest.fixture
def desk(stage: Stage, discord: LocalDiscord) -> Desk:
    return Desk(stage, discord)


def test_forty_services_one_by_one_are_six_messages_at_most(desk: Desk) -> None:
    desk.fall(SERVICES, 4)
    desk.rise(SERVICES, 8)
    desk.passes(6)
    assert len(desk.titles) <= 6
    with desk.stage.app.store.read() as connection:
        found = incidents.newest(connection, 100)
    assert len(found) > 35
    assert all(one.notified and one.is_over for one in found)


def test_the_first_is_notified_at_once_and_a_second_within_a_minute(desk: Desk) -> None:
    desk.fall(SERVICES[:1], 0)
    assert len(desk.titles) == 1
    desk.fall(SERVICES[1:2], 0)
    assert len(desk.titles) == 1
    desk.passes(1)
    assert len(desk.titles) == 2


def test_what_is_critical_does_not_wait_for_what_is_not(desk: Desk) -> None:
    app = desk.stage.app
    app.alerts.process(app.runtime.notify, [Observation("limit/a", Level.WARNING, "near")], Observer(("daily",)))
    desk.fall(SERVICES[:1], 0)
    assert len(desk.titles) == 2


def test_without_groups_nothing_waits(stage: Stage, discord: LocalDiscord) -> None:
    desk = Desk(stage, discord, "{group: null}")
    desk.fall(SERVICES[:3], 1)
    assert len(desk.titles) == 3
