"""`reporter check` looks at the bot that people ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.app.check import Finding, check_home
from reporter.app.home import FolderHome
from tests.support.clocks import HandClock
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
