"""Live updates: a stream of server-sent events that says when something has changed, and ends when we stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from starlette.responses import StreamingResponse

from reporter.errors import ReporterError
from reporter.store.changes import version
from reporter.web.context import WebContext
from reporter.web.problems import ProblemError

MOST_STREAMS = 40
LOOK_EVERY = 5.0
# Trading databases do not say when they change: after so many seconds a page asks anew.
CHANGE_EVERY = 30.0
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


class Live:
    """One look at the store serves all streams."""

    def __init__(self, world: WebContext) -> None:
        self._world = world
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams = 0
        self._seen: tuple[float, str] = (-LOOK_EVERY, "")

    def stream(self, still_allowed: Callable[[], Awaitable[bool]]) -> StreamingResponse:
        """A stream of `change` events, for as long as its reader may look."""
        if self._streams >= MOST_STREAMS:
            raise ProblemError(503, "too many pages are open", headers={"Retry-After": "60"})
        self._loop = asyncio.get_running_loop()
        return StreamingResponse(self._events(still_allowed), headers=HEADERS, media_type="text/event-stream")

    def close(self) -> None:
        """End every stream, from whatever thread."""
        if self._loop:
            with suppress(RuntimeError):  # the loop has ended, and all streams with it
                self._loop.call_soon_threadsafe(self._closing.set)

    async def _events(self, still_allowed: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        self._streams += 1
        try:
            yield "retry: 5000\n\n"
            known, since = await self._version(), 0.0
            while not await self._closes(LOOK_EVERY) and await still_allowed():
                now, since = await self._version(), since + LOOK_EVERY
                if now != known or since >= CHANGE_EVERY:
                    known, since = now, 0.0
                    yield f"id: {now}\nevent: change\ndata: {{}}\n\n"
                else:
                    yield ": still here\n\n"
        finally:
            self._streams -= 1

    async def _closes(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return self._closing.is_set()

    async def _version(self) -> str:
        """What changes with every message, run and incident; the same for all streams within a second."""
        now = asyncio.get_running_loop().time()
        if now - self._seen[0] > 1:
            self._seen = (now, await asyncio.to_thread(self._look))
        return self._seen[1]

    def _look(self) -> str:
        try:
            with self._world.store.read() as connection:
                return version(connection)
        except ReporterError:
            return "unknown"
