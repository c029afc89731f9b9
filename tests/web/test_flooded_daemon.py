"""A daemon as a process under floods: reports go out all the same, and it ends when it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from reporter.web.server import MOST_CONNECTIONS
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process, daemon, until
from tests.support.stage import Stage
from tests.web.test_daemon import MORE, TOKEN, address, titles

STREAMS, EVENTS = 20, 30
LARGE = 10_000_000


@pytest.fixture
def running(stage: Stage, discord: LocalDiscord) -> Iterator[Process]:
    more = MORE.replace("web: {", "web: {public: all, ")
    stage.on_discord(discord, "  daily_summary: {enabled: false}", more=more)
    stage.environ["REPORTER_TOKEN"] = TOKEN
    with daemon(stage.folder, datetime.now(UTC), stage.environ) as found:
        yield found


def line(url: str, start: str) -> socket.socket:
    """A connection on which something has been sent."""
    parts = urlsplit(url)
    found = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
    found.sendall(start.encode())
    return found


def test_open_pages_do_not_hold_the_daemon(running: Process) -> None:
    url = address(running)
    with ExitStack() as stack:
        streams = [
            stack.enter_context(closing(line(url, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")))
            for _ in range(STREAMS)
        ]
        assert [one.recv(15) for one in streams] == [b"HTTP/1.1 200 OK"] * STREAMS
        running.stop()
        for stream in streams:
            while stream.recv(10_000):
                pass
    assert running.process.returncode == 0
    assert "Traceback" not in running.log


def hand_in(client: httpx.Client, event: dict[str, str]) -> None:
    """As a sender does that tries again."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    until(lambda: client.post("/api/v1/events", json=event, headers=headers).status_code == 202, lambda: "", 120)


@pytest.mark.full
def test_what_is_handed_in_during_floods_arrives(running: Process, discord: LocalDiscord) -> None:
    url, host = address(running), "Host: localhost\r\n"
    with ExitStack() as stack, httpx.Client(base_url=url, trust_env=False, timeout=120) as client:
        for number in range(MOST_CONNECTIONS // 2):  # slow senders, streams, and bodies that never come
            for start in (f"GET / HTTP/1.1\r\n{host}X: ", f"GET /live HTTP/1.1\r\n{host}\r\n"):
                stack.enter_context(closing(line(url, start)))
            if number % 10 == 0:
                stack.enter_context(
                    closing(line(url, f"POST /login HTTP/1.1\r\n{host}Content-Length: {LARGE}\r\n\r\n"))
                )
            client.post("/login", data={"name": "anna", "secret": f"guess {number}"}, headers={"Origin": url})
        until(lambda: client.get("/healthz").status_code == 200, lambda: running.log, seconds=120)
        for number in range(EVENTS):
            hand_in(client, {"kind": "system", "title": f"No. {number}", "id": str(number)})
        wanted = {f"ℹ️ No. {number}" for number in range(EVENTS)}
        until(lambda: wanted <= set(titles(discord)), lambda: f"{titles(discord)}\n{running.log}", seconds=120)
    assert running.megabytes < 200
