"""Hostile callers: large bodies, forged headers, paths out of the house, many streams and silent connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from reporter.web.live import MOST_STREAMS
from reporter.web.server import HEADER_SECONDS, MOST_CONNECTIONS
from tests.web.listener import OPERATOR, TOKEN, Listener, listener

LARGE = 10_000_000


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with listener(tmp_path_factory.mktemp("floods") / "home", web="  public: all\n") as found:
        yield found


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/commands/status", "/login", "/do/ack", "/hooks/x"])
def test_ten_megabytes_are_refused_before_they_are_read(web: Listener, path: str) -> None:
    token = TOKEN if path.endswith("events") else OPERATOR
    headers = {"Authorization": f"Bearer {token}", "Origin": web.server.address}
    with closing(_connection(web)) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(web.server.address).netloc}\r\nContent-Length: {LARGE}\r\n"
        line.sendall(f"{start}{head}\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert web.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/login?next=/%0d%0aSet-Cookie:a=b", "/trades?agent=%0d%0aX-A:b", "/ping/%0d%0aX-A:b"]
)
def test_no_line_of_a_caller_becomes_a_header(web: Listener, path: str) -> None:
    answer = web.client.get(path, headers={"Accept": "text/html"})
    assert "x-a" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/static/..%2f..%2fserver.py", "/static/%2e%2e/server.py", "/reports/..%2f..%2fetc/view", "/..%2fetc/passwd"],
)
def test_no_path_leads_out_of_the_house(web: Listener, path: str) -> None:
    assert web.client.get(path).status_code == 404


def test_more_streams_than_there_is_room_for_are_refused_and_the_rest_goes_on(web: Listener) -> None:
    with ExitStack() as stack:
        codes = []
        for _ in range(MOST_STREAMS + 5):
            line = stack.enter_context(closing(_connection(web)))
            line.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            codes.append(line.recv(1000)[9:12])
        assert codes == [b"200"] * MOST_STREAMS + [b"503"] * 5
        assert web.client.get("/healthz").status_code == 200


@pytest.mark.full
def test_silent_connections_are_closed_and_take_no_place_for_ever(web: Listener) -> None:
    with ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(closing(_connection(web))).sendall(b"GET / HTTP/1.1\r\nHost: loc")
        time.sleep(HEADER_SECONDS + 2)
        assert web.client.get("/healthz").status_code == 200
    assert MOST_CONNECTIONS < 2000


def _connection(web: Listener) -> socket.socket:
    parts = urlsplit(web.server.address)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
