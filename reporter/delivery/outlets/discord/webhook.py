"""A Discord webhook's address, and HTTP clients that cannot reveal it: anyone who knows a webhook's URL can post."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from reporter.errors import ReporterError
from reporter.http_client import PLACEHOLDER, BoundedTransport, Bounds, HidingTransport
from reporter.secret import Secret

DISCORD = "https://discord.com"
DISCORD_HOSTS = frozenset({"discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"})
ANSWER = Bounds(seconds=75.0, size=1 << 20)
"""Of one request to a webhook: a message with its files is sent, and Discord echoes it without them. In less than a
lease, so that two processes never send at once."""
BOT_ANSWER = Bounds(seconds=30.0, size=8 << 20)
"""Of one request of a bot: a server's 500 channels, or half a hundred long messages."""

_TOKEN = re.compile(r"[A-Za-z0-9._-]+")
_PATH = re.compile(r"/api(?:/v\d+)?/webhooks/(?P<id>\d+)/(?P<token>[\w-]+)/?")


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where a webhook is. `origin` is scheme, host and port; the id alone is no secret, the token is."""

    origin: str
    id: str
    token: Secret
    thread_id: str | None = None

    @property
    def url(self) -> Secret:
        """The webhook's URL in version 10 of the API: without a version Discord still answers as version 6 did."""
        return Secret(f"{self.origin}/api/v10/webhooks/{self.id}/{self.token.reveal()}")

    @classmethod
    def parse(cls, webhook: Secret, base_url: str = DISCORD) -> WebhookAddress:
        """Read a webhook URL. Raises ReporterError, which never shows it, when it is none or another host's."""
        try:
            parts = urlsplit(webhook.reveal().strip())
            port = parts.port
        except ValueError:
            raise ReporterError(_refusal(webhook, "is not a URL")) from None
        found = _PATH.fullmatch(parts.path)
        if not found or not parts.hostname or parts.username:
            raise ReporterError(_refusal(webhook, "is not the URL of a Discord webhook"))
        origin = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
        own = parts.scheme == "https" and parts.hostname in DISCORD_HOSTS and port in {None, 443}
        if not own and origin != base_url.rstrip("/").lower():
            raise ReporterError(_refusal(webhook, f"is not at {base_url}"))
        thread = parse_qs(parts.query).get("thread_id", [""])[0]
        return cls(origin, found["id"], Secret(found["token"]), thread if thread.isdigit() else None)


def _refusal(webhook: Secret, what: str) -> str:
    subject = webhook.origin or "the webhook"
    return f"{subject} {what}; one looks like https://discord.com/api/webhooks/123456789012345678/ABC-def_123"


def connect(
    address: WebhookAddress,
    *,
    timeout: float,
    user_agent: str,
    proxy: Secret | None = None,
    ca_file: Path | None = None,
) -> httpx.Client:
    """A client whose every path is relative to the webhook: `""` is itself, `"/messages/1"` a message of it.

    `timeout` is in seconds, for each of connecting, writing and waiting for an answer. A proxy of the environment is
    used as it is elsewhere (HTTPS_PROXY, NO_PROXY), except towards this very machine. Raises ReporterError where it
    cannot be.
    """
    return httpx.Client(
        transport=HidingTransport(address.url, address.token, _transport(address.origin, ANSWER, proxy, ca_file)),
        base_url=PLACEHOLDER,
        timeout=timeout,
        headers={"User-Agent": user_agent},
        follow_redirects=False,
    )


def connect_bot(
    origin: str,
    token: Secret,
    *,
    timeout: float,
    user_agent: str,
    proxy: Secret | None = None,
    ca_file: Path | None = None,
) -> httpx.Client:
    """A client of the API itself, as a bot; its paths are relative to version 10. httpx masks the token in a `repr`.

    Raises ReporterError for what can be no token: a header that cannot be sent is quoted in full by whoever refuses it.
    """
    if not _TOKEN.fullmatch(token.reveal()):
        raise ReporterError("the bot's token cannot be one: it is a single word of letters, digits, `.`, `-` and `_`")
    return httpx.Client(
        transport=_transport(origin, BOT_ANSWER, proxy, ca_file),
        base_url=f"{origin}/api/v10",
        timeout=timeout,
        headers={"User-Agent": user_agent, "Authorization": f"Bot {token.reveal()}"},
        follow_redirects=False,
    )


def connect_api(
    origin: str, *, timeout: float, user_agent: str, proxy: Secret | None = None, ca_file: Path | None = None
) -> httpx.Client:
    """A client of the API itself without a token; its paths are relative to version 10."""
    return httpx.Client(
        transport=_transport(origin, BOT_ANSWER, proxy, ca_file),
        base_url=f"{origin}/api/v10",
        timeout=timeout,
        headers={"User-Agent": user_agent},
        follow_redirects=False,
    )


def _transport(origin: str, bounds: Bounds, proxy: Secret | None, ca_file: Path | None) -> BoundedTransport:
    return BoundedTransport(origin, bounds, proxy=proxy.reveal() if proxy else None, ca_file=ca_file)
