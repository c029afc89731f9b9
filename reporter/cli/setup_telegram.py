"""The command setup telegram: shows the chats that a bot of Telegram can send to, as lines for the config."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from reporter.cli.setup_inputs import bot_token, read_config
from reporter.delivery.outlets.telegram.bot_api import TELEGRAM, BotApi
from reporter.delivery.outlets.telegram.chats import HeardChat, bot_name, heard_chats
from reporter.messages.message import visible

FOUND, NONE = 0, 1


def show_chats(config: Path, options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """`reporter setup telegram`. Raises ReporterError."""
    document = read_config(config)
    given = document.get(("telegram", "base_url"))
    base_url = given.rstrip("/") if isinstance(given, str) else TELEGRAM
    api = BotApi(bot_token(options.bot_token, config, environ), base_url=base_url)
    try:
        name, chats = bot_name(api), heard_chats(api)
    finally:
        api.close()
    print(f"The bot is @{visible(name)}.")
    if not chats:
        print(f"Nobody has written to it within a day. Open https://t.me/{visible(name)} and press Start, or add it to")
        print("a group or a channel and write something there. Then run the same command again.")
        return NONE
    print("It has heard from these chats. Put what is wanted under `channels:`, each under a name of your choice:")
    for chat in chats:
        print(f"\n  # {_described(chat)}\n  NAME: {_entry(chat, options.bot_token)}")
    return FOUND


def _described(chat: HeardChat) -> str:
    topic = f", topic {chat.topic}" if chat.topic is not None else ""
    return f"{visible(chat.name) or 'without a name'} ({chat.kind}{topic})"


def _entry(chat: HeardChat, reference: str) -> str:
    topic = f", topic: {chat.topic}" if chat.topic is not None else ""
    return f"{{kind: telegram, token: {reference}, chat: {chat.id}{topic}}}"
