"""The door in Telegram, against a local Telegram over real HTTP: who gets which answer, and what becomes of buttons."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import httpx
import pytest
from PIL import Image

from reporter.alerts.model import Level, Observation
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.chat.telegram.door import TelegramDoor
from reporter.delivery.outlets.telegram import limits
from reporter.operations.operation import Role
from reporter.operations.people import pair, pairing_code, role_of
from reporter.store import incidents
from reporter.store.plans import PlanTable
from tests.support.clocks import HandClock
from tests.support.processes import until
from tests.support.telegram import LocalTelegram, Refused, Sent

OWNER, OPERATOR, VIEWER, STRANGER = 11, 12, 13, 14
CONFIG = """\
version: 1
telegram: {{base_url: "{url}"}}
channels:
  desk: {{kind: telegram, token: env:BOT, chat: {desk}}}
  phone: {{kind: telegram, token: env:BOT, chat: {phone}}}
alerts: {{group: 3, routes: {{all: [desk, phone]}}}}
jobs: {{board: {{channel: desk}}}}
plans: {{authors: {{d: {{users: ["telegram:11"]}}}}, channel: desk}}
chat:
  telegram: {{token: env:BOT, groups: {desk}}}
  roles: {{owner: "telegram:11", operator: "telegram:12", viewer: {viewers}}}
"""


BOARD = '''\
"""A board."""
from reporter import Context, Report, job


@job(covers="now", schedule="every hour")
def board(ctx: Context):
    """What the time is."""
    yield Report(slot="board")
'''


class World:
    """A home with a door, and people who write."""

    def __init__(self, folder: Path, telegram: LocalTelegram, clock: HandClock, viewers: int = 0) -> None:
        self.telegram, self.clock = telegram, clock
        for name in ("owner", "operator", "viewer", "stranger"):
            telegram.chat(name, "private")
        (folder / "config").mkdir()
        names = ["telegram:13", *(f"telegram:{1000 + number}" for number in range(viewers))]
        config = CONFIG.format(
            url=telegram.base_url, desk=telegram.chat("desk"), phone=telegram.chat("phone", "private"), viewers=names
        )
        (folder / "config" / "reporter.yaml").write_text(config)
        (folder / "jobs").mkdir()
        (folder / "jobs" / "board.py").write_text(BOARD)
        (folder / "templates").mkdir()
        (folder / "templates" / "board.md.j2").write_text("# Board\n\n{{ now | time }}\n")
        self.folder = folder
        self.app = self._app()

    def _app(self) -> App:
        environ = {"HOME": str(self.folder), "BOT": self.telegram.token()}
        return App(FolderHome(self.folder, clock=self.clock, environ=environ), clock=self.clock, hold=True)

    def again(self) -> World:
        """The same home after a restart."""
        self.app = self._app()
        return self

    def opened(self) -> TelegramDoor:
        chat = self.app.runtime.chat
        assert chat is not None
        assert chat.telegram is not None
        door = TelegramDoor(self.app, chat, chat.telegram, self.deliver, poll=0.2, album=0.3)
        door.start()
        return door

    def deliver(self, _: str = "") -> None:
        for channel in ("desk", "phone"):
            self.app.delivery.serve(self.app.runtime.channels, channel)

    def trouble(self, level: Level = Level.CRITICAL) -> None:
        seen = [Observation("limit/daily_loss", level, "the limit is passed")]
        self.app.runner.observe(self.app.runtime, seen)
        self.deliver()

    @property
    def first(self) -> str:
        """The id of the oldest open incident."""
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
def telegram(clock: HandClock) -> Iterator[LocalTelegram]:
    with LocalTelegram(limits=False, now=clock.wall) as local:
        local.token()
        yield local


@pytest.fixture
def world(tmp_path: Path, telegram: LocalTelegram, clock: HandClock) -> Iterator[World]:
    made = World(tmp_path, telegram, clock)
    with ExitStack() as stack:
        stack.callback(made.app.close)
        stack.callback(made.opened().stop)
        yield made


def test_a_question_is_answered_where_it_was_asked(world: World) -> None:
    world.telegram.say("viewer", VIEWER, "/status")
    [answer] = world.telegram.wait_for("viewer")
    assert answer.text.startswith("🟢 All systems operational")
    world.telegram.say("desk", VIEWER, "/help@reporter_bot")
    assert world.telegram.wait_for("desk")[0].text.startswith("🧭 Commands")


def test_answers_and_deliveries_count_as_requests_of_one_bot(world: World) -> None:
    service = world.app.home.services.telegram
    for _ in range(limits.REQUESTS.requests - 1):
        service.note_request()
    assert service.wait() == 0
    world.telegram.say("viewer", VIEWER, "/status")
    world.telegram.wait_for("viewer")
    assert service.wait() > 0


def test_a_stranger_hears_nothing_and_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for text in ("/status", "/start", "hello", "/ack x"):
        world.telegram.say("stranger", STRANGER, text)
    world.telegram.say("viewer", VIEWER, "/help")
    world.telegram.wait_for("viewer")
    assert world.telegram.messages("stranger") == []
    assert [record.getMessage().count(f"telegram:{STRANGER}") for record in caplog.records] == [1]


def test_a_group_that_the_config_does_not_name_gets_no_answer(world: World) -> None:
    world.telegram.chat("elsewhere")
    world.telegram.say("elsewhere", OWNER, "/status")
    world.telegram.say("owner", OWNER, "/help")
    world.telegram.wait_for("owner")
    assert world.telegram.messages("elsewhere") == []


def test_what_is_not_understood_names_the_nearest(world: World) -> None:
    world.telegram.say("viewer", VIEWER, "/statsu")
    assert "did you mean" in world.telegram.wait_for("viewer")[0].text


def test_a_button_needs_the_role_that_the_words_need(world: World) -> None:
    world.trouble()
    [alert] = world.telegram.wait_for("desk")
    assert list(alert.buttons) == [
        "✋ Acknowledge", "🔇 Silence 1 h", "🌙 Until morning", "🔎 Explain", "📈 Show graph"
    ]  # fmt: skip
    for user in (STRANGER, VIEWER):
        world.telegram.press(alert, user, "✋ Acknowledge")
    toasts = toasted(world, 1)
    assert "needs the role operator" in toasts[0]
    assert world.acked_by == [None]
    world.telegram.press(alert, OPERATOR, "✋ Acknowledge")
    assert "Acknowledged by user12" in toasted(world, 2)[1]
    assert world.acked_by == ["user12"]


def test_a_button_silences_and_one_explains(world: World) -> None:
    world.trouble()
    [alert] = world.telegram.wait_for("desk")
    world.telegram.press(alert, OWNER, "🔇 Silence 1 h")
    assert "Silenced for an hour: limit/daily_loss" in toasted(world, 1)[0]
    world.telegram.press(alert, OWNER, "🌙 Until morning")
    assert "08:00:00" in toasted(world, 2)[1]
    world.telegram.press(alert, VIEWER, "🔎 Explain")
    assert any("limit/daily_loss" in message.text for message in world.telegram.wait_for("desk", 2)[1:])


def test_a_forged_button_grants_nothing_and_buttons_go_when_it_is_over(world: World) -> None:
    world.trouble()
    [alert] = world.telegram.wait_for("desk")
    world.telegram.press(alert, OWNER, "", data="r1:ack:no-such-incident")
    assert toasted(world, 1) == ["This is over."]
    for _ in range(3):
        world.clock.forward(hours=1)
        world.trouble(Level.OK)
    assert world.telegram.messages("desk")[0].buttons == {}


def test_what_is_answered_does_not_come_again_after_a_crash(world: World) -> None:
    for number in range(1, 6):
        world.telegram.say("owner", OWNER, "/help")
        world.telegram.wait_for("owner", number)
        assert world.telegram.bot().updates == []


def test_what_waited_while_nobody_listened_is_not_done_late(
    tmp_path: Path, telegram: LocalTelegram, clock: HandClock
) -> None:
    world = World(tmp_path, telegram, clock)
    world.trouble()
    telegram.say("operator", OPERATOR, "/ack limit/daily_loss")
    telegram.say("operator", OPERATOR, "/help")
    clock.forward(minutes=20)
    door = world.opened()
    late, answered = sorted(telegram.wait_for("operator", 2), key=lambda message: "not done" not in message.text)
    door.stop()
    assert "not done" in late.text
    assert "asked at" in answered.text
    assert world.acked_by == [None]
    world.app.close()


def test_too_many_questions_get_one_line(world: World) -> None:
    for _ in range(9):
        world.telegram.say("viewer", VIEWER, "/help")
    texts = [message.text for message in world.telegram.wait_for("viewer", 6)]
    assert sum("At most 5 questions" in text for text in texts) == 1
    assert len(world.telegram.messages("viewer")) == 6


def test_trouble_with_telegram_costs_no_report(
    tmp_path: Path, telegram: LocalTelegram, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    telegram.fail(Refused(401, "Unauthorized"), method="getMe")
    world = World(tmp_path, telegram, clock)
    door = world.opened()
    until(lambda: "nobody is answered" in caplog.text, lambda: caplog.text)
    world.trouble()
    assert len(telegram.messages("desk")) == 1
    door.stop()
    world.app.close()


def test_the_menu_is_shown_to_those_who_may(world: World) -> None:
    world.telegram.say("viewer", VIEWER, "/help")
    world.telegram.wait_for("viewer")
    names = {command["command"] for command in world.telegram.bot().commands}
    assert {"status", "pnl", "help"} <= names


def test_the_first_owner_pairs_by_a_code_of_the_command_line(world: World) -> None:
    code = pairing_code(world.app, Role.OWNER, "root")
    world.telegram.say("stranger", STRANGER, "/pair AAAAA-AAAAA")
    world.telegram.say("desk", STRANGER, f"/pair {code}")
    world.telegram.say("stranger", STRANGER, f"/pair {code.lower()}")
    [answer] = world.telegram.wait_for("stranger")
    assert answer.text == "You are owner here now. The same in the config:\nchat: {roles: {owner: telegram:14}}"
    world.telegram.say("owner", OWNER, f"/pair {code}")  # it is good once
    world.telegram.say("stranger", STRANGER, "/actions")
    assert "done pair telegram:14 owner" in world.telegram.wait_for("stranger", 2)[1].text
    assert world.telegram.messages("owner") == []


def test_a_code_is_good_for_ten_minutes_and_the_config_counts_before_it(world: World) -> None:
    late = pairing_code(world.app, Role.OWNER, "root")
    world.clock.forward(minutes=11)
    assert pair(world.app, f"/pair {late}", "telegram:14", "eve", "telegram:14") is None
    code = pairing_code(world.app, Role.OWNER, "root")
    assert pair(world.app, f"/pair {code}", "telegram:13", "vera", "telegram:13") is not None
    assert role_of(world.app, "telegram:13") is Role.VIEWER
    assert role_of(world.app, "telegram:14") is None


def test_an_acknowledgement_is_shown_on_every_copy_also_in_a_persons_own_chat(world: World) -> None:
    world.trouble()
    [mine] = world.telegram.wait_for("phone")
    world.telegram.press(mine, OPERATOR, "✋ Acknowledge")

    def shown() -> list[bool]:
        world.clock.forward(seconds=2)  # what is paced waits for the clock
        world.deliver()
        copies = [world.telegram.messages(copy)[0] for copy in ("desk", "phone")]
        return ["✋ Acknowledged by user12" in copy.text for copy in copies]

    until(lambda: shown() == [True, True], lambda: str(shown()))
    world.telegram.say("operator", OPERATOR, "/unack limit/daily_loss")
    until(lambda: shown() == [False, False], lambda: str(shown()))


def several(world: World, subjects: list[str]) -> Sent:
    """The message about several incidents."""
    seen = [Observation(one, Level.CRITICAL, "the limit is passed") for one in subjects]
    world.app.runner.observe(world.app.runtime, seen)
    world.clock.forward(minutes=10)
    world.app.alerts.commit(world.app.runtime.notify, lambda judgement: judgement.process_due())
    world.deliver()
    return world.telegram.wait_for("desk")[-1]


def test_of_several_incidents_one_can_be_chosen(world: World) -> None:
    subjects = [f"limit/loss_{name}" for name in "abc"]
    alert = several(world, subjects)
    world.telegram.press(alert, VIEWER, "☰ For one of them…")
    which = world.telegram.wait_for("desk", 2)[1]
    assert (which.text, list(which.buttons)) == ("Which one?", subjects)
    world.telegram.press(which, OPERATOR, "limit/loss_b")
    chosen = world.telegram.wait_for("desk", 3)[2]
    assert chosen.text.startswith("limit/loss_b (loss b): critical since")
    world.telegram.press(chosen, OPERATOR, "✋ Acknowledge")
    assert "Acknowledged by user12: limit/loss_b" in toasted(world, 3)
    assert world.acked_by == [None, "user12", None]
    for _ in range(3):
        world.clock.forward(hours=1)
        world.app.runner.observe(world.app.runtime, [Observation(one, Level.OK) for one in subjects])
    world.telegram.press(chosen, OPERATOR, "🔎 Explain")
    until(lambda: world.telegram.messages("desk")[2].buttons == {}, lambda: "the buttons of what is over stay")


def test_a_chosen_incident_is_not_the_group_that_has_its_id(world: World) -> None:
    world.trouble()
    world.clock.forward(seconds=20)
    several(world, ["limit/loss_a", "limit/loss_b"])

    def card() -> Sent:
        world.clock.forward(seconds=2)  # what is paced waits for the clock
        world.deliver()
        return world.telegram.messages("desk")[0]

    until(lambda: "3 alerts" in card().text, lambda: card().text)
    world.telegram.press(card(), OPERATOR, "", data=f"r1:one:{world.first}")
    chosen = world.telegram.wait_for("desk", len(world.telegram.messages("desk")) + 1)[-1]
    world.telegram.press(chosen, OPERATOR, "✋ Acknowledge")
    assert "Acknowledged by user12: limit/daily_loss" in toasted(world, 2)


def test_the_graph_button_draws_after_a_restart_too(tmp_path: Path, telegram: LocalTelegram, clock: HandClock) -> None:
    first = World(tmp_path, telegram, clock)
    first.trouble()
    [alert] = telegram.wait_for("desk")
    first.app.close()
    world = first.again()
    door = world.opened()
    telegram.press(alert, STRANGER, "📈 Show graph")
    telegram.press(alert, VIEWER, "📈 Show graph")
    drawn = telegram.wait_for("desk", 2)[1]
    door.stop()
    world.app.close()
    assert drawn.kind == "photo"
    assert drawn.text.startswith("📈 daily loss")
    assert len(telegram.messages("desk")) == 2


def test_a_message_about_several_incidents_has_buttons_for_all_of_them(world: World) -> None:
    subjects = [f"limit/loss_{name}" for name in "abc"]
    alert = several(world, subjects)
    world.telegram.press(alert, OPERATOR, "✋ Acknowledge")
    assert toasted(world, 1) == [f"Acknowledged by user12: {', '.join(subjects)}"]
    assert world.acked_by == ["user12"] * 3
    for _ in range(3):
        world.clock.forward(hours=1)
        world.app.runner.observe(world.app.runtime, [Observation(one, Level.OK) for one in subjects])
        world.deliver()
    assert [message.buttons for message in world.telegram.messages("desk")] == [{}] * len(
        world.telegram.messages("desk")
    )


def test_a_board_is_refreshed_by_its_button(world: World) -> None:
    world.telegram.say("viewer", VIEWER, "/refresh board")
    world.telegram.wait_for("viewer")
    world.deliver()
    [board] = world.telegram.wait_for("desk")
    assert list(board.buttons) == ["🔄 Refresh"]
    world.clock.forward(minutes=5)
    world.telegram.press(board, STRANGER, "🔄 Refresh")
    world.telegram.press(board, VIEWER, "🔄 Refresh")
    assert toasted(world, 1) == ["Refreshed."]
    world.deliver()
    [edited] = world.telegram.messages("desk")
    assert "12:05:00" in edited.text


@pytest.mark.parametrize("count", [1, 3])
def test_an_album_is_one_plan(world: World, count: int) -> None:
    pictures = [picture(number) for number in range(count)]
    world.telegram.show("stranger", STRANGER, pictures, "plan d long BTC")
    world.telegram.show("owner", OWNER, pictures, "plan d long BTC")
    [answer] = world.telegram.wait_for("owner")
    assert "The plan of d for 2026-10-31 is kept" in answer.text
    with world.app.store.read() as connection:
        assert len(PlanTable(connection).charts(date(2026, 10, 31), "d")) == count
    assert world.telegram.messages("stranger") == []


def test_every_command_of_plans_is_answered_in_telegram(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.chat.questions.MOST", 1000)
    world.telegram.show("owner", OWNER, [picture(1)], "/plan d long BTC")
    world.telegram.wait_for("owner")
    world.telegram.show("owner", OWNER, [picture(2)], "/edit d flat")
    world.telegram.wait_for("owner", 2)
    for count, (asked, said) in enumerate(
        [
            ("/plans", "understood: no known agent or market · 2 pictures"),
            ("/myplans", "flat"),
            ("/history d", "2. edited"),
            ("/plans verify", "1 plan, 1 edit, 2 pictures"),
            ("/delete d", "It stays in the history and in the score."),
        ],
        3,
    ):
        world.telegram.say("owner", OWNER, asked)
        assert said in world.telegram.wait_for("owner", count)[-1].text
    world.telegram.say("viewer", VIEWER, "/delete d")
    assert "only d may delete the plans of d" in world.telegram.wait_for("viewer")[-1].text


def test_the_state_of_the_door_is_known(world: World, telegram: LocalTelegram) -> None:
    until(
        lambda: world.app.doors.words("telegram") == ("connected", ""), lambda: str(world.app.doors.words("telegram"))
    )
    with telegram.broken(Refused(502, "Bad Gateway")):
        until(lambda: world.app.doors.words("telegram")[0] == "disconnected", lambda: "")
    until(lambda: world.app.doors.words("telegram") == ("connected", ""), lambda: "")


def test_another_program_that_receives_is_told_once_with_the_remedy(
    world: World, telegram: LocalTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    httpx.post(f"{telegram.base_url}/bot{telegram.token()}/getUpdates", json={"timeout": 0}, trust_env=False)
    until(lambda: "another program receives this bot's messages; stop it" in caplog.text, lambda: caplog.text)
    telegram.say("viewer", VIEWER, "/help")
    assert "Commands" in telegram.wait_for("viewer")[0].text
    assert caplog.text.count("stop it") == 1


def test_a_door_that_opens_without_a_network_answers_once_there_is_one(
    tmp_path: Path, telegram: LocalTelegram, clock: HandClock
) -> None:
    world = World(tmp_path, telegram, clock)
    with telegram.down():
        door = world.opened()
        until(lambda: "cannot be reached" in world.app.doors.words("telegram")[1], lambda: "")
        telegram.say("viewer", VIEWER, "/help")
    assert "Commands" in telegram.wait_for("viewer")[0].text
    door.stop()
    world.app.close()


def picture(number: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(content, "PNG")
    return content.getvalue()


def toasted(world: World, count: int) -> list[str]:
    """What buttons were answered, once there are so many."""
    with world.telegram.arrived:
        world.telegram.arrived.wait_for(lambda: len(world.telegram.answered) >= count, 20)
    return [str(fields.get("text", "")) for fields in world.telegram.answered]
