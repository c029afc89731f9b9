"""A listener over real HTTP, on a store and a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.store import events
from reporter.store.database import Store
from reporter.web.application import application
from reporter.web.context import WebContext
from reporter.web.live import Live
from reporter.web.server import WebServer
from tests.support.clocks import HandClock

TOKEN, READER = "token-of-the-bot-0123456789", "token-of-the-reader-0123456789"
OPERATOR = "token-of-the-operator-0123456789"
CONFIG = """
version: 1
channels: {reports: {kind: console}}
events: {default: {channel: reports}}
web:
  listen: "127.0.0.1:0"
  tokens: {bot: env:TOKEN, reader: {secret: env:READER, may: [read]}, operator: {secret: env:OPERATOR, may: operate}}
"""


@dataclass
class Listener:
    client: httpx.Client
    store: Store
    clock: HandClock
    server: WebServer
    app: App

    def post(self, json: object, *, token: str = TOKEN, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | dict(options.pop("headers", {}))  # type: ignore[call-overload]
        return self.client.post("/api/v1/events", json=json, headers=headers)

    def kept(self) -> list[events.StoredEvent]:
        with self.store.read() as connection:
            return list(reversed(events.newest(connection, 1000)))


@contextmanager
def listener(
    folder: Path, more: str = "", environ: dict[str, str] | None = None, answer_within: float = 30, web: str = ""
) -> Iterator[Listener]:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "reporter.yaml").write_text(CONFIG + web + more)
    clock = HandClock()
    secrets = {"TOKEN": TOKEN, "READER": READER, "OPERATOR": OPERATOR, "HOME": str(folder), **(environ or {})}
    app = App(FolderHome(folder, clock=clock, environ=secrets), clock=clock)
    world = WebContext(app, answer_within=answer_within)
    live = Live(world)
    base = world.settings.base_path
    server = WebServer(
        application(world, live), world.settings.host, world.settings.port, base_path=base, stops=live.close
    )
    server.start()
    try:
        with httpx.Client(base_url=server.address, trust_env=False, timeout=60) as client:
            yield Listener(client, app.store, clock, server, app)
    finally:
        server.stop()
        app.close()
