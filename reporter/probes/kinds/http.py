"""The `http` probe: status, text, JSON and certificate of a web address."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from reporter.alerts.model import Level
from reporter.config.addresses import web_address
from reporter.config.limits import DEFAULT
from reporter.config.secrets import Address, HomePath, SecretOrText, SecretText
from reporter.config.types import Statuses, mistake
from reporter.periods.clock import Clock
from reporter.probes.certificates import DaysLeft, Trust, days_left
from reporter.probes.connecting import connected
from reporter.probes.contact import answering, is_reached, reached
from reporter.probes.failures import explain
from reporter.probes.loop import aside
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.response_checks import ENOUGH, JsonChecks, check_json, check_text, compiled
from reporter.probes.settings import AskedProbeConfig, ProbeInputs
from reporter.version import __version__

if TYPE_CHECKING:
    import httpx

_REDIRECTS = {301, 302, 303, 307, 308}
# Browsers give up after 20; a health check that needs more than a few is one of the wrong address.
_HOPS = 5
# The part of a look's time in which a port must show that it speaks TLS.
_PATIENCE_FOR_TLS = 0.2
_WRITE_HTTPS = "write https:// in its address"
# How servers say that they speak TLS.
_PLAIN_TO_TLS = re.compile(r"(?i)plain HTTP.{0,80}(HTTPS|SSL)|HTTP request to an HTTPS")


def _pattern(text: str) -> str:
    import regex  # noqa: PLC0415 - few configs look for patterns

    try:
        compiled(text)
    except regex.error as error:
        raise mistake(f"is no regular expression: {error}", "put text with `\\` in single quotes") from None
    return text


class HttpProbeConfig(AskedProbeConfig):
    """Asks a web address."""

    kind: Literal["http"] = "http"
    """`http` is what a probe with a `url` is."""
    url: Annotated[Address, AfterValidator(web_address)]
    """The http or https address to ask."""
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = "GET"
    """How to ask."""
    body: SecretOrText | None = None
    """What to send along: text, or a reference to a secret that holds it."""
    headers: dict[str, SecretText] = Field(default_factory=dict)
    """HTTP headers to send; their values are secrets."""
    follow_redirects: bool = False
    """`true` asks where a redirect leads to, up to five times; without it a redirect is an answer like any other."""
    expect_status: Statuses = (200,)
    """The HTTP status that means healthy, one or a list."""
    expect_text: str | None = Field(None, min_length=1)
    """Text that the answer must contain."""
    expect_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """A regular expression that the answer must match somewhere; half a second is spent on it at most."""
    expect_json: JsonChecks = ()
    """What the JSON of the answer must hold, one entry or a list."""
    certificate_days: DaysLeft = DEFAULT
    """From how many days on that its certificate is still valid: a warning, and critical."""
    proxy: Annotated[Address, AfterValidator(web_address)] | None = None
    """The HTTP proxy to go through; proxies of the environment are not used."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""
    verify: bool = True
    """`false` takes any certificate, also an expired one of somebody else."""

    def probe(self, given: ProbeInputs) -> HttpProbe:
        return HttpProbe(given.terms, given.clock, self)


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request over a connection of its own.

    A redirect is an answer like any other unless `follow_redirects`. Of proxies only the one of the config is used,
    none of the environment. A user and password in the address are sent as HTTP's basic authentication.
    """

    kind: ClassVar[str] = "http"
    terms: Terms
    clock: Clock
    settings: HttpProbeConfig

    @property
    def host(self) -> str:
        """The machine that is asked over a network, which is the proxy where there is one."""
        return urlsplit((self.settings.proxy or self.settings.url).reveal()).hostname or ""

    @property
    def trust(self) -> Trust:
        return Trust(self.settings.ca_file, self.settings.verify)

    def prepare(self) -> None:
        """Load httpx, the trusted certificates, and the pattern to look for."""
        import httpx  # noqa: F401, PLC0415 - only a config with HTTP probes needs it

        self.trust.prepare()
        if self.settings.expect_pattern:
            compiled(self.settings.expect_pattern)

    async def look(self) -> ProbeResult:
        import httpx  # noqa: PLC0415

        loop, trust, proxy = asyncio.get_running_loop(), await self.trust.context(), None
        began = loop.time()
        if address := self.settings.proxy and self.settings.proxy.reveal():
            proxy = httpx.Proxy(address, ssl_context=trust if address.lower().startswith("https") else None)
        # httpx's client logs every URL that it asks, and keeps connections: its transport does neither.
        async with httpx.AsyncHTTPTransport(verify=trust, proxy=proxy) as transport:
            try:
                response = await self._answer(transport)
                answering()
                body = await _read(response)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                soon = loop.time() - began < self.terms.timeout / 2
                silent = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
                if soon and silent and await self._speaks_tls():
                    return ProbeResult(Level.CRITICAL, f"it speaks TLS: {_WRITE_HTTPS}")
                return self._failed(error)
        return self._with_certificate(await self._judged(response, body), response)

    async def _speaks_tls(self) -> bool:
        """Whether a port that does not answer to plain HTTP would answer to TLS: that is worth another connection."""
        url = urlsplit(self.settings.url.reveal())
        if url.scheme.lower() != "http" or self.settings.proxy:
            return False
        try:
            async with asyncio.timeout(self.terms.timeout * _PATIENCE_FOR_TLS):
                opened = await connected(url.hostname or "", url.port or 80)
                anybody = await Trust(verify=False).context()
                _, writer = await asyncio.open_connection(sock=opened, ssl=anybody, server_hostname=url.hostname)
        except (OSError, ExceptionGroup):  # a TimeoutError is an OSError
            return False
        writer.transport.abort()
        return True

    def _failed(self, error: httpx.HTTPError | httpx.InvalidURL) -> ProbeResult:
        """What it comes to when there is no answer that can be read. Raises an error of the network again."""
        import httpx  # noqa: PLC0415

        match error:
            case httpx.ConnectError() if self.settings.proxy and not is_reached():
                raise CouldNotLookError(f"the proxy cannot be reached: {explain(error).detail}") from None
            case httpx.ProxyError():
                return _refused_by_proxy(str(error))
            case httpx.RemoteProtocolError():
                words = "broke off its answer, or answered with something that is not HTTP"
            case httpx.DecodingError():
                words = str(error)
            case httpx.TooManyRedirects():
                words = f"redirects more than {_HOPS} times"
            case httpx.InvalidURL() | httpx.UnsupportedProtocol():
                words = "the address, or one that it redirects to, is none that can be asked"
            case _:
                raise error
        return ProbeResult(Level.CRITICAL, words)

    async def _judged(self, response: httpx.Response, body: bytes) -> ProbeResult:
        """What the answer comes to. The search for a pattern may take its time, and must not take everybody's."""
        if self.settings.expect_pattern is None:
            return self._checked(response, body)
        return await aside(("answer", self.terms.name), lambda: self._checked(response, body))

    def _checked(self, response: httpx.Response, body: bytes) -> ProbeResult:
        said, status = self.settings, response.status_code
        text = _decoded(body, response.charset_encoding)
        if status not in said.expect_status:
            expected = " or ".join(map(str, said.expect_status))
            hint = f": {_WRITE_HTTPS}" if status == 400 and _PLAIN_TO_TLS.search(text[:1000]) else ""
            return ProbeResult(Level.CRITICAL, f"HTTP {status}, expected {expected}{hint}")
        if wrong := check_text(text, said.expect_text, said.expect_pattern):
            return wrong
        if said.expect_json:
            return check_json(text, said.expect_json, cut=len(body) > ENOUGH)
        return ProbeResult(Level.OK, "online")

    async def _answer(self, transport: httpx.AsyncHTTPTransport) -> httpx.Response:
        import httpx  # noqa: PLC0415

        request = self._request()
        for _ in range(_HOPS + 1):
            response = await transport.handle_async_request(request)
            redirects = response.status_code in _REDIRECTS and "Location" in response.headers
            if not (redirects and self.settings.follow_redirects):
                return response
            await response.aclose()
            request = _redirected(request, response)
        raise httpx.TooManyRedirects("", request=request)

    def _request(self) -> httpx.Request:
        import httpx  # noqa: PLC0415

        said = self.settings
        url = httpx.URL(said.url.reveal())
        headers = _plain_headers()
        if url.userinfo:
            pair = base64.b64encode(f"{url.username}:{url.password}".encode())
            headers["Authorization"] = f"Basic {pair.decode()}"
        headers.update({name: value.reveal() for name, value in said.headers.items()})
        content = None if said.body is None else said.body.reveal().encode()
        return httpx.Request(said.method, url, headers=headers, content=content, extensions={"trace": _traced})

    def _with_certificate(self, result: ProbeResult, response: httpx.Response) -> ProbeResult:
        connection = response.extensions["network_stream"].get_extra_info("ssl_object")
        if connection is None:
            return result
        if not self.settings.verify:
            return replace(result, figures=(*result.figures, ("certificate", "not verified")))
        left = days_left(connection, self.clock.wall().timestamp(), self.settings.certificate_days.threshold)
        return replace(result, measures=(*result.measures, *([left] if left else [])))


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
    """httpcore reports each step; with a connection, the way to the target is known to be open."""
    if event == "connection.connect_tcp.complete":
        reached(told["return_value"].get_extra_info("socket"))


async def _read(response: httpx.Response) -> bytes:
    """The answer's body, decompressed, and cut off one byte after it is long enough. Raises httpx.DecodingError."""
    import httpx  # noqa: PLC0415

    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError("the answer is compressed in a way that nobody asked for")
    decompressor = None if coding in {"", "identity"} else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += decompressor.decompress(chunk, ENOUGH + 1 - len(body)) if decompressor else chunk
        except zlib.error:
            raise httpx.DecodingError("the answer is not compressed as it says") from None
        if len(body) > ENOUGH:
            break
    return bytes(body[: ENOUGH + 1])


def _decoded(body: bytes, charset: str | None) -> str:
    """The body as text: by its byte order mark, else as its headers say, else UTF-8."""
    for mark, encoding in ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16")):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:  # an encoding that nobody knows
        return body.decode("utf-8", "replace")


def _refused_by_proxy(said: str) -> ProbeResult:
    """What it comes to when the proxy opens no way, by its status such as `502 Bad Gateway`."""
    status = said[:3] if said[:3].isdigit() else ""
    if status in {"502", "503", "504"}:
        return ProbeResult(Level.CRITICAL, f"the proxy does not reach it (HTTP {status})")
    raise CouldNotLookError(f"the proxy refuses to connect{f' (HTTP {status})' if status else ''}")
