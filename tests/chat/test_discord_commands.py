"""Every command of the table through Discord, as a slash command and in writing: the answer of `reporter ask`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reporter.chat.discord.door import DiscordDoor
from reporter.chat.discord.slash import same_commands, slash_commands
from reporter.delivery.outlets.discord import limits
from reporter.delivery.outlets.discord.payload import embeds
from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.control import AgentArguments
from reporter.operations.operation import Actor, Role
from reporter.operations.table import BY_NAME
from reporter.store.plans import PlanTable
from tests.operations.floors import CONFIG, floor
from tests.support.discord import LocalDiscord, commands
from tests.support.discord import shown as as_read
from tests.support.discord.world import Posted
from tests.support.stage import Stage

MORE = """\
discord: {{base_url: "{url}"}}
chat:
  discord: {{token: env:BOT, guild: {guild}, channels: {rooms}}}
  roles: {{owner: "discord:{owner}"}}
plans: {{authors: {{d: {{users: [7]}}}}}}
actions: {{pause: {{run: ["true", "{{agent}}"]}}}}
"""
# By the command: how it is written, and what is filled in. What is not here is asked by its name alone.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "pnl": ("pnl daily 2026-10-30", {"period": "daily", "date": "2026-10-30"}),
    "trades": ("trades 2 of Momentum_BTC_v1", {"number": 2, "agent": "Momentum_BTC_v1"}),
    "report": ("report daily_summary 2026-10-30", {"name": "daily_summary", "date": "2026-10-30"}),
    "refresh": ("refresh daily_summary", {"name": "daily_summary"}),
    "send": ("send daily_summary 2026-10-30", {"name": "daily_summary", "date": "2026-10-30"}),
    "explain": ("explain limit/none", {"subject": "limit/none"}),
    "graph": ("graph limit/none for 2h", {"subject": "limit/none", "span": "2h"}),
    "unack": ("unack limit/none", {"subject": "limit/none"}),
    "ack": ("ack limit/none because of tests", {"subject": "limit/none", "note": "of tests"}),
    "silence": ("silence nowhere for 10m", {"subject": "nowhere", "span": "10m"}),
    "unsilence": ("unsilence nowhere", {"pattern": "nowhere"}),
    "announce": ("announce until 18:00 The exchange is slow", {"text": "The exchange is slow", "until": "18:00"}),
    "unannounce": ("unannounce 1", {"number": 1}),
    "plan": ('plan d "long BTC"', {"author": "d", "text": "long BTC"}),
    "edit": ('edit d "short BTC"', {"author": "d", "text": "short BTC"}),
    "delete": ("delete d", {"author": "d"}),
    "history": ("history d", {"author": "d"}),
    **{
        name: (f"{name} agent Momentum_BTC_v1", {"agent": "Momentum_BTC_v1"})
        for name, one in BY_NAME.items()
        if one.arguments is AgentArguments
    },
    "switch": ("switch paper", {"mode": "paper"}),
    "restart": ("restart bot", {"service": "bot"}),
    "deploy": ("deploy bot", {"service": "bot"}),
    "confirm": ("confirm 123456", {"code": "123456"}),
}
CHANGING = {"announce", "unannounce", "plan", "edit", "delete", "history", "unsilence"}
"""What says something else the second time; it is asked once by each way, and by `reporter ask` before."""

MEASURED = {"health", "latency"}
"""What is measured anew each time: only its parts are compared."""


class Asking:
    """A floor with a door, an owner in Discord, and the same owner at the command line."""

    def __init__(self, folder: Path, discord: LocalDiscord) -> None:
        self.chat, self.discord = discord.chat, discord
        bot, self.owner = discord.chat.bot(), discord.chat.member("owner")
        # A channel takes five messages in 5 s, so what is written goes to one after the other.
        self.rooms = ["desk", *(f"room{number}" for number in range(9))]
        more = MORE.format(
            url=discord.base_url,
            guild=discord.guild.id,
            rooms=[int(discord.channel_id(room)) for room in self.rooms],
            owner=self.owner.id,
        )
        self.stage: Stage = floor(folder, CONFIG + more)
        self.stage.environ["BOT"] = bot
        self.desk = discord.channel_id("desk")
        self.open()

    def open(self) -> None:
        chat = self.stage.app.runtime.chat
        assert chat is not None
        assert chat.discord is not None
        self.door = DiscordDoor(self.stage.app, chat.discord, lambda _: None, pauses=(0.05,))
        self.door.start()
        self.chat.until_connected()

    def close(self) -> None:
        self.door.stop()
        self.stage.close()

    def expected(self, text: str) -> list[Any]:
        """What `reporter ask` answers, as embeds."""
        actor = Actor("owner", Role.OWNER, f"discord:{self.desk}", f"discord:{self.owner.id}")
        try:
            messages = Door(self.stage.app, lambda _: None).answer(text, actor)
        except ReporterError as error:
            return [re.sub(r"\d{6}", "CODE", str(error)).replace("`", "")]
        return [bare(one) for message in messages for part in limits.fit(message) for one in embeds(part)]

    def written(self, text: str) -> list[Any]:
        self.rooms.append(room := self.rooms.pop(1))
        count = len(self.discord.messages(room))
        self.chat.say(room, self.owner, f"!{text}")
        return shown(self.discord.wait_for(room, count + 1)[count:])

    def filled_in(self, name: str, values: dict[str, Any]) -> list[Any]:
        return shown(self.chat.answers(self.chat.slash("desk", self.owner, name, **values)))


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


@pytest.fixture
def asking(tmp_path: Path, discord: LocalDiscord) -> Iterator[Asking]:
    with ExitStack() as stack:
        made = Asking(tmp_path, discord)
        stack.callback(made.close)
        yield made


def test_every_command_says_the_same_through_discord(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.chat.questions.MOST", 1000)
    for name in dict.fromkeys(one.name for one in BY_NAME.values()):
        text, values = ASKED.get(name, (name, {}))
        if name in CHANGING:
            assert asking.filled_in(name, values)
            continue
        expected = asking.expected(text)
        for answered in (asking.filled_in(name, values), asking.written(text)):
            assert compared(name, answered) == compared(name, expected), name


def test_the_commands_are_such_as_discord_takes_and_know_themselves() -> None:
    ours = slash_commands()
    assert commands.commands(ours) == ours
    assert len(ours) == len({one.name for one in BY_NAME.values()})
    echoed = [one | {"id": "1", "version": "2", "options": one["options"] or None} for one in reversed(ours)]
    assert same_commands(ours, echoed)
    assert not same_commands(ours, echoed[1:])
    hidden = {one["name"] for one in ours if one["default_member_permissions"] == "0"}
    assert hidden == {one.name for one in BY_NAME.values() if one.group == "Control"}
    assert not same_commands(ours, [one | {"default_member_permissions": None} for one in echoed])


def test_a_plan_keeps_pictures_that_are_options(asking: Asking) -> None:
    files = {"picture": ("a.png", picture()), "picture_2": ("b.png", picture())}
    asked = asking.chat.slash("desk", asking.owner, "plan", author="d", text="long BTC", files=files)
    assert "long BTC" in asking.chat.answers(asked)[0].text
    assert stored(asking) == (1, 2)


def test_a_plan_without_a_text_gets_a_form_and_keeps_its_pictures(asking: Asking) -> None:
    asked = asking.chat.slash("desk", asking.owner, "plan", author="d", files={"picture": ("a.png", picture())})
    asking.chat.until_acknowledged(asked)
    assert asked.form["title"].startswith("plan: write the author's plan")
    text = "long BTC\nabove 950\n" + "x" * 3000
    sent = asking.chat.fill_in(asked, asking.owner, text=text)
    assert "above 950" in asking.chat.answers(sent)[0].text
    assert stored(asking) == (1, 1)


def test_a_form_that_comes_back_before_its_pictures_waits_for_them(asking: Asking) -> None:
    asking.chat.attachments_open.clear()
    asked = asking.chat.slash("desk", asking.owner, "plan", author="d", files={"picture": ("a.png", picture())})
    asking.chat.until_acknowledged(asked)
    sent = asking.chat.fill_in(asked, asking.owner, text="long BTC")
    asking.chat.until_acknowledged(sent)
    asking.chat.attachments_open.set()
    assert "long BTC" in asking.chat.answers(sent)[0].text
    assert stored(asking) == (1, 1)


def test_a_form_whose_pictures_are_gone_keeps_its_text_and_says_so(asking: Asking) -> None:
    asked = asking.chat.slash("desk", asking.owner, "plan", author="d", files={"picture": ("a.png", picture())})
    asking.chat.until_acknowledged(asked)
    asking.door.stop()  # what a restart forgets
    asking.open()
    [answer] = asking.chat.answers(asking.chat.fill_in(asked, asking.owner, text="long BTC"))
    assert "without its pictures, which are gone: add them again with edit" in as_read(answer.text).replace("`", "")
    assert stored(asking) == (1, 0)


def test_a_form_is_not_shown_with_pictures_that_are_too_large(asking: Asking) -> None:
    large = {"picture": ("a.png", b"x" * (11 << 20))}
    asked = asking.chat.slash("desk", asking.owner, "plan", author="d", files=large)
    assert "nothing is done" in asking.chat.answers(asked)[0].text
    assert not asked.form


def test_a_written_plan_keeps_its_pictures_and_one_too_large_is_refused(asking: Asking) -> None:
    asking.chat.say("desk", asking.owner, "!plan d long BTC", {"a.png": picture()})
    asking.discord.wait_for("desk")
    assert stored(asking) == (1, 1)
    asking.chat.say("desk", asking.owner, "!edit d short BTC", {"a.png": b"x" * (11 << 20)})
    assert "nothing is done" in asking.discord.wait_for("desk", 2)[1].text
    assert stored(asking) == (1, 1)


def test_an_answer_longer_than_a_message_is_split(asking: Asking) -> None:
    text = "\n".join(f"line {number} of the plan, which is long" for number in range(200))
    asking.chat.say("desk", asking.owner, f"!plan d {text[:7900]}")
    parts = asking.discord.wait_for("desk", 2)
    asked = asking.chat.slash("desk", asking.owner, "history", author="d")
    assert len(asking.chat.answers(asked, len(parts))) == len(parts)


def compared(name: str, answer: list[Any]) -> list[Any]:
    return [set(one) for one in answer] if name in MEASURED else answer


def stored(asking: Asking) -> tuple[int, int]:
    """How many plans and pictures are kept."""
    with asking.stage.app.store.read() as connection:
        plans, charts, _ = PlanTable(connection).counts()
        return plans, charts


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(content, "PNG")
    return content.getvalue()


def shown(answers: list[Posted]) -> list[Any]:
    """The embeds of an answer; of a sentence alone its words."""
    found = [bare(one) for answer in answers for one in answer.embeds]
    if len(found) == 1 and set(found[0]) == {"description", "color"}:
        return [as_read(found[0]["description"]).replace("`", "")]
    return found


def bare(embed: dict[str, Any]) -> dict[str, Any]:
    """Without codes and times, which are others each time."""
    return {key: re.sub(r"\d{6}", "CODE", str(value)) for key, value in embed.items() if key != "timestamp"}
