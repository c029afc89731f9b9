"""Does a web address answer as it should?"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import httpx

from reporter import __version__
from reporter.alerts import Level
from reporter.probes import Sight

# An answer counts as whole after so many bytes; a probe is no download.
_ENOUGH = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request over a connection of its own. Times are seconds.

    A redirect is an answer like any other and is not followed; proxies of the environment are not used. The address
    and the headers may hold secrets and show in no text.
    """

    name: str
    url: str = field(repr=False)
    every: float | None = None
    timeout: float = 5.0
    warn_above: float | None = None
    expect_status: tuple[int, ...] = (200,)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        return "http"

    async def look(self) -> Sight:
        # httpx's client logs every URL that it asks, and keeps connections: its transport does neither.
        async with httpx.AsyncHTTPTransport(verify=_trust()) as transport:
            try:
                response = await transport.handle_async_request(self._request())
                await _read(response)
            except httpx.RemoteProtocolError:
                return Sight(Level.CRITICAL, "broke off its answer, or answered with something that is not HTTP")
        return self._judged(response.status_code)

    def _judged(self, status: int) -> Sight:
        if status in self.expect_status:
            return Sight(Level.OK, f"HTTP {status}")
        return Sight(Level.CRITICAL, f"HTTP {status}, expected {' or '.join(map(str, self.expect_status))}")

    def _request(self) -> httpx.Request:
        url = httpx.URL(self.url)
        headers = httpx.Headers({"User-Agent": f"reporter/{__version__}", "Accept": "*/*", "Connection": "close"})
        if url.userinfo:
            pair = f"{url.username}:{url.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        headers.update(self.headers)
        return httpx.Request(self.method, url, headers=headers)


async def _read(response: httpx.Response) -> None:
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > _ENOUGH:
            return


@cache
def _trust() -> ssl.SSLContext:
    """The certificates we trust: reading them takes 20 ms, too long for every look."""
    return httpx.create_ssl_context()
