"""The ASGI application: which handler answers which address."""

from __future__ import annotations

import logging
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reporter.web.api import Api
from reporter.web.badges import Badges
from reporter.web.context import WebContext
from reporter.web.health import Health
from reporter.web.inbound import Inbound
from reporter.web.live import Live
from reporter.web.login import Login
from reporter.web.pages import Pages
from reporter.web.pings import Pings
from reporter.web.problems import ProblemError, problem
from reporter.web.server import Known, Outermost
from reporter.web.sessions import Gate

log = logging.getLogger(__name__)


def routes(world: WebContext, gate: Gate, pages: Pages) -> list[Route]:
    """Every address and its handler."""
    inbound = Inbound(world, gate)
    return [
        *pages.routes(),
        *Login(world, gate, pages.shown).routes(),
        *Health(world, gate).routes(),
        *Badges(world, gate).routes(),
        *Pings(world, gate).routes(),
        *Api(world, gate).routes(),
        Route("/api/v1/events", inbound.take_events, methods=["POST"]),
        Route("/hooks/{name}", inbound.take_hook, methods=["POST"]),
        Route("/hooks/{name}/{key}", inbound.take_hook, methods=["POST"]),
    ]


def application(world: WebContext, live: Live) -> ASGIApp:
    """Everything that the listener answers."""
    gate = Gate(world)
    pages = Pages(world, gate, live)
    handlers: dict[Any, Any] = {
        ProblemError: pages.problem,
        HTTPException: pages.problem,
        Exception: _failed,
    }
    app = Starlette(routes=routes(world, gate, pages), exception_handlers=handlers)

    def known() -> Known:
        said = world.settings
        return Known(frozenset({said.host, *said.hosts}), said.forwarded, said.origins)

    return Outermost(app, known)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    return problem(ProblemError(500, "this failed here; the log says why"))
