"""Start a local Discord and watch what arrives: `python -m tests.support.discord [CHANNEL …]`."""

from __future__ import annotations

import sys

from tests.support.discord.local import LocalDiscord
from tests.support.discord.world import Posted

CHANNELS = ("system-health", "agents-performance", "pnl-daily", "leaderboard", "alerts")


def main(names: tuple[str, ...]) -> None:
    with LocalDiscord() as discord:
        print(f"A local Discord at {discord.base_url} (in the config: discord: {{base_url: {discord.base_url}}})\n")
        for name in names:
            print(f"  {name:<20} {discord.webhook(name)}")
        print(f"\n  A bot that may read them (bot_token): {discord.bot()}")
        print(f"  A bot for `reporter setup discord`:   {discord.furnisher()}")
        print("\nMessages appear below; Ctrl-C ends it.", flush=True)
        watch(discord)


def watch(discord: LocalDiscord) -> None:
    """Print each message when it comes and when it is edited or deleted, for ever."""
    seen: dict[str, tuple[int, bool]] = {}
    while True:
        with discord.arrived:
            discord.arrived.wait(1)
            messages = discord.everything()
        for message in messages:
            state = len(message.earlier), message.deleted
            if seen.get(message.id) != state:
                seen[message.id] = state
                print(written(message), flush=True)


def written(message: Posted) -> str:
    what = "deleted" if message.deleted else f"edit {len(message.earlier)}" if message.earlier else "new"
    head = f"\n#{message.channel.name} · {what} · {message.at:%H:%M:%S} UTC · {message.id}"
    files = [f"[{name}, {len(content)} bytes]" for name, content in message.files.items()]
    warnings = [f"! {warning}" for warning in message.warnings]
    lines = [*message.text.split("\n"), *files, *warnings]
    return head + "".join(f"\n  │ {line}" for line in lines)


if __name__ == "__main__":
    try:
        main(tuple(sys.argv[1:]) or CHANNELS)
    except KeyboardInterrupt:
        print()
