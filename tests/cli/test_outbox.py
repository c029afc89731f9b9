"""`reporter outbox` and `reporter channels`: what a person sees, retries and drops."""

from __future__ import annotations

import argparse
from datetime import timedelta

import pytest

from reporter.cli.outbox import run_channels, run_outbox
from reporter.errors import ReporterError
from reporter.store import channel_stats
from reporter.store.channel_stats import DeliveryCounts
from tests.support.discord.faults import Limited, Refused, Status
from tests.support.discord.local import LocalDiscord
from tests.support.processes import reporter
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

Says = pytest.CaptureFixture[str]
LISTING = {"channel": None, "state": None, "all": False, "limit": 20}


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, stage: Stage, discord: LocalDiscord) -> Stage:
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        stage.environ["STORE"] = server.url(schema=server.new_schema())
    routes = "alerts: {routes: {all: [alarm], fallback: [alarm]}}"
    jobs = "  daily: {channel: daily}"
    return stage.report("daily", DAILY).on_discord(discord, jobs, channels=["daily", "alarm"], more=routes)


def outbox(stage: Stage, says: Says, action: str | None = None, **options: object) -> tuple[int, str]:
    says.readouterr()
    code = run_outbox(stage.app, argparse.Namespace(action=action, **{**LISTING, "id": None, **options}))
    return code, says.readouterr().out


def channels(stage: Stage, says: Says, action: str | None = None, **options: object) -> tuple[int, str]:
    says.readouterr()
    code = run_channels(stage.app, argparse.Namespace(action=action, **options))
    return code, says.readouterr().out


def test_an_empty_outbox_says_so(desk: Stage, capsys: Says) -> None:
    assert outbox(desk, capsys) == (0, "The outbox is empty: nothing was written yet.\n")


def test_what_waits_is_counted_and_listed_with_its_age_and_the_reason(
    desk: Stage, discord: LocalDiscord, capsys: Says
) -> None:
    desk.run("daily", "2026-10-28")
    discord.fail(Status(503), times=2)
    desk.run("daily", "2026-10-29")
    desk.clock.forward(minutes=14)
    _, told = outbox(desk, capsys)
    header, counted, _, columns, row = told.splitlines()
    assert header.split() == ["CHANNEL", "UNCLEAR", "SENT", "OLDEST", "OPEN"]
    assert counted.split() == ["daily", "1", "1", "14m"]
    assert columns.split() == ["ID", "CHANNEL", "STATE", "AGE", "TRIES", "WHAT"]
    assert row.split(maxsplit=5)[:5] == ["2", "daily", "unclear", "14m", "1"]
    assert "2026-10-29 · Discord answered 503" in row


def test_a_message_is_shown_whole_with_what_became_of_it(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    desk.run("daily", "2026-10-29")
    _, told = outbox(desk, capsys, "show", id=1)
    assert told.startswith("message 1 for daily: sent\n")
    assert f"delivered   2026-10-31 12:00:00 UTC as {discord.messages('daily')[0].id}" in told
    assert "▌ 2026-10-29" in told


def test_a_message_is_found_by_the_reference_in_its_footer(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    for day in ("2026-10-28", "2026-10-29"):
        desk.run("daily", day)
    footer = discord.messages("daily")[1].embed["footer"]["text"]
    for name in (footer, footer.removeprefix("ref "), footer.removeprefix("ref ").upper(), "2"):
        assert outbox(desk, capsys, "show", id=name)[1].startswith("message 2 for daily: sent\n")
    for name in ("ffffff", "99999999999999999999", "nonsense"):
        with pytest.raises(ReporterError, match=f"there is no message {name} in the outbox"):
            outbox(desk, capsys, "show", id=name)


def test_a_dead_message_is_sent_when_a_person_wants_it(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    desk.run("daily", "2026-10-28")
    discord.fail(Refused())
    desk.run("daily", "2026-10-29")
    assert "dead" in outbox(desk, capsys, state="dead")[1]
    code, told = outbox(desk, capsys, "retry", id=2)
    assert (code, told.startswith("message 2 → daily: delivered https://discord.com/channels/")) == (0, True)
    with pytest.raises(ReporterError, match="message 2 was delivered already"):
        outbox(desk, capsys, "retry", id=2)


def test_a_channel_that_was_closed_is_tried_again_with_all_that_waited(
    desk: Stage, discord: LocalDiscord, capsys: Says
) -> None:
    discord.fail(Refused(404, 10015, "Unknown Webhook"), webhook="daily")
    for day in ("2026-10-28", "2026-10-29"):
        desk.run("daily", day)
    _, told = channels(desk, capsys)
    assert "daily is closed to us since 2026-10-31 12:00:00 UTC: the webhook does not work any more" in told
    desk.restart()
    assert outbox(desk, capsys, "retry", channel="daily") == (0, "daily: 2 messages sent, 0 still waiting\n")
    assert [message.title for message in discord.messages("daily")] == ["2026-10-28", "2026-10-29"]


def test_what_still_cannot_be_sent_stays_queued_and_says_why(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    with discord.down():
        desk.run("daily", "2026-10-29")
        code, told = outbox(desk, capsys, "retry", id=1)
    assert (code, told.partition(" (")[0]) == (
        75,
        "message 1 → daily: queued, not delivered yet: Discord cannot be reached",
    )


def test_what_is_held_can_be_sent_now_or_dropped(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    config = desk.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("WEBHOOK_DAILY}", "WEBHOOK_DAILY, noise: digest}"))
    for day in ("2026-10-28", "2026-10-29"):
        desk.run("daily", day)
    assert "2026-10-29 · the digest at 08:00" in outbox(desk, capsys)[1]
    assert outbox(desk, capsys, "retry", id=1)[0] == 0
    assert outbox(desk, capsys, "drop", id=2) == (0, "message 2 for daily is dropped: 2026-10-29\n")
    desk.clock.forward(days=2)
    desk.app.upkeep.release_digests(desk.app.runtime)
    desk.deliver()
    assert ([message.title for message in discord.messages("daily")], desk.counts()["dropped"]) == (["2026-10-28"], 1)


@pytest.mark.parametrize(
    ("action", "options", "sentence"),
    [
        ("show", {"id": 99}, "there is no message 99 in the outbox: `reporter outbox --all` lists what there is"),
        ("retry", {}, "which message?"),
        ("retry", {"channel": "daly"}, "there is no channel daly: did you mean daily?"),
        ("list", {"state": "sad"}, "there is no state sad: the states are waiting, held,"),
    ],
)
def test_a_slip_gets_a_sentence(
    stage: Stage, discord: LocalDiscord, capsys: Says, action: str, options: dict[str, object], sentence: str
) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily:")
    with pytest.raises(ReporterError, match=sentence):
        outbox(stage, capsys, action, **options)


def test_the_figures_of_a_channel_outlive_its_messages(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    desk.run("daily", "2026-10-27")
    discord.fail(Limited(0.01, header=False), times=1)
    discord.fail(Status(503), times=1)
    desk.run("daily", "2026-10-28")
    for _ in range(2):
        desk.clock.forward(minutes=3)
        desk.deliver()
    with desk.app.store.read() as connection:
        figures = channel_stats.since(connection, desk.clock.wall() - timedelta(days=1))
    assert figures["daily"] == DeliveryCounts(sent=2, late=1, retried=1, slowed=1)
    lines = channels(desk, capsys)[1].splitlines()
    assert lines[1].split() == ["daily", "ready", "0", "2", "2", "2", "1", "1", "0", "1"]


def test_a_test_message_says_what_was_answered_and_where_it_is(
    desk: Stage, discord: LocalDiscord, capsys: Says
) -> None:
    code, told = channels(desk, capsys, "test", name="alarm", severity="info")
    [message] = discord.messages("alarm")
    assert (code, told.startswith("alarm: delivered (")) == (0, True)
    assert (
        f"  where    https://discord.com/channels/{message.channel.guild_id}/{message.channel.id}/{message.id}" in told
    )


def test_a_test_of_a_channel_that_does_not_work_says_why(desk: Stage, discord: LocalDiscord, capsys: Says) -> None:
    discord.revoke("alarm")
    code, told = channels(desk, capsys, "test", name="alarm", severity="info")
    assert (code, told.partition(" (")[0]) == (1, "alarm: refused: the webhook does not work any more: Unknown Webhook")


def test_the_commands_as_their_users_meet_them(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily:")
    discord.fail(Refused())
    assert reporter(stage, "channels", "test", "daily").returncode == 1
    stage.run("daily", "2026-10-30")
    told = reporter(stage, "outbox", "--all").stdout
    assert all(len(line) <= 80 for line in told.splitlines())
    stage.on_discord(discord, "  daily: {noise: off}")
    off = reporter(stage, "run-job", "daily", "--at", "2026-10-29")
    assert (off.returncode, off.stdout) == (0, "daily 2026-10-29: not sent, because its noise is off\n")
    slip = reporter(stage, "outbox", "drop", "7")
    assert (slip.returncode, slip.stderr.startswith("reporter: there is no message 7 in the outbox")) == (1, True)
