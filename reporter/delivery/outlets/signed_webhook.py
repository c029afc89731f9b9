"""Posts messages as JSON to a program's own address, signed by Standard Webhooks (standardwebhooks.com, 1.0.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re
import socket
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from reporter.delivery.outlets import message_splitting
from reporter.delivery.outlets.links import file_names
from reporter.delivery.outlets.outlet import Delivered, Found, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import Limit, RateWindow
from reporter.http_client import PLACEHOLDER, BoundedTransport, Bounds, HidingTransport
from reporter.messages.message import Attachment, Block, Field, Line, Message, plain, plain_blocks, visible
from reporter.secret import Secret
from reporter.version import __version__

SENDS = Limit(60, 60.0)
"""Our own limit: a program says none."""
ANSWER = Bounds(seconds=30.0, size=1 << 16)
FILES_BYTES = 5 * 2**20
UNREACHABLE_PAUSE, REFUSED_PAUSE, LONGEST_PAUSE = 1.0, 60.0, 86_400.0
_REFERENCE = re.compile(r"\bref [0-9a-f]+")
# What a receiver says of one message, and not of us.
_UNFIT = {400, 413, 415, 422}


class SignedWebhook:
    """One address. Every request bears an id, the time and an HMAC-SHA256 of both and the body.

    A message that is sent again after a lost answer keeps its id, so that a receiver takes it once. `private` allows
    an address of this machine or network, and http. `wall` gives the time.
    """

    kind = "http"

    def __init__(
        self,
        url: Secret,
        secret: Secret,
        wall: Callable[[], datetime],
        *,
        private: bool = False,
        timeout: float = 15,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(url.reveal())
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._scheme, self._private, self._proxied = parts.scheme, private, proxy is not None
        self._key = _key(secret)
        self._wall = wall
        self.pace = RateWindow(own=SENDS)
        inner = BoundedTransport(url.reveal(), ANSWER, proxy=proxy.reveal() if proxy else None, ca_file=ca_file)
        self._client = httpx.Client(
            transport=HidingTransport(url, url, inner),
            base_url=PLACEHOLDER,
            timeout=timeout,
            headers={"User-Agent": f"reporter/{__version__}", "Content-Type": "application/json"},
            follow_redirects=False,
        )

    def pause(self) -> float:
        return 0.0

    def fit(self, message: Message) -> list[Message]:
        return message_splitting.fit(message, _LIMITS)

    def together(self, messages: Sequence[Message]) -> int:  # noqa: ARG002 - each is a request of its own
        return 1

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:  # noqa: ARG002
        """The body but for its time; of files there are the names."""
        data: dict[str, Any] = {
            "title": visible(plain(message.title)),
            "text": "\n".join(visible(line, lines=True) for line in plain_blocks(message.body)),
            "fields": [_named(field) for field in message.fields],
            "footer": visible(plain(message.footer)),
            "tone": message.tone.value,
            "severity": message.severity.value,
            "at": message.at.isoformat() if message.at else None,
            "files": [{"name": name} for name in file_names(message.attachments)],
        }
        return {"type": "message.posted", "data": data}

    def post(self, message: Message, *along: Message) -> Verdict:  # noqa: ARG002
        body, identity = self.payload(message), _identity(message)
        for shown, file in zip(body["data"]["files"], message.attachments, strict=True):
            shown["content"] = base64.b64encode(file.content).decode()
        return self._send(identity, {**body, "data": {"id": identity, **body["data"]}}, identity)

    def find(self, reference: str, known: Collection[str]) -> Found:  # noqa: ARG002 - the contract's
        return Unclear("what a program was sent cannot be read back")

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002
        body = self.payload(message)
        return self._send(id, {"type": "message.edited", "data": {"id": id, **body["data"]}}, _new())

    def delete(self, id: str) -> Verdict:  # noqa: A002
        return self._send(id, {"type": "message.deleted", "data": {"id": id}}, _new())

    def look(self) -> Verdict:
        """Whether the address may be called; what is there cannot be asked without posting."""
        return self._forbidden() or Delivered("")

    def reopen(self) -> None:
        """It is tried at each message anyway."""

    def close(self) -> None:
        self._client.close()

    def _send(self, id_: str, body: dict[str, Any], identity: str) -> Verdict:
        if self._client.is_closed:
            return Later(UNREACHABLE_PAUSE, "the channel was closed", asked=False)
        if forbidden := self._forbidden():
            return forbidden
        now = self._wall()
        content = json.dumps({**body, "timestamp": now.isoformat()}, ensure_ascii=False).encode()
        stamp = str(int(now.timestamp()))
        signed = hmac.new(self._key, f"{identity}.{stamp}.".encode() + content, hashlib.sha256).digest()
        headers = {
            "webhook-id": identity,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        }
        try:
            return _verdict(self._client.post("/", content=content, headers=headers), id_)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            return Later(UNREACHABLE_PAUSE, f"the address cannot be reached ({type(error).__name__})", asked=False)
        except httpx.HTTPError as error:
            return Unclear(f"the connection failed before the answer was complete ({type(error).__name__})")

    def _forbidden(self) -> Later | None:
        """Why the address is not called: whoever may write a config should not reach this machine's own services."""
        if self._private or self._proxied:
            return None
        if self._scheme != "https":
            return Later(REFUSED_PAUSE, "the address is not https: if it is meant, write `private: true`", asked=False)
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            return Later(UNREACHABLE_PAUSE, f"the name of its host cannot be looked up: {error.strerror}", asked=False)
        if all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found):
            return None
        why = "the address is of this machine or network: if it is meant, write `private: true`"
        return Later(REFUSED_PAUSE, why, asked=False)


def _key(secret: Secret) -> bytes:
    """The key behind `whsec_`, in base64 as the standard has it; any other text as it is."""
    try:
        return base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True) or secret.reveal().encode()
    except (binascii.Error, ValueError):
        return secret.reveal().encode()


def _new() -> str:
    return f"msg_{uuid4().hex}"


def _identity(message: Message) -> str:
    """The same for each copy of a message: by what it says and its reference, but not by the notes beside that."""
    reference = _REFERENCE.search(plain(message.footer))
    if reference is None:
        return _new()
    marks = (plain(message.title), *plain_blocks(message.body), *map(str, map(_named, message.fields)), reference[0])
    return f"msg_{hashlib.sha256(chr(0).join(marks).encode('utf-8', 'replace')).hexdigest()[:32]}"


def _named(field: Field) -> dict[str, str]:
    value = "\n".join(visible(line, lines=True) for line in plain_blocks(field.blocks))
    return {"name": visible(plain(field.name)), "value": value}


def _verdict(answer: httpx.Response, id_: str) -> Verdict:
    """What an answer means: any 2xx is a delivery; 410 says that nobody wants them any more (Standard Webhooks)."""
    status = answer.status_code
    if answer.is_success:
        return Delivered(id_)
    if status == 410:
        return Never("the receiver wants no more messages (410)", gone=True)
    if status in _UNFIT:
        return Never(f"the receiver refuses the message ({status})")
    if status >= 500:
        return Unclear(f"the receiver answered {status}, which does not say whether it took the message")
    asked = answer.headers.get("retry-after", "")
    after = min(float(asked), LONGEST_PAUSE) if asked.isascii() and asked.isdigit() else REFUSED_PAUSE
    leads_on = ": write the address that it leads to" if answer.is_redirect else ""
    return Later(after, f"the receiver answered {status}{leads_on}", paced=status == 429)


class _Limits(message_splitting.MessageLimits):
    """Our own: what a program takes is not known."""

    service = "the receiver"
    title = 1000
    body = field_value = text = 200_000
    fields = 200
    field_name = 1000
    footer = 2000
    file_bytes = FILES_BYTES

    def line(self, line: Line) -> int:
        return len(visible(plain(line)))

    def note(self, line: Line) -> int:
        return self.line(line)

    def prose(self, line: Line, *, quote: bool) -> int:  # noqa: ARG002
        return self.line(line)

    def code_line(self, text: str) -> int:
        return len(visible(text))

    def fence(self, language: str = "") -> int:  # noqa: ARG002 - there is none
        return 0

    def blocks(self, blocks: Sequence[Block]) -> int:
        return sum(len(visible(line, lines=True)) + 1 for line in plain_blocks(blocks))

    def message_text(self, message: Message) -> int:
        return self.line(message.title) + self.blocks(message.body) + self.line(message.footer)

    def field_text(self, field: Field) -> int:
        return self.line(field.name) + self.blocks(field.blocks)

    def files_fit(self, files: Sequence[Attachment]) -> bool:
        return sum(len(file.content) for file in files) <= FILES_BYTES


_LIMITS = _Limits()
