"""Numbered messages on their way to a local Discord, delivered by the daemon itself."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.messages.message import Message, Run, Text
from reporter.periods.clock import Clock, SystemClock
from reporter.store import channel_states, outbox
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord

HOME = """\
version: 1
timezone: UTC
store: env:STORE
discord: {{base_url: "{base_url}"}}
channels:
{channels}
alerts: {{routes: {{all: [alarm], fallback: [alarm]}}}}
jobs: {{}}
"""
# Of this length no two fit into one request.
LARGE = 3100
# What a channel's entry says besides, when a bot's token is at hand.
BOT = ", bot_token: env:BOT"


class Traffic:
    """A home whose channels are webhooks of a local Discord. `webhooks` says in which of its channels each one is;
    `entry` is what every channel's entry of the config says besides, in YAML."""

    def __init__(
        self,
        folder: Path,
        discord: LocalDiscord,
        webhooks: Mapping[str, str],
        *,
        clock: Clock | None = None,
        store: str = "",
        entry: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.discord = discord
        self.clock = clock or SystemClock()
        places = {"alarm": "alarm", **webhooks}
        self.environ = {"HOME": str(folder), "STORE": store or str(folder / "store.sqlite"), **(environ or {})}
        self.environ |= {f"HOOK_{name}": discord.webhook(name, channel=place) for name, place in places.items()}
        listed = "\n".join(f"  {name}: {{webhook: env:HOOK_{name}{entry}}}" for name in places)
        self._write("config/reporter.yaml", HOME.format(base_url=discord.base_url, channels=listed))
        self.app = self._open()

    def queue(self, channel: str, numbers: range, *, size: int = 0, kind: outbox.Kind = "report") -> None:
        """Let messages with these numbers wait, each of so many characters."""
        self.queue_all([(channel, number) for number in numbers], size=size, kind=kind)

    def queue_all(self, letters: list[tuple[str, int]], *, size: int = 0, kind: outbox.Kind = "report") -> None:
        """Let messages wait, in this order: for which channel, with which number."""
        now = self.clock.wall()
        with self.app.store.begin() as connection:
            for channel, number in letters:
                outbox.enqueue(connection, letter(channel, number, size, kind), now)

    def counts(self) -> dict[str, int]:
        """How many messages are in each state."""
        with self.app.store.read() as connection:
            return outbox.counts(connection)

    def trouble(self, channel: str) -> str | None:
        """Why a channel waits, if it does."""
        with self.app.store.read() as connection:
            state = channel_states.channel_state(connection, channel)
        return state.error if state else None

    @property
    def done(self) -> bool:
        return not self.counts().keys() & {"waiting", "sending", "unclear"}

    def restart(self) -> None:
        """What a new process would begin with."""
        self.app.close()
        self.app = self._open()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """The daemon at work."""
        self.app.stopping.clear()
        at_work = threading.Thread(target=self.app.daemon(tick=1.0).run, daemon=True)
        at_work.start()
        try:
            yield
        finally:
            self.app.stopping.set()
            at_work.join(30)
            gc.unfreeze()

    def flow(self, seconds: float) -> None:
        """Let the daemon work until everything is settled. Raises TimeoutError."""
        with self.flowing():
            # Seldom: the pace of the daemon is measured meanwhile, and it shares this process.
            until(lambda: self.done, seconds, lambda: f"after {seconds} s: {self.counts()}", pause=0.25)

    def close(self) -> None:
        self.app.close()

    def _open(self) -> App:
        home = FolderHome(self.folder, clock=self.clock, environ=self.environ)
        return App(home, clock=self.clock)

    def _write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def letter(
    channel: str, number: int, size: int = 0, kind: outbox.Kind = "report", word: str = "No"
) -> outbox.OutgoingMessage:
    """A message whose title is its number, and whose body has so many characters."""
    body = (Text(((Run("text", "word " * (size // 5)),),)),) if size else ()
    message = Message(title=(Run("text", f"{word} {number}"),), body=body)
    return outbox.OutgoingMessage(key=f"{channel}/{number}", channel=channel, kind=kind, message=message)


def carry(traffic: Traffic, clock: HandClock, span: timedelta) -> None:
    """Deliver by a clock turned by hand, which waits as long as it is told to, until all is settled or `span` is over.

    A span of nothing is one look.
    """
    end = clock.now + span
    while True:
        app = traffic.app
        channels, soon = app.delivery.ready(app.runtime.channels)
        served = sum(app.delivery.serve(app.runtime.channels, channel) for channel in channels)
        if traffic.done or clock.now >= end:
            return
        if not served:
            clock.forward(seconds=min(max(soon, 0.05), 15.0))


def until(done: Callable[[], bool], seconds: float, otherwise: Callable[[], str], *, pause: float = 0.05) -> None:
    """Wait until something holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(otherwise())
        time.sleep(pause)
