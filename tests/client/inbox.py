"""A local reporter for clients: takes events over real HTTP, and can be slow, down, wrong and back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Inbox:
    """`answer` is the status of the next answers, `delay` how long each takes in seconds."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.answer = 202
        self.delay = 0.0
        self.batches: list[list[dict[str, Any]]] = []
        self.tokens: set[str] = set()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    def waits_for(self, count: int, seconds: float = 120.0) -> None:
        until = time.monotonic() + seconds
        while len({event["id"] for event in self.events}) < count:
            assert time.monotonic() < until, f"{len(self.events)} of {count} events arrived"
            time.sleep(0.01)


@contextmanager
def inbox(port: int = 0) -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(found.delay)
            found.tokens.add(self.headers["Authorization"])
            if found.answer == 202:
                found.batches.append(body)
            items = [{"id": event["id"], "status": "accepted"} for event in body]
            content = json.dumps({"events": items}).encode()
            self.send_response(found.answer)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    found = Inbox(server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
