"""What may come in: the Host header, the origin, the size and pace of a body. Loopback is no protection."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from reporter.inbox.settings import WebSettings
from reporter.periods.clock import Clock
from reporter.web.problems import ProblemError

LARGEST_BODY = 1_000_000  # bytes
LARGEST_FORM = 10_000  # bytes
BODY_SECONDS = 5.0
COOKIE = "reporter_session"


def check_host(request: Request, hosts: Collection[str], origins: Collection[str] = ()) -> None:
    """Refuse a name that nobody gave us: a page elsewhere could point its own name at this address (DNS rebinding)."""
    name = _host_name(request.headers.get("host", ""))
    if name not in {"localhost", "127.0.0.1", "::1", *hosts}:
        raise ProblemError(421, "this is not the host of that name", where="Host", remedy="add it to web.hosts")
    site = request.headers.get("sec-fetch-site", "none")
    if request.headers.get("origin") in origins:  # it sends no cookie along: what it may is said by its token
        return
    if request.method not in {"GET", "HEAD"} and site not in {"none", "same-origin"}:
        raise ProblemError(403, "another site's page may not send this", where="Sec-Fetch-Site")


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


async def read_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The body, within its bounds of size and time."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > largest:
        raise ProblemError(413, f"the body is larger than {largest} bytes", where="Content-Length")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(415, "a compressed body is not read", where="Content-Encoding", remedy="send it as it is")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > largest:
                    raise ProblemError(413, f"the body is larger than {largest} bytes")
    except TimeoutError:
        raise ProblemError(408, f"the body did not arrive within {BODY_SECONDS:.0f} s") from None
    return bytes(body)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small form."""
    body = await read_body(request, LARGEST_FORM)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=20, keep_blank_values=True))
    except ValueError:
        raise ProblemError(400, "this is no form") from None


class TokenBucket:
    """A bucket of requests for each caller: it holds `burst` and is filled by `per_minute`."""

    def __init__(self, clock: Clock, per_minute: int, burst: int, most: int = 10_000) -> None:
        self._clock = clock
        self._rate = per_minute / 60
        self._burst = burst
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """Count one request; 0 if it may go on, else in how many seconds the next may come."""
        now = self._clock.monotonic()
        with self._lock:
            left, then = self._left.pop(caller, (float(self._burst), now))
            left = min(float(self._burst), left + (now - then) * self._rate)
            self._left[caller] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
            return 0.0 if left >= 1 else (1 - left) / self._rate


def check_same_origin(request: Request) -> None:
    """What a session changes must be sent by a page of ours: a browser says where from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    ours = urlsplit(origin).netloc == request.headers.get("host", "") if origin else site == "same-origin"
    if site not in {None, "same-origin"} or not ours:
        raise ProblemError(
            403,
            "only a page of ours may send this",
            where="Origin",
            remedy="a program sends `Authorization: Bearer TOKEN`: `reporter web token` makes one",
        )


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def network_of(address: str) -> str:
    """IPv6 callers have a whole network each (/64)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if found.version == 6 else address


def is_local(request: Request, settings: WebSettings) -> bool:
    """Whether a program of this machine asks, with no proxy between that might bring a stranger."""
    proxied = any(name.startswith(("x-forwarded", "forwarded", "x-real-ip", "via")) for name in request.headers)
    behind_a_proxy = bool(settings.hosts or settings.base_path or settings.forwarded) or proxied
    return not behind_a_proxy and request.client is not None and request.client.host in {"127.0.0.1", "::1"}


def is_encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us. Whoever lies here only harms his own cookie."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def cookie_name(request: Request) -> str:
    """Behind TLS no other host, path or plain page can plant a cookie of the name that browsers guard."""
    return f"__Host-{COOKIE}" if is_encrypted(request) else COOKIE


def path_of(request: Request) -> str:
    """The path of a request below the one that a proxy publishes us at."""
    return request.url.path.removeprefix(request.scope.get("root_path", "")) or "/"
