"""Start a local Telegram and watch what arrives: `python -m tests.support.telegram [CHAT …]`."""

from __future__ import annotations

import sys

from tests.support.telegram.local import LocalTelegram
from tests.support.telegram.world import Sent

CHATS = ("pnl", "alerts")


def main(names: tuple[str, ...]) -> None:
    with LocalTelegram() as telegram:
        print(f"A local Telegram (in the config: telegram: {{base_url: {telegram.base_url}}})\n")
        print(f"  token {telegram.token()}")
        for name in names:
            print(f"  chat {telegram.chat(name)}  {name}")
        print("\nMessages appear below; Ctrl-C ends it.", flush=True)
        watch(telegram)


def watch(telegram: LocalTelegram) -> None:
    """Print each message when it comes and when it is edited or deleted, for ever."""
    seen: dict[int, tuple[int, bool]] = {}
    while True:
        with telegram.arrived:
            telegram.arrived.wait(1)
            messages = telegram.everything()
        for message in messages:
            state = len(message.earlier), message.deleted
            if seen.get(message.id) != state:
                seen[message.id] = state
                print(written(message), flush=True)


def written(message: Sent) -> str:
    what = "deleted" if message.deleted else f"edit {len(message.earlier)}" if message.earlier else "new"
    head = f"\n{message.chat.name} · {what} · {message.at:%H:%M:%S} UTC · {message.id}"
    files = [f"[{message.kind} {name}, {len(content)} bytes]" for name, content in message.files.items()]
    lines = [*files, *message.text.split("\n"), *(f"! {warning}" for warning in message.warnings)]
    return head + "".join(f"\n  │ {line}" for line in lines)


if __name__ == "__main__":
    try:
        main(tuple(sys.argv[1:]) or CHATS)
    except KeyboardInterrupt:
        print()
