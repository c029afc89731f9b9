"""The part of Redis's protocol that a probe needs: log in, ask for the state, read the response.

The redis package does much more: it costs 43 ms and 7 MiB, and it retries by itself, which would hide the failures that
a probe looks for. https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from reporter.probes.connecting import connected
from reporter.probes.contact import reached
from reporter.secret import Secret

# No answer that we ask for is nearly as long.
_LONGEST = 4 * 1024 * 1024
_LENGTH = re.compile(r"[0-9]{1,8}")


class RespError(Exception):
    """The server answered with an error, such as `NOAUTH Authentication required.`; `code` is its first word."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


class NotRespError(Exception):
    """What answers there does not speak the protocol."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a server is and how to log in, as its URL says: redis://, rediss:// for TLS, or unix:///PATH."""

    host: str | None
    port: int
    path: str
    tls: bool
    login: tuple[str, ...]

    @classmethod
    def of(cls, url: Secret) -> RedisAddress:
        parts = urlsplit(url.reveal())
        login = tuple(unquote(part) for part in (parts.username, parts.password) if part)
        return cls(
            host=None if parts.scheme == "unix" else parts.hostname or "localhost",
            port=parts.port or 6379,
            path=unquote(parts.path),
            tls=parts.scheme == "rediss",
            login=login if parts.password else (),
        )


class RespConnection:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, *words: str) -> str:
        """The answer to a command, which must be text. Raises RespError, NotRespError, and what the network raises."""
        parts = [word.encode() for word in words]
        self._writer.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
        return await self._answer()

    async def _answer(self) -> str:
        line = (await self._until_newline()).decode("utf-8", "replace")
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            raise RespError(rest)
        if kind == "$" and _LENGTH.fullmatch(rest) and int(rest) <= _LONGEST:
            return (await self._reader.readexactly(int(rest) + 2))[:-2].decode("utf-8", "replace")
        raise NotRespError

    async def _until_newline(self) -> bytes:
        try:
            return (await self._reader.readuntil(b"\r\n"))[:-2]
        except asyncio.LimitOverrunError:
            raise NotRespError from None


@asynccontextmanager
async def line_to(place: RedisAddress, trust: ssl.SSLContext | None) -> AsyncIterator[RespConnection]:
    """A connection that is logged in. `trust` says whose certificates are believed."""
    if place.host is None:
        reader, writer = await asyncio.open_unix_connection(place.path)
    else:
        opened = await connected(place.host, place.port)
        reached(opened)
        if place.tls:
            reader, writer = await asyncio.open_connection(sock=opened, ssl=trust, server_hostname=place.host)
        else:
            reader, writer = await asyncio.open_connection(sock=opened)
    try:
        line = RespConnection(reader, writer)
        if place.login:
            await line.ask("AUTH", *place.login)
        yield line
    finally:
        writer.transport.abort()  # a polite end would wait for the other side
