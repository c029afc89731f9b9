"""Pings in, as healthchecks.io takes them: `POST /ping/ID` or `/ping/KEY/NAME`, also with `/start`, `/fail`, `/log` or
an exit status."""

from __future__ import annotations

import asyncio
import hmac
import re

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reporter.alerts.pings import Ping, PingKind, PingRule, after_ping, awaited
from reporter.secret import Secret
from reporter.store import pings
from reporter.web.answers import within
from reporter.web.context import WebContext
from reporter.web.guard import BODY_SECONDS, LARGEST_BODY
from reporter.web.problems import ProblemError
from reporter.web.sessions import Gate

KEPT_BODY = 10_000  # bytes
_WORDS: dict[str, PingKind] = {"": "success", "start": "start", "fail": "fail", "log": "log"}
PARTS = "write /start, /fail, /log or an exit status to 255"
_STATUS = re.compile(r"\d{1,3}", re.ASCII)
_RID = re.compile(r"[\w-]{1,64}", re.ASCII)


class Pings:
    """The handlers of pings. The id, or the key of all pings, is the proof of who sends: an address without a known one
    is not found."""

    def __init__(self, world: WebContext, gate: Gate) -> None:
        self._world = world
        self._gate = gate

    def routes(self) -> list[Route]:
        paths = ("/ping/{id}", "/ping/{id}/{word}", "/ping/{id}/{name}/{word}")
        return [Route(path, self._take, methods=["GET", "POST"]) for path in paths]

    async def _take(self, request: Request) -> Response:
        rule, word = self._addressed(request)
        if request.method != "POST" and not rule.get:
            remedy = f"send a POST, or write `get: true` for {rule.name} in the config"
            raise ProblemError(405, "a GET is no ping here", remedy=remedy, headers={"Allow": "POST"})
        self._gate.keep_pace(f"ping {rule.name}")
        kind, status = _meaning(word)
        rid = request.query_params.get("rid") or None
        if rid and not _RID.fullmatch(rid):
            raise ProblemError(400, "this is no run id", where="rid", remedy="send a UUID")
        text = (await _beginning(request)).decode("utf-8", "replace").replace("\0", "")
        ping = Ping(kind, self._world.now, rid, status, text)
        await within(lambda: self._save(rule, ping))
        return PlainTextResponse("OK", headers={"Cache-Control": "no-store"})

    def _addressed(self, request: Request) -> tuple[PingRule, str]:
        """Which ping an address means, and its last word: ID, ID/WORD, KEY/NAME or KEY/NAME/WORD."""
        given, name, word = (request.path_params.get(part, "") for part in ("id", "name", "word"))
        if _is_same(self._world.settings.ping_key, given):
            name, word = (name, word) if name else (word, "")
            if rule := self._world.runtime.pings.get(name):
                return rule, word
            raise ProblemError(404, "there is no ping of that name", remedy="take a name of `pings` in the config")
        if rule := self._rule(given):
            if not name:
                return rule, word
            raise ProblemError(404, "a ping has no such part", remedy=PARTS)
        self._gate.failed(request)
        raise ProblemError(404, "there is no such ping")

    def _rule(self, given: str) -> PingRule | None:
        found = None
        for rule in self._world.runtime.pings.values():  # each is looked at: the time tells nothing
            if _is_same(rule.id, given):
                found = rule
        return found

    def _save(self, rule: PingRule, ping: Ping) -> None:
        with self._world.store.begin() as connection:
            state = pings.state_of(connection, rule.name)
            if state is None or state.schedule != str(rule.schedule):
                state = awaited(rule, ping.at, state)
            ends = ping.kind in {"success", "fail"}
            begun = pings.begun_at(connection, rule.name, ping.rid) if ends else None
            pings.put(connection, after_ping(rule, state, ping, begun))
            pings.add(connection, rule.name, ping)


def _is_same(secret: Secret | None, given: str) -> bool:
    if secret is None or secret.missing:
        return False
    return hmac.compare_digest(secret.reveal().encode(), given.encode("utf-8", "replace"))


def _meaning(word: str) -> tuple[PingKind, int | None]:
    if word in _WORDS:
        return _WORDS[word], None
    status = int(word) if _STATUS.fullmatch(word) else 256
    if status > 255:
        raise ProblemError(404, "a ping has no such part", remedy=PARTS)
    return ("fail" if status else "success"), status


async def _beginning(request: Request) -> bytes:
    """The first bytes of a body. However long it is, and however slowly it comes, the ping counts."""
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                body += part[: KEPT_BODY - len(body)]
                if size > LARGEST_BODY:
                    break
    except (TimeoutError, ClientDisconnect):
        pass
    return bytes(body)
