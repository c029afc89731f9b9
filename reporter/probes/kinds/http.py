"""Does a web address answer as it should?"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.certificates import Trust, days_left
from reporter.probes.contact import answering, reached
from reporter.probes.loop import aside
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.response_checks import ENOUGH, Expected, compiled
from reporter.secret import Secret
from reporter.version import __version__

if TYPE_CHECKING:
    import httpx

_REDIRECTS = {301, 302, 303, 307, 308}
# Browsers give up after 20; a health check that needs more than a few is one of the wrong address.
_HOPS = 5


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request over a connection of its own.

    A redirect is an answer like any other unless `follow`; proxies of the environment are not used. A user and
    password in the address are sent as HTTP's basic authentication. `certificate` limits the days that the
    certificate of an https address is still valid.
    """

    kind: ClassVar[str] = "http"
    terms: Terms
    clock: Clock
    url: Secret
    expected: Expected = Expected()
    headers: Mapping[str, Secret] = field(default_factory=dict)
    method: str = "GET"
    body: Secret | None = None
    follow: bool = False
    trust: Trust = Trust()
    certificate: Threshold | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url.reveal()).hostname or ""

    def prepare(self) -> None:
        """Load httpx, the certificates that we trust, and the pattern to look for."""
        import httpx  # noqa: F401, PLC0415 - a floor without HTTP probes does without it

        self.trust.prepare()
        if self.expected.matches:
            compiled(self.expected.matches)

    async def look(self) -> ProbeResult:
        import httpx  # noqa: PLC0415

        # httpx's client logs every URL that it asks, and keeps connections: its transport does neither.
        async with httpx.AsyncHTTPTransport(verify=self.trust.context()) as transport:
            try:
                response = await self._answer(transport)
                answering()
                body = await _read(response)
            except httpx.RemoteProtocolError:
                return ProbeResult(Level.CRITICAL, "broke off its answer, or answered with something that is not HTTP")
            except httpx.TooManyRedirects:
                return ProbeResult(Level.CRITICAL, f"redirects more than {_HOPS} times")
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                return ProbeResult(
                    Level.CRITICAL, "the address, or one that it redirects to, is none that can be asked"
                )
        return self._with_certificate(await self._judged(response.status_code, body), response)

    async def _judged(self, status: int, body: bytes) -> ProbeResult:
        """What the answer comes to. The search for a pattern may take its time, and must not take everybody's."""
        if self.expected.matches is None:
            return self.expected.judged(status, body)
        return await aside(("answer", self.terms.name), lambda: self.expected.judged(status, body))

    async def _answer(self, transport: httpx.AsyncHTTPTransport) -> httpx.Response:
        import httpx  # noqa: PLC0415

        request = self._request()
        for _ in range(_HOPS + 1):
            response = await transport.handle_async_request(request)
            if not (self.follow and response.status_code in _REDIRECTS and "Location" in response.headers):
                return response
            await response.aclose()
            request = _redirected(request, response)
        raise httpx.TooManyRedirects("", request=request)

    def _request(self) -> httpx.Request:
        import httpx  # noqa: PLC0415

        url = httpx.URL(self.url.reveal())
        headers = _plain_headers()
        if url.userinfo:
            pair = base64.b64encode(f"{url.username}:{url.password}".encode())
            headers["Authorization"] = f"Basic {pair.decode()}"
        headers.update({name: value.reveal() for name, value in self.headers.items()})
        content = None if self.body is None else self.body.reveal().encode()
        return httpx.Request(self.method, url, headers=headers, content=content, extensions={"trace": _traced})

    def _with_certificate(self, sight: ProbeResult, response: httpx.Response) -> ProbeResult:
        connection = response.extensions["network_stream"].get_extra_info("ssl_object")
        if connection is None or self.certificate is None:
            return sight
        if not self.trust.verify:
            return replace(sight, figures=(*sight.figures, ("certificate", "not verified")))
        left = days_left(connection, self.clock.wall().timestamp(), self.certificate)
        return replace(sight, measures=(*sight.measures, *([left] if left else [])))


def _plain_headers() -> httpx.Headers:
    import httpx  # noqa: PLC0415

    # Without compression: what is read of an answer is bounded by what comes over the wire.
    plain = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
    return httpx.Headers({"User-Agent": f"reporter/{__version__}", **plain})


def _redirected(request: httpx.Request, response: httpx.Response) -> httpx.Request:
    """The request that a redirect asks for (RFC 9110, 15.4). Another server gets neither headers nor body of ours: they
    may be secrets."""
    import httpx  # noqa: PLC0415

    url = request.url.join(response.headers["Location"])
    same = (url.scheme, url.host, url.port) == (request.url.scheme, request.url.host, request.url.port)
    headers = httpx.Headers(request.headers if same else _plain_headers())
    headers.pop("Host", None)
    if response.status_code in {307, 308} and same:
        return httpx.Request(request.method, url, headers=headers, content=request.content)
    for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
        headers.pop(name, None)
    method = "HEAD" if request.method == "HEAD" else "GET"
    return httpx.Request(method, url, headers=headers)


async def _traced(event: str, told: Mapping[str, Any]) -> None:
    """httpcore tells each step; with a connection, the way to the target is known to be open."""
    if event == "connection.connect_tcp.complete":
        reached(told["return_value"].get_extra_info("socket"))


async def _read(response: httpx.Response) -> bytes:
    """The answer's body, cut off one byte after it is long enough."""
    parts, size = list[bytes](), 0
    async for chunk in response.aiter_raw():
        parts.append(chunk)
        size += len(chunk)
        if size > ENOUGH:
            break
    return b"".join(parts)
