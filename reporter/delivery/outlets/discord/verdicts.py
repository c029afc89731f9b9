"""From a response of Discord to a verdict on the message that was sent: delivered, later, never or unclear."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from reporter.delivery.outlets.outlet import Absent, Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import MARGIN, ServiceLimits
from reporter.periods.time_text import duration_text

UNREACHABLE_PAUSE = 1.0
"""Seconds before another try at a service that cannot be reached."""
BAN_PAUSE = 600.0
"""Seconds to keep still when it is not Discord that refuses but the wall in front of it."""
UNREADABLE_PAUSE = 60.0
"""Seconds to wait where a 429 names a time that nobody can mean."""
LONGEST_PAUSE = 30 * 86400.0
"""Seconds; a longer time than that nobody can mean."""
_MESSAGE_LOST = {10003, 10008}  # its thread is gone, or only itself
_TOO_MANY_OLD_EDITS = 30046
_FORM = 50035
_BLOCKED = 40333
# What is wrong with the channel, whatever the message says: each further message would be refused as well.
_CHANNEL_WRONG = {
    220001: "it is a forum channel: give it `thread_name` or `thread_id`",
    220002: "it has both `thread_name` and `thread_id`: leave one of them out",
    220003: "it is no forum channel: leave out `thread_name`",
    50024: "nothing can be posted to a channel of this type",
    50083: "its thread is archived: open it again, or give another `thread_id`",
    160005: "its thread is locked: unlock it, or give another `thread_id`",
}
_DEEP = 20  # levels of a form error, which names one field of one embed

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What came back: the status, the headers, and the body as far as it is a JSON object."""

    status: int
    headers: Mapping[str, str]
    body: Json
    about: str | None = None
    """The id of the message that was to be edited or deleted."""

    @classmethod
    def of(cls, response: httpx.Response, about: str | None = None) -> ApiResponse:
        body = json_of(response)
        return cls(response.status_code, response.headers, body if isinstance(body, dict) else {}, about)

    @property
    def code(self) -> int | None:
        """Discord's own code of the error, which the same status may share with others."""
        code = self.body.get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def by_discord(self) -> bool:
        """Whether Discord's API itself spoke, and not the wall in front of it or a proxy on the way.

        Only then is a refusal believed. The API gives each error a message and a code, of five digits or more where it
        is about something in particular, else 0 with a message such as `401: Unauthorized`. A gateway's own JSON often
        has both fields too, with the status as its code.
        """
        code, message = self.code, self.body.get("message")
        if code is None or not isinstance(message, str) or code == _BLOCKED:
            return False
        return code >= 10_000 or (code == 0 and message.startswith(f"{self.status}: "))

    @property
    def limited_by_discord(self) -> bool:
        """Whether a 429 is the API's: the wall's bears neither a Via header nor the seconds to wait in its body."""
        said = "retry_after" in self.body or "via" in self.headers or self.by_discord
        return bool(self.body) and said and self.code != _BLOCKED

    @property
    def date(self) -> datetime | None:
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            return None

    def number(self, header: str) -> float | None:
        return _number(self.headers.get(header))

    def text(self, key: str) -> str | None:
        value = self.body.get(key)
        return value if isinstance(value, str) else None


def json_of(response: httpx.Response) -> object:
    """The body as JSON; None if it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def verdict(answer: ApiResponse, subject: str = "the webhook") -> Verdict:
    """What the answer to a request means for its message; `subject` is who has asked.

    *Never* is said only on Discord's own word. A page from anything in between (a proxy, a sign-in page, a filter) may
    have any status, and means *later*.
    """
    if answer.by_discord and answer.code == _TOO_MANY_OLD_EDITS:
        # It comes with status 429, but waiting its seconds does not help the board.
        return Never("Discord lets a message older than an hour be edited only so often", frozen=True)
    if answer.status == 429:
        return limited(answer)
    if 200 <= answer.status < 300:
        return _accepted(answer)
    if answer.status >= 500:
        return Unclear(f"Discord answered {answer.status}, which does not say whether the message was taken")
    return _refused(answer, subject) if answer.by_discord else _answered_by_another(answer)


def unanswered(error: httpx.HTTPError) -> Verdict:
    """What it means that no answer, or only half of one, came."""
    detail = f"{type(error).__name__}: {error}".rstrip(": ")
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return Later(UNREACHABLE_PAUSE, f"Discord cannot be reached ({detail})", asked=False)
        case _:
            return Unclear(f"the connection failed before Discord's answer was complete ({detail})")


def retry_after(answer: ApiResponse) -> float:
    """Seconds to wait by a 429: the longer of what its body and its header say; 1 where neither does, and a minute
    where what they say is no time."""
    said = [answer.body.get("retry_after"), answer.headers.get("retry-after")]
    read = [seconds for each in said if (seconds := _number(each)) is not None]
    if read:
        return max(read)
    return UNREADABLE_PAUSE if any(each is not None for each in said) else 1.0


def mistakes(errors: object, path: str = "", depth: int = 0) -> Iterator[str]:
    """The sentences of a form error, each with the place it speaks of: `embeds[0].title: Must be …`."""
    if not isinstance(errors, Mapping) or depth > _DEEP:
        return
    for key, inner in errors.items():
        if key == "_errors" and isinstance(inner, list):
            told = (str(error.get("message", "")) for error in inner if isinstance(error, Mapping))
            yield from (f"{path}: {sentence}" if path else sentence for sentence in told)
        else:
            place = f"{path}[{key}]" if str(key).isdigit() else f"{path}.{key}".lstrip(".")
            yield from mistakes(inner, place, depth + 1)


def note_for_all(service: ServiceLimits, found: Verdict | Absent) -> None:
    """Let all channels of Discord know what was said to one of them."""
    if isinstance(found, Later) and found.everywhere:
        service.pause(found.after)
    if isinstance(found, Later | Never) and found.counted:
        service.note_refusal()


def _accepted(answer: ApiResponse) -> Verdict:
    """Discord echoes what it saved; an answer without it (a proxy's, half of one) proves nothing."""
    id_ = answer.about if answer.status == 204 else answer.text("id")
    if id_ is None:
        return Unclear(f"the answer {answer.status} does not name the message")
    return Delivered(id_, destination=answer.text("channel_id"), date=answer.date)


def limited(answer: ApiResponse) -> Later:
    """What a 429 means: nothing was taken, and how long to wait."""
    after = retry_after(answer) + MARGIN
    scope = answer.headers.get("x-ratelimit-scope")
    if not answer.limited_by_discord:
        why = "Discord's network refuses all requests from this address"
        return Later(max(after, BAN_PAUSE), why, everywhere=True, counted=True)
    if answer.body.get("global") is True or scope == "global":
        why = f"Discord asks for a pause of {duration_text(after)} in all channels"
        return Later(after, why, everywhere=True, paced=True, counted=True)
    why = f"Discord asks for a pause of {duration_text(after)} in this channel"
    return Later(after, why, paced=True, counted=scope != "shared")


def _refused(answer: ApiResponse, subject: str) -> Verdict:
    """What Discord's own refusal means."""
    told, code = _told(answer), answer.code or 0
    if answer.about and code in _MESSAGE_LOST:
        return Never(f"the message is not there any more: {told}", missing=True)
    if code in _CHANNEL_WRONG:
        return Never(f"{_CHANNEL_WRONG[code]}: {told}", gone=True)
    match answer.status:
        case 401 | 404:
            return Never(f"{subject} does not work any more: {told}", gone=True, counted=answer.status == 401)
        case 403:
            return Never(f"{subject} may not post here: {told}", gone=True, counted=True)
        case _:
            return Never(f"Discord refuses the message: {told}")


def _answered_by_another(answer: ApiResponse) -> Later:
    """What a refusal means that is not Discord's: what stands between may be gone at the next try."""
    if answer.status == 403 and "cf-ray" in answer.headers:
        why = "the network in front of Discord refuses our requests (403)"
        return Later(BAN_PAUSE, why, everywhere=True, counted=True)
    why = f"something between here and Discord answered {answer.status}, such as a proxy or a sign-in page"
    return Later(UNREACHABLE_PAUSE, why)


def _told(answer: ApiResponse) -> str:
    """Discord's own words: every mistake of the form, or its message."""
    if answer.code == _FORM and (found := list(mistakes(answer.body.get("errors")))):
        return "; ".join(found)
    return f"{answer.text('message')} (status {answer.status}, code {answer.code})"


def _number(value: object) -> float | None:
    """A number of seconds that somebody can mean, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= LONGEST_PAUSE else None
