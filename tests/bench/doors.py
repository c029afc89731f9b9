"""`python -m tests.bench doors`: what each door in chat adds to an idle daemon's memory.

BENCH_SECONDS is how long the daemons idle first. By themselves the libraries add to a base of SQLAlchemy, pydantic,
jinja2, httpx and asyncio: discord.py 16 MB, python-telegram-bot 8 MB.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.home import Home, make_home, sqlite_floor
from tests.bench.processes import daemon
from tests.support.discord import LocalDiscord
from tests.support.telegram import LocalTelegram

SECONDS = float(os.environ.get("BENCH_SECONDS", "30"))
ROLES = "  roles: {{owner: ['telegram:11', 'discord:11']}}\n"
TELEGRAM = "  telegram: {{token: env:TELEGRAM_BOT}}\n"
DISCORD = "  discord: {{token: env:DISCORD_BOT, guild: {guild}}}\n"
GOALS = {"no door": "≤ 80 MB", "Telegram": "≤ 115 MB", "Discord": "≤ 115 MB", "both": "≤ 115 MB"}


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reporter-bench-")))
        discord, telegram = stack.enter_context(LocalDiscord()), stack.enter_context(LocalTelegram())
        ledger = sqlite_floor(folder / "floor.sqlite")
        doors = {"no door": "", "Telegram": TELEGRAM, "Discord": DISCORD, "both": TELEGRAM + DISCORD}
        homes = {
            name: opened(make_home(folder / name.replace(" ", "-"), ledger, discord), entries, discord, telegram)
            for name, entries in doors.items()
        }
        running = {name: stack.enter_context(daemon(home)) for name, home in homes.items()}
        time.sleep(SECONDS)
        for name, one in running.items():
            print(f"idle daemon, {name}: RSS{one.rss:>8.1f} MB   {GOALS[name]}", flush=True)


def opened(home: Home, entries: str, discord: LocalDiscord, telegram: LocalTelegram) -> Home:
    """A home with these doors."""
    if not entries:
        return home
    config = home.folder / "config" / "reporter.yaml"
    chat = "chat:\n" + (ROLES + entries).format(guild=discord.guild.id)
    config.write_text(f"{config.read_text()}telegram: {{base_url: '{telegram.base_url}'}}\n{chat}")
    bots = {
        "TELEGRAM_BOT": telegram.token(f"bot_{home.folder.name}"),
        "DISCORD_BOT": discord.chat.bot(home.folder.name),
    }
    return Home(home.folder, home.environ | bots)


if __name__ == "__main__":
    main()
