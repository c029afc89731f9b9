"""An action that sends an HTTP request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from reporter.actions.action import LARGEST_ANSWER, ActionOutcome, filled, shown
from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class RequestAction:
    """Sends `body` as JSON. A value that is `{agent}`, `{service}` or `{mode}` stands for what was asked."""

    url: Secret
    method: str = "POST"
    headers: Mapping[str, Secret] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=30)

    def describe(self, values: Mapping[str, str]) -> str:  # noqa: ARG002 - the body may hold more than is shown
        return f"sends {self.method} to {place_of(self.url)}"

    def look(self, values: Mapping[str, str]) -> str:  # noqa: ARG002 - a request cannot be asked
        return ""

    def perform(self, values: Mapping[str, str]) -> ActionOutcome:
        import httpx  # noqa: PLC0415 - only where an action is carried out

        from reporter.http_client import BoundedTransport, Bounds  # noqa: PLC0415 - the same

        url = self.url.reveal()
        content = dict(zip(self.body, filled(tuple(self.body.values()), values), strict=True))
        headers = {name: value.reveal() for name, value in self.headers.items()}
        bounds = Bounds(self.timeout.total_seconds(), LARGEST_ANSWER)
        try:
            with httpx.Client(transport=BoundedTransport(url, bounds), timeout=bounds.seconds) as client:
                answer = client.request(self.method, url, headers=headers, json=content or None)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return ActionOutcome(done=False, words=f"got no answer: {type(error).__name__}")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return ActionOutcome(done=False, words="was not sent: its `url` is no address")
        except httpx.HTTPError as error:
            return ActionOutcome(done=None, words=f"was sent and got no answer: {type(error).__name__}")
        said = shown(answer.content)
        return ActionOutcome(done=answer.is_success, words=f"status {answer.status_code}{f': {said}' if said else ''}")


def place_of(url: Secret) -> str:
    """Host and port of an address, without its secrets."""
    return urlsplit(url.reveal()).netloc.rpartition("@")[2]
