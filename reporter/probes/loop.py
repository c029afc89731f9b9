"""The event loop of the probes, in a daemon thread, with threads beside it for blocking calls."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop that runs until it is ended. Nothing ever waits for its thread."""

    def __init__(self, name: str) -> None:
        self._loop = _Loop()
        self._ended = asyncio.Event()
        threading.Thread(target=self._live, name=name, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it in the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

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

    Whoever asks for the same `key` while it is being worked on waits for that same result. So what hangs, as a file
    on a server that is gone, holds one thread, however often it is asked for.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, _Loop):
        raise TypeError("looks are taken in the loop of a LoopThread")
    result: T = await loop.aside(key, work)
    return result


class _Loop(asyncio.SelectorEventLoop):
    """Does what blocks, such as looking up names, in daemon threads.

    asyncio's own way is a pool whose threads the interpreter waits for at its end, however long a name server stays
    silent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[Hashable, list[asyncio.Future[Any]]] = {}

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
        it was our name server that kept silent, not the host."""
        question = (host, port, family, type, proto, flags)
        try:
            return await self.aside(("name", question), lambda: socket.getaddrinfo(*question))
        except asyncio.CancelledError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None

    def aside(self, key: Hashable, work: Callable[[], Any]) -> asyncio.Future[Any]:
        waiter: asyncio.Future[Any] = self.create_future()
        if key not in self._waiting:
            self._waiting[key] = []
            threading.Thread(target=self._work, args=(key, work), name="probes-aside", daemon=True).start()
        self._waiting[key].append(waiter)
        return waiter

    def _work(self, key: Hashable, work: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - it is handed to whoever waits
            error = raised
        with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits any more
            self.call_soon_threadsafe(self._pass_on, key, result, error)

    def _pass_on(self, key: Hashable, result: Any, error: Exception | None) -> None:
        for waiter in self._waiting.pop(key):
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)
