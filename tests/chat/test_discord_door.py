"""The door in Discord, against a local Discord over real HTTP and WebSocket: discord.py itself talks to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reporter.alerts.model import Level, Observation
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.chat.discord.door import DiscordDoor
from reporter.chat.discord.identifies import MOST, IdentifyBudget, TooManyIdentifiesError
from reporter.operations.operation import Role
from reporter.operations.people import pairing_code
from reporter.secret import Secret
from reporter.store import incidents
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord, Posted
from tests.support.discord.interactions import Member
from tests.support.processes import until

CONFIG = """\
version: 1
discord: {{base_url: "{url}"}}
channels: {{desk: {{webhook: env:HOOK}}}}
jobs: {{}}
chat:
  discord: {{token: env:BOT, guild: {guild}, channels: {desk}}}
  roles: {{owner: "discord:{owner}", operator: "discord:role:{traders}", viewer: ["discord:{viewer}"]}}
"""


class World:
    """A home with a door, and people who write."""

    def __init__(self, folder: Path, discord: LocalDiscord, clock: HandClock) -> None:
        self.discord, self.clock, self.chat = discord, clock, discord.chat
        bot = self.chat.bot()
        self.owner, self.viewer = self.chat.member("owner"), self.chat.member("viewer")
        self.operator, self.stranger = self.chat.member("operator", "traders"), self.chat.member("stranger")
        (folder / "config").mkdir()
        hook = discord.webhook("desk")
        config = CONFIG.format(
            url=discord.base_url,
            guild=discord.guild.id,
            desk=discord.channel_id("desk"),
            owner=self.owner.id,
            viewer=self.viewer.id,
            traders=self.chat.role("traders"),
        )
        (folder / "config" / "reporter.yaml").write_text(config)
        environ = {"HOME": str(folder), "BOT": bot, "HOOK": hook}
        self.app = App(FolderHome(folder, clock=clock, environ=environ), clock=clock, hold=True)

    def opened(self) -> DiscordDoor:
        chat = self.app.runtime.chat
        assert chat is not None
        assert chat.discord is not None
        door = DiscordDoor(self.app, chat.discord, self.deliver, pauses=(0.05,))
        door.start()
        return door

    def deliver(self, _: str = "") -> None:
        self.app.delivery.serve(self.app.runtime.channels, "desk")

    def trouble(self, level: Level = Level.CRITICAL) -> None:
        seen = [Observation("limit/daily_loss", level, "the limit is passed")]
        self.app.runner.observe(self.app.runtime, seen)
        self.deliver()

    def heard(self, command: str) -> str:
        """The answer to a command that a viewer sends."""
        return self.chat.answers(self.chat.slash("desk", self.viewer, command))[0].text

    def said_to(self, member: Member, count: int = 1) -> list[Posted]:
        """What the bot has said to a person in private."""
        place = self.chat.direct[member.id]

        def found() -> list[Posted]:
            return [one for one in self.discord.everything() if one.channel is place]

        with self.discord.arrived:
            self.discord.arrived.wait_for(lambda: len(found()) >= count, 30)
        return found()

    @property
    def incident(self) -> str:
        with self.app.store.read() as connection:
            return incidents.open_incidents(connection)[0].id

    @property
    def acked_by(self) -> list[str | None]:
        with self.app.store.read() as connection:
            return [one.acked_by for one in incidents.open_incidents(connection)]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def discord(clock: HandClock) -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, now=clock.wall) as local:
        yield local


@pytest.fixture
def world(tmp_path: Path, discord: LocalDiscord, clock: HandClock) -> Iterator[World]:
    made = World(tmp_path, discord, clock)
    with ExitStack() as stack:
        stack.callback(made.app.close)
        stack.callback(made.opened().stop)
        discord.chat.until_connected()
        yield made


def test_a_written_question_is_answered_where_it_was_asked(world: World) -> None:
    world.chat.say("desk", world.viewer, "!status")
    [answer] = world.discord.wait_for("desk")
    assert "All systems operational" in answer.text


def test_a_slash_command_is_answered_by_its_token(world: World) -> None:
    asked = world.chat.slash("desk", world.viewer, "status")
    [answer] = world.chat.answers(asked)
    assert "All systems operational" in answer.text


def test_an_answer_may_be_for_the_asker_alone(
    tmp_path: Path, discord: LocalDiscord, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        globals(), "CONFIG", CONFIG.replace("channels: {desk}}}", "channels: {desk}, ephemeral: true}}")
    )
    world = World(tmp_path, discord, clock)
    door = world.opened()
    discord.chat.until_connected()
    asked = world.chat.slash("desk", world.viewer, "status")
    assert "All systems operational" in world.chat.answers(asked)[0].text
    assert asked.private
    door.stop()
    world.app.close()


def test_an_answer_later_than_its_token_is_an_ordinary_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.chat.discord.answers.TOKEN_LIVES", 0.0)
    asked = world.chat.slash("desk", world.viewer, "status")
    [answer] = world.discord.wait_for("desk")
    assert "All systems operational" in answer.text
    assert asked.answers == []


def test_a_stranger_hears_nothing_by_any_way_and_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    world.trouble()
    [alert] = world.discord.wait_for("desk")
    world.chat.say("desk", world.stranger, "!status")
    asked = [
        world.chat.slash("desk", world.stranger, "status"),
        world.chat.suggest("desk", world.stranger, "ack", "subject"),
        world.chat.press(alert, world.stranger, custom_id=f"r1:ack:{world.incident}"),
    ]
    world.chat.answers(world.chat.slash("desk", world.viewer, "help"))
    assert [one.acknowledged for one in asked] == [0, 0, 0]
    assert len(world.discord.messages("desk")) == 2
    assert caplog.text.count(f"discord:{world.stranger.id}") == 1


def test_a_channel_that_the_config_does_not_name_gets_no_answer(world: World) -> None:
    asked = world.chat.slash("elsewhere", world.owner, "status")
    world.chat.say("elsewhere", world.owner, "!status")
    world.chat.answers(world.chat.slash("desk", world.viewer, "help"))
    assert asked.acknowledged == 0
    assert world.discord.messages("elsewhere") == []


def test_in_a_private_chat_no_prefix_is_needed_and_a_role_of_the_server_does_not_count(world: World) -> None:
    world.chat.say("@me", world.operator, "help")
    world.chat.say("@me", world.owner, "help")
    [answer] = world.said_to(world.owner)
    assert "Commands" in answer.text
    assert world.said_to(world.operator, 0) == []


def test_somebody_pairs_by_a_code_in_a_private_chat(world: World) -> None:
    code = pairing_code(world.app, Role.OPERATOR, "root")
    world.chat.say("desk", world.stranger, f"!pair {code}")
    world.chat.say("@me", world.stranger, f"pair {code}")
    [answer] = world.said_to(world.stranger)
    assert "You are operator here now" in answer.text
    world.chat.say("@me", world.stranger, "start")
    assert "You are operator here" in world.said_to(world.stranger, 2)[1].text
    assert world.discord.messages("desk") == []


def test_a_bot_and_what_is_no_command_get_no_answer(world: World) -> None:
    other = world.chat.member("bot of another")
    other.bot = True
    for person, text in ((other, "!status"), (world.owner, "status"), (world.owner, "!wait"), (world.owner, "!")):
        world.chat.say("desk", person, text)
    world.chat.say("desk", world.viewer, "!help")
    [answer] = world.discord.wait_for("desk")
    assert "Commands" in answer.text


def test_suggestions_come_from_what_is_known_and_only_for_who_may(world: World) -> None:
    world.trouble()
    offered = world.chat.suggest("desk", world.operator, "ack", "subject", "DAILY")
    world.chat.until_acknowledged(offered)
    assert [one["value"] for one in offered.choices] == ["limit/daily_loss"]
    none = world.chat.suggest("desk", world.viewer, "ack", "subject", "DAILY")
    world.chat.until_acknowledged(none)
    assert none.choices == []


def test_a_role_is_checked_for_commands_in_both_forms(world: World) -> None:
    world.trouble()
    asked = world.chat.slash("desk", world.viewer, "ack", subject="limit/daily_loss")
    assert "needs the role operator" in world.chat.answers(asked)[0].text
    world.chat.say("desk", world.viewer, "!ack limit/daily_loss")
    assert "needs the role operator" in world.discord.wait_for("desk", 3)[-1].text
    assert world.acked_by == [None]
    world.chat.answers(world.chat.slash("desk", world.operator, "ack", subject="limit/daily_loss"))
    assert world.acked_by == ["operator"]


def test_a_written_command_older_than_a_minute_is_not_done_and_said_once(world: World) -> None:
    world.trouble()
    world.chat.gateway.drop()
    world.chat.say("desk", world.operator, "!ack limit/daily_loss")
    world.clock.forward(minutes=3)
    texts = [message.text for message in world.discord.wait_for("desk", 2)]
    assert [text.count("not done") for text in texts] == [0, 1]
    assert world.acked_by == [None]
    assert world.chat.gateway.resumes == 1


def test_what_was_not_acknowledged_in_time_is_not_done(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.trouble()
    world.chat.gateway.drop()
    asked = world.chat.slash("desk", world.operator, "ack", subject="limit/daily_loss")
    world.clock.forward(seconds=4)
    until(lambda: "is not done" in caplog.text, lambda: caplog.text)
    assert asked.acknowledged == 0
    assert world.acked_by == [None]


def test_too_many_questions_get_one_line(world: World) -> None:
    for _ in range(9):
        world.chat.say("desk", world.viewer, "!help")
    texts = [message.text for message in world.discord.wait_for("desk", 6)]
    assert sum("At most 5 questions" in text for text in texts) == 1
    assert len(world.discord.messages("desk")) == 6


def test_a_refused_token_costs_questions_and_no_report(
    tmp_path: Path, discord: LocalDiscord, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, discord, clock)
    discord.chat.gateway.refused = 4004
    door = world.opened()
    until(lambda: "nobody is answered" in caplog.text, lambda: caplog.text)
    state, why = world.app.doors.words("discord")
    assert (state, "make a new one" in why) == ("disconnected", True)
    world.trouble()
    assert len(discord.messages("desk")) == 1
    assert len(discord.chat.gateway.closed) == 1
    door.stop()
    world.app.close()


def test_without_the_right_to_read_commands_and_mentions_still_work(
    tmp_path: Path, discord: LocalDiscord, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    discord.chat.bot(content=False)
    world = World(tmp_path, discord, clock)
    door = world.opened()
    discord.chat.until_connected()
    assert "Message Content Intent" in caplog.text
    world.chat.say("desk", world.viewer, "!help")
    world.chat.say("desk", world.viewer, f"<@{world.discord.bot_id()}> help")
    assert "Commands" in discord.wait_for("desk")[0].text
    assert "All systems" in world.chat.answers(world.chat.slash("desk", world.viewer, "status"))[0].text
    assert len(discord.messages("desk")) == 2
    door.stop()
    world.app.close()


def test_a_session_that_is_not_valid_begins_anew_and_one_that_drops_is_resumed(world: World) -> None:
    gateway = world.chat.gateway
    gateway.drop(4000)
    world.heard("help")
    gateway.reconnect()
    world.heard("status")
    assert (len(gateway.identifies), gateway.resumes) == (1, 2)
    gateway.invalidate()
    until(lambda: len(gateway.identifies) == 2 and gateway.connected, lambda: "no second session")
    assert "Commands" in world.heard("help")


def test_an_event_that_cannot_be_read_costs_that_event_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.chat.gateway.tell("INTERACTION_CREATE", {"id": "1", "type": 2})
    assert "Commands" in world.heard("help")
    assert "could not be read" in caplog.text
    assert len(world.chat.gateway.identifies) == 1


def test_the_bot_stops_before_discord_resets_its_token(tmp_path: Path, discord: LocalDiscord, clock: HandClock) -> None:
    world = World(tmp_path, discord, clock)
    budget = IdentifyBudget(world.app.store, clock, Secret("a.b.c"))
    for _ in range(MOST):
        budget.take()
    with pytest.raises(TooManyIdentifiesError, match="200 times"):
        budget.take()
    clock.forward(days=1)
    budget.take()
    discord.chat.gateway.left = 50
    door = world.opened()
    until(lambda: "hardly any" in world.app.doors.words("discord")[1], lambda: world.app.doors.words("discord")[1])
    assert discord.chat.gateway.identifies == []
    door.stop()
    world.app.close()


def test_the_commands_are_shown_once_and_again_only_when_they_change(
    tmp_path: Path, discord: LocalDiscord, clock: HandClock
) -> None:
    world = World(tmp_path, discord, clock)
    for expected in (1, 1):
        door = world.opened()
        discord.chat.until_connected()
        world.chat.answers(world.chat.slash("desk", world.viewer, "help"))
        assert discord.chat.interactions.registered == expected
        door.stop()
        until(lambda: not discord.chat.gateway.connected, lambda: "still connected")
    world.app.close()


def test_a_button_needs_the_role_and_the_card_shows_who_did_what(world: World) -> None:
    world.discord.adopt("desk")
    world.trouble()
    [alert] = world.discord.wait_for("desk")
    assert list(alert.buttons) == [
        "✋ Acknowledge", "🔇 Silence 1 h", "🌙 Until morning", "🔎 Explain", "📈 Show graph"
    ]  # fmt: skip
    refused = world.chat.press(alert, world.viewer, "✋ Acknowledge")
    assert "needs the role operator" in world.chat.answers(refused)[0].text
    world.clock.forward(minutes=1)
    done = world.chat.press(alert, world.operator, "✋ Acknowledge")
    assert "Acknowledged by operator" in world.chat.answers(done)[0].text
    assert (refused.private, done.private) == (True, True)
    assert world.acked_by == ["operator"]
    until(lambda: "Acknowledged by operator" in alert.text, lambda: alert.text)
    assert "✋ Acknowledge" in alert.buttons


def test_buttons_silence_for_an_hour_or_until_morning_and_explain(world: World) -> None:
    world.discord.adopt("desk")
    world.trouble()
    [alert] = world.discord.wait_for("desk")
    for label, said in {
        "🔇 Silence 1 h": "for an hour",
        "🌙 Until morning": "08:00",
        "🔎 Explain": "limit/daily_loss",
    }.items():
        assert said in world.chat.answers(world.chat.press(alert, world.owner, label))[0].text


def test_of_several_incidents_one_is_chosen_and_its_graph_is_drawn(world: World) -> None:
    world.discord.adopt("desk")
    subjects = [f"limit/loss_{name}" for name in "abc"]
    seen = [Observation(one, Level.CRITICAL, "the limit is passed") for one in subjects]
    world.app.runner.observe(world.app.runtime, seen)
    world.clock.forward(minutes=10)
    world.app.alerts.commit(world.app.runtime.notify, lambda judgement: judgement.process_due())
    world.deliver()
    alert = world.discord.wait_for("desk")[-1]
    assert list(alert.menu[1]) == subjects
    asked = world.chat.choose(alert, world.operator, "limit/loss_b")
    [chosen] = world.chat.answers(asked)
    assert asked.private
    assert chosen.text.startswith("limit/loss_b (loss b): critical since")
    done = world.chat.press(chosen, world.operator, "✋ Acknowledge")
    assert "Acknowledged by operator: limit/loss_b" in world.chat.answers(done)[0].text
    assert world.acked_by == [None, "operator", None]
    [drawn] = world.chat.answers(world.chat.press(chosen, world.viewer, "📈 Show graph"))
    assert list(drawn.files) == ["graph.png"]
    stranger = world.chat.choose(alert, world.stranger, "limit/loss_a")
    world.heard("help")
    assert stranger.acknowledged == 0


def test_a_forged_button_grants_nothing_and_buttons_go_when_it_is_over(world: World) -> None:
    world.discord.adopt("desk")
    world.trouble()
    [alert] = world.discord.wait_for("desk")
    for custom_id, said in {"r1:ack:no-such": "This is over.", f"r1:drop:{world.incident}": "not known"}.items():
        assert said in world.chat.answers(world.chat.press(alert, world.owner, custom_id=custom_id))[0].text
    assert world.chat.press(alert, world.owner, custom_id="anything").acknowledged == 0
    for _ in range(3):
        world.clock.forward(hours=1)
        world.trouble(Level.OK)
    assert world.discord.messages("desk")[0].buttons == {}


def test_a_webhook_of_another_gets_no_buttons_and_works(world: World) -> None:
    world.trouble()
    [alert] = world.discord.wait_for("desk")
    assert alert.buttons == {}
    assert "dropped_components" not in alert.warnings


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.full)])
def test_questions_at_once_are_answered_in_order_and_never_too_fast(
    tmp_path: Path, clock: HandClock, count: int
) -> None:
    with LocalDiscord(now=clock.wall) as discord:
        world = World(tmp_path, discord, clock)
        door = world.opened()
        discord.chat.until_connected()
        people = [world.chat.member(f"trader {number}", "traders") for number in range(count // 4)]
        asked = [world.chat.slash("desk", people[number % len(people)], "help") for number in range(count)]
        for one in asked:
            world.chat.answers(one, seconds=300)
        order = [one.answers[0].id for one in asked]
        assert order == sorted(order, key=int)
        assert discord.journal.limited == 0
        door.stop()
        world.app.close()
