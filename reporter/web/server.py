"""Serves an ASGI application in a thread of its own, with bounds on connections and headers."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import Any

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from reporter.errors import ReporterError
from reporter.scheduler.logs import request_named
from reporter.web.guard import check_host, is_encrypted
from reporter.web.problems import ProblemError, problem

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 200
HSTS = "max-age=31536000"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}
HEADER_SECONDS = 10.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
CORS_ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match")
CORS_SHOWN = ("ETag", "Link", "Retry-After")


class ListenError(ReporterError):
    """The address cannot be listened on."""


class _BoundedHttp(H11Protocol):
    """Closes a connection whose request does not come: a slow sender must not take a place for ever."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(HEADER_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        idle: object = self.cycle  # None until a request has come whole
        if idle is None and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Sleeps until a request comes or `leave` is called, where uvicorn wakes ten times a second."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._left = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._left.wait()

    def leave(self) -> None:
        self.should_exit = True
        if self._loop:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._left.set)


@dataclass(frozen=True, slots=True)
class Known:
    """The names that we are called by, the proxies that are believed, and the pages elsewhere that may call."""

    hosts: frozenset[str]
    forwarded: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Outermost:
    """Learns from a proxy who calls, looks at each request's Host before anything else does, and puts what guards a
    page around each answer.

    A request has an id, its caller's `X-Request-ID` or ours: the answer and every line of the log carry it.
    """

    def __init__(self, app: ASGIApp, known: Callable[[], Known]) -> None:
        self._app = app
        self._known = known
        self._built: tuple[Known, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = self._known()
        if self._built is None or self._built[0] != known:  # the config was edited
            self._built = known, self._around(known)
        await self._built[1](scope, receive, send)

    def _around(self, known: Known) -> Any:
        app: Any = self._app
        if known.origins:
            app = CORSMiddleware(
                app, allow_origins=known.origins, allow_methods=("GET", "POST"), allow_headers=CORS_ASKED,
                expose_headers=CORS_SHOWN,
            )  # fmt: skip
        guarded: Any = partial(self._guarded, app, known)
        return ProxyHeadersMiddleware(guarded, list(known.forwarded)) if known.forwarded else guarded

    async def _guarded(self, app: ASGIApp, known: Known, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(4)
        with request_named(request_id):
            await self._answer(partial(_checked, app, known), request, receive, send, request_id)

    async def _answer(self, app: Any, request: Request, receive: Receive, send: Send, request_id: str) -> None:
        began = time.monotonic()
        extra = HEADERS | {"X-Request-ID": request_id}
        extra |= {"Strict-Transport-Security": HSTS} if is_encrypted(request) else {}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                headers.setdefault("Date", formatdate(usegmt=True))
                for name, value in extra.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
                spent = time.monotonic() - began
                log.debug("%s %s: %d after %.3f s", request.method, request.url.path, message["status"], spent)
            await send(message)

        await app(request.scope, receive, guarded)


async def _checked(app: ASGIApp, known: Known, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        check_host(Request(scope), known.hosts, known.origins)
    except ProblemError as error:
        await problem(error)(scope, receive, send)
    else:
        await app(scope, receive, send)


class WebServer:
    """Serves an application in a thread of its own. `section` is where the config names the address; `stops`
    ends what is open when the server stops."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        base_path: str = "",
        section: str = "web",
        stops: Callable[[], None] = lambda: None,
    ) -> None:
        self._stops = stops
        self._socket = _bound(host, port, section)
        config = uvicorn.Config(
            app,
            http=_BoundedHttp,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # uvicorn sets it anew each second, whether anybody asks or not
            proxy_headers=False,  # it would believe whoever is near; see `Known.forwarded`
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=16_384,
            root_path=base_path,
        )
        self._server = _Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._serve, name=section, daemon=True)

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        self._thread.start()
        log.info("listening on %s", self.address)

    def stop(self) -> None:
        """Answer what is under way for at most a second, and end."""
        self._stops()
        self._server.leave()
        self._thread.join(3)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _bound(host: str, port: int, section: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sets TCP_NODELAY on what it accepts: else each answer waits 40 ms for an ACK.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host.strip("[]"), port))
        found.listen()  # who comes before the server's loop runs waits, and is not refused
    except OSError as error:
        found.close()
        raise ListenError(f"{section}.listen {host}:{port} cannot be used: {error.strerror}") from None
    return found
