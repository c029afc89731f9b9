"""The event loop of the probes, in a daemon thread, with threads beside it for blocking calls."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from reporter.periods.deadlines import SideThreads

T = TypeVar("T")


class LoopThread:
    """An event loop that runs until it is ended. Nothing ever waits for its thread."""

    def __init__(self, name: str) -> None:
        self._loop = _Loop()
        self._ended = asyncio.Event()
        self._asked_at: float | None = None
        threading.Thread(target=self._live, name=name, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it in the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def rested(self) -> float:
        """For how many seconds the loop has not answered. One thread asks, now and then."""
        if (asked := self._asked_at) is not None:
            return time.monotonic() - asked
        self._asked_at = time.monotonic()
        with suppress(RuntimeError):  # the loop has ended, and asks for no restart
            self._loop.call_soon_threadsafe(self._answer)
        return 0.0

    def _answer(self) -> None:
        self._asked_at = None

    def end(self) -> None:
        """Cancel what runs, and end the loop as soon as it lets go."""
        self._loop.call_soon_threadsafe(self._ended.set)

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        await self._ended.wait()


async def aside(key: Hashable, work: Callable[[], T]) -> T:
    """Do what may block in a daemon thread of its own, from within a look; raises what the work raises.

    Two looks that ask for the same `key` wait for the same result. So work that hangs, as a file on a server that is
    gone, holds one thread, however often it is asked for.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, _Loop):
        raise TypeError("looks are taken in the loop of a LoopThread")
    result: T = await loop.aside(key, work)
    return result


class _Loop(asyncio.SelectorEventLoop):
    """Does what blocks, such as looking up names, in daemon threads.

    asyncio's own way is a pool of threads. The interpreter waits for them at its end, however long a name server stays
    silent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._side_threads = SideThreads("probes-aside")

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name that asyncio gave it
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """As asyncio's. A look-up that is cancelled, which here means by its deadline, fails as one without answer:
        our name server kept silent, not the host."""
        question = (host, port, family, type, proto, flags)
        try:
            return await self.aside(("name", question), lambda: socket.getaddrinfo(*question))
        except asyncio.CancelledError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None

    def aside(self, key: Hashable, work: Callable[[], Any]) -> asyncio.Future[Any]:
        waiter: asyncio.Future[Any] = self.create_future()

        def done(future: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits any more
                self.call_soon_threadsafe(_pass_on, future, waiter)

        self._side_threads.begin(key, work).future.add_done_callback(done)
        return waiter


def _pass_on(future: Future[Any], waiter: asyncio.Future[Any]) -> None:
    if waiter.done():
        return
    if error := future.exception():
        waiter.set_exception(error)
    else:
        waiter.set_result(future.result())
