"""Who asks: programs by their tokens, people by their sessions, and each at a pace."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from reporter.inbox.settings import allows
from reporter.operations import people
from reporter.operations.operation import Actor, Role
from reporter.store import web_keys
from reporter.store.web_keys import WebKey
from reporter.web.context import WebContext
from reporter.web.guard import TokenBucket, address_of, check_same_origin, cookie_name, network_of
from reporter.web.problems import ProblemError

PER_MINUTE, BURST = 120, 60  # requests of one token
FAILED_PER_MINUTE = 30  # wrong tokens of one address
PEOPLE_PER_MINUTE = 600  # requests of one session
LOGINS_PER_MINUTE, LOGINS_AT_ONCE = 2, 10  # of one account


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
                self._kept_by(self._people, network_of(address_of(request)))
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
        found = self.of_token(token, address_of(request)) if token and scheme.lower() == "bearer" else None
        if found is None:
            if token:  # who has none guesses nothing
                self.failed(request)
            raise ProblemError(
                401,
                self._wrong(token),
                where="Authorization",
                remedy="send `Authorization: Bearer TOKEN` (`reporter web token`); a browser: `reporter web login`",
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
        if wait := self._failures.take(network_of(address_of(request))):
            raise ProblemError(429, "too many wrong tokens", headers={"Retry-After": str(int(wait) + 1)})
