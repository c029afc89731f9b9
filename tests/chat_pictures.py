"""What chat looks like, for docs/: help, an answer and an alert before and after, in Discord's look and in Telegram's.

The messages are made by the program, and fitted, written and given their buttons by the outlets of each service.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from reporter.alerts.model import Level, Observation
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.cli.demo import demo_home
from reporter.delivery.outlets.discord import buttons, limits
from reporter.delivery.outlets.html_preview import to_html
from reporter.delivery.outlets.telegram.html import message_markup
from reporter.delivery.outlets.telegram.outlet import TelegramOutlet
from reporter.messages.message import Message
from reporter.operations.answering import Door
from reporter.operations.incidents import acknowledge
from reporter.operations.operation import Actor, Role
from reporter.secret import Secret
from reporter.store import outbox_admin
from tests.support.clocks import HandClock

NOW = datetime(2026, 11, 16, 0, 5, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
DISCORD_WIDTH, TELEGRAM_WIDTH = 560, 390
"""CSS pixels: a channel of Discord beside its lists, and a phone."""
STYLE = """
.who { color: #f2f3f5; font: 600 14px/1.4 "Noto Sans", sans-serif; }
.who i { padding: 0 4px; border-radius: 3px; background: #5865f2; font: 600 10px/1.4 "Noto Sans", sans-serif; }
.said { color: #dbdee1; font: 14px/1.4 "Noto Sans", sans-serif; }
.row { display: flex; flex-wrap: wrap; gap: 6px; margin: 6px 0; }
.row span { padding: 6px 12px; border-radius: 6px; background: #4e5058; color: #fff; font: 500 13px/1.3 "Noto Sans",
  "Noto Color Emoji", sans-serif; }
"""
PHONE = """
<!doctype html><html lang="en"><head><meta charset="utf-8"><style>
body { margin: 0; padding: 10px 8px; background: #0e1621; color: #fff;
  font: 15px/1.35 "Noto Sans", "Noto Color Emoji", sans-serif; }
.bubble { box-sizing: border-box; width: fit-content; max-width: 340px; margin: 0 0 4px; padding: 7px 10px;
  border-radius: 12px; background: #182533; white-space: pre-wrap; overflow-wrap: anywhere; }
.mine { margin-left: auto; background: #2b5278; }
.bubble img { display: block; width: 100%; margin-bottom: 6px; border-radius: 8px; }
.bubble pre { overflow-x: hidden; margin: 4px 0; padding: 6px; border-radius: 6px; background: #0e1621; font: 11px/1.35
  "Noto Sans Mono", monospace; white-space: pre; }
.bubble code { color: #79c0ff; font: 13px monospace; }
.bubble pre code { color: inherit; font: inherit; }
.bubble a { color: #6ab3f3; text-decoration: none; }
.keys { width: 340px; display: flex; gap: 4px; margin: 0 0 4px; }
.keys span { flex: 1; padding: 8px 2px; border-radius: 8px; background: #1f3447; text-align: center; font-size: 13px; }
</style></head><body>"""


@dataclass(frozen=True)
class Said:
    """A line of a chat: of a person, or an answer or an alert of the bot."""

    text: str = ""
    messages: Sequence[Message] = ()


def pages(head: str) -> Iterator[tuple[str, int, str]]:
    """Each picture's name, its width and its page; `head` is the beginning of a page in Discord's look."""
    for name, said in chats().items():
        yield f"chat-discord-{name}", DISCORD_WIDTH, f"{head}<style>{STYLE}</style>{''.join(map(_discord, said))}"
        yield f"chat-telegram-{name}", TELEGRAM_WIDTH, f"{PHONE}{''.join(map(_telegram, said))}"


def chats() -> dict[str, list[Said]]:
    """What is asked and said on the invented floor, by picture."""
    with tempfile.TemporaryDirectory(prefix="reporter-pictures-") as folder:
        clock = HandClock(NOW)
        demo_home(Path(folder), None, floor=True, now=NOW)
        app = App(FolderHome(Path(folder), clock=clock), clock=clock)
        asked = [
            Said(text, Door(app, lambda _: None).answer(text, Actor("anna", Role.VIEWER, "telegram:1")))
            for text in ("help", "pnl daily")
        ]
        before, after = _alert(app, clock)
        app.close()
    return {"help": asked[:1], "pnl": asked[1:], "alert": [Said(messages=[before]), Said(messages=[after])]}


def _alert(app: App, clock: HandClock) -> tuple[Message, Message]:
    """The card of a probe that fails, before and after somebody has acknowledged it."""
    for _ in range(3):
        app.runner.observe(app.runtime, [Observation("probe/exchange", Level.CRITICAL, "connection refused")])
        clock.forward(minutes=1)
    before = _card(app)
    acknowledge(app, "probe/exchange", "anna", "the exchange has announced it", "a-run")
    return before, _card(app)


def _card(app: App) -> Message:
    with app.store.read() as connection:
        found = outbox_admin.entries(connection, states=("waiting",), limit=100)
    return next(one.message for one in found if one.message.incident)


def _discord(said: Said) -> str:
    shown = "".join(
        f"{to_html(part, ZONE)}{''.join(map(_row, buttons.rows(part)))}"
        for message in said.messages
        for part in limits.fit(message)
    )
    asked = f'<p class="who">anna</p><p class="said">!{escape(said.text)}</p>' if said.text else ""
    return f'{asked}<p class="who">reporter <i>APP</i></p>{shown}'


def _row(row: buttons.Json) -> str:
    keys = "".join(f"<span>{escape(one.get('label') or one['placeholder'])}</span>" for one in row["components"])
    return f'<div class="row">{keys}</div>'


def _telegram(said: Said) -> str:
    outlet = TelegramOutlet(Secret(f"123456:{'a' * 35}"), "1", buttons=True, zone=ZONE)
    shown = "".join(_bubble(outlet, part) for message in said.messages for part in outlet.fit(message))
    outlet.close()
    return (f'<div class="bubble mine">/{escape(said.text)}</div>' if said.text else "") + shown


def _bubble(outlet: TelegramOutlet, part: Message) -> str:
    pictures = "".join(
        f'<img src="data:image/png;base64,{base64.b64encode(one.content).decode()}">' for one in part.attachments
    )
    rows = outlet.payload(part).get("reply_markup", {}).get("inline_keyboard", [])
    keys = "".join(f'<div class="keys">{"".join(map(_key, row))}</div>' for row in rows)
    return f'<div class="bubble">{pictures}{message_markup(part, ZONE).html}</div>{keys}'


def _key(button: dict[str, str]) -> str:
    return f"<span>{escape(button['text'])}</span>"
