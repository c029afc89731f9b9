"""From a response of Discord to a verdict on the message that was sent: delivered, later, never or unclear."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import MARGIN

UNREACHABLE_PAUSE = 1.0
"""Seconds before another try at a service that cannot be reached."""
BAN_PAUSE = 600.0
"""Seconds to keep still when it is not Discord that refuses but the wall in front of it."""
_MESSAGE_LOST = {10003, 10008}  # its thread is gone, or only itself
_TOO_MANY_OLD_EDITS = 30046
_FORM = 50035
_BLOCKED = 40333

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers, and the body as far as it is a JSON object."""

    status: int
    headers: Mapping[str, str]
    body: Json
    about: str | None = None
    """The id of the message that was to be edited or deleted."""

    @classmethod
    def of(cls, response: httpx.Response, about: str | None = None) -> Answer:
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        return cls(response.status_code, response.headers, body if isinstance(body, dict) else {}, about)

    @property
    def code(self) -> int | None:
        """Discord's own code of the error, which the same status may share with others."""
        code = self.body.get("code")
        return code if isinstance(code, int) else None

    @property
    def by_discord(self) -> bool:
        """Whether the API itself spoke, and not the wall in front of it or a proxy on the way."""
        signs = "via" in self.headers or "retry_after" in self.body or bool(self.code)
        return bool(self.body) and signs and self.code != _BLOCKED

    @property
    def date(self) -> datetime | None:
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            return None

    def number(self, header: str) -> float | None:
        return _number(self.headers.get(header))

    def text(self, key: str) -> str | None:
        value = self.body.get(key)
        return value if isinstance(value, str) else None


def verdict(answer: Answer) -> Verdict:
    """What the answer to a request means for its message."""
    if answer.code == _TOO_MANY_OLD_EDITS:  # comes with status 429, but waiting its seconds does not help the board
        return Never("Discord lets a message older than an hour be edited only so often", frozen=True)
    if answer.status == 429:
        return _limited(answer)
    if 200 <= answer.status < 300:
        return _accepted(answer)
    if answer.status >= 500:
        return Unclear(f"Discord answered {answer.status}, which does not say whether the message was taken")
    return _refused(answer)


def unanswered(error: httpx.HTTPError) -> Verdict:
    """What it means that no answer, or only half of one, came."""
    detail = f"{type(error).__name__}: {error}".rstrip(": ")
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return Later(UNREACHABLE_PAUSE, f"Discord cannot be reached ({detail})")
        case _:
            return Unclear(f"the connection failed before Discord's answer was complete ({detail})")


def retry_after(answer: Answer) -> float:
    """Seconds to wait by a 429, the longer of what its body and its header say; 1 where neither does."""
    said = [_number(answer.body.get("retry_after")), answer.number("retry-after")]
    return max((seconds for seconds in said if seconds is not None), default=1.0)


def mistakes(errors: object, path: str = "") -> Iterator[str]:
    """The sentences of a form error, each with the place it speaks of: `embeds[0].title: Must be …`."""
    if not isinstance(errors, Mapping):
        return
    for key, inner in errors.items():
        if key == "_errors" and isinstance(inner, list):
            told = (str(error.get("message", "")) for error in inner if isinstance(error, Mapping))
            yield from (f"{path}: {sentence}" if path else sentence for sentence in told)
        else:
            yield from mistakes(inner, f"{path}[{key}]" if str(key).isdigit() else f"{path}.{key}".lstrip("."))


def _accepted(answer: Answer) -> Verdict:
    """Discord echoes what it saved; an answer without it (a proxy's, half of one) proves nothing."""
    id_ = answer.about if answer.status == 204 else answer.text("id")
    if id_ is None:
        return Unclear(f"the answer {answer.status} does not name the message")
    return Delivered(id_, destination=answer.text("channel_id"), date=answer.date)


def _limited(answer: Answer) -> Later:
    after = retry_after(answer) + MARGIN
    scope = answer.headers.get("x-ratelimit-scope")
    if not answer.by_discord:
        why = "Discord's network refuses all requests from this address"
        return Later(max(after, BAN_PAUSE), why, everywhere=True, counted=True)
    if answer.body.get("global") is True or scope == "global":
        why = f"Discord asks for a pause of {after:.1f} s in all channels"
        return Later(after, why, everywhere=True, paced=True, counted=True)
    why = f"Discord asks for a pause of {after:.1f} s in this channel"
    return Later(after, why, paced=True, counted=scope != "shared")


def _refused(answer: Answer) -> Verdict:
    told = _told(answer)
    if answer.about and answer.code in _MESSAGE_LOST:
        return Never(f"the message is not there any more: {told}", missing=True)
    match answer.status:
        case 401 | 404:
            return Never(f"the webhook does not work any more: {told}", gone=True, counted=answer.status == 401)
        case 403 if answer.by_discord:
            return Never(f"the webhook may not post here: {told}", gone=True, counted=True)
        case 403:
            why = "something in front of Discord refuses our requests (403)"
            return Later(BAN_PAUSE, why, everywhere=True, counted=True)
        case 301 | 302 | 303 | 307 | 308:
            return Never(f"the address redirects elsewhere ({answer.status}), which is not followed", gone=True)
        case _:
            return Never(f"Discord refuses the message: {told}")


def _told(answer: Answer) -> str:
    """Discord's own words: every mistake of the form, or its message, or the bare status."""
    if answer.code == _FORM and (found := list(mistakes(answer.body.get("errors")))):
        return "; ".join(found)
    message = answer.text("message")
    if message is None:
        return f"status {answer.status}"
    return f"{message} (status {answer.status}, code {answer.code})"


def _number(value: object) -> float | None:
    """A non-negative number of seconds, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
