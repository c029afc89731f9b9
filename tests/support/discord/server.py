"""The HTTP of the local Discord, and what goes wrong on it when a test wants it to."""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import threading
import time
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.discord.faults import Fault, Hang, Truncate
from tests.support.discord.wire import Call, Reply, spoilt

_PATH = re.compile(
    r"/api(?:/v(?P<version>\d+))?/(?:"
    r"webhooks/(?P<webhook>\d+)/(?P<token>[^/]+)(?:/messages/(?P<message>\d+|@original))?"
    r"|channels/(?P<channel>\d+)/(?P<in_channel>messages|webhooks)(?:/(?P<read>\d+))?"
    r"|channels/(?P<itself>\d+)"
    r"|guilds/(?P<guild>\d+)/(?P<in_guild>channels|webhooks)"
    r"|(?P<gateway>gateway)(?:/(?P<for_bot>bot))?"
    r"|applications/(?P<application>\d+)/guilds/(?P<command_guild>\d+)/(?P<commands>commands)"
    r"|interactions/(?P<interaction>\d+)/(?P<secret>[^/]+)/(?P<callback>callback)"
    r"|(?:oauth2/)?(?P<me>users|applications)/@me(?:/(?P<mine>guilds|channels))?)"
)


class Service(Protocol):
    """Who answers the requests. `arrived` is held while it does."""

    arrived: threading.Condition
    closing: threading.Event

    def take_fault(self, call: Call) -> Fault | None: ...

    def answer(self, call: Call) -> Reply: ...

    def note(self, call: Call, reply: Reply | None, started: float, way: float) -> None: ...

    def file(self, path: str) -> bytes | None: ...

    def way(self) -> float: ...

    def date(self) -> datetime | None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End connections that clients keep open for later."""
        for connection in list(self._open):
            with_reset(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are no error of a server; anything else is one of the tests."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        started = time.monotonic()
        service = self.server.service
        if (content := service.file(self.path)) is not None:
            self._send_file(content)
            return
        call = self._call()
        if call is None:
            self._send(Reply(404, {"message": "404: Not Found", "code": 0}))
            return
        if self.headers.get("Host") != "{}:{}".format(*self.server.server_address):
            self._send(Reply(403, "<html>DNS points to a host that is not here</html>"))
            return
        way = service.way()
        service.closing.wait(way)
        with service.arrived:
            fault = service.take_fault(call)
            taken = service.answer(call) if fault is None or fault.accept else None
            reply = taken if fault is None else spoilt(fault)
            service.note(call, reply, started, way)
        if isinstance(fault, Hang):
            service.closing.wait(fault.seconds)
        service.closing.wait(way)
        if reply is None:
            self._break_off(half_of=taken if isinstance(fault, Truncate) else None)
        else:
            self._send(reply)

    def _call(self) -> Call | None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _PATH.fullmatch(unquote(url.path))
        if found is None:
            return None
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        content_type = self.headers.get("Content-Type", "")
        return Call(
            self.command, found["version"], *self._asked(found), query, content_type,
            self.headers.get("User-Agent", ""), body,
            next(filter(None, (found[key] for key in ("in_channel", "in_guild", "mine", "for_bot", "commands"))), ""),
        )  # fmt: skip

    def _asked(self, found: re.Match[str]) -> tuple[str, str, str, str | None]:
        """What a path speaks of: the resource, its id, who may ask, and the message."""
        if found["webhook"]:
            return "webhooks", found["webhook"], found["token"], found["message"]
        if found["interaction"]:
            return "interactions", found["interaction"], found["secret"], None
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        token = token if kind == "Bot" else ""
        if found["gateway"]:
            return "gateway", "", token, None
        if found["application"]:
            return "applications", found["application"], token, found["command_guild"]
        if found["itself"]:
            return "channels", found["itself"], token, None
        if found["channel"]:
            return "channels", found["channel"], token, found["read"]
        return ("guilds", found["guild"], token, None) if found["guild"] else (found["me"], "@me", token, None)

    def _send(self, reply: Reply) -> None:
        page = isinstance(reply.body, str)
        content = b"" if reply.body is None else (reply.body if page else json.dumps(reply.body)).encode()  # type: ignore[union-attr]
        self.send_response(reply.status)
        if not page:
            self.send_header("Via", "1.1 google")
        if content:
            self.send_header("Content-Type", "text/html" if page else "application/json")
        if reply.status != 204:
            self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, content: bytes) -> None:
        """What somebody has attached, as the CDN gives it."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, half_of: Reply | None) -> None:
        if half_of is not None:
            content = json.dumps(half_of.body).encode()
            self.send_response(half_of.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
        else:
            with_reset(self.connection)
        self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        date = self.server.service.date()
        return format_datetime(date, usegmt=True) if date else ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own word
        """A server of tests does not talk."""


def with_reset(connection: socket.socket) -> None:
    """End a connection at once, in the way that the other side sees as a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        return  # it had ended by itself
