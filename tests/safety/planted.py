"""A home in which secrets are planted wherever a config takes one, and in which everything goes wrong."""

from __future__ import annotations

import base64
import html
import json
import random
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

WAYS = ("env", "file", "credential", "literal")
SPECIAL = "+/=&% \"'é"

# By model and key: every place of the config that takes a secret. `{token}` is letters and digits, `{word}` anything,
# `{quoted}` is `{word}` as a URL has it.
PLACES = {
    "DiscordChannel.webhook": "{server}/api/webhooks/{number}/{token}",
    "DiscordChannel.bot_token": "{token}.{token}",
    "TelegramChannel.token": "{number}:{token}",
    "TelegramChannel.chat": "-1001234567890",
    "DiscordChannel.proxy": "http://user:{token}@127.0.0.1:1",
    "TelegramChannel.proxy": "http://user:{token}@127.0.0.1:1",
    "HeartbeatConfig.proxy": "http://user:{token}@127.0.0.1:1",
    "PlansConfig.token": "{token}",
    "AppriseChannel.url": "ntfys://user:{token}@127.0.0.1:1/topic",
    "HttpChannel.url": "{server}/floor/{token}",
    "HttpChannel.secret": "{token}",
    "HttpChannel.proxy": "http://user:{token}@127.0.0.1:1",
    "PricesConfig.url": "{server}/status?token={token}",
    "PricesConfig.password": "{token}",
    "ActionConfig.url": "{server}/act?token={token}",
    "ActionConfig.headers": "Bearer {token}",
    "FreqtradeConfig.url": "{server}/{token}",
    "FreqtradeConfig.password": "{token}",
    "MarketConfig.url": "{server}/price?token={token}",
    "TelegramChatConfig.token": "{number}:{token}",
    "DiscordChatConfig.token": "{token}.{token}",
    "TelegramChatConfig.proxy": "http://user:{token}@127.0.0.1:1",
    "DiscordChatConfig.proxy": "http://user:{token}@127.0.0.1:1",
    "UserConfig.password": "scrypt${token}",
    "LedgerConfig.url": "postgresql://reader:{quoted}@127.0.0.1:1/bot",
    "Config.store": "postgresql://writer:{quoted}@127.0.0.1:1/store?sslpassword={quoted}",
    "HeartbeatConfig.url": "{server}/ping/{token}?token={token}",
    "HttpProbeConfig.url": "{server}/login?access_token={quoted}",
    "HttpProbeConfig.proxy": "http://user:{token}@127.0.0.1:1",
    "HttpProbeConfig.body": '{{"key": "{token}"}}',
    "HttpProbeConfig.headers": "Bearer {token}",
    "TcpProbeConfig.send": "AUTH {token}",
    "PostgresProbeConfig.url": "postgresql://prober:{quoted}@127.0.0.1:1/bot",
    "RedisProbeConfig.url": "redis://:{quoted}@127.0.0.1:{port}/0",
    "TokenConfig.secret": "{token}",
    "HookConfig.secret": "{token}",
    "PingConfig.id": "{token}",
    "WebConfig.ping_key": "{token}",
    "SqlProbeConfig.url": "postgresql://asker:{quoted}@127.0.0.1:1/bot?password={quoted}",
}
# The same places with addresses of other services, whose drivers have errors of their own.
OTHER_SERVICES = {
    "LedgerConfig.url (mysql)": "mysql://reader:{quoted}@127.0.0.1:1/bot",
    "LedgerConfig.url (clickhouse)": "clickhouse://reader:{token}@127.0.0.1:{port}/bot",
}
# What stands here in the config itself is public text; only a reference makes a secret of it.
PUBLIC = {"HttpProbeConfig.body", "TcpProbeConfig.send"}


@dataclass
class Plants:
    """The secrets that were planted: the cores, which nobody may find anywhere."""

    folder: Path
    server: str
    port: int
    seed: int
    environ: dict[str, str] = field(default_factory=dict)
    cores: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    placed: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.environ["CREDENTIALS_DIRECTORY"] = str(self.folder / "credentials")
        for name in ("credentials", "secrets"):
            (self.folder / name).mkdir()

    def plant(self, place: str, way: str) -> str:
        """A new secret for a place; returns what the config says, as YAML."""
        if way == "literal" and place in PUBLIC:
            return "public text"
        value = self._value((PLACES | OTHER_SERVICES)[place])
        self.values.append(value)
        self.placed[place, way] = value
        name = f"S{len(self.values)}"
        match way:
            case "env":
                self.environ[name] = value
            case "file":
                self._write(self.folder / "secrets" / name, value)
                return json.dumps(f"file:secrets/{name}")
            case "credential":
                self._write(self.folder / "credentials" / name, value)
            case _:
                return json.dumps(value)
        return json.dumps(f"{way}:{name}")

    def said(self, most: int) -> str:
        """As many whole secrets as that many characters hold: half a secret is not known by its form."""
        text = ""
        for value in self.values:
            if len(text) + len(value) < most:
                text += f"{value} "
        return text

    def found_in(self, what: str, content: bytes) -> list[str]:
        """Which of the cores stand in it, whole or in part, in whatever writing."""
        return [f"{core} in {what}" for core in self.cores if any(trace in content for trace in traces(core))]

    def _value(self, form: str) -> str:
        token, word = self._core(string.ascii_letters + string.digits), self._core(string.ascii_letters + SPECIAL)
        number = "".join(self._random.choices("123456789", k=18))
        for name, core in (("{token}", token), ("{word}", word), ("{quoted}", word)):
            if name in form:
                self.cores.append(core)
        parts = {"token": token, "word": word, "quoted": quote(word, safe=""), "number": number}
        return form.format(**parts, server=self.server, port=self.port)

    def _core(self, letters: str) -> str:
        """28 characters that nobody would write by chance; blanks stand at neither end."""
        return f"Q{''.join(self._random.choices(letters, k=26))}Z"

    def _write(self, path: Path, value: str) -> None:
        path.write_text(value)
        path.chmod(0o600)


def traces(core: str) -> set[bytes]:
    """What a core leaves behind where it, or a good part of it, was written. Made without the program's own forms."""
    parts = (core, core[:14], core[-14:], core[7:21])
    found = {
        written.encode("utf-8", "replace")
        for part in parts
        for written in (
            part,
            quote(part, safe=""),
            quote(part),
            quote_plus(part),
            json.dumps(part)[1:-1],
            json.dumps(json.dumps(part)[1:-1])[1:-1],
            repr(part)[1:-1],
            repr(part.encode())[2:-1],
            html.escape(part),
            part.encode().hex(),
        )
    }
    for shift in range(3):
        found.add(base64.b64encode(b"x" * shift + core.encode())[4:-4])
    return {trace for trace in found if len(trace) >= 12}


class Echo(ThreadingHTTPServer):
    """Answers every request with an error that repeats all of it. `bodies` are what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.bodies: list[bytes] = []
        self.hits: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Echo(BaseHTTPRequestHandler):
    server: Echo

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        self.server.bodies.append(body)
        self.server.hits.append(self.path)
        said = f"{self.command} {self.server.address}{self.path} {dict(self.headers)} {body!r}"
        known = self.command == "GET" and "/webhooks/" in self.path and "/messages" not in self.path
        answer: dict[str, Any] = {
            "message": said,
            "code": 50035,
            "errors": {"content": {"_errors": [{"message": said}]}},
        }
        if known:
            answer = {"id": "1", "channel_id": "123456789012345678", "guild_id": "123456789012345679", "name": "x"}
        content = json.dumps(answer).encode()
        self.send_response(200 if known else 400, "Bad" if known else quote(said)[:500])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Echo", quote(said)[:2000])
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the library looks for

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def echo() -> Iterator[Echo]:
    server = Echo()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
