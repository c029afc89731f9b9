"""Log in and out: by name and password, by a token, or by a link that is good once. Sessions are rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reporter.operations.operation import Actor
from reporter.store import web_keys
from reporter.web.answers import within
from reporter.web.context import WebContext
from reporter.web.guard import check_same_origin, cookie_name, form_of, is_encrypted
from reporter.web.passwords import is_password, of_nobody
from reporter.web.problems import ProblemError
from reporter.web.sessions import Gate

SESSION = timedelta(days=7)

Shown = Callable[[str, str, Actor | None, str, dict[str, object]], Awaitable[Response]]


class Login:
    """The handlers. `shown` makes a page."""

    def __init__(self, world: WebContext, gate: Gate, shown: Shown) -> None:
        self._world = world
        self._gate = gate
        self._shown = shown
        self._nobody = of_nobody()  # so that an unknown name takes as long as a known one

    def routes(self) -> list[Route]:
        return [
            Route("/login", self._form, methods=["GET"]),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/login/{link}", self._link_form, methods=["GET"]),
            Route("/login/{link}", self._by_link, methods=["POST"]),
            Route("/logout", self._log_out, methods=["POST"]),
        ]

    async def _form(self, request: Request) -> Response:
        facts: dict[str, object] = {"link": "", "next": request.query_params.get("next", "/")[:500]}
        if "fresh" in request.query_params:
            facts["said"] = "This needs a login that is less than ten minutes old. Log in again, then do it once more."
        return await self._shown("login", "Log in", None, "", facts)

    async def _link_form(self, request: Request) -> Response:
        """A preview of a link in a chat must not use it up: a button does."""
        return await self._shown("login", "Log in", None, "", {"link": request.path_params["link"][:100], "next": "/"})

    async def _log_in(self, request: Request) -> Response:
        check_same_origin(request)
        form = await form_of(request)
        name, secret, target = form.get("name", "")[:64], form.get("secret", ""), form.get("next", "/")
        self._gate.may_try(request, name or "token")
        found = await within(lambda: self._known(name, secret))
        if found is None:
            facts: dict[str, object] = {
                "link": "",
                "next": target,
                "said": "Nobody has this name and password, or this token.",
            }
            page = await self._shown("login", "Log in", None, "", facts)
            page.status_code = 401
            return page
        return await self._begun(request, *found, target)

    def _known(self, name: str, secret: str) -> tuple[str, str] | None:
        """Whose these are: the name, and what the session goes by."""
        if not name:
            caller = self._gate.of_token(secret)
            return (caller.name, "token") if caller and caller.role else None
        person = self._world.settings.people.get(name)
        right = is_password(secret, person.password.reveal() if person else self._nobody)
        return (name, "user") if person and right else None

    async def _by_link(self, request: Request) -> Response:
        check_same_origin(request)
        self._gate.may_try(request, "link")
        key = await within(lambda: self._taken(request.path_params["link"]))
        if key is None:
            remedy = "ask for another: `login` in chat, or `reporter web login`"
            raise ProblemError(404, "this link was used, or is older than five minutes", remedy=remedy)
        return await self._begun(request, key.name, key.may, "/")

    def _taken(self, link: str) -> web_keys.WebKey | None:
        with self._world.store.begin() as connection:
            return web_keys.take(connection, "link", link, self._world.now)

    async def _begun(self, request: Request, name: str, may: str, target: str) -> Response:
        now = self._world.now

        def begin() -> str:
            with self._world.store.begin() as connection:
                return web_keys.make(connection, "session", name, may, now, now + SESSION)

        key = await within(begin)
        base = self._world.settings.base_path
        inside = target.startswith("/") and not target.startswith(("//", "/\\"))
        answer = RedirectResponse(f"{base}{target if inside else '/'}", 303)
        answer.set_cookie(
            cookie_name(request),
            key,
            max_age=int(SESSION.total_seconds()),
            path="/" if is_encrypted(request) else base or "/",
            httponly=True,
            samesite="lax",
            secure=is_encrypted(request),
        )
        return answer

    async def _log_out(self, request: Request) -> Response:
        check_same_origin(request)
        key, base = request.cookies.get(cookie_name(request), ""), self._world.settings.base_path

        def end() -> None:
            with self._world.store.begin() as connection:
                web_keys.end_session(connection, key)

        await within(end)
        answer = RedirectResponse(f"{base}/login", 303)
        encrypted = is_encrypted(request)
        path = "/" if encrypted else base or "/"
        answer.delete_cookie(cookie_name(request), path=path, secure=encrypted, httponly=True)
        return answer
