"""`/healthz`, `/readyz` and `/metrics`: for orchestrators and Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reporter.store.outbox import counts
from reporter.web.answers import within
from reporter.web.context import WebContext
from reporter.web.guard import is_local
from reporter.web.metrics import exposition
from reporter.web.problems import ProblemError
from reporter.web.sessions import Gate


class Health:
    """The handlers."""

    def __init__(self, world: WebContext, gate: Gate) -> None:
        self._world = world
        self._gate = gate

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self._alive, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]

    async def _alive(self, _: Request) -> Response:
        """That this process answers, and nothing else."""
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        """That the store can be read: without it nothing is reported. `chat` says how the bots stand that answer."""
        try:
            await within(self._look, 5)
        except ProblemError:
            return JSONResponse({"status": "unavailable", "why": "the store cannot be read"}, 503)
        doors = self._world.app.doors.all()
        return JSONResponse({"status": "ready"} | ({"chat": doors} if doors else {}))

    def _look(self) -> None:
        with self._world.store.read() as connection:
            counts(connection)

    async def _metrics(self, request: Request) -> Response:
        """For a token that may read, and for this machine itself where nothing stands between."""
        if not is_local(request, self._world.settings):
            await within(lambda: self._gate.reader(request))
        text, kind = await within(lambda: exposition(self._world))
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=kind)
