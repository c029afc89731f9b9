"""Every command of the table through Telegram and the command line: the answer that the table gives, at both doors."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reporter.chat.telegram.door import TelegramDoor
from reporter.cli.ask import run_ask
from reporter.delivery.outlets.message_splitting import fit
from reporter.delivery.outlets.telegram.html import message_markup
from reporter.delivery.outlets.telegram.limits import TelegramLimits
from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from reporter.operations.table import BY_NAME
from tests.chat.test_discord_commands import ASKED, CHANGING, MEASURED
from tests.operations.floors import CONFIG, floor
from tests.support.stage import Stage
from tests.support.telegram import LocalTelegram

OWNER = 11
MORE = """\
telegram: {{base_url: "{url}"}}
chat: {{telegram: {{token: env:BOT}}, roles: {{owner: "telegram:11"}}}}
plans: {{authors: {{d: {{users: ["telegram:11"]}}}}}}
actions: {{pause: {{run: ["true", "{{agent}}"]}}}}
"""
ALONE = {"start", "myplans"}
"""What is about the person who asks, and not the same for another."""


class Asking:
    """A floor with a door, an owner in a private chat, and an owner at the command line."""

    def __init__(self, folder: Path, telegram: LocalTelegram) -> None:
        self.telegram = telegram
        self.stage: Stage = floor(folder, CONFIG + MORE.format(url=telegram.base_url))
        self.stage.environ["BOT"] = telegram.token()
        self.chat = telegram.chat("owner", "private")
        settings = self.stage.app.runtime.chat
        assert settings is not None
        assert settings.telegram is not None
        self.door = TelegramDoor(self.stage.app, settings, settings.telegram, lambda _: None, poll=0.2)
        self.door.start()

    def close(self) -> None:
        self.door.stop()
        self.stage.close()

    def written(self, text: str, count: int) -> str:
        """What Telegram shows as the answer, which has so many messages."""
        before = len(self.telegram.messages("owner"))
        self.telegram.say("owner", OWNER, f"/{text}")
        found = self.telegram.wait_for("owner", before + count)[before:]
        return "\n".join(bare(one.text) for one in found)

    def expected(self, text: str) -> list[str]:
        """What the table answers, as Telegram shows it."""
        actor = Actor("user11", Role.OWNER, f"telegram:{self.chat}", f"telegram:{OWNER}", alone=True)
        zone = ZoneInfo("Europe/Berlin")
        try:
            messages = Door(self.stage.app, lambda _: None).answer(text, actor)
        except ReporterError as error:
            return [bare(str(error).replace("`", ""))]
        parts = [part for message in messages for part in fit(message, TelegramLimits(zone))]
        return [bare(message_markup(part, zone).seen) for part in parts]

    def at_the_command_line(self, text: str, capsys: pytest.CaptureFixture[str]) -> str:
        try:
            run_ask(self.stage.app, argparse.Namespace(question=[text], attach=[]))
        except ReporterError as error:
            return str(error)
        return "".join(capsys.readouterr())


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    with LocalTelegram(limits=False) as telegram, ExitStack() as stack:
        made = Asking(tmp_path, telegram)
        stack.callback(made.close)
        yield made


def test_every_command_says_the_same_in_telegram_and_at_the_command_line(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reporter.chat.questions.MOST", 1000)
    monkeypatch.setenv("COLUMNS", "400")
    for name in dict.fromkeys(one.name for one in BY_NAME.values()):
        text, _ = ASKED.get(name, (name, {}))
        asking.stage.clock.forward(seconds=1)  # the pace of requests counts by it
        if name in CHANGING:
            assert asking.written(text, 1)
            continue
        expected = asking.expected(text)
        written = asking.written(text, len(expected))
        if name not in MEASURED:
            assert written == "\n".join(expected), name
        if name not in ALONE | MEASURED:
            assert words(written) - {"user11"} <= words(asking.at_the_command_line(text, capsys)), name


def bare(text: str) -> str:
    """Without codes, and without what nobody sees."""
    return re.sub(r"\d{6}", "CODE", text).replace("\u2060", "")


def words(text: str) -> set[str]:
    """The words and figures."""
    return set(re.findall(r"[\w.+%-]*\w", bare(text)))
