"""A home with scripted failures: real sockets are probed, a job reads a file, and Discord is the local one."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporter.cli.alerts import run_silence
from tests.support.clocks import HandClock
from tests.support.discord.local import LocalDiscord
from tests.support.discord.markdown import shown
from tests.support.discord.world import Posted
from tests.support.stage import Stage

WATCH = '''\
import json
from datetime import timedelta
from pathlib import Path

from reporter import Context, Level, Observation, job

READINGS = Path(__file__).parent.parent / "readings.json"


@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Looks at the probes, and reads in a file how everything else is."""
    yield from (reading.observation for reading in ctx.probe_all() if reading.fresh)
    for subject, (level, detail, value, limit) in json.loads(READINGS.read_text()).items():
        yield Observation(subject, Level(level), detail, value, limit)
'''
CONFIG = """\
version: 1
timezone: UTC
store: env:STORE
discord: {{base_url: "{base_url}"}}
channels:
  alerts-critical: {{webhook: env:CRITICAL, mention: {{critical: everyone}}}}
  alerts-warnings: {{webhook: env:WARNINGS}}
  on-call: {{webhook: env:ON_CALL}}
jobs: {{watch: {{channel: alerts-warnings}}}}
probes:
{probes}
alerts:
  routes: {{critical: alerts-critical, warning: alerts-warnings}}
{alerts}
"""
CHANNELS = {"CRITICAL": "alerts-critical", "WARNINGS": "alerts-warnings", "ON_CALL": "on-call"}
ROUND, TICK = 30, 10


def options(**given: object) -> argparse.Namespace:
    """What a command was given; all else was left out."""
    return argparse.Namespace(**dict.fromkeys(("subject", "at", "by", "note", "span", "end")) | given)


class Server:
    """A port of this machine that listens or refuses."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._listening = False
        self.up()

    def up(self) -> None:
        self.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", getattr(self, "port", 0)))
        self._socket.listen(2000)  # nobody accepts: what connects waits here, and that is enough to be up

    def down(self) -> None:
        """The port is kept, so that nobody else gets it, and refuses."""
        self.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True)
class Arrived:
    """Something that a reader of a channel saw happen: a new message, or an edit of an earlier one."""

    at: str
    channel: str
    edited: bool
    titles: tuple[str, ...]
    words: tuple[str, ...]
    called: set[str]

    def __str__(self) -> str:
        return f"{self.at} {self.channel}{' (edited)' if self.edited else ''}: {' + '.join(self.titles)}"


def _words(embed: dict[str, Any]) -> str:
    """What an embed says besides its title: why it is told, or whom it lists."""
    fields = {shown(field["name"]): shown(field["value"]) for field in embed.get("fields", ())}
    why = fields.get("Why now") or fields.get("Why it is over")
    return why or "; ".join(filter(None, shown(embed.get("description", "")).splitlines()))


class Floor:
    """The stage, what happens on it, and what arrived."""

    def __init__(self, folder: Path, discord: LocalDiscord, probes: dict[str, str], alerts: str = "") -> None:
        self.clock = HandClock()
        discord.now = self.clock.wall
        self.discord = discord
        self.stage = Stage(folder, self.clock)
        self.servers = {name: Server() for name in probes}
        self.arrived: list[Arrived] = []
        self._known: dict[str, str] = {}
        self._readings: dict[str, tuple[str, str, str | None, str | None]] = {}
        self._elapsed = 0
        self._write_home(probes, alerts)
        self._save()

    def _write_home(self, probes: dict[str, str], alerts: str) -> None:
        self.stage.environ |= {name: self.discord.webhook(channel) for name, channel in CHANNELS.items()}
        lines = [
            f"  {name}: {{address: '127.0.0.1:{self.servers[name].port}'{f', {more}' if more else ''}}}"
            for name, more in probes.items()
        ]
        text = CONFIG.format(base_url=self.discord.base_url, probes="\n".join(lines), alerts=alerts)
        self.stage.write("config/reporter.yaml", text)
        self.stage.report("watch", WATCH)

    def close(self) -> None:
        self.stage.close()
        for server in self.servers.values():
            server.close()

    # --- What happens ---

    def down(self, *names: str) -> None:
        for name in names:
            self.servers[name].down()

    def up(self, *names: str) -> None:
        for name in names:
            self.servers[name].up()

    def reads(
        self, subject: str, level: str, detail: str = "", value: str | None = None, limit: str | None = None
    ) -> None:
        """From now on the job reads this of a subject."""
        self._readings[subject] = (level, detail, value, limit)
        self._save()

    def passes(self, *, minutes: float) -> None:
        """Let time pass as the daemon does: a round every 30 seconds, a look at what waits every ten."""
        for _ in range(round(minutes * 60 / TICK)):
            self._tick()
            self.clock.forward(seconds=TICK)
            self._elapsed += TICK

    def silences(self, pattern: str, *, minutes: float) -> None:
        """anna wants to hear nothing of some subjects for a while."""
        run_silence(self.stage.app, options(pattern=pattern, span=f"{minutes:g}m", by="anna", reason="new disk"))

    def sleeps(self, *, minutes: float) -> None:
        """Nothing runs for a while."""
        self.stage.close()
        self.clock.forward(minutes=minutes)

    def _save(self) -> None:
        self.stage.write("readings.json", json.dumps(self._readings))

    def _tick(self) -> None:
        runner, runtime = self.stage.app.runner, self.stage.app.runtime
        if self._elapsed % ROUND == 0:
            self._run()
        for _ in runner.tick(runtime):
            self._run()
        self.stage.deliver()
        self._look()

    def _run(self) -> None:
        app = self.stage.app
        done = app.run_by_hand(app.job("watch"), None)
        assert done.outcome is not None
        assert done.outcome.error is None, done.outcome.error

    # --- What arrived ---

    def _look(self) -> None:
        """Note what a reader of the channels sees that was not there before."""
        found = [(name, message) for name in CHANNELS.values() for message in self.discord.messages(name)]
        news = [(name, message) for name, message in found if self._known.get(message.id) != message.text]
        for name, message in sorted(news, key=lambda one: one[1].id in self._known):
            self._note(name, message, edited=message.id in self._known)
            self._known[message.id] = message.text

    def _note(self, name: str, message: Posted, *, edited: bool) -> None:
        at = f"{self.clock.wall():%H:%M:%S}"
        titles = tuple(shown(embed.get("title", "")) for embed in message.embeds)
        words = tuple(_words(embed) for embed in message.embeds)
        self.arrived.append(Arrived(at, name, edited, titles, words, message.called))

    def told(self) -> list[str]:
        return [str(one) for one in self.arrived]


@contextmanager
def floor(folder: Path, probes: dict[str, str], alerts: str = "") -> Iterator[Floor]:
    """A floor with probes by name, each with more of its settings, and further lines of the config's `alerts`."""
    with LocalDiscord(limits=False) as discord:
        made = Floor(folder, discord, probes, alerts)
        try:
            yield made
        finally:
            made.close()
