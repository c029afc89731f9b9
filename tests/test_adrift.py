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
WARN = '''\
from reporter import Context, Level, Observation, job

@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Looks at a limit that is passed a little."""
    yield Observation("limit/loss", Level.WARNING, "the loss is near its limit")
'''
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
    assert sum("told from memory: our own" in message.text for message in discord.messages("alarm")) == 2


@pytest.fixture
def quiet(floor: Stage) -> Stage:
    """The alarm's quiet hours are now, and end in an hour; a warning comes."""
    hour = floor.clock.now.hour
    config = floor.folder / "config/reporter.yaml"
    entry = f"WEBHOOK_ALARM, quiet_hours: '{hour:02}:00-{hour + 1:02}:00'}}"
    config.write_text(config.read_text().replace("WEBHOOK_ALARM}", entry))
    floor.report("watch", WARN)
    return floor.restart()


def test_in_quiet_hours_only_what_is_critical_is_told_from_memory(quiet: Stage, discord: LocalDiscord) -> None:
    pragma(quiet, READ_ONLY[0])
    quiet.run("watch")
    assert ["told from memory" in message.text for message in discord.messages("alarm")] == [True]
    assert "near its limit" not in discord.messages("alarm")[0].text
    quiet.clock.forward(hours=1)
    quiet.run("watch")
    assert "near its limit" in discord.messages("alarm")[1].text


def test_what_quiet_hours_keep_back_is_held_by_the_store_once_it_can(quiet: Stage, discord: LocalDiscord) -> None:
    pragma(quiet, READ_ONLY[0])
    quiet.run("watch")
    pragma(quiet, READ_ONLY[1])
    quiet.clock.forward(seconds=30)
    quiet.run("watch")
    assert quiet.counts()["held"] == 1
    assert not any("near its limit" in message.text for message in discord.messages("alarm"))
