"""Who may come in: the Host header, the size and pace of a body, the token. Loopback is no protection."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Collection

from starlette.requests import Request

from reporter.inbox.settings import Program, WebSettings
from reporter.operations.operation import Actor, Role
from reporter.periods.clock import Clock
from reporter.web.problems import ProblemError
from reporter.web.world import World

LARGEST_BODY = 1_000_000  # bytes
BODY_SECONDS = 5.0
PER_MINUTE, BURST = 120, 60  # requests of one token
FAILED_PER_MINUTE = 30  # wrong tokens of one address


def check_host(request: Request, hosts: Collection[str]) -> None:
    """Refuse a name that nobody gave us: a page elsewhere could point its own name at this address (DNS rebinding)."""
    name = _host_name(request.headers.get("host", ""))
    if name not in {"localhost", "127.0.0.1", "::1", *hosts}:
        raise ProblemError(421, "this is not the host of that name", where="Host", remedy="add it to web.hosts")
    site = request.headers.get("sec-fetch-site", "none")
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


class Gate:
    """Lets programs in by their tokens, at their pace."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pace = TokenBucket(world.clock, PER_MINUTE, BURST)
        self._failures = TokenBucket(world.clock, FAILED_PER_MINUTE, FAILED_PER_MINUTE)

    def program(self, request: Request, right: str) -> Program:
        """The program whose token this is. Raises ProblemError where there is none, or where it may not."""
        found = self._caller(request)
        if not found.can(right):
            remedy = f"write `may: [{right}]` for {found.name} in web.tokens"
            raise ProblemError(403, f"the token {found.name} may not do this", where="Authorization", remedy=remedy)
        self.keep_pace(found.name)
        return found

    def reader(self, request: Request) -> Actor:
        """Who looks, with a role. Raises ProblemError for a stranger, unless the config shows strangers everything."""
        if "authorization" not in request.headers and self._world.settings.public == "all":
            self.keep_pace(_network(request.client.host if request.client else ""))
            return Actor("stranger", Role.VIEWER, "web")
        found = self.program(request, "read")
        role = Role.OWNER if found.can("own") else Role.OPERATOR if found.can("operate") else Role.VIEWER
        return Actor(found.name, role, "web")

    def _caller(self, request: Request) -> Program:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known = self._world.settings.programs
        found = next((one for one in known if one.is_token(token)), None) if token else None
        if found is None or scheme.lower() != "bearer":
            self.failed(request)
            raise ProblemError(
                401,
                "this needs a token" if not token else "nobody has this token",
                where="Authorization",
                remedy="send `Authorization: Bearer TOKEN` with a token of web.tokens",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found

    def keep_pace(self, caller: str) -> None:
        if wait := self._pace.take(caller):
            again = {"Retry-After": str(int(wait) + 1)}
            raise ProblemError(429, f"at most {PER_MINUTE} requests in a minute", headers=again)

    def failed(self, request: Request) -> None:
        """A wrong secret: an address that goes on guessing has to wait."""
        if wait := self._failures.take(_network(request.client.host if request.client else "")):
            raise ProblemError(429, "too many wrong tokens", headers={"Retry-After": str(int(wait) + 1)})


def _network(address: str) -> str:
    """IPv6 callers have a whole network each (/64)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if found.version == 6 else address


def is_local(request: Request, settings: WebSettings) -> bool:
    """Whether a program of this machine asks, with no proxy between that might bring a stranger."""
    proxied = any(name.startswith(("x-forwarded", "forwarded", "x-real-ip", "via")) for name in request.headers)
    behind_a_proxy = bool(settings.hosts or settings.base_path) or proxied
    return not behind_a_proxy and request.client is not None and request.client.host in {"127.0.0.1", "::1"}
