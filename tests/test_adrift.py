"""The store can be read and not written: alerts are told all the same, and it goes on when that is over."""

from __future__ import annotations

import pytest

from tests.discord.local import LocalDiscord
from tests.stage import Stage

WATCH = '''\
from reporter import Context, Level, Observation, Report, job

@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Looks at a limit and tells a long story."""
    yield Observation("limit/loss", Level.CRITICAL, "the loss is too large", value="-9", limit="-5")
    yield Report(facts={"story": "x " * 20_000})
'''
FULL = "max_page_count = 1", "max_page_count = 1000000"
READ_ONLY = "query_only = ON", "query_only = OFF"


@pytest.fixture
def floor(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("watch", WATCH, "# Story\n{{ story }}\n")
    return stage.on_discord(
        discord,
        "  watch: {channel: daily}",
        channels=["daily", "alarm"],
        more="alerts: {routes: {all: [alarm], fallback: [alarm]}}",
    )


def pragma(stage: Stage, setting: str) -> None:
    with stage.app.store.read() as connection:
        connection.exec_driver_sql(f"PRAGMA {setting}")


def titles(discord: LocalDiscord) -> list[str]:
    return [message.title for message in discord.messages("alarm")]


@pytest.mark.parametrize(("ill", "well"), [FULL, READ_ONLY], ids=["full", "read-only"])
def test_alerts_are_told_from_memory_once_and_it_goes_on_afterwards(
    floor: Stage, discord: LocalDiscord, ill: str, well: str
) -> None:
    pragma(floor, ill)
    for _ in range(3):
        assert "the store cannot be used" in str(floor.run("watch").outcome)
        floor.clock.forward(seconds=30)
    assert len(titles(discord)) == 2
    assert all("told from memory" in message.text for message in discord.messages("alarm"))
    pragma(floor, well)
    floor.run("watch")
    floor.deliver()
    assert len(titles(discord)) == 3
    assert "can be written again" in discord.messages("alarm")[2].text
    assert discord.messages("daily")


def test_what_could_not_be_told_either_is_told_when_it_can(floor: Stage, discord: LocalDiscord) -> None:
    pragma(floor, READ_ONLY[0])
    with discord.down():
        floor.run("watch")
    assert titles(discord) == []
    floor.clock.forward(seconds=30)
    floor.run("watch")
    assert len(titles(discord)) == 2


def test_what_was_never_told_goes_into_the_outbox(floor: Stage, discord: LocalDiscord) -> None:
    pragma(floor, READ_ONLY[0])
    with discord.down():
        floor.run("watch")
    pragma(floor, READ_ONLY[1])
    floor.clock.forward(seconds=30)
    floor.run("watch")
    assert len(titles(discord)) == 3
    assert sum("told from memory" in message.text for message in discord.messages("alarm")) == 2
