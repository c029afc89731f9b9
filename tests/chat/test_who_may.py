"""Every way to ask × every role, and every way to confirm, at both doors: one check, whatever the kind of update."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reporter.chat.questions import OVER
from reporter.operations.incidents import unacknowledge
from tests.chat import test_discord_door, test_telegram_door
from tests.chat.test_telegram_door import OPERATOR, OWNER, STRANGER, VIEWER, toasted
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.discord.interactions import Member
from tests.support.telegram import LocalTelegram

ACK = "ack limit/daily_loss"
PAUSE = "actions: {pause: {run: [touch, done], names: [bot]}}\n"
NEVER = "nothing waits for this code"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def discord(tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[test_discord_door.World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("reporter.chat.questions.MOST", 1000)
    monkeypatch.setattr(
        test_discord_door,
        "CONFIG",
        test_discord_door.CONFIG
        + "plans: {{authors: {{d: {{users: ['discord:{owner}']}}}}}}\n"
        + PAUSE.replace("{", "{{").replace("}", "}}"),
    )
    with LocalDiscord(limits=False, now=clock.wall) as local, ExitStack() as stack:
        made = test_discord_door.World(folder(tmp_path, "discord"), local, clock)
        stack.callback(made.app.close)
        stack.callback(made.opened().stop)
        local.chat.until_connected()
        local.adopt("desk")
        made.trouble()
        yield made


@pytest.fixture
def telegram(tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[test_telegram_door.World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("reporter.chat.questions.MOST", 1000)
    more = PAUSE.replace("{", "{{").replace("}", "}}")
    monkeypatch.setattr(test_telegram_door, "CONFIG", test_telegram_door.CONFIG + more)
    with LocalTelegram(limits=False, now=clock.wall) as local, ExitStack() as stack:
        local.token()
        made = test_telegram_door.World(folder(tmp_path, "telegram"), local, clock)
        stack.callback(made.app.close)
        stack.callback(made.opened().stop)
        made.trouble()
        yield made


def folder(place: Path, name: str) -> Path:
    (place / name).mkdir()
    return place / name


@pytest.mark.parametrize("way", ["text", "command", "button", "menu", "suggestion", "form"])
def test_each_way_asks_the_role_in_discord(discord: test_discord_door.World, way: str) -> None:
    people = {name: getattr(discord, name) for name in ("stranger", "viewer", "operator", "owner")}
    found = {name: by_discord(discord, way, person) for name, person in people.items()}
    may = {"form": ["owner"]}.get(way, ["operator", "owner"])
    assert found == {name: "nothing" if name == "stranger" else "done" if name in may else "refused" for name in people}


def by_discord(world: test_discord_door.World, way: str, person: Member) -> str:
    """What becomes of what somebody tries: nothing, as of nobody; refused in words; or done."""
    chat, [alert] = world.chat, world.discord.messages("desk")[:1]
    match way:
        case "text":
            count = len(world.discord.messages("desk"))
            chat.say("desk", person, f"!{ACK}")
            world.heard("help")  # comes after it, and is answered after it
            said = [one.text for one in world.discord.messages("desk")[count:-1]]
            return judged(world, said)
        case "command":
            asked = chat.slash("desk", person, "ack", subject="limit/daily_loss")
        case "button":
            asked = chat.press(alert, person, "✋ Acknowledge")
        case "menu":
            asked = chat.press(alert, person, custom_id=f"r1:ack:only.{world.incident}")
        case "suggestion":
            asked = chat.suggest("desk", person, "ack", "subject", "daily")
            world.heard("help")
            return ("done" if asked.choices else "refused") if asked.acknowledged else "nothing"
        case _:
            shown = chat.until_acknowledged(chat.slash("desk", world.owner, "plan", author="d"))
            asked = chat.fill_in(shown, person, text="long BTC")
            world.heard("help")
            said = [one.text for one in chat.answers(asked)] if asked.acknowledged else []
            return "nothing" if not said else "done" if "is kept" in said[0] or "already" in said[0] else "refused"
    world.heard("help")
    return judged(world, [one.text for one in chat.answers(asked)] if asked.acknowledged else [])


@pytest.mark.parametrize("way", ["text", "group", "button", "chosen"])
def test_each_way_asks_the_role_in_telegram(telegram: test_telegram_door.World, way: str) -> None:
    people = {"stranger": STRANGER, "viewer": VIEWER, "operator": OPERATOR, "owner": OWNER}
    found = {name: by_telegram(telegram, way, name, user) for name, user in people.items()}
    assert found == {"stranger": "nothing", "viewer": "refused", "operator": "done", "owner": "done"}


def by_telegram(world: test_telegram_door.World, way: str, name: str, user: int) -> str:
    telegram, alert = world.telegram, world.telegram.messages("desk")[0]
    world.clock.forward(seconds=5)  # the pace of requests counts by it
    if way in {"text", "group"}:
        chat = name if way == "text" else "desk"
        before = len(telegram.messages(chat))
        telegram.say(chat, user, f"/{ACK}")
        if name != "stranger":
            telegram.wait_for(chat, before + 1)
        until_heard(world)
        return judged(world, [one.text for one in telegram.messages(chat)[before:]])
    before = len(telegram.answered)
    data = f"r1:ack:{'only.' if way == 'chosen' else ''}{world.first}"
    telegram.press(alert, user, "", data=data)
    until_heard(world)
    told = [str(fields.get("text", "")) for fields in telegram.answered[before:]]
    return judged(world, [text for text in told if text != OVER])


def until_heard(world: test_telegram_door.World) -> None:
    """Wait until what came before is answered: a chosen incident of nothing is, in its turn."""
    before = len(world.telegram.answered)
    world.telegram.press(world.telegram.messages("desk")[0], OWNER, "", data="r1:ack:nothing")
    toasted(world, before + 1)
    while not any(one.get("text") == OVER for one in world.telegram.answered[before:]):
        toasted(world, len(world.telegram.answered) + 1)


def judged(world: test_discord_door.World | test_telegram_door.World, said: list[str]) -> str:
    if world.acked_by != [None]:
        unacknowledge(world.app, "limit/daily_loss", "a-test")
        return "done"
    return "refused" if any("needs the role operator" in text for text in said) else "nothing" if not said else said[0]


def test_an_edited_message_does_nothing(discord: test_discord_door.World, telegram: test_telegram_door.World) -> None:
    author = discord.operator.user
    edited = {"id": "7", "channel_id": discord.discord.channel_id("desk"), "content": f"!{ACK}", "author": author}
    discord.chat.gateway.tell("MESSAGE_UPDATE", edited | {"guild_id": discord.discord.guild.id})
    discord.heard("help")
    told = {"message_id": 7, "date": 1, "chat": {"id": OPERATOR, "type": "private"}, "from": {"id": OPERATOR}}
    telegram.telegram.update("reporter_bot", {"edited_message": {**told, "text": f"/{ACK}", "edit_date": 2}})
    until_heard(telegram)
    assert (discord.acked_by, telegram.acked_by) == ([None], [None])


def test_a_code_confirms_once_in_time_by_the_same_person_there_in_discord(discord: test_discord_door.World) -> None:
    def said(person: Member, command: str, **values: Any) -> str:
        return discord.chat.answers(discord.chat.slash("desk", person, command, **values))[0].text

    def code() -> str:
        return confirmation(said(discord.operator, "pause", agent="bot"))

    first = code()
    assert NEVER in said(discord.owner, "confirm", code=first)
    discord.chat.say("@me", discord.owner, f"confirm {first}")
    assert NEVER in discord.said_to(discord.owner)[0].text
    assert not Path("done").exists()
    assert "Paused agent" in said(discord.operator, "confirm", code=first) or Path("done").exists()
    assert NEVER in said(discord.operator, "confirm", code=first)
    late = code()
    discord.clock.forward(seconds=61)
    assert NEVER in said(discord.operator, "confirm", code=late)
    assert "needs the role" in said(discord.viewer, "confirm", code=code())


def test_a_code_confirms_once_in_time_by_the_same_person_there_in_telegram(telegram: test_telegram_door.World) -> None:
    def said(chat: str, user: int, text: str) -> str:
        telegram.clock.forward(seconds=5)
        before = len(telegram.telegram.messages(chat))
        telegram.telegram.say(chat, user, f"/{text}")
        return telegram.telegram.wait_for(chat, before + 1)[-1].text

    def code() -> str:
        return confirmation(said("desk", OPERATOR, "pause agent bot"))

    first = code()
    assert NEVER in said("desk", OWNER, f"confirm {first}")
    assert NEVER in said("operator", OPERATOR, f"confirm {first}")
    assert not Path("done").exists()
    assert "bot" in said("desk", OPERATOR, f"confirm {first}")
    assert Path("done").exists()
    assert NEVER in said("desk", OPERATOR, f"confirm {first}")
    late = code()
    telegram.clock.forward(seconds=61)
    assert NEVER in said("desk", OPERATOR, f"confirm {late}")
    assert "needs the role" in said("desk", VIEWER, f"confirm {code()}")


def confirmation(text: str) -> str:
    found = re.search(r"confirm (\d{6})", text.replace("`", ""))
    assert found, text
    return found[1]
