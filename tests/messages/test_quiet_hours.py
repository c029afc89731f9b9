"""Noise and quiet hours: what passes, what is held and until when, and the digest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from reporter.alerts.model import Level, Observation
from reporter.delivery.digest import HeldMessage, digest, key_figures
from reporter.delivery.enqueue import enqueue_digests
from reporter.delivery.outlets.discord import limits
from reporter.delivery.outlets.discord.outlet import SUPPRESS_NOTIFICATIONS
from reporter.messages.message import Attachment, Field, Message, Run, Severity, Text, plain_blocks
from reporter.messages.quiet_hours import (
    AT_ONCE,
    NOT_AT_ALL,
    SILENTLY,
    Handling,
    Noise,
    QuietHours,
    QuietRules,
    handling,
    quiet_hours,
    time_of_day,
)
from reporter.periods.civil import covered
from reporter.store import tables
from reporter.store.database import open_store
from tests.support.discord.local import LocalDiscord
from tests.support.discord.world import Posted
from tests.support.processes import daemon
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

NIGHT = QuietRules(Noise.NOW, quiet_hours("22:00-07:00"), time(8), ZoneInfo("Europe/Berlin"))
DAY = timedelta(days=1)
CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
PULSE = '''\
from reporter import Context, Report, job

@job(covers="now", schedule="every 30s")
def pulse(ctx: Context):
    """Tells the moment."""
    yield Report(facts={"say": ctx.now.strftime("%H:%M")}, slot=None)
'''
BOARD = PULSE.replace("pulse", "board").replace("None", '"board"')
MESSAGE = "# Pulse {{ say }}\n**+12.50 USDT** at {{ say }}\n\n## Agents\nMomentum: well\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-10-30T{text}:00+01:00")


@pytest.mark.parametrize(
    ("noise", "job", "severity", "when", "expected"),
    [
        (Noise.NOW, None, INFO, "12:00", AT_ONCE),
        (Noise.SILENT, None, WARNING, "12:00", SILENTLY),
        (Noise.OFF, None, WARNING, "12:00", NOT_AT_ALL),
        (Noise.DIGEST, None, INFO, "12:00", Handling(held_until=at("08:00") + DAY, why="the digest at 08:00")),
        (Noise.DIGEST, None, INFO, "07:30", Handling(held_until=at("08:00"), why="the digest at 08:00")),
        (Noise.NOW, None, INFO, "21:59", AT_ONCE),
        (Noise.NOW, None, INFO, "22:00", Handling(held_until=at("07:00") + DAY, why="quiet hours until 07:00")),
        (Noise.SILENT, None, INFO, "23:00", Handling(held_until=at("07:00") + DAY, why="quiet hours until 07:00")),
        (Noise.NOW, None, WARNING, "06:59", Handling(held_until=at("07:00"), why="quiet hours until 07:00")),
        (Noise.NOW, None, INFO, "07:00", AT_ONCE),
        (Noise.OFF, Noise.NOW, INFO, "12:00", AT_ONCE),
        (Noise.NOW, Noise.OFF, INFO, "12:00", NOT_AT_ALL),
        (Noise.DIGEST, Noise.NOW, INFO, "23:00", Handling(held_until=at("07:00") + DAY, why="quiet hours until 07:00")),
        *((noise, noise, CRITICAL, "23:00", AT_ONCE) for noise in Noise),
    ],
)
def test_what_is_done_with_a_message(
    noise: Noise, job: Noise | None, severity: Severity, when: str, expected: Handling
) -> None:
    rules = QuietRules(noise, NIGHT.quiet_hours, NIGHT.digest_at, NIGHT.zone)
    assert handling(rules, severity, at(when), job=job) == expected


@pytest.mark.parametrize(
    ("noise", "day", "night", "board_by_day", "board_by_night"),
    [
        (Noise.NOW, AT_ONCE, SILENTLY, AT_ONCE, SILENTLY),
        (Noise.SILENT, SILENTLY, SILENTLY, SILENTLY, SILENTLY),
        (Noise.DIGEST, SILENTLY, SILENTLY, SILENTLY, SILENTLY),
        (Noise.OFF, SILENTLY, SILENTLY, NOT_AT_ALL, NOT_AT_ALL),
    ],
)
def test_neither_relief_nor_a_board_is_held(
    noise: Noise, day: Handling, night: Handling, board_by_day: Handling, board_by_night: Handling
) -> None:
    rules = QuietRules(noise, NIGHT.quiet_hours, NIGHT.digest_at, NIGHT.zone)
    assert [handling(rules, INFO, at(when), relief=True) for when in ("12:00", "23:00")] == [day, night]
    boards = [handling(rules, INFO, at(when), board=True) for when in ("12:00", "23:00")]
    assert boards == [board_by_day, board_by_night]
    assert handling(rules, CRITICAL, at("23:00"), board=True) == AT_ONCE


@pytest.mark.parametrize(
    ("hours", "quiet"),
    [
        ("22:00-07:00", "00:00 06:59 22:00 23:59"),
        ("12:00 - 13:00", "12:00 12:59"),
        ("23:59-00:00", "23:59"),
        ("00:00-23:59", "00:00 06:59 07:00 11:59 12:00 12:59 13:00 21:59 22:00"),
    ],
)
def test_quiet_hours_hold_from_their_begin_up_to_their_end(hours: str, quiet: str) -> None:
    read = quiet_hours(hours)
    moments = ["00:00", "06:59", "07:00", "11:59", "12:00", "12:59", "13:00", "21:59", "22:00", "23:59"]
    assert " ".join(text for text in moments if read.holds(time.fromisoformat(text))) == quiet
    assert str(read) == hours.replace(" ", "")


@pytest.mark.parametrize("text", ["22:00", "24:00-07:00", "22:60-07:00", "7:00-8:00", "22:00-22:00", ""])
def test_what_is_no_stretch_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        quiet_hours(text)


def test_a_time_of_day_is_read() -> None:
    assert [time_of_day(text) for text in ("00:00", "19:05", "23:59")] == [time(0), time(19, 5), time(23, 59)]
    for text in ("24:00", "8:00", "08:60", ""):
        with pytest.raises(ValueError, match="must be a time of day"):
            time_of_day(text)


def test_a_channel_that_says_nothing_is_told_at_once_and_gets_its_digest_at_eight() -> None:
    assert QuietRules() == QuietRules(Noise.NOW, None, time(8), ZoneInfo("UTC"))
    assert handling(QuietRules(), INFO, at("23:00")) == Handling(False, None, None, False)


def test_a_digest_whose_time_is_quiet_comes_when_the_quiet_is_over() -> None:
    early = QuietRules(Noise.DIGEST, NIGHT.quiet_hours, time(6), NIGHT.zone)
    assert handling(early, INFO, at("12:00")).held_until == at("07:00") + timedelta(days=1)


def test_the_end_of_what_was_critical_passes_without_a_sound_at_night() -> None:
    assert handling(NIGHT, INFO, at("03:00"), relief=True) == SILENTLY
    assert handling(NIGHT, INFO, at("12:00"), relief=True) == AT_ONCE


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
moments = st.integers(0, 10 * 366 * 86400).map(lambda passed: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(0, passed))


@given(times, times, times, zones, moments)
def test_what_is_held_comes_out_within_two_days_and_never_in_quiet_hours(
    begin: time, end: time, digest_at: time, zone: str, now: datetime
) -> None:
    hours = QuietHours(begin, end) if begin != end else None
    for noise in (Noise.NOW, Noise.DIGEST):
        rules = QuietRules(noise, hours, digest_at, ZoneInfo(zone))
        until = handling(rules, INFO, now).held_until
        if until is not None:
            assert now < until <= now + timedelta(hours=49)
            assert not rules.quiet(until)


@pytest.fixture(params=["sqlite", "postgresql"])
def night(request: pytest.FixtureRequest, stage: Stage, discord: LocalDiscord) -> Stage:
    """A quarter past midnight in Berlin, with a channel that is quiet, on a store of each kind."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        stage.environ["STORE"] = server.url(schema=server.new_schema())
    return asleep(stage, discord)


def asleep(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("pulse", PULSE, MESSAGE).report("board", BOARD, MESSAGE).report("daily", DAILY)
    stage.clock.now = datetime(2026, 10, 30, 23, 15, tzinfo=UTC)
    return restyled(stage, discord, "quiet_hours: 22:00-07:00")


def restyled(stage: Stage, discord: LocalDiscord, channel: str = "", job: str = "") -> Stage:
    jobs = "\n".join(f"  {name}: {{channel: daily, {job}}}" for name in ("pulse", "board", "daily"))
    routes = "alerts: {routes: {all: [daily]}}"
    stage.on_discord(discord, jobs, zone="Europe/Berlin", more=routes)
    config = stage.folder / "config/reporter.yaml"
    mention = "mention: {critical: everyone, warning: 'role:123456789012345678', info: 'user:123456789012345678'}"
    text = config.read_text().replace("WEBHOOK_DAILY}", f"WEBHOOK_DAILY, {mention}, {channel}}}")
    config.write_text(text)
    return stage


def told(stage: Stage, job: str = "pulse") -> None:
    """The job's turn has come by its schedule."""
    bound = stage.app.job(job)
    period = covered(bound.job.covers, stage.clock.wall(), bound.timezone)
    stage.app.runner.run(stage.app.runtime, bound, period, trigger="interval")
    stage.deliver()


def seen(stage: Stage, subject: str, level: Level, times: int = 3) -> None:
    for _ in range(times):
        stage.app.runner.observe(stage.app.runtime, [Observation(subject, level, f"it is {level}")])
        stage.clock.forward(seconds=30)
    stage.deliver()


def morning(stage: Stage) -> None:
    stage.clock.now = datetime(2026, 10, 31, 6, 0, tzinfo=UTC)
    stage.app.upkeep.release_digests(stage.app.runtime)
    stage.deliver()


def test_quiet_hours_hold_and_the_morning_tells_all_in_one_message(night: Stage, discord: LocalDiscord) -> None:
    for _ in range(3):
        told(night)
        night.clock.forward(hours=1)
    night.app.upkeep.release_digests(night.app.runtime)
    night.deliver()
    assert (discord.messages("daily"), night.counts()) == ([], {"held": 3})
    morning(night)
    [message] = discord.messages("daily")
    assert message.title == "🗞️ Digest – 3 messages"
    told_at = ["23:15", "00:15", "01:15"]  # the message itself is in UTC
    lines = [f"0{hour}:15 Pulse {utc} — +12.50 USDT at {utc}" for hour, utc in enumerate(told_at)]
    assert message.text.split("\n")[2:5] == lines
    [(name, content)] = message.files.items()
    assert (name, content.decode().count("Momentum: well")) == ("digest-2026-10-31-0700.txt", 3)
    assert night.counts() == {"superseded": 3, "sent": 1}
    morning(night)
    assert len(discord.messages("daily")) == 1


def test_a_held_message_that_cannot_be_read_keeps_no_other_from_its_digest(night: Stage, discord: LocalDiscord) -> None:
    for _ in range(3):
        told(night)
        night.clock.forward(hours=1)
    with night.app.store.begin() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.id == 2).values(message='{"version": 99}'))
    morning(night)
    assert [message.title for message in discord.messages("daily")] == ["🗞️ Digest – 2 messages"]
    assert night.counts() == {"superseded": 2, "sent": 1, "dead": 1}


def test_one_held_message_alone_goes_out_as_itself(night: Stage, discord: LocalDiscord) -> None:
    told(night)
    morning(night)
    [message] = discord.messages("daily")
    assert (message.title, message.embed["footer"]["text"].partition(" ")[0]) == ("Pulse 23:15", "ref")


def test_what_is_critical_passes_and_its_end_comes_without_a_sound(night: Stage, discord: LocalDiscord) -> None:
    seen(night, "probe/db", Level.CRITICAL)
    [opened] = discord.messages("daily")
    assert (opened.called, silent(opened)) == ({"everyone"}, False)
    seen(night, "probe/db", Level.OK, times=20)
    _, resolved = discord.messages("daily")
    assert (resolved.called, silent(resolved)) == (set(), True)


def test_a_warning_waits_for_the_morning_and_leads_the_digest(night: Stage, discord: LocalDiscord) -> None:
    told(night)
    seen(night, "job/pulse", Level.WARNING)
    morning(night)
    [message] = discord.messages("daily")
    assert "⚠️" in message.text.split("\n")[2]
    assert message.called == {"role:123456789012345678"}


def test_silent_makes_no_sound_and_calls_nobody(night: Stage, discord: LocalDiscord) -> None:
    restyled(night, discord, "noise: silent")
    told(night)
    [message] = discord.messages("daily")
    assert (silent(message), message.called) == (True, set())
    assert "@" not in (message.body.get("content") or "")


def test_off_is_a_run_on_record_and_no_message(night: Stage, discord: LocalDiscord) -> None:
    restyled(night, discord, job="noise: off")
    assert night.told() == []
    night.clock.forward(hours=24)
    assert night.told() == ["daily 2026-10-31"]
    assert (night.told(), discord.everything(), night.counts()) == ([], [], {})


def test_what_a_job_says_counts_for_more_than_what_its_channel_says(night: Stage, discord: LocalDiscord) -> None:
    restyled(night, discord, "noise: off", job="noise: now")
    told(night)
    [message] = discord.messages("daily")
    assert (silent(message), message.called) == (False, {"user:123456789012345678"})


def test_a_digest_comes_once_a_day_at_its_time(night: Stage, discord: LocalDiscord) -> None:
    restyled(night, discord, "noise: digest, digest_at: 07:00")
    for _ in range(2):
        told(night)
        night.clock.forward(minutes=30)
    assert discord.messages("daily") == []
    morning(night)
    assert [message.title for message in discord.messages("daily")] == ["🗞️ Digest – 2 messages"]


def test_a_board_is_edited_all_night_without_a_sound(night: Stage, discord: LocalDiscord) -> None:
    for _ in range(2):
        told(night, "board")
        night.clock.forward(minutes=10)
    [board] = discord.messages("daily")
    assert (silent(board), len(board.earlier)) == (True, 1)


def test_a_daemon_that_was_away_in_the_morning_does_not_wake_anyone_the_next_night(
    night: Stage, discord: LocalDiscord
) -> None:
    told(night)
    night.clock.now = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    night.restart().app.upkeep.release_digests(night.app.runtime)
    assert night.counts() == {"held": 1}
    night.clock.forward(hours=5)
    night.app.upkeep.release_digests(night.app.runtime)
    assert night.counts() == {"waiting": 1}


def test_what_gets_late_into_the_quiet_hours_makes_no_sound(night: Stage, discord: LocalDiscord) -> None:
    night.clock.now = datetime(2026, 10, 31, 20, 50, tzinfo=UTC)
    with discord.down():
        told(night)
    night.clock.forward(minutes=30)
    night.deliver()
    [message] = discord.messages("daily")
    assert (silent(message), message.called) == (True, set())


def test_the_daemon_tells_the_digest_when_its_time_has_come(stage: Stage, discord: LocalDiscord) -> None:
    night = asleep(stage, discord)
    for _ in range(2):
        told(night)
        night.clock.forward(hours=1)
    config = night.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("board: {", "board: {enabled: false, "))
    night.close()
    with daemon(night.folder, datetime(2026, 10, 31, 5, 59, 57, tzinfo=UTC), night.environ):
        [message, *_] = discord.wait_for("daily")
    assert message.title.startswith("🗞️ Digest – ")


def test_of_two_daemons_one_tells_the_digest(night: Stage, discord: LocalDiscord) -> None:
    for _ in range(5):
        told(night)
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        url = night.environ["STORE"]
        stores = [stack.enter_context(closing(open_store(url))) for _ in range(4)]
        dawn = datetime(2026, 10, 31, 6, 0, tzinfo=UTC)
        list(pool.map(lambda store: enqueue_digests(store, night.app.runtime.channels, dawn), stores))
    morning(night)
    assert [message.title for message in discord.messages("daily")] == ["🗞️ Digest – 5 messages"]


def test_a_run_by_hand_says_until_when_it_is_held(night: Stage) -> None:
    done = night.run("pulse")
    assert done.outcome
    [fate] = night.app.messages_of(done.outcome.run_id)
    assert (fate.state, fate.error) == ("held", "quiet hours until 07:00")


def test_a_digest_shows_what_a_message_says_in_bold() -> None:
    lines = ((Run("text", "Total Trades: 7"),), (Run("text", "Daily P&L: "), Run("bold", "+37.40 USDT")))
    summary = Message(body=(Text(((Run("text", "All of it"),),)),), fields=(Field((), (Text(lines),)),))
    assert key_figures(summary) == "Daily P&L: +37.40 USDT"
    assert key_figures(Message(body=summary.body)) == "All of it"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
held = st.builds(
    lambda minutes, title, body, severity: HeldMessage(
        datetime(2026, 10, 30, tzinfo=UTC) + timedelta(minutes=minutes),
        Message((Run("text", title),), (Text(((Run("bold", body),),)),), severity=severity),
    ),
    st.integers(0, 1000),
    texts,
    texts,
    st.sampled_from([WARNING, INFO]),
)


@given(st.lists(held, min_size=2, max_size=60))
def test_a_digest_loses_nothing_and_is_one_message(several: list[HeldMessage]) -> None:
    made = digest(several, ZoneInfo("Asia/Kathmandu"), datetime(2026, 10, 31, tzinfo=UTC))
    in_full = made.attachments[0].content.decode()
    assert all(line in in_full for one in several for line in plain_blocks(one.message.body))
    assert made.severity is max((one.message.severity for one in several), key=[INFO, WARNING].index)
    assert len(limits.fit(made)) <= 2


def test_pictures_go_along_with_the_digest() -> None:
    chart = Attachment("equity.png", b"\x89PNG", shown=True)
    several = [HeldMessage(at("03:00"), Message(attachments=(chart,))), HeldMessage(at("04:00"), Message())]
    assert chart in digest(several, ZoneInfo("UTC"), at("07:00")).attachments


def silent(message: Posted) -> bool:
    return bool(message.body.get("flags", 0) & SUPPRESS_NOTIFICATIONS)
