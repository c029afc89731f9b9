"""Who may come in: the Host header, the size and pace of a body, the token. Loopback is no protection."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from reporter.inbox.settings import WebSettings, allows
from reporter.operations import people
from reporter.operations.operation import Actor, Role
from reporter.periods.clock import Clock
from reporter.store import web_keys
from reporter.store.web_keys import WebKey
from reporter.web.context import WebContext
from reporter.web.problems import ProblemError

LARGEST_BODY = 1_000_000  # bytes
LARGEST_FORM = 10_000  # bytes
BODY_SECONDS = 5.0
PER_MINUTE, BURST = 120, 60  # requests of one token
FAILED_PER_MINUTE = 30  # wrong tokens of one address
PEOPLE_PER_MINUTE = 600  # requests of one session
LOGINS_PER_MINUTE, LOGINS_AT_ONCE = 2, 10  # of one account
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by a token or a session, and what it may."""

    name: str
    may: frozenset[str]

    def can(self, right: str) -> bool:
        return allows(self.may, right)

    @property
    def role(self) -> Role | None:
        """The role in which it looks and acts; None for one that may only hand in events."""
        ladder = {"own": Role.OWNER, "operate": Role.OPERATOR, "read": Role.VIEWER}
        return next((role for right, role in ladder.items() if self.can(right)), None)


class Gate:
    """Lets callers in: programs by their tokens, people by their sessions, each at a pace."""

    def __init__(self, world: WebContext) -> None:
        self._world = world
        self._pace = TokenBucket(world.clock, PER_MINUTE, BURST)
        self._people = TokenBucket(world.clock, PEOPLE_PER_MINUTE, PEOPLE_PER_MINUTE)
        self._failures = TokenBucket(world.clock, FAILED_PER_MINUTE, FAILED_PER_MINUTE)
        self._logins = TokenBucket(world.clock, LOGINS_PER_MINUTE, LOGINS_AT_ONCE)

    def program(self, request: Request, right: str) -> Caller:
        """The program whose token this is. Raises ProblemError where there is none, or where it may not."""
        found = self.by_token(request)
        if not found.can(right):
            remedy = f"write `may: [{right}]` for {found.name} in web.tokens"
            raise ProblemError(403, f"the token {found.name} may not do this", where="Authorization", remedy=remedy)
        self.keep_pace(found.name)
        return found

    def reader(self, request: Request) -> Actor:
        """Who looks or acts, with a role. Raises ProblemError for a stranger, unless the config shows strangers all."""
        if "authorization" not in request.headers:
            if person := self.person(request):
                return person
            if self._world.settings.public == "all":
                self._kept_by(self._people, _network(_address(request)))
                return Actor("stranger", Role.VIEWER, "web")
        found = self.program(request, "read")
        return Actor(found.name, found.role or Role.VIEWER, "web")

    def person(self, request: Request) -> Actor | None:
        """Who has logged in and still may; what changes anything must come from a page of ours."""
        session = self.session(request)
        role = self._role_of(session) if session else None
        if session is None or role is None:
            return None
        if request.method not in {"GET", "HEAD"}:
            check_same_origin(request)
        self._kept_by(self._people, session.name)
        return Actor(session.name, role, "web", session.may if ":" in session.may else "")

    def session(self, request: Request) -> WebKey | None:
        """The session whose cookie this is, while it holds. A request with a token goes by that."""
        key = "" if "authorization" in request.headers else request.cookies.get(cookie_name(request), "")
        if not key:
            return None
        with self._world.store.read() as connection:
            return web_keys.find(connection, "session", key, self._world.now)

    def _role_of(self, session: WebKey) -> Role | None:
        """The role of who has logged in, by what the config says now."""
        if ":" in session.may:  # by a link from chat: who that is there
            return people.role_of(self._world.app, session.may)
        if session.may in Role.__members__:  # by a link that the owner made
            return Role[session.may]
        if session.may == "user":
            person = self._world.settings.people.get(session.name)
            return Role[person.role.upper()] if person else None
        known = {program.name: Caller(program.name, program.may) for program in self._world.settings.programs}
        return known[session.name].role if session.name in known else None

    def by_token(self, request: Request) -> Caller:
        """Who has the token of a request, of the config or of `reporter web token`. Raises ProblemError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = self.of_token(token, _address(request)) if token and scheme.lower() == "bearer" else None
        if found is None:
            if token:  # who has none guesses nothing
                self.failed(request)
            raise ProblemError(
                401,
                self._wrong(token),
                where="Authorization",
                remedy="send `Authorization: Bearer TOKEN` with a token of web.tokens",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found

    def _wrong(self, token: str) -> str:
        if not token:
            return "this needs a token"
        with self._world.store.read() as connection:
            over = web_keys.is_over(connection, "token", token)
        return "this token has expired: `reporter web token` makes another" if over else "nobody has this token"

    def of_token(self, token: str, address: str = "") -> Caller | None:
        """Whose token it is; of one that the store keeps, the time and the caller's address are written down."""
        for program in self._world.settings.programs:
            if program.is_token(token):
                return Caller(program.name, program.may)
        if not token.startswith("rpt_"):
            return None
        now = self._world.now
        with self._world.store.read() as connection:
            key = web_keys.find(connection, "token", token, now)
        if key and (key.used_at is None or now - key.used_at > web_keys.NOTED):
            with self._world.store.begin() as connection:
                web_keys.note_use(connection, key, now, address)
        return Caller(key.name, frozenset(key.may.split())) if key else None

    def may_try(self, request: Request, name: str) -> None:
        """Count a login. Raises ProblemError where an address, or an account, is tried too often."""
        self.failed(request)
        self._kept_by(self._logins, name)

    def keep_pace(self, caller: str) -> None:
        self._kept_by(self._pace, caller)

    def _kept_by(self, bucket: TokenBucket, caller: str) -> None:
        if wait := bucket.take(caller):
            raise ProblemError(429, "too many requests", headers={"Retry-After": str(int(wait) + 1)})

    def failed(self, request: Request) -> None:
        """A wrong secret: an address that goes on guessing has to wait."""
        if wait := self._failures.take(_network(_address(request))):
            raise ProblemError(429, "too many wrong tokens", headers={"Retry-After": str(int(wait) + 1)})


def check_same_origin(request: Request) -> None:
    """What a session changes must be sent by a page of ours: a browser says where from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    ours = urlsplit(origin).netloc == request.headers.get("host", "") if origin else site == "same-origin"
    if site not in {None, "same-origin"} or not ours:
        raise ProblemError(403, "only a page of ours may send this", where="Origin")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


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
