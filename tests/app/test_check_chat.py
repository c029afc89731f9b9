"""`reporter check` looks at the bot that people ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.app.check import Finding, check_home
from reporter.app.home import FolderHome
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.telegram import LocalTelegram, Refused


@pytest.fixture
def telegram() -> Iterator[LocalTelegram]:
    with LocalTelegram(limits=False) as local:
        local.token()
        yield local


def found(folder: Path, telegram: LocalTelegram, roles: str) -> list[Finding]:
    (folder / "config").mkdir()
    (folder / "config" / "reporter.yaml").write_text(
        f"telegram: {{base_url: '{telegram.base_url}'}}\n"
        f"chat: {{telegram: {{token: env:BOT, groups: {telegram.chat('desk')}}}, roles: {{{roles}}}}}\n"
    )
    home = FolderHome(folder, clock=HandClock(), environ={"HOME": str(folder), "BOT": telegram.token()})
    return [finding for finding in check_home(home) if "chat" in finding.text or "questions" in finding.text]


def test_a_bot_that_works(tmp_path: Path, telegram: LocalTelegram) -> None:
    answered = Finding("", "questions are answered by @reporter_bot in Telegram")
    assert found(tmp_path, telegram, 'owner: "telegram:1"') == [answered]


def test_a_group_without_the_bot_and_roles_without_people(tmp_path: Path, telegram: LocalTelegram) -> None:
    telegram.chat("desk")
    telegram.shut("desk")
    assert [finding.trouble for finding in found(tmp_path, telegram, "")] == ["", "chat", "advice"]


def test_a_token_that_is_refused(tmp_path: Path, telegram: LocalTelegram) -> None:
    telegram.fail(Refused(401, "Unauthorized"), method="getMe")
    [finding] = found(tmp_path, telegram, "")
    assert finding.trouble == "chat"
    assert "@BotFather" in finding.text


def in_discord(folder: Path, discord: LocalDiscord, **changed: str) -> list[Finding]:
    given = {"token": "env:BOT", "guild": discord.guild.id, "channels": discord.channel_id("desk")} | changed
    (folder / "config").mkdir()
    door = ", ".join(f"{key}: {value}" for key, value in given.items())
    (folder / "config" / "reporter.yaml").write_text(
        f"discord: {{base_url: '{discord.base_url}'}}\nchat: {{discord: {{{door}}}, roles: {{owner: 'discord:1'}}}}\n"
    )
    environ = {"HOME": str(folder), "BOT": discord.chat.bot(), "OTHER": "a.b.c"}
    home = FolderHome(folder, clock=HandClock(), environ=environ)
    return [finding for finding in check_home(home) if "chat" in finding.text or "questions" in finding.text]


def test_a_bot_of_discord_that_works(tmp_path: Path, discord: LocalDiscord) -> None:
    assert in_discord(tmp_path, discord) == [Finding("", "questions are answered in the server Polybot of Discord")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"guild": "7"}, "the bot is not in the server 7; it is in Polybot ("),
        ({"channels": "7"}, "the server has no channel 7"),
        ({"token": "env:OTHER"}, "token"),
    ],
)
def test_a_bot_of_discord_that_does_not_work(
    tmp_path: Path, discord: LocalDiscord, changed: dict[str, str], said: str
) -> None:
    found = in_discord(tmp_path, discord, **changed)
    assert [finding.trouble for finding in found][-1] == "chat"
    assert said in found[-1].text


def test_a_bot_of_discord_that_may_not_read_or_has_no_library(
    tmp_path: Path, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    discord.chat.bot(content=False)
    assert "Message Content Intent" in in_discord(tmp_path, discord)[-1].text
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(sys.modules, "discord", raising=False)
    other = tmp_path / "other"
    other.mkdir()
    assert in_discord(other, discord)[-1].text.endswith("pip install 'reporter[chat]'")
