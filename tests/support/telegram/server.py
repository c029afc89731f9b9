"""The HTTP of the local Telegram, and what goes wrong on it when a test wants it to."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.support.discord.faults import Hang, Truncate
from tests.support.discord.multipart import parts
from tests.support.discord.server import with_reset
from tests.support.telegram.faults import Fault

Json = dict[str, Any]
_FILE = re.compile(r"/file/bot(?P<token>[^/]+)/(?P<path>.+)")
_PATH = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>\w+)")


@dataclass(frozen=True)
class Call:
    """A request as it stands on the wire."""

    token: str
    method: str
    fields: Json
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @property
    def chat(self) -> str:
        return str(self.fields.get("chat_id", ""))


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json | str


class Service(Protocol):
    """Who answers the requests. `arrived` is held while it does."""

    arrived: threading.Condition
    closing: threading.Event
    latency: float

    def take_fault(self, call: Call) -> Fault | None: ...

    def spoilt(self, fault: Fault) -> Answer | None: ...

    def answer(self, call: Call) -> Answer: ...

    def file(self, token: str, path: str) -> bytes | None: ...

    def note(self, call: Call, answer: Answer | None, started: float) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._open: set[Any] = set()
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
        """Clients that go away in the middle are no error of a server."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        found = _FILE.fullmatch(urlsplit(self.path).path)
        content = self.server.service.file(found["token"], found["path"]) if found else None
        if content is None:
            self._serve()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        started = time.monotonic()
        service = self.server.service
        call = self._call()
        if call is None:
            self._send(Answer(404, {"ok": False, "error_code": 404, "description": "Not Found"}))
            return
        service.closing.wait(service.latency)
        with service.arrived:
            fault = service.take_fault(call)
            taken = service.answer(call) if fault is None or fault.accept else None
            answer = taken if fault is None else service.spoilt(fault)
            service.note(call, answer, started)
        if isinstance(fault, Hang):
            service.closing.wait(fault.seconds)
        if answer is None:
            self._break_off(half_of=taken if isinstance(fault, Truncate) else None)
        else:
            self._send(answer)

    def _call(self) -> Call | None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _PATH.fullmatch(url.path)
        if found is None:
            return None
        fields: Json = dict(parse_qsl(url.query))
        files: dict[str, tuple[str, bytes]] = {}
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("application/json") and body:
            fields |= json.loads(body)
        elif kind.startswith("multipart/form-data"):
            for part in parts(kind, body):
                if part.filename is None:
                    fields[part.name] = part.content.decode()
                else:
                    files[part.name] = (part.filename, part.content)
        elif body:
            fields |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        return Call(found["token"], found["method"], fields, files)

    def _send(self, answer: Answer) -> None:
        page = isinstance(answer.body, str)
        content = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html" if page else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, half_of: Answer | None) -> None:
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
        """No date: a test's daemon has another time than this machine."""
        return ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own word
        """A server of tests does not talk."""
