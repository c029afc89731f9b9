"""The client of plans against a server that is slow, down, wrong, and back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reporter.client import PlanClient, PlanClientError, create_client

PLAN = {"coach": "d", "plan": "hold", "charts": []}


class Server(ThreadingHTTPServer):
    """Answers as `mode` says: right, slow, trickling, dropped, error, page, list, cut."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.mode, self.asked, self.closing = "right", 0, threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is no error."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        mode = self.server.mode
        if mode == "slow":
            self.server.closing.wait(5)
        if mode == "dropped":
            self.close_connection = True
            return
        body = {"page": b"<html>", "list": b"[1]", "nested": b"[" * 100_000}.get(mode, json.dumps(PLAN).encode())
        self.send_response(500 if mode == "error" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mode == "trickling":
            self.trickle(body)
        else:
            self.wfile.write(body[: len(body) // 2] if mode == "cut" else body)

    def trickle(self, body: bytes) -> None:
        """Each byte comes within the client's time-out, and the last one does not."""
        for byte in body:
            if self.server.closing.wait(0.1):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.closing.set()
    made.shutdown()
    made.server_close()


def client(server: Server, now: list[float], **options: object) -> PlanClient:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    return create_client(address, pause=lambda _: None, clock=lambda: now[0], timeout=0.2, **options)


@pytest.mark.parametrize("mode", ["slow", "trickling", "dropped", "error", "page", "list", "nested", "cut"])
def test_what_was_kept_bridges_a_server_that_is_slow_or_wrong(server: Server, mode: str) -> None:
    now = [0.0]
    plans = client(server, now, retries=1)
    assert plans.fetch_coach_plan("d") == PLAN
    now[0], server.mode, server.asked = 100, mode, 0
    assert plans.fetch_coach_plan("d") == PLAN | {"stale_seconds": 100}
    assert server.asked == 2
    assert plans.fetch_coach_plan("i") is None
    with pytest.raises(PlanClientError):
        client(server, now, retries=0, strict=True).fetch_coach_plan("i")
    now[0], server.mode = 200, "right"
    assert plans.fetch_coach_plan("d") == PLAN
    assert plans.get_metrics()["stale"] == 1


def test_a_server_that_is_down_and_back(server: Server) -> None:
    now, place = [0.0], server.server_address[1]
    plans = client(server, now, retries=2)
    assert plans.fetch_coach_plan("d") == PLAN
    server.shutdown()
    server.server_close()
    now[0] = 100
    assert plans.fetch_coach_plan("d") == PLAN | {"stale_seconds": 100}
    assert plans.check_health()["status"] == "unreachable"
    assert plans.get_metrics() | {"api_errors": 0} == {
        "requests": 5,
        "cache_hits": 0,
        "cache_misses": 2,
        "unchanged": 0,
        "api_errors": 0,
        "retries": 2,
        "stale": 1,
        "cache_size": 1,
        "cache_hit_rate_percent": 0.0,
    }
    again = Server(place)
    assert plans.fetch_coach_plan("d") == PLAN
    again.shutdown()
    again.server_close()
