"""What stands on the wire: requests as they are read, replies as they are written."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from tests.support.discord import rules
from tests.support.discord.faults import Ban, Fault, Garbled, Hang, Limited, Refused, Reset, Status, Truncate
from tests.support.discord.multipart import parts
from tests.support.discord.rules import RefusedError

Json = dict[str, Any]

_USER_AGENT = re.compile(r"DiscordBot \(\S+, [^)]+\)")


@dataclass(frozen=True)
class Request:
    """One request that came in and what it was answered; a status of 0 is no answer at all."""

    method: str
    webhook: str
    status: int
    code: int | None
    at: float
    scope: str | None = None


@dataclass(frozen=True)
class Reply:
    status: int
    body: Json | list[Json] | str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def code(self) -> int | None:
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def scope(self) -> str | None:
        """Of a 429: whose limit it was, user, shared or global."""
        return dict(self.headers).get("X-RateLimit-Scope")

    @property
    def retry_after(self) -> float:
        return float(self.body.get("retry_after", 0)) if isinstance(self.body, dict) else 0.0


@dataclass(frozen=True)
class Call:
    """A request as it stands on the wire. `token` is a webhook's, from the path, or a bot's, from its header."""

    method: str
    version: str | None
    resource: str  # webhooks | channels | users | guilds | applications | gateway | interactions
    target: str  # the id of the webhook, the channel or the guild
    token: str
    message_id: str | None
    query: dict[str, str]
    content_type: str
    user_agent: str
    body: bytes
    part: str = ""  # what of the resource: messages | channels | webhooks | guilds | commands | bot | callback

    @property
    def by_bot(self) -> bool:
        return self.resource not in {"webhooks", "interactions"}

    @property
    def odd_user_agent(self) -> bool:
        return not _USER_AGENT.match(self.user_agent)


def spoilt(fault: Fault) -> Reply | None:
    """What comes instead of the right answer; None is nothing."""
    match fault:
        case Status():
            return Reply(fault.status, f"<html><h1>{fault.status}</h1></html>")
        case Refused():
            return Reply(fault.status, {"message": fault.message, "code": fault.code})
        case Garbled():
            return Reply(200, fault.text)
        case Limited():
            return limited(fault)
        case Ban():
            headers = (("Retry-After", str(fault.retry_after)),) if fault.retry_after else ()
            return Reply(429, "<html><h1>Error 1015</h1> You are being rate limited</html>", headers)
        case Reset() | Hang() | Truncate():
            return None


def limited(fault: Limited) -> Reply:
    is_global = fault.scope == "global"
    headers = [("X-RateLimit-Scope", fault.scope)]
    if fault.header:
        headers.append(("Retry-After", str(math.ceil(fault.retry_after))))
    if is_global:
        headers.append(("X-RateLimit-Global", "true"))
    body = {"message": "You are being rate limited.", "retry_after": round(fault.retry_after, 3), "global": is_global}
    return Reply(429, body, tuple(headers))


def read_form(
    call: Call, *, editing: bool = False, interactive: bool | None = None, answering: bool = False
) -> tuple[Json, dict[str, bytes], list[str]]:
    """The message of a request, its files by their cleaned names, and what is odd about it. Raises RefusedError."""
    if len(call.body) > rules.REQUEST_BYTES:
        raise RefusedError(413, 40005, "Request entity too large")
    payload, files = _payload(call)
    names = {number: rules.clean_file_name(name) for number, (name, _) in files.items()}
    if any(len(content) > rules.FILE_BYTES for _, content in files.values()):
        raise RefusedError(413, 40005, "Request entity too large")
    kept, warnings = rules.message(payload, names, editing=editing, interactive=interactive, answering=answering)
    return kept, {names[number]: content for number, (_, content) in files.items()}, warnings


def _payload(call: Call) -> tuple[object, dict[int, tuple[str, bytes]]]:
    kind = call.content_type.partition(";")[0].strip()
    try:
        if kind == "application/json":
            return json.loads(call.body), {}
        if kind == "multipart/form-data":
            return _from_form(call)
    except ValueError:
        raise RefusedError(400, 50109, "The request body contains invalid JSON.") from None
    sentence = 'Expected "Content-Type" header to be one of {application/json, multipart/form-data}.'
    raise RefusedError(
        400, 50035, "Invalid Form Body", {"_errors": [{"code": "CONTENT_TYPE_INVALID", "message": sentence}]}
    )


def _from_form(call: Call) -> tuple[object, dict[int, tuple[str, bytes]]]:
    payload: object = {}
    files: dict[int, tuple[str, bytes]] = {}
    for part in parts(call.content_type, call.body):
        if part.name == "payload_json":
            payload = json.loads(part.content)
        elif (found := re.fullmatch(r"files\[(\d+)\]", part.name)) and part.filename:
            files[int(found[1])] = (part.filename, part.content)
    return payload, files
