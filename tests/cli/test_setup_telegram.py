"""`reporter setup telegram` shows what a bot can send to, and takes nothing from whoever else listens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.cli.setup_telegram import FOUND, NONE, show_chats
from reporter.config.loading import load
from reporter.errors import ReporterError
from tests.support.telegram import LocalTelegram, Refused

OPTIONS = argparse.Namespace(bot_token="env:TELEGRAM_TOKEN")


@pytest.fixture
def telegram() -> Iterator[LocalTelegram]:
    with LocalTelegram(limits=False) as local:
        local.token()
        yield local


@pytest.fixture
def config(tmp_path: Path, telegram: LocalTelegram) -> Path:
    path = tmp_path / "config" / "reporter.yaml"
    path.parent.mkdir()
    path.write_text(f"telegram: {{base_url: '{telegram.base_url}'}}\n")
    return path


def shown(config: Path, telegram: LocalTelegram) -> int:
    return show_chats(config, OPTIONS, {"TELEGRAM_TOKEN": telegram.token()})


def test_nobody_has_written_yet(config: Path, telegram: LocalTelegram, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(config, telegram) == NONE
    assert "https://t.me/reporter_bot" in capsys.readouterr().out


def test_each_line_it_shows_can_stand_in_the_config(
    config: Path, telegram: LocalTelegram, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, kind in (("me", "private"), ("desk", "supergroup")):
        telegram.chat(name, kind)  # type: ignore[arg-type]
        telegram.say(name, 42, "hello")
    assert [shown(config, telegram), shown(config, telegram)] == [FOUND, FOUND]  # nothing is used up
    lines = [line for line in capsys.readouterr().out.splitlines() if "kind: telegram" in line][:2]
    named = "\n".join(line.replace("NAME", f"n{number}") for number, line in enumerate(lines))
    config.write_text(f"channels:\n{named}\njobs: {{}}\n")
    channels = load(config, {"TELEGRAM_TOKEN": telegram.token()}).config.channels.values()
    assert [str(telegram.chat(name)) for name in ("me", "desk")] == [
        channel.chat.reveal() for channel in channels if channel.kind == "telegram"
    ]


@pytest.mark.parametrize(
    ("refused", "told"),
    [(Refused(401, "Unauthorized"), "@BotFather"), (Refused(409, "Conflict: …"), "another program")],
    ids=["token", "conflict"],
)
def test_it_says_what_to_do(config: Path, telegram: LocalTelegram, refused: Refused, told: str) -> None:
    telegram.fail(refused)
    with pytest.raises(ReporterError, match=told):
        shown(config, telegram)
