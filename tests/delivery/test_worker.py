"""A saved message arrives: once where the outcome can be known, marked where it cannot, and never lost."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from reporter.delivery import rate_limits
from reporter.delivery.rate_limits import Limit
from reporter.store import channel_states, channel_stats, database, outbox
from tests.support.discord.faults import Fault, Limited, Refused, Reset, Status
from tests.support.discord.local import LocalDiscord
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

NOW = '''\
from reporter import Context, Report, job

@job(covers="now", schedule="every 30s")
def pulse(ctx: Context):
    """Tells the moment."""
    yield Report(facts={"say": ctx.now.isoformat()}, slot=SLOT)
'''
NEWS = NOW.replace("SLOT", "None")
BOARD = NOW.replace("SLOT", '"board"')
ROUTES = "alerts: {routes: {all: [alarm], fallback: [alarm]}}"


@pytest.fixture(params=["sqlite", "postgresql"])
def news(request: pytest.FixtureRequest, stage: Stage, discord: LocalDiscord) -> Stage:
    """Two channels and two reports, on a store of each kind."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        stage.environ["STORE"] = server.url(schema=server.new_schema())
    stage.report("pulse", NEWS, "# {{ say }}\n").report("daily", DAILY)
    return stage.on_discord(
        discord, "  pulse: {channel: daily}\n  daily: {channel: daily}", channels=["daily", "alarm"], more=ROUTES
    )


def acquainted(news: Stage, discord: LocalDiscord) -> None:
    """Let the first look at the webhook be behind us, so that a fault meets the message itself."""
    news.run("daily", "2026-10-01")
    discord.messages("daily")[0].deleted = True


def take(news: Stage, channel: str) -> None:
    """Take a channel's next row in hand, as one who dies with it."""
    now, known = news.clock.wall(), news.app.runtime.channels[channel]
    with news.app.store.begin() as connection:
        states = channel_states.lock_channels(connection, channel, known.address, now)
        rows = outbox.upcoming(connection, [channel], now, 1)
        outbox.claim_rows(connection, rows, states, "one who dies", now, timedelta(seconds=90))


def setting(news: Stage, **keys: str) -> None:
    """Give the channel `daily` more keys."""
    path = news.folder / "config/reporter.yaml"
    plain = "daily: {webhook: env:WEBHOOK_DAILY"
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    path.write_text(path.read_text().replace(plain, plain + more))


def titles(discord: LocalDiscord, name: str = "daily") -> list[str]:
    return [message.title for message in discord.messages(name)]


def test_a_report_arrives_once_with_a_reference(news: Stage, discord: LocalDiscord) -> None:
    news.run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    assert message.title == "2026-10-30"
    assert re.fullmatch("ref [0-9a-f]{6}", message.embed["footer"]["text"])
    news.deliver()
    assert len(discord.everything()) == 1


def test_a_reference_names_one_message_and_not_all_of_a_run(stage: Stage, discord: LocalDiscord) -> None:
    two = DAILY + '    yield Report(facts={"late": 0})\n'
    stage.report("daily", two).on_discord(discord, "  daily:").run("daily", "2026-10-30")
    first, second = (message.embed["footer"]["text"] for message in discord.messages("daily"))
    assert first != second


def test_an_outage_loses_nothing_keeps_the_order_and_says_how_late_it_is(news: Stage, discord: LocalDiscord) -> None:
    with discord.down():
        for day in ("2026-10-27", "2026-10-28", "2026-10-29"):
            news.run("daily", day)
        news.clock.forward(minutes=14)
    for _ in range(3):
        news.deliver()
    assert titles(discord) == ["2026-10-27", "2026-10-28", "2026-10-29"]
    assert discord.messages("daily")[0].embed["footer"]["text"].startswith("delivered 14m late · ref ")


def test_what_waits_survives_the_process(news: Stage, discord: LocalDiscord) -> None:
    with discord.down():
        news.run("daily", "2026-10-30")
    news.restart().clock.forward(minutes=1)
    news.deliver()
    assert titles(discord) == ["2026-10-30"]


def test_a_lost_answer_leads_to_a_second_copy_that_says_so(news: Stage, discord: LocalDiscord) -> None:
    acquainted(news, discord)
    discord.fail(Reset(accept=True))
    news.run("daily", "2026-10-30")
    news.clock.forward(minutes=1)
    news.deliver()
    first, second = (message.embed["footer"]["text"] for message in discord.messages("daily"))
    assert second == f"may be a repeat · {first}"


def test_what_was_being_sent_when_the_process_died_is_marked_too(news: Stage, discord: LocalDiscord) -> None:
    with discord.down():
        news.run("daily", "2026-10-30")
    news.clock.forward(minutes=1)
    take(news, "daily")
    news.restart().deliver()
    assert titles(discord) == []  # the lease of the dead one still counts
    news.clock.forward(seconds=91)
    news.deliver()
    assert "may be a repeat" in discord.messages("daily")[0].embed["footer"]["text"]


@pytest.mark.parametrize(
    "fault", [Status(503), Limited(0.1, header=False), Limited(0.1, scope="global", header=False), Reset()]
)
def test_a_passing_fault_delays_and_does_not_lose(news: Stage, discord: LocalDiscord, fault: Fault) -> None:
    acquainted(news, discord)
    discord.fail(fault)
    news.run("daily", "2026-10-30")
    assert titles(discord) == []
    news.clock.forward(minutes=1)
    time.sleep(0.3)
    news.deliver()
    assert titles(discord) == ["2026-10-30"]


def test_one_who_comes_back_after_his_lease_does_not_send_again_what_another_has_sent(
    news: Stage, discord: LocalDiscord
) -> None:
    acquainted(news, discord)
    news.app.run_by_hand(news.app.job("daily"), "2026-10-30")
    with news.app.store.read() as connection:
        (row,) = outbox.upcoming(connection, ["daily"], news.clock.wall(), 1)
    take(news, "daily")
    news.clock.forward(minutes=2)
    news.deliver()
    with news.app.store.begin() as connection:
        outbox.mark_retry(connection, row, "the connection was reset", in_doubt=True)
        outbox.mark_retry(connection, row, "the connection was reset", in_doubt=True, review=True)
    assert news.counts() == {"sent": 2}


def test_a_dead_webhook_is_left_alone_and_told_of_elsewhere(news: Stage, discord: LocalDiscord) -> None:
    discord.revoke("daily")
    for day in ("2026-10-28", "2026-10-29", "2026-10-30"):
        news.run("daily", day)
    news.restart().clock.forward(hours=1)
    news.deliver()
    assert len([r for r in discord.requests if r.webhook == "daily"]) == 1
    [alarm] = discord.messages("alarm")
    assert "Channel daily is closed to us: the webhook does not work any more" in alarm.text
    assert news.counts()["waiting"] == 3


def test_a_new_address_brings_a_dead_channel_back_with_all_that_waited(news: Stage, discord: LocalDiscord) -> None:
    discord.revoke("daily")
    news.run("daily", "2026-10-29")
    news.run("daily", "2026-10-30")
    news.restart().environ["WEBHOOK_DAILY"] = discord.webhook("renewed", channel="daily")
    news.deliver()
    assert titles(discord, "renewed") == ["2026-10-29", "2026-10-30"]


def test_one_channel_does_not_wait_for_another(news: Stage, discord: LocalDiscord) -> None:
    news.on_discord(discord, "  daily: {channel: [daily, alarm]}", channels=["daily", "alarm"]).reload()
    discord.fail(Status(503), webhook="daily", times=9)
    news.run("daily", "2026-10-30")
    assert titles(discord, "alarm") == ["2026-10-30"]
    assert titles(discord) == []


def test_a_message_that_discord_refuses_is_parked_and_the_next_one_goes_out(news: Stage, discord: LocalDiscord) -> None:
    acquainted(news, discord)
    discord.fail(Refused())
    news.run("daily", "2026-10-29")
    news.run("daily", "2026-10-30")
    news.deliver()
    assert titles(discord) == ["2026-10-30"]
    assert news.counts()["dead"] == 1
    assert "A message was refused" in discord.messages("alarm")[0].text


def test_a_long_report_arrives_in_numbered_parts_in_order(stage: Stage, discord: LocalDiscord) -> None:
    letter = "# {{ period.label }}\n{% for n in range(30) %}\n## {{ n }}\n" + "x" * 400 + "\n{% endfor %}\n"
    stage.report("daily", DAILY, letter).on_discord(discord, "  daily:").run("daily", "2026-10-30")
    messages = discord.messages("daily")
    footers = [message.embed["footer"]["text"] for message in messages]
    assert [footer.partition(" ")[0] for footer in footers] == ["1/3", "2/3", "3/3"]
    assert [name for message in messages for name in message.fields] == [str(n) for n in range(30)]


def test_a_board_is_one_message_that_is_edited_when_it_changed(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# Board\n{{ say }}\n").on_discord(discord, "  pulse:")
    for _ in range(3):
        stage.run("pulse")
        stage.clock.forward(seconds=30)
    [board] = discord.messages("daily")
    assert len(board.earlier) == 2


def test_a_board_that_did_not_change_is_left_alone(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# Board\n---\n{{ say }}\n").on_discord(discord, "  pulse:")
    for _ in range(3):
        stage.run("pulse")
        stage.clock.forward(seconds=30)
    assert [request.method for request in discord.requests] == ["GET", "POST"]


def test_a_board_shows_that_we_live_although_its_clock_was_set_back(stage: Stage, discord: LocalDiscord) -> None:
    still = BOARD.replace("ctx.now.isoformat()", '"all is well"')
    stage.report("pulse", still, "# {{ say }}\n---\n{{ now }}\n").on_discord(discord, "  pulse:").tick()
    stage.run("pulse")
    stage.clock.now -= timedelta(minutes=40)
    stage.tick()
    stage.run("pulse")
    assert len(discord.messages("daily")[0].earlier) == 1


def test_a_pause_is_no_longer_by_a_clock_that_was_set_back(news: Stage, discord: LocalDiscord) -> None:
    acquainted(news, discord)
    news.tick()
    discord.fail(Status(503))
    news.run("daily", "2026-10-30")
    news.clock.now -= timedelta(minutes=40)
    news.tick()
    news.clock.forward(seconds=5)
    news.deliver()
    assert titles(discord) == ["2026-10-30"]


def test_a_board_that_a_person_deleted_is_posted_anew(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# Board\n{{ say }}\n").on_discord(discord, "  pulse:").run("pulse")
    discord.messages("daily")[0].deleted = True
    stage.clock.forward(seconds=30)
    stage.run("pulse")
    stage.clock.forward(seconds=30)
    stage.run("pulse")
    [board] = discord.messages("daily")
    assert len(board.earlier) == 1


def test_an_old_board_that_may_not_be_edited_any_more_is_replaced(stage: Stage) -> None:
    with LocalDiscord(limits=False, old_edits=0) as discord:
        stage.report("pulse", BOARD, "# Board\n{{ say }}\n").on_discord(discord, "  pulse:")
        discord.now = stage.clock.wall
        stage.run("pulse")
        stage.clock.forward(hours=2)
        stage.run("pulse")
        [board] = discord.messages("daily")
        assert stage.clock.wall().strftime("%Y-%m-%dT%H") in board.text


def test_a_board_is_posted_anew_after_the_time_that_its_report_names(stage: Stage, discord: LocalDiscord) -> None:
    source = "from datetime import timedelta\n" + BOARD.replace('"board"', '"board", repost=timedelta(hours=6)')
    stage.report("pulse", source, "# Board\n{{ say }}\n").on_discord(discord, "  pulse:")
    ids = []
    for hours in (0, 3, 3, 1):
        stage.clock.forward(hours=hours)
        stage.run("pulse")
        [board] = discord.messages("daily")
        ids.append(board.id)
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_of_a_board_only_the_newest_state_is_delivered_after_an_outage(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# {{ say }}\n").on_discord(discord, "  pulse:")
    with discord.down():
        for _ in range(5):
            stage.run("pulse")
            stage.clock.forward(seconds=25)
    stage.deliver()
    assert titles(discord) == ["2026-10-31T12:01:40+00:00"]
    assert stage.counts() == {"superseded": 4, "sent": 1}


@pytest.mark.parametrize("content", [True, False])
def test_a_bot_finds_what_arrived_although_its_answer_was_lost(
    news: Stage, discord: LocalDiscord, content: bool
) -> None:
    news.environ["BOT"] = discord.bot(content=content)
    setting(news, bot_token="env:BOT")
    news.run("daily", "2026-10-01")
    discord.fail(Reset(accept=True))
    news.run("daily", "2026-10-30")
    news.clock.forward(minutes=1)
    news.deliver()
    assert titles(discord) == ["2026-10-01", "2026-10-30"]
    assert news.counts() == {"sent": 2}


def test_what_a_bot_does_not_find_is_sent_again_without_a_mark(news: Stage, discord: LocalDiscord) -> None:
    news.environ["BOT"] = discord.bot()
    setting(news, bot_token="env:BOT")
    news.run("daily", "2026-10-01")
    discord.fail(Status(504))
    news.run("daily", "2026-10-30")
    news.clock.forward(minutes=1)
    news.deliver()
    assert titles(discord) == ["2026-10-01", "2026-10-30"]
    assert "repeat" not in discord.messages("daily")[1].text


def test_a_bot_that_may_not_read_the_history_proves_nothing(news: Stage, discord: LocalDiscord) -> None:
    news.environ["BOT"] = discord.bot(history=False)
    setting(news, bot_token="env:BOT")
    news.run("daily", "2026-10-01")
    discord.fail(Reset(accept=True))
    news.run("daily", "2026-10-30")
    news.clock.forward(minutes=1)
    news.deliver()
    assert titles(discord) == ["2026-10-01", "2026-10-30", "2026-10-30"]
    assert "may be a repeat" in discord.messages("daily")[2].text


def test_a_channel_that_wants_no_repeats_holds_what_is_in_doubt_and_says_so(news: Stage, discord: LocalDiscord) -> None:
    setting(news, doubt="hold")
    acquainted(news, discord)
    discord.fail(Reset(accept=True))
    news.run("daily", "2026-10-29")
    news.clock.forward(minutes=1)
    news.deliver()
    news.run("daily", "2026-10-30")
    assert titles(discord) == ["2026-10-29", "2026-10-30"]
    assert news.counts()["held"] == 1
    assert "held until a person decides" in discord.messages("alarm")[0].text


def test_many_small_messages_that_wait_together_travel_together(news: Stage, discord: LocalDiscord) -> None:
    days = [f"2026-10-{day:02}" for day in range(1, 24)]
    with discord.down():
        for day in days:
            news.run("daily", day)
    for _ in range(3):
        news.clock.forward(minutes=1)
        news.deliver()
    embeds = [[embed["title"] for embed in message.embeds] for message in discord.messages("daily")]
    assert [title for group in embeds for title in group] == days
    assert [len(group) for group in embeds] == [10, 10, 1, 1, 1]
    assert news.counts() == {"sent": len(days)}


def test_what_travelled_together_is_repeated_together(news: Stage, discord: LocalDiscord) -> None:
    acquainted(news, discord)
    with discord.down():
        for day in range(1, 8):
            news.run("daily", f"2026-10-{day:02}")
    news.clock.forward(minutes=1)
    discord.fail(Reset(accept=True))
    news.deliver()
    news.clock.forward(minutes=1)
    news.deliver()
    first, second = discord.messages("daily")
    assert [embed["title"] for embed in first.embeds] == [embed["title"] for embed in second.embeds]
    assert all("may be a repeat" in embed["footer"]["text"] for embed in second.embeds)


def test_two_channels_of_ours_that_are_one_of_discords_share_its_order_and_its_pace(
    stage: Stage, discord: LocalDiscord
) -> None:
    discord.webhook("daily", channel="floor")
    discord.webhook("other", channel="floor")
    stage.report("daily", DAILY).report("again", DAILY.replace("def daily", "def again"))
    stage.on_discord(discord, "  daily: {channel: daily}\n  again: {channel: other}", channels=["daily", "other"])
    stage.run("daily", "2026-10-01")
    stage.run("again", "2026-10-02")
    with discord.down():
        for day in range(3, 8):
            stage.run("daily" if day % 2 else "again", f"2026-10-{day:02}")
    stage.clock.forward(minutes=1)
    assert len(stage.app.delivery.ready(stage.app.runtime.channels)[0]) == 1
    stage.deliver()
    assert titles(discord, "floor") == [f"2026-10-{day:02}" for day in range(1, 8)]


def test_the_pace_outlives_the_process(stage: Stage) -> None:
    with LocalDiscord() as discord:
        discord.now = stage.clock.wall
        stage.report("daily", DAILY).on_discord(discord, "  daily:")
        for day in range(1, 6):
            stage.run("daily", f"2026-10-{day:02}")
        stage.restart().run("daily", "2026-10-06")
        assert len(titles(discord)) == 4  # the fifth is kept for an alert
        _, wait = stage.app.delivery.ready(stage.app.runtime.channels)
        assert 1.9 < wait < 2.2
        assert discord.journal.limited == 0


def test_what_is_old_is_forgotten_and_a_board_is_still_edited(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# {{ say }}\n").report("daily", DAILY)
    stage.on_discord(discord, "  pulse:\n  daily:").run("pulse")
    stage.run("daily", "2026-10-30")
    stage.clock.forward(days=91)
    stage.app.upkeep.prune(stage.app.runtime)
    assert stage.counts() == {"sent": 1}
    with stage.app.store.read() as connection:
        assert channel_stats.since(connection, stage.clock.now - timedelta(days=365)) == {}
    stage.run("pulse")
    assert len(discord.messages("daily")[0].earlier) == 1


def test_of_a_board_that_is_edited_for_ever_only_the_last_state_is_kept(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("pulse", BOARD, "# {{ say }}\n").on_discord(discord, "  pulse:")
    for _ in range(5):
        stage.run("pulse")
        stage.clock.forward(minutes=1)
    stage.clock.forward(days=91)
    stage.app.upkeep.prune(stage.app.runtime)
    assert stage.counts() == {"sent": 1}
    stage.run("pulse")
    assert len(discord.messages("daily")) == 1


def test_a_long_past_is_forgotten_piece_by_piece(
    stage: Stage, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "AT_ONCE", 2)
    stage.report("daily", DAILY).on_discord(discord, "  daily:")
    for day in range(11, 16):
        stage.run("daily", f"2026-10-{day}")
        stage.clock.forward(seconds=1)
    stage.clock.forward(days=91)
    pieces: list[object] = []
    note = pieces.append
    event.listen(Engine, "commit", note)
    stage.app.upkeep.prune(stage.app.runtime)
    event.remove(Engine, "commit", note)
    assert stage.counts() == {}
    assert len(pieces) >= 4


def test_after_too_many_refusals_nothing_is_asked_for_a_while(
    news: Stage, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "REFUSALS", Limit(3, 600.0))
    acquainted(news, discord)
    discord.fail(Limited(0.1), times=3)
    news.run("daily", "2026-10-30")
    for _ in range(5):
        news.clock.forward(minutes=1)
        news.deliver()
    assert titles(discord) == []
    assert discord.journal.limited == 3
    news.clock.forward(minutes=10)
    news.deliver()
    assert titles(discord) == ["2026-10-30"]


def test_one_process_asks_no_faster_than_it_may(
    news: Stage, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "REQUESTS", Limit(4, 1.0))
    for day in ("2026-10-28", "2026-10-29", "2026-10-30"):
        news.run("daily", day)
    assert len(titles(discord)) == 1  # two looks at the clock and the check count as well
    _, wait = news.app.delivery.ready(news.app.runtime.channels)
    assert 0 < wait <= 1.2
    news.clock.forward(seconds=2)
    news.deliver()
    assert len(titles(discord)) == 3


def test_order_holds_over_two_names_of_one_channel_when_a_look_at_one_fails(
    stage: Stage, discord: LocalDiscord
) -> None:
    discord.webhook("alarm", channel="daily")
    stage.report("daily", DAILY)
    stage.on_discord(discord, "  daily: {channel: [daily, alarm]}", channels=["daily", "alarm"])
    stage.run("daily", "2026-10-01")  # both names are known to lead to one place from now on
    stage.deliver()
    stage.on_discord(discord, "  daily: {channel: alarm}", channels=["daily", "alarm"])
    stage.restart().app.run_by_hand(stage.app.job("daily"), "2026-10-02")
    stage.on_discord(discord, "  daily: {channel: daily}", channels=["daily", "alarm"])
    stage.restart().app.run_by_hand(stage.app.job("daily"), "2026-10-03")
    discord.fail(Status(503), webhook="alarm")
    for _ in range(3):
        stage.app.delivery.serve(stage.app.runtime.channels, "daily")
        stage.clock.forward(minutes=1)
    assert titles(discord)[2:] == ["2026-10-02", "2026-10-03"]
