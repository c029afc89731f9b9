"""Telegram's Bot API over HTTP: one request by a method's name, and what came back. The token is never shown.

The token stands in the address of every request. httpx therefore only knows a placeholder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from reporter.errors import ReporterError
from reporter.http_client import PLACEHOLDER, BoundedTransport, Bounds, HidingTransport
from reporter.secret import Secret
from reporter.version import __version__

TELEGRAM = "https://api.telegram.org"
ANSWER = Bounds(seconds=75.0, size=1 << 20)
"""Of one request: a message with its files. In less than a lease, so that two processes never send at once."""
LONGEST_PAUSE = 30 * 86400.0
"""Seconds; a longer time than that nobody can mean."""

_TOKEN = re.compile(r"(?P<id>\d{3,20}):[\w-]{20,100}")

Files = Mapping[str, tuple[str, bytes]]
"""The files of a request: their names and contents by the names of their parts."""


@dataclass(frozen=True, slots=True)
class BotAnswer:
    """What came back: the status, and the body as far as it is a JSON object."""

    status: int
    body: Mapping[str, Any]
    date: datetime | None = None

    @classmethod
    def of(cls, response: httpx.Response) -> BotAnswer:
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):
            body = None
        return cls(response.status_code, body if isinstance(body, dict) else {}, _date(response))

    @property
    def accepted(self) -> bool:
        return self.status == 200 and self.body.get("ok") is True

    @property
    def by_telegram(self) -> bool:
        """Whether the Bot API itself refused, and not a proxy on the way: only then is a refusal believed."""
        told = self.body.get("ok") is False and isinstance(self.body.get("description"), str)
        return told and self.body.get("error_code") == self.status

    @property
    def description(self) -> str:
        """Telegram's own words: `Bad Request: chat not found`."""
        found = self.body.get("description")
        return found if isinstance(found, str) else ""

    @property
    def result(self) -> Any:
        return self.body.get("result")

    def parameter(self, name: str) -> int | None:
        """What a refusal says for machines: `retry_after` in seconds, `migrate_to_chat_id`."""
        parameters = self.body.get("parameters")
        value = parameters.get(name) if isinstance(parameters, dict) else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class BotApi:
    """The methods of one bot. Safe to use from several threads. Raises ReporterError for what can be no token."""

    def __init__(
        self,
        token: Secret,
        *,
        base_url: str = TELEGRAM,
        timeout: float = 15,
        bounds: Bounds = ANSWER,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        origin = base_url.rstrip("/")
        self.bot_id = bot_id(token)
        self._files_at = Secret(f"{origin}/file/bot{token.reveal()}")
        self._token, self._bounds, self._origin = token, bounds, origin
        self._proxy, self._ca_file = proxy.reveal() if proxy else None, ca_file
        self._client = httpx.Client(
            transport=HidingTransport(
                Secret(f"{origin}/bot{token.reveal()}"),
                token,
                BoundedTransport(origin, bounds, proxy=self._proxy, ca_file=ca_file),
            ),
            base_url=PLACEHOLDER,
            timeout=timeout,
            headers={"User-Agent": f"reporter/{__version__}"},
            follow_redirects=False,
        )

    @property
    def is_closed(self) -> bool:
        return self._client.is_closed

    def call(self, method: str, fields: Mapping[str, Any], files: Files | None = None) -> BotAnswer:
        """One request. Raises httpx.HTTPError."""
        if files:
            form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
            return BotAnswer.of(self._client.post(f"/{method}", data=form, files=dict(files)))
        return BotAnswer.of(self._client.post(f"/{method}", json=dict(fields)))

    def download(self, path: str) -> bytes:
        """The content of a file by the path that `getFile` gives. Raises httpx.HTTPError."""
        inner = BoundedTransport(self._origin, self._bounds, proxy=self._proxy, ca_file=self._ca_file)
        with httpx.Client(
            transport=HidingTransport(self._files_at, self._token, inner), base_url=PLACEHOLDER
        ) as client:
            return client.get(f"/{quote(path)}").raise_for_status().content

    def close(self) -> None:
        self._client.close()


def bot_id(token: Secret) -> int:
    """The id of a bot, which its token begins with. Raises ReporterError, which never shows it, where it is none."""
    found = _TOKEN.fullmatch(token.reveal())
    if found is None:
        raise ReporterError("this is no bot's token; @BotFather gives one such as `123456789:ABC-def_ghi…`")
    return int(found["id"])


def _date(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
