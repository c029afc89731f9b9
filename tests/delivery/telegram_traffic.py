"""Numbered messages on their way to a local Telegram, delivered by the daemon itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reporter.periods.clock import Clock, SystemClock
from tests.delivery.traffic import Traffic
from tests.support.telegram import LocalTelegram, Sent

HOME = """\
version: 1
timezone: UTC
store: env:STORE
telegram: {{base_url: "{base_url}"}}
channels:
{channels}
alerts: {{routes: {{all: [alarm], fallback: [alarm]}}}}
jobs: {{}}
"""


class TelegramTraffic(Traffic):
    """A home whose channels are chats of a local Telegram; `entry` is what every channel's entry says besides."""

    def __init__(
        self, folder: Path, telegram: LocalTelegram, *names: str, clock: Clock | None = None, entry: str = ""
    ) -> None:
        self.folder = folder
        self.telegram = telegram
        self.clock = clock or SystemClock()
        self.environ = {"HOME": str(folder), "STORE": str(folder / "store.sqlite"), "BOT": telegram.token()}
        self.write_channels({name: telegram.chat(name) for name in ("alarm", *names)}, entry)
        self.app = self._open()

    def write_channels(self, chats: dict[str, int], entry: str = "") -> None:
        listed = "\n".join(
            f"  {name}: {{kind: telegram, token: env:BOT, chat: {chat}{entry}}}" for name, chat in chats.items()
        )
        self._write("config/reporter.yaml", HOME.format(base_url=self.telegram.base_url, channels=listed))


def told(messages: Iterable[Sent]) -> list[int]:
    """The numbers of the messages that were told, in the order in which a reader finds them; of parts the first."""
    found = (re.findall(r"^No (\d+)$", message.text, re.MULTILINE) for message in messages)
    parts = (re.search(r"\b([2-9])/\d", message.text) for message in messages)
    return [int(number) for numbers, part in zip(found, parts, strict=True) if not part for number in numbers]


def repeats(messages: Iterable[Sent]) -> int:
    return sum("may be a repeat" in message.text for message in messages)
