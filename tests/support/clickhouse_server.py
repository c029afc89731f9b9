"""ClickHouse's own engine behind its HTTP protocol, as far as its official driver speaks it; for a Python with chdb."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session  # type: ignore[import-not-found,unused-ignore]

SESSION, ONE_BY_ONE = Session(), threading.Lock()
# The engine in this process takes the settings of a question from its text.
PASSED = ("readonly", "max_execution_time")
# What the owner of the database says; for everybody else, settings count.
OWNER = "-- owner\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        try:
            with ONE_BY_ONE:
                found = _result(asked.get("query", "") + body, asked)
            self._answer(200, found)
        except Exception as error:  # noqa: BLE001 - the client is told
            self._answer(500, str(error).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _result(sql: str, asked: dict[str, str]) -> bytes:
    if sql.startswith(OWNER):
        return bytes(SESSION.query(sql, "TabSeparated").bytes())
    if "database" in asked:
        SESSION.query(f"USE {asked['database']}")
    text, _, form = sql.rstrip().rpartition("FORMAT ") if "FORMAT " in sql else (sql, "", "TabSeparated")
    settings = ", ".join(f"{name} = {asked[name]}" for name in PASSED if name in asked)
    plain = text.rstrip().rstrip(";")
    return bytes(SESSION.query(f"{plain} SETTINGS {settings}" if settings else plain, form).bytes())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
