"""The event loop that probes run in: in a daemon thread, with name look-ups that hold nothing up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

_Question = tuple[bytes | str | None, bytes | str | int | None, int, int, int, int]
_Answer = list[Any] | OSError | UnicodeError


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


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in a daemon thread for each name.

    asyncio's own way is a pool whose threads the interpreter waits for at its end, however long a name server stays
    silent. A name that is being looked up is not asked for a second time, so a silent server holds one thread a name.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[_Question, list[asyncio.Future[Any]]] = {}

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
        try:
            return await self._asked((host, port, family, type, proto, flags))
        except asyncio.CancelledError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None

    def _asked(self, question: _Question) -> asyncio.Future[Any]:
        waiter: asyncio.Future[Any] = self.create_future()
        if question not in self._waiting:
            self._waiting[question] = []
            threading.Thread(target=self._ask, args=(question,), name="probes-lookup", daemon=True).start()
        self._waiting[question].append(waiter)
        return waiter

    def _ask(self, question: _Question) -> None:
        answer: _Answer
        try:
            answer = socket.getaddrinfo(*question)
        except (OSError, UnicodeError) as error:
            answer = error
        with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits any more
            self.call_soon_threadsafe(self._pass_on, question, answer)

    def _pass_on(self, question: _Question, answer: _Answer) -> None:
        for waiter in self._waiting.pop(question):
            if waiter.done():
                continue
            if isinstance(answer, list):
                waiter.set_result(answer)
            else:
                waiter.set_exception(answer)
