"""The gateway of the local Discord: a real WebSocket that greets, checks, beats, resumes and closes as the docs say.

It runs in a thread with a loop of its own; aiohttp is loaded with the first bot that may connect.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.discord.world import Bot

if TYPE_CHECKING:
    from aiohttp import web

Json = dict[str, Any]

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = (
    0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11,
)  # fmt: skip
GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 0, 1 << 9, 1 << 12, 1 << 15
PRIVILEGED = 1 << 1 | 1 << 8 | MESSAGE_CONTENT
KNOWN_INTENTS = (1 << 26) - 1
PER_MINUTE = 120
"""Events that a client may send on one connection in 60 s, heartbeats aside."""
FINAL = {4004, 4010, 4011, 4012, 4013, 4014}


@dataclass(eq=False)
class Session:
    """What a bot that has identified is told; events stay so that they can be told again."""

    id: str
    bot: Bot
    intents: int
    sequence: int = 0
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=500))
    line: Line | None = None


@dataclass(eq=False)
class Line:
    """One connection. What is sent is compressed in one stream, where the client asks for that."""

    socket: web.WebSocketResponse
    packer: Any = None
    session: Session | None = None
    beaten: float = 0.0
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=PER_MINUTE))

    async def send(self, payload: Json) -> None:
        text = json.dumps(payload)
        if self.packer is None:
            await self.socket.send_str(text)
        else:
            packed = self.packer.compress(text.encode()) + self.packer.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(packed)


class ClosedError(Exception):
    """The connection is to be closed with a code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


class Gateway:
    """`find` gives the bot of a token, `ready` its READY, `greet` the events that follow it.

    A client has to beat every `interval` seconds. `identifies` counts what is allowed a thousand times in a day.
    """

    def __init__(
        self,
        find: Callable[[str], Bot | None],
        ready: Callable[[Bot, str], Json],
        greet: Callable[[Bot], list[tuple[str, Json]]],
        *,
        interval: float = 41.25,
    ) -> None:
        self._find, self._ready, self._greet = find, ready, greet
        self.interval = interval
        self.acknowledges = True
        self.identifies: list[float] = []
        self.resumes = 0
        self.closed: list[int] = []
        self.sessions: dict[str, Session] = {}
        self.limit, self.left = 1000, 1000
        self.refused: int | None = None
        self.deaf = False
        self.port = 0
        self._lines: set[Line] = set()
        self._loop = asyncio.new_event_loop()
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="local-gateway", daemon=True)
        self._thread.start()
        self.port = self._started.result(10)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def start_limit(self) -> Json:
        return {
            "total": self.limit,
            "remaining": max(0, self.left - len(self.identifies)),
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        }

    @property
    def connected(self) -> bool:
        """Whether a bot that has identified listens now."""
        return any(one.line is not None for one in self.sessions.values())

    def tell(self, name: str, data: Json, wanted: Callable[[Session], Json | None] = lambda _: None) -> None:
        """Tell an event to all sessions. `wanted` gives what a session is told in place of `data`; an empty dict is
        nothing."""
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._tell(name, data, wanted)))

    def drop(self, code: int = 4000) -> None:
        """Close every connection with a code; sessions can be resumed."""
        self._do(self._drop(code))

    def reconnect(self) -> None:
        """Ask clients to connect again and to resume, as Discord does with each release."""
        self._do(self._to_all({"op": RECONNECT, "d": None}))

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell clients that their session is not valid any more."""
        if not resumable:
            self.sessions.clear()
        self._do(self._to_all({"op": INVALID, "d": resumable}))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # --- In the loop ---

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _run(self) -> None:
        from aiohttp import web  # noqa: PLC0415 - only where a bot connects

        asyncio.set_event_loop(self._loop)
        application = web.Application()
        application.router.add_get("/", self._serve)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

        async def start() -> int:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return int(runner.addresses[0][1])

        self._started.set_result(self._loop.run_until_complete(start()))
        self._loop.run_forever()
        for line in self._lines:
            self._loop.create_task(line.socket.close(code=1001))
        self._loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import WSMsgType, web  # noqa: PLC0415 - only where a bot connects

        if self.deaf:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=4096)
        await socket.prepare(request)
        packed = request.query.get("compress") == "zlib-stream"
        line = Line(socket, zlib.compressobj() if packed else None, beaten=time.monotonic())
        self._lines.add(line)
        watch = self._loop.create_task(self._watch(line))
        try:
            await self._greeted(line, request.query.get("v"))
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._take(line, message.data)
        except ClosedError as closed:
            self.closed.append(closed.code)
            await socket.close(code=closed.code, message=closed.why.encode())
        except ConnectionError:
            pass  # the client is gone
        finally:
            watch.cancel()
            self._lines.discard(line)
            if line.session and line.session.line is line:
                line.session.line = None
        return socket

    async def _greeted(self, line: Line, version: str | None) -> None:
        if version not in {None, "9", "10"}:
            raise ClosedError(4012, "Invalid API version")
        hello = {"op": HELLO, "d": {"heartbeat_interval": int(self.interval * 1000)}, "s": None, "t": None}
        await line.send(hello)
        if self.refused:
            raise ClosedError(self.refused, "refused")

    async def _watch(self, line: Line) -> None:
        """Close with 4009 what does not beat: Discord waits for some beats."""
        while not line.socket.closed:
            await asyncio.sleep(self.interval / 4)
            if time.monotonic() - line.beaten > self.interval * 1.5:
                self.closed.append(4009)
                await line.socket.close(code=4009, message=b"Session timed out.")

    async def _take(self, line: Line, text: str | bytes) -> None:
        try:
            payload = json.loads(text)
            operation, data = payload["op"], payload.get("d")
        except (ValueError, KeyError, TypeError):
            raise ClosedError(4002, "Error while decoding payload.") from None
        now = time.monotonic()
        if operation == HEARTBEAT:
            line.beaten = now
            if self.acknowledges:
                await line.send({"op": ACK, "d": None})
            return
        if len(line.sent) == PER_MINUTE and line.sent[0] > now - 60:
            raise ClosedError(4008, "Rate limited.")
        line.sent.append(now)
        if operation == IDENTIFY:
            await self._identify(line, data)
        elif operation == RESUME:
            await self._resume(line, data)
        elif operation not in {PRESENCE, VOICE, MEMBERS}:
            raise ClosedError(4001, "Unknown opcode.")
        elif line.session is None:
            raise ClosedError(4003, "Not authenticated.")

    async def _identify(self, line: Line, data: Json) -> None:
        if line.session is not None:
            raise ClosedError(4005, "Already authenticated.")
        self.identifies.append(time.monotonic())
        bot = self._find(str(data.get("token", "")).removeprefix("Bot "))
        if bot is None:
            raise ClosedError(4004, "Authentication failed.")
        if not {"os", "browser", "device"} <= {key.lstrip("$") for key in data.get("properties", {})}:
            raise ClosedError(4002, "Error while decoding payload.")
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS or intents < 0:
            raise ClosedError(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~bot.privileged:
            raise ClosedError(4014, "Disallowed intent(s).")
        session = Session(f"{len(self.identifies):032x}", bot, intents, line=line)
        line.session = self.sessions[session.id] = session
        ready = self._ready(bot, session.id) | {"resume_gateway_url": self.url, "session_id": session.id}
        await self._event(session, "READY", ready)
        for name, event in self._greet(bot):
            if session.intents & GUILDS:
                await self._event(session, name, event)

    async def _resume(self, line: Line, data: Json) -> None:
        bot, session = self._find(str(data.get("token", ""))), self.sessions.get(str(data.get("session_id")))
        if bot is None:
            raise ClosedError(4004, "Authentication failed.")
        if session is None or session.bot is not bot:
            await line.send({"op": INVALID, "d": False})
            return
        seen = data.get("seq")
        if not isinstance(seen, int) or seen > session.sequence:
            raise ClosedError(4007, "Invalid seq.")
        self.resumes += 1
        line.session, session.line = session, line
        for event in [event for event in session.events if event["s"] > seen]:
            await line.send(event)
        await self._event(session, "RESUMED", {})

    async def _tell(self, name: str, data: Json, wanted: Callable[[Session], Json | None]) -> None:
        for session in list(self.sessions.values()):
            told = wanted(session)
            if told != {}:
                await self._event(session, name, data if told is None else told)

    async def _event(self, session: Session, name: str, data: Json) -> None:
        session.sequence += 1
        event = {"op": DISPATCH, "t": name, "s": session.sequence, "d": data}
        session.events.append(event)
        if session.line is not None and not session.line.socket.closed:
            await session.line.send(event)

    async def _to_all(self, payload: Json) -> None:
        for line in list(self._lines):
            await line.send(payload | {"s": None, "t": None})

    async def _drop(self, code: int) -> None:
        for line in list(self._lines):
            self.closed.append(code)
            await line.socket.close(code=code)
