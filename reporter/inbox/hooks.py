"""What other programs send to `/hooks/NAME`: is the sender authentic, and which events does the body hold?

The proof of each sender is the one that it can give: GitHub signs, GitLab and Alertmanager send a token, freqtrade and
TradingView can send neither, so their secret is the last part of the address.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from reporter.inbox.event import LONGEST_TEXT, LONGEST_VALUE, MOST_FIELDS
from reporter.inbox.presets import PRESETS, Headers, Payload, PayloadError
from reporter.inbox.submit import OF_A_BODY
from reporter.secret import Secret

# Standard Webhooks 1.0.0: a signature is good for five minutes (github.com/standard-webhooks/standard-webhooks).
SIGNATURE_WINDOW = 300
# A sender without ids: the same body within this span of the first is one event.
SAME_BODY = {"tradingview": timedelta(seconds=60)}
SOON_AGAIN = timedelta(seconds=10)
# Fields of a form: more than any preset sends, and few enough to read at once.
MOST_FORM_FIELDS = 200
# Bytes of a field's headers that are read: its name stands among the first of them.
LONGEST_PART_HEAD = 1000


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook of the config."""

    name: str
    secret: Secret
    preset: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None

    @property
    def same_body(self) -> timedelta:
        """The span within which a body without an id is the one of before."""
        return SAME_BODY.get(str(self.preset), SOON_AGAIN)


def is_authentic(hook: Hook, headers: Headers, body: bytes, key: str, now: datetime) -> bool:
    """Whether the sender knows the hook's secret; `key` is the part of the address behind the hook's name."""
    secret = hook.secret.reveal().encode()
    if hook.preset == "github":
        signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        return _same(headers.get("x-hub-signature-256", ""), signature)
    if "webhook-signature" in headers:
        return _is_signed(secret, headers, body, now)
    if hook.preset == "grafana" and "x-grafana-alerting-signature" in headers:
        return _is_signed_by_grafana(secret, headers, body, now)
    given = [key, headers.get("x-gitlab-token", ""), headers.get("authorization", "").removeprefix("Bearer ")]
    return any(_same(one, secret.decode()) for one in given if one)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_signed(secret: bytes, headers: Headers, body: bytes, now: datetime) -> bool:
    """Whether one of the signatures is ours and fresh."""
    stamp, identity = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not _is_fresh(stamp, now):
        return False
    try:
        key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        key = secret
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = base64.b64encode(signed).decode()
    given = [one.partition(",")[2] for one in headers["webhook-signature"][:2000].split() if one.startswith("v1,")]
    return any(_same(one, wanted) for one in given)


def _is_signed_by_grafana(secret: bytes, headers: Headers, body: bytes, now: datetime) -> bool:
    """Grafana signs the body, or `time:body` where it has a header for the time (grafana/alerting, http/hmac.go).

    A signature without a time holds for ever; a repeated alert is known by its id.
    """
    stamp = headers.get("x-grafana-alerting-timestamp")
    if stamp is not None and not _is_fresh(stamp, now):
        return False
    signed = body if stamp is None else f"{stamp}:".encode() + body
    wanted = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    return _same(headers["x-grafana-alerting-signature"], wanted)


def _is_fresh(stamp: str, now: datetime) -> bool:
    """Whether a signature's time, in seconds since 1970, lies within the window."""
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    return abs(now.timestamp() - int(stamp)) <= SIGNATURE_WINDOW


def payloads(hook: Hook, headers: Headers, body: bytes) -> list[Payload]:
    """The events that a body holds, as `read_event` takes them; one without an id has that of its message.

    Raises PayloadError.
    """
    try:
        found = _decoded(hook, headers, body)
        made = _mapped(hook, found) if hook.map else PRESETS[str(hook.preset)](found, headers)
        for number, payload in enumerate(made):
            payload["source"] = hook.name
            payload["kind"] = hook.kind or payload.get("kind") or "system"
            if not payload.get("id"):
                payload["id"] = _id_of(headers, body, number)
        return [_tidy(payload) for payload in made]
    except PayloadError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise PayloadError(f"this is not what {hook.preset or 'the map'} expects: {type(error).__name__}") from None


def _id_of(headers: Headers, body: bytes, number: int) -> str:
    """That of the message, where its sender names one in a header; else one that is known by its body."""
    own = headers.get("webhook-id") or headers.get("idempotency-key")
    if own:
        return f"{own[:100]}/{number}" if number else own[:100]
    return OF_A_BODY + hashlib.sha256(f"{number}/".encode() + body).hexdigest()[:32]


def _decoded(hook: Hook, headers: Headers, body: bytes) -> Any:
    """The body as JSON, as a form or as text, whatever its header calls it."""
    text = body.decode("utf-8-sig", "replace")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS))
        return _in_a_form(hook, form)
    if kind == "multipart/form-data":
        return _in_a_form(hook, _multipart(headers["content-type"], body))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if hook.preset == "tradingview":
            return text
        raise PayloadError("the body is neither JSON nor a form") from None


# The field of a form in which a sender puts its JSON.
_JSON_IN_A_FORM = {"github": "payload", "uptime_kuma": "data"}


def _in_a_form(hook: Hook, form: dict[str, str]) -> Any:
    """The JSON that a form holds, or the form."""
    name = _JSON_IN_A_FORM.get(str(hook.preset))
    return json.loads(form[name]) if name in form else form


def _multipart(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a `multipart/form-data` body (RFC 7578).

    `email` of the standard library would read it too, but took more than 30 s for a crafted header.
    """
    boundary = re.search(r'boundary="?([^";, ]{1,70})', kind)
    if boundary is None:
        raise PayloadError("the form has no boundary")
    fields: dict[str, str] = {}
    parts = body.split(b"--" + boundary[1].encode("latin-1", "replace"), MOST_FORM_FIELDS + 1)
    for part in parts[1 : MOST_FORM_FIELDS + 1]:
        head, _, content = part.partition(b"\r\n\r\n")
        if name := re.search(rb'\bname="([^"]*)"', head[:LONGEST_PART_HEAD]):
            fields[name[1].decode("utf-8", "replace")] = content.removesuffix(b"\r\n").decode("utf-8", "replace")
    return fields


def _tidy(payload: Payload) -> Payload:
    """Within the bounds of an event: a foreign program knows none of them."""
    fields = {str(key)[:64]: value for key, value in payload.get("fields", {}).items() if value not in (None, "", [])}
    kept = dict(list(fields.items())[:MOST_FIELDS])
    texts = {"title": 256, "text": LONGEST_TEXT, "agent": 128, "id": 128, "source": 64}
    cut = {key: str(payload[key])[:most] for key, most in texts.items() if payload.get(key) not in (None, "")}
    rest = {key: value for key, value in payload.items() if key not in texts and key != "fields" and value is not None}
    shown = {key: value[:LONGEST_VALUE] if isinstance(value, str) else value for key, value in kept.items()}
    return {**rest, **cut, "fields": {key: value for key, value in shown.items() if key}}


def _mapped(hook: Hook, found: Any) -> list[Payload]:
    """An event by the JMESPath expressions of the config."""
    import jmespath

    made: Payload = {}
    found_any = False
    for part, expression in hook.map.items():
        try:
            value = jmespath.search(expression, found)
        except Exception as error:  # noqa: BLE001 - the library raises several kinds
            raise PayloadError(f"the map's {part} cannot be read from it: {error}") from None
        found_any |= value is not None and not _is_literal(expression)
        if part.startswith("fields."):
            made.setdefault("fields", {})[part.removeprefix("fields.")] = value
        else:
            made[part] = value
    if not found_any and not all(map(_is_literal, hook.map.values())):
        asked = ", ".join(expression for expression in hook.map.values() if not _is_literal(expression))
        raise PayloadError(f"the map finds nothing in it: it asks for {asked}"[:500])
    return [made]


def _is_literal(expression: str) -> bool:
    """Whether an expression of JMESPath says a value itself, such as `'deployment_success'`."""
    return expression.strip()[:1] in {"'", "`"}
