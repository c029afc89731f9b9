"""A stand-in for freqtrade's REST API: it takes what the real one takes, and answers in its shapes.

As in freqtrade's `rpc/api_server` and `rpc/rpc.py`: login by Basic for a token of 15 minutes, refusals of the bot as
502 with `error`, those of the server with `detail`. `old` is a bot from before the state `paused` (2025.4).
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USER, PASSWORD = "freqtrader", "hunter2-hunter2"
_TIGHT = {"start", "stop", "pause", "stopentry", "stopbuy", "reload_config", "forceexit"}
_LIMITS = {"status": 20, "show_config": 1 << 30}
"""Requests of a path in a minute; of a verb five."""
Reply = tuple[int, Any]


class Freqtrade(ThreadingHTTPServer):
    """One bot. `state`, `trades` and `most` (max_open_trades) may be looked at and set; `calls` are the verbs asked.

    `hangs` names verbs that never answer, and `deaf` verbs that answer and change nothing. A reload takes `reloading`
    seconds, in which the API is away, and ends in the state `initial`. Orders of an exit are filled if `fills`.
    `garbled` is the body of each answer, where it is not empty.
    """

    daemon_threads = True

    def __init__(self, *, state: str = "running", trades: int = 2, old: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state, self.trades, self.most, self.old = state, trades, 3, old
        self.calls: list[str] = []
        self.initial, self.reloading, self.fills = "running", 0.3, True
        self._reload_began = 0.0
        self.hangs: set[str] = set()
        self.deaf: set[str] = set()
        self.garbled = b""
        self.limited = not old
        self.closing = threading.Event()
        self._tokens: dict[str, float] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are no error of a server."""

    def reply(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        kind, _, given = authorization.partition(" ")
        basic = kind == "Basic" and base64.b64decode(given).decode() == f"{USER}:{PASSWORD}"
        if not path.startswith("/api/v1/"):
            return 405 if method == "POST" else 404, {"detail": "Not Found"}
        verb = path.removeprefix("/api/v1/")
        away = self._reloaded()
        if 1 / 3 <= away < 2 / 3:
            raise ConnectionAbortedError
        if verb == "token/login" and method == "POST":
            return self._login() if basic else (401, {"detail": "Incorrect username or password"})
        if not basic and not (kind == "Bearer" and self._tokens.get(given, 0) > time.monotonic()):
            return 401, {"detail": "Could not validate credentials" if kind == "Bearer" else "Unauthorized"}
        self.calls.append(verb)
        if verb in self.hangs:
            self.closing.wait(30)
        return self._refusal(method, verb, away) or self._answer(method, verb, body)

    def _refusal(self, method: str, verb: str, away: float) -> Reply | None:
        """The no of the server, or of a bot that is not there yet."""
        if method == "GET" and verb not in {"show_config", "status"}:
            return 404, {"detail": "Not Found"}
        if method == "POST" and (verb not in _TIGHT or (verb == "pause" and self.old)):
            return 405, {"detail": "Method Not Allowed"}
        if self.limited and self.calls.count(verb) > _LIMITS.get(verb, 5):
            return 429, {"detail": "Rate limit exceeded. Try again later."}
        if away < 2 / 3:
            return None
        error = {"error": f"Error querying /api/v1/{verb}: Bot is not in the correct state"}
        return (200, self._config() | {"state": ""}) if verb == "show_config" else (502, error)

    def _answer(self, method: str, verb: str, body: bytes) -> Reply:
        if method == "POST":
            return self._verb(verb, body)
        return 200, self._status() if verb == "status" else self._config()

    def _reloaded(self) -> float:
        """How much of a reload is over, from 0 to 1; -1 where there is none. It ends when its time is over."""
        if not self._reload_began:
            return -1.0
        part = (time.monotonic() - self._reload_began) / self.reloading
        if part >= 1:
            self._reload_began, self.state, self.most = 0.0, self.initial, 3
            return -1.0
        return part

    def _login(self) -> Reply:
        token = secrets.token_hex()
        self._tokens[token] = time.monotonic() + 900
        return 200, {"access_token": token, "refresh_token": secrets.token_hex()}

    def _config(self) -> dict[str, Any]:
        return {
            "version": "2024.10" if self.old else "2026.9",
            "api_version": 2.4,
            "dry_run": True,
            "trading_mode": "spot",
            "stake_currency": "USDT",
            "max_open_trades": self.most,
            "bot_name": "freqtrade",
            "exchange": "binance",
            "strategy": "Momentum",
            "state": self.state,
            "runmode": "dry_run",
        }

    def _status(self) -> list[dict[str, Any]]:
        return [{"trade_id": number + 1, "pair": "BTC/USDT", "is_open": True} for number in range(self.trades)]

    def _verb(self, verb: str, body: bytes) -> Reply:
        before = (self.state, self.trades, self.most)
        answer = self._force_exit(body) if verb == "forceexit" else (200, {"status": getattr(self, f"_{verb}")()})
        if verb in self.deaf:
            self.state, self.trades, self.most, self._reload_began = *before, 0.0
        return answer

    def _start(self) -> str:
        if self.state == "running":
            return "already running"
        self.state = "running"
        return "starting trader ..."

    def _stop(self) -> str:
        if self.state == "stopped":
            return "already stopped"
        self.state = "stopped"
        return "stopping trader ..."

    def _pause(self) -> str:
        if self.state == "stopped":
            self.state = "paused"
            return "starting bot with trader in paused state, no entries will occur. Run /start to enable entries."
        self.state = "paused" if self.state == "running" else self.state
        return "paused, no more entries will occur from now. Run /start to enable entries."

    def _stopentry(self) -> str:
        if not self.old:
            return self._pause()
        self.most = 0 if self.state == "running" else self.most
        return "No more entries will occur from now. Run /reload_config to reset."

    _stopbuy = _stopentry

    def _reload_config(self) -> str:
        self.state, self._reload_began = "reload_config", time.monotonic()
        return "Reloading config ..."

    def _force_exit(self, body: bytes) -> Reply:
        given = json.loads(body or b"{}")
        if "tradeid" not in given:
            return 422, {"detail": [{"loc": ["body", "tradeid"], "msg": "Field required", "type": "missing"}]}
        if self.state == "stopped" or (self.old and self.state != "running"):
            return 502, {"error": "Error querying /api/v1/forceexit: trader is not running"}
        if given["tradeid"] != "all":
            return 502, {"error": "Error querying /api/v1/forceexit: invalid argument"}
        self.trades = 0 if self.fills else self.trades
        return 200, {"result": "Created exit orders for all open trades."}


class _Handler(BaseHTTPRequestHandler):
    server: Freqtrade
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "")
        try:
            status, answer = self.server.reply(self.command, self.path.partition("?")[0], authorization, body)
        except ConnectionAbortedError:
            self.close_connection = True
            return
        content = self.server.garbled or json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name that the library looks for

    def log_message(self, *_: object) -> None:
        """Nothing."""
