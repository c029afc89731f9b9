"""Every answer from outside has an end: in time, in size, and in what it grows to when it is decompressed."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from reporter.errors import ReporterError
from reporter.http_client import CUT, BoundedTransport, Bounds, trusted

HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1 << 20


@contextmanager
def answering(answer: Callable[[socket.socket], None], heard: list[bytes] | None = None) -> Iterator[str]:
    """A server that reads a request and then does as it likes with the connection. Gives its origin."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    asked = connection.recv(65536)
                    if heard is not None:
                        heard.append(asked)
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def ask(origin: str, seconds: float = 20, size: int = MEGABYTE) -> httpx.Response:
    with BoundedTransport(origin, Bounds(seconds, size)) as transport:
        return transport.handle_request(httpx.Request("GET", origin + "/"))


def dripping(first: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(piece)
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), id="header"),
        pytest.param(dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"), id="body"),
        pytest.param(dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), id="chunks"),
        pytest.param(dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), id="early hints"),
    ],
)
def test_an_answer_that_drips_ends_with_its_time(drip: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with answering(drip) as origin, pytest.raises(httpx.TimeoutException):
        ask(origin, seconds=0.4)
    assert time.monotonic() - began < 10


def test_an_endless_answer_is_cut() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with answering(answer) as origin:
        response = ask(origin)
    assert (len(response.content), response.extensions[CUT]) == (MEGABYTE, True)


@pytest.mark.parametrize(("coding", "window"), [("gzip", 31), ("deflate", 15), ("x-gzip", 31)])
def test_a_bomb_is_cut_before_it_takes_memory(coding: str, window: int) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    bomb = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(256)) + packer.flush()
    headers = f"Content-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with answering(lambda connection: connection.sendall(HEAD + headers + bomb)) as origin:
        tracemalloc.start()
        response = ask(origin)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (len(response.content), response.extensions[CUT]) == (MEGABYTE, True)
    assert peak < 16 * MEGABYTE


def test_a_compressed_answer_is_read_although_nobody_asked_for_it() -> None:
    body = gzip.compress(b'{"id": "1"}')
    headers = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with answering(lambda connection: connection.sendall(HEAD + headers + body)) as origin:
        response = ask(origin)
    assert (response.json(), response.extensions[CUT]) == ({"id": "1"}, False)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip"])
def test_what_cannot_be_decompressed_is_an_error_and_no_text(coding: str) -> None:
    headers = f"Content-Encoding: {coding}\r\nContent-Length: 4\r\n\r\n".encode()
    broken = HEAD + headers + b"\x1f\x8bxx"
    with (
        answering(lambda connection: connection.sendall(broken)) as origin,
        pytest.raises(httpx.DecodingError, match="compressed"),
    ):
        ask(origin)


def test_it_asks_for_no_compression() -> None:
    heard: list[bytes] = []
    with answering(lambda connection: connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n"), heard) as origin:
        ask(origin)
    assert b"accept-encoding: identity" in heard[0].lower()


def test_a_connection_is_kept_for_the_next_request_and_dropped_after_a_cut() -> None:
    connections = []

    def answer(connection: socket.socket) -> None:
        connections.append(connection)
        for _ in range(2):
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
            connection.recv(65536)

    with answering(answer) as origin, BoundedTransport(origin, Bounds(20, 2)) as transport:
        for _ in range(2):
            assert transport.handle_request(httpx.Request("GET", origin + "/")).content == b"ok"
    assert len(connections) == 1


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_of_certificates_that_is_of_no_use_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    with pytest.raises(ReporterError, match=rf"the trusted certificates in {path} cannot be read: "):
        trusted(path)


def test_a_file_that_the_environment_names_and_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(
        ReporterError, match=r"/nowhere/ca\.pem, which SSL_CERT_FILE names, cannot be read: No such file"
    ):
        BoundedTransport("https://discord.com", Bounds(1, 1))
