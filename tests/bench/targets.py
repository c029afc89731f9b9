"""The targets of two hundred probes: local servers with and without TLS, one that hangs, a file, this process."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

BODY = b'{"status": "ok", "lag": 0.4}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)


@dataclass(frozen=True)
class Targets:
    """The ports of the servers, and the file with the authority that the one with TLS is certified by."""

    plain: int
    secure: int
    hanging: int
    authority: Path

    def config(self, timeout: float) -> str:
        """200 probes as lines of a config: 150 that are well, and 50 that hang until `timeout` seconds are over."""
        web = f'url: "http://127.0.0.1:{self.plain}/", expect_json: {{path: status, equals: ok}}'
        kinds = {
            "web": (60, web),
            "secure": (30, f'url: "https://localhost:{self.secure}/", ca_file: {self.authority}'),
            "port": (40, f'address: "127.0.0.1:{self.plain}"'),
            "file": (15, f"kind: file, path: {self.authority}, age: {{warning: 10d}}"),
            "process": (5, "kind: process, command: reporter, memory: {warning: 4 GiB}"),
            "hung": (50, f'url: "http://127.0.0.1:{self.hanging}/", timeout: {timeout:g}s'),
        }
        lines = (f"  {name}-{number}: {{{said}}}" for name, (many, said) in kinds.items() for number in range(many))
        return "\n".join(lines)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        if await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # a port is only knocked at
    finally:
        writer.close()


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _serve(authority: trustme.CA, ports: list[int], ready: threading.Event, ended: asyncio.Event) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    servers = [
        await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024),
        await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024, ssl=context),
        await asyncio.start_server(_hang, "127.0.0.1", 0, backlog=1024),
    ]
    ports += [server.sockets[0].getsockname()[1] for server in servers]
    ready.set()
    await ended.wait()
    for server in servers:
        server.close()


@contextmanager
def targets(folder: Path) -> Iterator[Targets]:
    """The servers for as long as the block lasts, in a thread of their own."""
    authority, ports, ready = trustme.CA(), list[int](), threading.Event()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    work = _serve(authority, ports, ready, ended)
    thread = threading.Thread(target=lambda: loop.run_until_complete(work), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield Targets(ports[0], ports[1], ports[2], folder / "authority.pem")
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
