"""A channel's settings arrive in Discord: name, picture, thread, mentions; and errors are reported."""

from __future__ import annotations

import pytest

from reporter.alerts.model import Level, Observation
from tests.support.discord.faults import Status
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

ROLE, USER = "role:123456789012345678", "user:876543210987654321"


@pytest.fixture
def channel(stage: Stage, discord: LocalDiscord) -> Stage:
    routes = "alerts: {routes: {all: [alarm], fallback: [alarm]}}"
    channels = ["daily", "alarm", "other"]
    return stage.report("daily", DAILY).on_discord(discord, "  daily: {channel: daily}", channels=channels, more=routes)


def settle(stage: Stage, name: str, settings: str) -> Stage:
    """Give a channel further settings."""
    config = stage.folder / "config/reporter.yaml"
    variable = f"WEBHOOK_{name.upper()}}}"
    config.write_text(config.read_text().replace(variable, f"{variable[:-1]}, {settings}}}"))
    return stage.restart()


def seen(stage: Stage, subject: str, level: Level, times: int = 3) -> None:
    for _ in range(times):
        stage.app.runner.observe(stage.app.runtime, [Observation(subject, level, f"it is {level}")])
        stage.clock.forward(seconds=30)
    stage.deliver()


def test_a_channel_posts_under_its_own_name_and_picture(channel: Stage, discord: LocalDiscord) -> None:
    settle(channel, "daily", "username: Trading Floor, avatar_url: 'https://example.org/floor.png'")
    channel.run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    assert (message.body["username"], message.body["avatar_url"]) == ("Trading Floor", "https://example.org/floor.png")


def test_a_channel_posts_into_its_thread(channel: Stage, discord: LocalDiscord) -> None:
    thread = discord.thread("daily")
    settle(channel, "daily", f"thread_id: '{thread}'").run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    assert (message.channel.id, message.channel.parent) == (thread, message.webhook.channel)


def test_in_a_forum_each_message_opens_a_thread(channel: Stage, discord: LocalDiscord) -> None:
    channel.environ["WEBHOOK_DAILY"] = discord.webhook("forum", forum=True)
    settle(channel, "daily", "thread_name: Reports")
    for day in ("2026-10-29", "2026-10-30"):
        channel.run("daily", day)
    first, second = discord.messages("forum")
    assert (first.channel.name, second.channel.name) == ("Reports", "Reports")
    assert first.channel is not second.channel


def test_only_those_who_are_named_are_called_and_only_for_what_is_so_urgent(
    channel: Stage, discord: LocalDiscord
) -> None:
    settle(channel, "alarm", f"mention: {{critical: [everyone, '{USER}'], warning: '{ROLE}'}}")
    seen(channel, "probe/db", Level.CRITICAL)
    seen(channel, "probe/@everyone", Level.WARNING)
    called = [message.called for message in discord.messages("alarm")]
    assert called == [{"everyone", USER}, {ROLE}]
    seen(channel, "probe/db", Level.OK, times=20)
    assert [message.called for message in discord.messages("alarm")] == [set(), {ROLE}, set()]


def test_a_report_calls_nobody_unless_it_is_told_to(channel: Stage, discord: LocalDiscord) -> None:
    channel.run("daily", "2026-10-29")
    settle(channel, "daily", f"mention: {{info: '{ROLE}'}}").run("daily", "2026-10-30")
    assert [message.called for message in discord.messages("daily")] == [set(), {ROLE}]


def test_repeated_failure_of_a_channel_is_told_on_another_and_so_is_its_end(
    channel: Stage, discord: LocalDiscord
) -> None:
    discord.fail(Status(503), webhook="daily", times=8)
    channel.run("daily", "2026-10-30")
    for _ in range(10):
        channel.clock.forward(minutes=10)
        channel.deliver()
    assert [message.title for message in discord.messages("daily")][-1:] == ["2026-10-30"]
    told = [message.text for message in discord.messages("alarm")]
    assert "channel daily failed 5 times in a row" in told[0].lower()
    assert len(told) <= 2


def test_when_the_fallback_fails_too_both_are_told_once_one_of_them_works(
    channel: Stage, discord: LocalDiscord
) -> None:
    discord.revoke("daily")
    discord.revoke("alarm")
    for day in ("2026-10-28", "2026-10-29", "2026-10-30"):
        channel.run("daily", day)
        channel.clock.forward(hours=1)
        channel.deliver()
    hits = [request.webhook for request in discord.requests if request.status == 404]
    assert sorted(hits) == ["alarm", "daily"]
    [told] = discord.messages("other")
    assert "channel alarm is closed to us" in told.text.lower()
    channel.restart().environ["WEBHOOK_ALARM"] = discord.webhook("renewed")
    channel.deliver()
    assert "channel daily is closed to us" in discord.messages("renewed")[0].text.lower()
    assert channel.counts()["waiting"] == 4  # for daily: its reports, and that alarm is closed
