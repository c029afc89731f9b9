"""REST: reads the query, asks the resource, and answers as JSON with an ETag; runs the operations of the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reporter.operations import answering
from reporter.operations.answering import Door, allowed
from reporter.operations.arguments import usage
from reporter.operations.operation import NotUnderstoodError
from reporter.web import wire
from reporter.web.analysis import ANALYSIS
from reporter.web.answers import as_json, lines_of, not_modified, within
from reporter.web.audit_resource import AUDIT
from reporter.web.context import WebContext
from reporter.web.distribution import DISTRIBUTION
from reporter.web.fresh_login import check_fresh
from reporter.web.guard import path_of, read_body
from reporter.web.openapi import description
from reporter.web.plan_resources import PLAN_RESOURCES
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, OfLedgers, Query, Resource, read_query
from reporter.web.resources import STANDING
from reporter.web.sessions import Gate
from reporter.web.trade_resource import TRADE

BASE = "/api/v1"
LARGEST_ARGUMENTS = 10_000  # bytes


def commands(call: Call[Query]) -> wire.OperationsAnswer:
    return {
        "commands": [
            {
                "name": one.name,
                "aliases": list(one.aliases),
                "usage": usage(one),
                "help": one.help,
                "role": str(one.role),
            }
            for one in allowed(call.actor)
        ]
    }


COMMANDS = Resource("/commands", "The commands that the caller may use", commands, wire.OperationsAnswer)
RESOURCES = (*STANDING, TRADE, COMMANDS, *ANALYSIS, AUDIT, DISTRIBUTION, *PLAN_RESOURCES)


def tag_of(handler: Callable[[Call[Any]], Any], call: Call[Any]) -> str | None:
    """What names the answer before it is made, where that can be told."""
    return handler.tag(call) if isinstance(handler, OfLedgers) else None


class Api:
    """The handlers of REST."""

    def __init__(self, world: WebContext, gate: Gate) -> None:
        self._world = world
        self._gate = gate

    def routes(self) -> list[Route]:
        found = [Route(f"{BASE}{one.path}", self._resource(one), methods=["GET"]) for one in RESOURCES]
        return [
            *found,
            Route(f"{BASE}/commands/{{name}}", self._command, methods=["POST"]),
            Route("/openapi.json", self._openapi, methods=["GET"]),
        ]

    def _resource(self, resource: Resource) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            actor = await within(lambda: self._gate.reader(request))
            call = Call(self._world, actor, read_query(resource.query, request), request.path_params)
            tag = await within(lambda: tag_of(resource.handler, call))
            if tag and tag in request.headers.get("if-none-match", ""):
                return not_modified(tag)
            found = await within(lambda: resource.handler(call))
            links = {}
            if more := found.get("next"):
                kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
                target = f"{self._world.settings.base_path}{path_of(request)}?{urlencode([*kept, ('cursor', more)])}"
                links = {"Link": f'<{target}>; rel="next"'}
            return as_json(request, found, links, None if found.get("unread") else tag)

        return answer

    async def _command(self, request: Request) -> Response:
        """Carry out an operation; its arguments are the body's."""
        actor = await within(lambda: self._gate.reader(request))
        body = await read_body(request, LARGEST_ARGUMENTS)
        try:
            values = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise ProblemError(400, "the body is not JSON", remedy='send {} or {"period": "weekly"}') from None
        if not isinstance(values, dict):
            raise ProblemError(400, "the body is no object", remedy='send {} or {"period": "weekly"}')
        try:
            name = answering.found(request.path_params["name"]).name
        except NotUnderstoodError as error:
            raise ProblemError(404, str(error), where="name", remedy=f"{BASE}/commands lists them") from None
        check_fresh(await within(lambda: self._gate.session(request)), name, values, self._world.now)
        door = Door(self._world.app, self._world.deliver, drawn=False)
        messages = await within(lambda: door.invoke(name, values, actor))
        return as_json(request, {"text": [line for message in messages for line in lines_of(message)]})

    async def _openapi(self, _: Request) -> Response:
        found = await within(self._description)
        return Response(found, media_type="application/json")

    @cache  # noqa: B019 - the listener lives as long as the process
    def _description(self) -> bytes:
        """Made when it is asked for first: the schemas of all shapes take some MB."""
        return json.dumps(description(RESOURCES, BASE)).encode()
