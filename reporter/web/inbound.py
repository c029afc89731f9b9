"""Events in: `POST /api/v1/events` and `POST /hooks/NAME`. Answered once the events are saved, within a second."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reporter.errors import StoreError
from reporter.inbox.event import Event, EventError, read_event
from reporter.inbox.hooks import Hook, is_authentic, payloads
from reporter.inbox.presets import PayloadError
from reporter.inbox.submit import SubmitResult, set_aside, submit
from reporter.web.answers import within
from reporter.web.context import WebContext
from reporter.web.guard import read_body
from reporter.web.problems import ProblemError
from reporter.web.sessions import Gate

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_EVENTS = 500  # in one request


class Inbound:
    """The handlers of events and hooks."""

    def __init__(self, world: WebContext, gate: Gate) -> None:
        self._world = world
        self._gate = gate

    async def take_events(self, request: Request) -> Response:
        """One event or a list of them; a verdict for each."""
        program = await within(lambda: self._gate.program(request, "events"))
        body = await read_body(request)
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise ProblemError(400, "the body is not JSON", remedy='send {"kind": "signal_generated"}') from None
        items = given if isinstance(given, list) else [given]
        if not 0 < len(items) <= MOST_EVENTS:
            raise ProblemError(413 if items else 400, f"send between 1 and {MOST_EVENTS} events")
        read = [_read(item, number, one=not isinstance(given, list)) for number, item in enumerate(items)]
        key = request.headers.get("idempotency-key", "")[:100]
        known = [_identified(event, key, number) for number, event in enumerate(read) if isinstance(event, Event)]
        saved = iter(await self._saved(lambda: self._submit(known, program.name)))
        verdicts = [next(saved) if isinstance(event, Event) else event for event in read]
        return JSONResponse({"events": [_shown(verdict) for verdict in verdicts]}, 202)

    async def take_hook(self, request: Request) -> Response:
        """What another program sends in its own form. Only its secret opens; what cannot be read is kept aside."""
        body = await read_body(request)
        hook = self._world.settings.hooks.get(request.path_params["name"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = self._world.clock.wall()
        if hook is None or not is_authentic(hook, headers, body, request.path_params.get("key", ""), now):
            self._gate.failed(request)
            raise ProblemError(404, "there is no such hook, or this is not its secret")
        self._gate.keep_pace(f"hook {hook.name}")
        try:
            read = [read_event(payload) for payload in payloads(hook, headers, body)]
        except (PayloadError, EventError) as error:
            why = str(error)
            await self._saved(lambda: self._quarantine(hook, why, body))
            return JSONResponse({"status": "kept aside", "why": why}, 202)
        verdicts = await self._saved(lambda: self._submit(read, hook.name, hook.same_body)) if read else []
        return JSONResponse({"events": [_shown(verdict) for verdict in verdicts]}, 202)

    def _submit(self, read: list[Event], source: str, same_body: timedelta | None = None) -> list[SubmitResult]:
        with self._world.store.begin() as connection:
            return submit(connection, read, self._world.clock.wall(), source=source, same_body=same_body)

    def _quarantine(self, hook: Hook, why: str, body: bytes) -> None:
        log.warning("the hook %s sent what cannot be read: %s (see `reporter events rejected`)", hook.name, why)
        with self._world.store.begin() as connection:
            set_aside(connection, f"hook {hook.name}", why, body.decode("utf-8", "replace"), self._world.clock.wall())

    async def _saved(self, save: Callable[[], T]) -> T:
        """Save in a thread; a store that is busy is no reason to hold up the sender."""
        try:
            async with asyncio.timeout(self._world.answer_within):
                found = await asyncio.to_thread(save)
        except EventError as error:
            raise ProblemError(422, str(error), where=error.field) from None
        except (StoreError, TimeoutError):
            detail = "the store is busy; send it again: what has an id is taken once"
            raise ProblemError(503, detail, headers={"Retry-After": "5"}) from None
        self._world.wake()
        return found


def _read(item: object, number: int, *, one: bool) -> Event | SubmitResult:
    """An event, or why it is none; of a single one that is the answer."""
    try:
        return read_event(item)
    except EventError as error:
        if one:
            raise ProblemError(422, str(error), where=error.field or "body") from None
        identity = item.get("id") if isinstance(item, dict) else None
        return SubmitResult(str(identity or number)[:128], "refused", str(error))


def _identified(event: Event, key: str, number: int) -> Event:
    return event.model_copy(update={"id": f"{key}/{number}"}) if key and not event.id else event


def _shown(verdict: SubmitResult) -> dict[str, Any]:
    shown = {"id": verdict.id, "status": verdict.status, "why": verdict.why}
    return {key: value for key, value in shown.items() if value}
