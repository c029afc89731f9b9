"""Connects to the first address of a host that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# The next address is tried after so many seconds, or as soon as the one before has failed (RFC 8305).
_HEAD_START = 0.25


async def connected(host: str, port: int) -> socket.socket:
    """An open socket. Raises what the name server raises, or an ExceptionGroup of what each address came to.

    asyncio's own way hides these errors in a text, and waits for an address that is silent before it tries another.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed = [asyncio.Event() for _ in found]
    return await _first(
        [
            asyncio.create_task(_tried(family, kind, protocol, address, before, mine))
            for (family, kind, protocol, _, address), before, mine in zip(found, [None, *failed], failed, strict=False)
        ]
    )


async def _first(tries: Sequence[asyncio.Task[socket.socket]]) -> socket.socket:
    errors = list[OSError]()
    won: socket.socket | None = None
    try:
        for done in asyncio.as_completed(tries):
            try:
                won = await done
            except OSError as error:
                errors.append(error)
            else:
                return won
    finally:
        for one in tries:
            one.cancel()
            one.add_done_callback(lambda late: _closed(late, won))
    raise ExceptionGroup("no address can be reached", errors)


async def _tried(
    family: int, kind: int, protocol: int, address: Any, before: asyncio.Event | None, failed: asyncio.Event
) -> socket.socket:
    if before:
        with suppress(TimeoutError):
            await asyncio.wait_for(before.wait(), _HEAD_START)
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        failed.set()
        raise
    return opened


def _closed(late: asyncio.Task[socket.socket], won: socket.socket | None) -> None:
    """Close what was opened too late to be used."""
    if not late.cancelled() and late.exception() is None and late.result() is not won:
        late.result().close()
