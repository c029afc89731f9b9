"""A long pause is reported and outlives the process; whoever meets a pause for all, all keep it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reporter.store import channel_states, outbox
from reporter.store.database import Store, open_store
from tests.support.discord import Ban, Limited, LocalDiscord, Refused
from tests.support.discord.faults import Fault
from tests.support.stage import DAILY, Stage

ROUTES = "alerts: {routes: {all: [alarm], fallback: [alarm]}}"


@pytest.fixture
def news(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("daily", DAILY)
    return stage.on_discord(discord, "  daily: {channel: daily}", channels=["daily", "alarm"], more=ROUTES)


def asked(discord: LocalDiscord, webhook: str) -> int:
    return sum(request.webhook == webhook for request in discord.requests)


def reported(stage: Stage, subject: str) -> list[str]:
    """What the alerts say of a subject."""
    with stage.app.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT detail FROM transitions WHERE subject = ?", (subject,)).all()
    return [row.detail for row in rows]


def is_over(stage: Stage, subject: str) -> bool:
    """Whether the alert about a subject ends when time passes."""
    stage.clock.forward(minutes=10)
    stage.app.runner.tick(stage.app.runtime)
    with stage.app.store.read() as connection:
        query = "SELECT change FROM transitions WHERE subject = ? ORDER BY id DESC"
        return bool(connection.exec_driver_sql(query, (subject,)).scalars().first() == "resolved")


@pytest.mark.parametrize("seconds", [3600, 864_000])
def test_a_long_pause_is_reported_and_outlives_the_process(news: Stage, discord: LocalDiscord, seconds: int) -> None:
    news.run("daily", "2026-10-28")
    discord.fail(Limited(seconds))
    news.run("daily", "2026-10-29")
    before = asked(discord, "daily")
    news.restart().clock.forward(seconds=seconds - 60)
    news.deliver()
    assert asked(discord, "daily") == before
    words = {3600: "1h", 864_000: "10 days"}[seconds]
    assert reported(news, "channel/daily")[0].startswith(f"channel daily waits for {words}: Discord asks for a pause")
    news.clock.forward(minutes=2)
    news.deliver()
    assert [message.title for message in discord.messages("daily")] == ["2026-10-28", "2026-10-29"]
    assert is_over(news, "channel/daily")


@pytest.mark.parametrize(("fault", "pause"), [(Limited(3600, scope="global"), 3600), (Ban(), 600), (Ban(7200), 7200)])
def test_a_pause_for_all_met_by_a_look_at_the_clock_stops_all_and_outlives_the_process(
    news: Stage, discord: LocalDiscord, fault: Fault, pause: int
) -> None:
    news.run("daily", "2026-10-28")
    discord.fail(fault, webhook="alarm")
    news.app.runtime.channels["alarm"].outlet.look()
    news.run("daily", "2026-10-29")
    before = len(discord.requests)
    news.restart().clock.forward(seconds=pause - 60)
    news.deliver()
    assert len(discord.requests) == before
    with news.app.store.read() as connection:
        ready = {state.channel: state.ready_at for state in channel_states.all_states(connection)}
    assert min(ready["daily"], ready["alarm"]) > news.clock.now
    assert "asks all channels for a pause of" in reported(news, "channel/daily")[0]
    assert reported(news, "channel/alarm") == []
    news.clock.forward(minutes=3)
    news.deliver()
    assert discord.messages("daily")[-1].title == "2026-10-29"


def test_a_forum_channel_without_a_thread_is_closed_and_loses_nothing(stage: Stage, discord: LocalDiscord) -> None:
    discord.webhook("daily", forum=True)
    stage.report("daily", DAILY)
    stage.on_discord(discord, "  daily: {channel: daily}", channels=["daily", "alarm"], more=ROUTES)
    for day in ("2026-10-28", "2026-10-29", "2026-10-30"):
        stage.run("daily", day)
    posts = [request for request in discord.requests if (request.webhook, request.method) == ("daily", "POST")]
    assert (len(posts), stage.counts()["waiting"]) == (1, 3)
    stage.deliver()
    assert "it is a forum channel: give it `thread_name` or `thread_id`" in discord.messages("alarm")[0].text
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("env:WEBHOOK_DAILY", "env:WEBHOOK_DAILY, thread_name: Daily"))
    stage.reload()
    stage.deliver()
    assert [message.title for message in discord.messages("daily")] == ["2026-10-28", "2026-10-29", "2026-10-30"]


def test_the_end_of_a_trouble_is_reported_though_it_was_reported_before_a_restart(
    news: Stage, discord: LocalDiscord
) -> None:
    discord.fail(Refused(404, 10015, "Unknown Webhook"), webhook="daily")
    news.run("daily", "2026-10-28")
    news.restart().environ["WEBHOOK_DAILY"] = discord.webhook("renewed", channel="daily")
    news.clock.forward(minutes=5)
    news.deliver()
    assert reported(news, "channel/daily")[0].startswith("channel daily is closed to us")
    assert is_over(news, "channel/daily")


def test_a_killed_process_stops_its_channel_for_seconds_where_the_daemon_is_alone(
    news: Stage, discord: LocalDiscord
) -> None:
    killed_with_a_request_out(news)
    news.clock.forward(seconds=6)
    news.app.store.hold()
    news.deliver()
    news.deliver()
    assert "may be a repeat" in discord.messages("daily")[0].text


@pytest.mark.parametrize("daemon", [True, False])
def test_what_another_living_process_sends_is_left_to_it(news: Stage, discord: LocalDiscord, daemon: bool) -> None:
    other = killed_with_a_request_out(news, lives=True)
    news.clock.forward(seconds=6)
    if daemon:
        news.app.store.hold()
    news.deliver()
    news.deliver()
    assert discord.messages("daily") == []
    news.clock.forward(seconds=90)
    news.deliver()
    assert len(discord.messages("daily")) == 1
    other.close()


def killed_with_a_request_out(news: Stage, *, lives: bool = False) -> Store:
    """A message is claimed by a process that then is killed, or lives on. Returns its store."""
    with_down = news.app
    with_down.run_by_hand(with_down.job("daily"), "2026-10-30")
    news.restart()
    other = open_store(news.environ["STORE"])
    if lives:
        other.join_senders()
    now, known = news.clock.wall(), news.app.runtime.channels["daily"]
    with other.begin() as connection:
        states = channel_states.lock_channels(connection, "daily", known.address, now)
        rows = outbox.upcoming(connection, ["daily"], now, 1)
        outbox.claim_rows(connection, rows, states, "another process", now, timedelta(seconds=90))
    if not lives:
        other.close()
    return other
