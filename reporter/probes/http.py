"""Does a web address answer as it should?"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from reporter import __version__
from reporter.alerts import Level
from reporter.probes import Sight, Terms
from reporter.secret import Secret

if TYPE_CHECKING:
    import httpx

# An answer counts as whole after so many bytes; a probe is no download.
_ENOUGH = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request over a connection of its own.

    A redirect is an answer like any other and is not followed; proxies of the environment are not used. A user and
    password in the address are sent as HTTP's basic authentication.
    """

    kind: ClassVar[str] = "http"
    terms: Terms
    url: Secret
    expect_status: tuple[int, ...] = (200,)
    headers: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.url.reveal()).hostname or ""

    def prepare(self) -> None:
        """Load httpx and the certificates that we trust."""
        _trust()

    async def look(self) -> Sight:
        import httpx  # noqa: PLC0415 - a floor without HTTP probes does without it

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
            return Sight(Level.OK, "online")
        return Sight(Level.CRITICAL, f"HTTP {status}, expected {' or '.join(map(str, self.expect_status))}")

    def _request(self) -> httpx.Request:
        import httpx  # noqa: PLC0415

        url = httpx.URL(self.url.reveal())
        headers = httpx.Headers({"User-Agent": f"reporter/{__version__}", "Accept": "*/*", "Connection": "close"})
        if url.userinfo:
            pair = base64.b64encode(f"{url.username}:{url.password}".encode())
            headers["Authorization"] = f"Basic {pair.decode()}"
        headers.update({name: value.reveal() for name, value in self.headers.items()})
        return httpx.Request("GET", url, headers=headers)


async def _read(response: httpx.Response) -> None:
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > _ENOUGH:
            return


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that we trust: reading them takes 20 ms, too long for every look."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()
