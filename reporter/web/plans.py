"""The small address of plans: for programs that fetch what the authors mean to do today."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reporter.errors import ReporterError, StoreError
from reporter.periods.clock import Clock
from reporter.plans.model import PlanChart, PlanVersion, TradingPlan
from reporter.plans.notebook import Notebook, PlanRefusedError, day_of
from reporter.plans.settings import PlanAuthor, PlanListener, PlanSettings
from reporter.store.database import Store
from reporter.store.plans import PlanTable
from reporter.web.server import Known, Outermost

log = logging.getLogger(__name__)

_ANSWER_WITHIN = 5.0  # seconds
_MISSING = "No plan found"
_OF_THIS_MACHINE = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class _RequestError(Exception):
    """A request that gets an error. `status` is 400, 401 or 404."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Counts:
    """What was asked since the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._lock = threading.Lock()
        self._good = self._bad = 0

    def add(self, status: int) -> None:
        with self._lock:
            self._good += status < 400
            self._bad += status >= 400

    def shown(self) -> dict[str, Any]:
        total = self._good + self._bad
        share = round(100 * self._bad / total, 2) if total else 0.0
        return {"total": total, "success": self._good, "error": self._bad, "error_rate_percent": share}

    @property
    def seconds(self) -> int:
        return int(self._clock.monotonic() - self._started)


class PlanPages:
    """The handlers. Each answers in the shapes that clients of plans know."""

    def __init__(
        self, store: Store, clock: Clock, settings: Callable[[], PlanSettings], bot: Callable[[], tuple[str, str]]
    ) -> None:
        self._bot = bot
        self._store = store
        self._clock = clock
        self._settings = settings
        self.counts = _Counts(clock)

    async def index(self, _: Request) -> Response:
        """What there is to ask."""
        endpoints = {
            "/health": "whether the store answers",
            "/metrics": "requests and plans, counted",
            "/api/coach-plans/?coach=&date=": "the plan of one author",
            "/api/coach-plans/all?date=": "all plans of a day",
            "/api/coach-plans/history?coach=&date=": "every version of a plan",
        }
        authors = sorted(self._settings().authors)
        return JSONResponse({"name": "reporter plans", "coaches": authors, "endpoints": endpoints})

    async def health(self, _: Request) -> Response:
        """Whether plans can be read."""
        try:
            written, _charts, _edits = await self._asked(lambda rows: rows.counts())
        except (StoreError, TimeoutError):
            components: dict[str, Any] = {"database": {"status": "down"}, "discord_bot": self._bot_state()}
            answer = {"status": "unhealthy", "timestamp": self._now(), "components": components}
            return JSONResponse(answer, 503)
        components = {
            "database": {"status": "up", "plan_count": written},
            "discord_bot": self._bot_state(),
        }
        return JSONResponse({"status": "healthy", "timestamp": self._now(), "components": components})

    def _bot_state(self) -> dict[str, str]:
        """How the bot that answers in Discord stands; `why` explains that it is not connected."""
        status, why = self._bot()
        return {"status": status} | ({"why": why} if why else {})

    async def metrics(self, _: Request) -> Response:
        """Counts since the start, and of the store."""
        written, charts, edits = await self._asked(lambda rows: rows.counts())
        return JSONResponse(
            {
                "timestamp": self._now(),
                "uptime_seconds": self.counts.seconds,
                "requests": self.counts.shown(),
                "database": {"total_plans": written, "total_charts": charts, "total_edits": edits},
            }
        )

    async def plan(self, request: Request) -> Response:
        """The plan of one author for a day, today's if none is given."""
        author = self._author(request)
        day = self._day(request, author.zone)
        plan = await self._asked(lambda rows: Notebook(rows, self._settings()).find(author.key, day))
        if plan is None or plan.withdrawn:
            raise _RequestError(404, f"{_MISSING} for coach {author.key} on {day}")
        return _tagged(request, _shown(plan, author, request))

    async def all_plans(self, request: Request) -> Response:
        """Every standing plan of a day; if none is given, of each author's today."""
        settings = self._settings()
        days = {author.key: self._day(request, author.zone) for author in settings.authors.values()}
        plans = await self._asked(
            lambda rows: [Notebook(rows, settings).find(author, day) for author, day in sorted(days.items())]
        )
        shown = [
            _shown(plan, settings.authors[plan.newest.author], request) for plan in plans if plan and not plan.withdrawn
        ]
        day = self._day(request, settings.zone)
        return _tagged(request, {"date": day.isoformat(), "count": len(shown), "plans": shown})

    async def history(self, request: Request) -> Response:
        """Every version of a plan, the oldest first."""
        author = self._author(request)
        day = self._day(request, author.zone)
        plan = await self._asked(lambda rows: Notebook(rows, self._settings()).find(author.key, day))
        if plan is None:
            raise _RequestError(404, f"{_MISSING} for coach {author.key} on {day}")
        versions = [_version(version, author) for version in plan.versions]
        answer = {"coach": author.key, "coach_name": f"coach_{author.key}", "date": day.isoformat()}
        return _tagged(request, {**answer, "count": len(versions), "history": versions})

    async def chart(self, request: Request) -> Response:
        """A picture of a plan."""
        number = int(request.path_params["id"])
        found = await self._asked(lambda rows: rows.chart(number))
        if found is None:
            raise _RequestError(404, "No such chart")
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, max-age=86400, immutable",
        }
        return Response(found.content, media_type=found.kind, headers=headers)

    def _author(self, request: Request) -> PlanAuthor:
        given = request.query_params.get("coach", "")
        known = self._settings().authors
        if not given:
            raise _RequestError(400, "Missing required parameter: coach")
        author = known.get(given.casefold().removeprefix("coach_"))
        if author is None:
            raise _RequestError(400, f"Invalid coach name. Must be one of: {', '.join(sorted(known))}")
        return author

    def _day(self, request: Request, zone: ZoneInfo) -> date:
        today = self._clock.wall().astimezone(zone).date()
        given = request.query_params.get("date", "")
        try:
            return day_of(given, today) if given else today
        except PlanRefusedError:
            raise _RequestError(400, "Invalid date format. Use YYYY-MM-DD") from None

    async def _asked(self, question: Callable[[PlanTable], Any]) -> Any:
        def ask() -> Any:
            with self._store.read() as connection:
                return question(PlanTable(connection))

        async with asyncio.timeout(_ANSWER_WITHIN):
            return await asyncio.to_thread(ask)

    def _now(self) -> str:
        return _naive(self._clock.wall(), self._settings().zone)


def application(
    store: Store,
    clock: Clock,
    settings: Callable[[], PlanSettings],
    listener: PlanListener,
    bot: Callable[[], tuple[str, str]] = lambda: ("not configured", ""),
) -> ASGIApp:
    """Everything that the address of plans answers. `bot` says how the one in Discord stands, and why."""
    pages = PlanPages(store, clock, settings, bot)
    paths = {
        "/": pages.index,
        "/health": pages.health,
        "/metrics": pages.metrics,
        "/api/coach-plans/": pages.plan,
        "/api/coach-plans/all": pages.all_plans,
        "/api/coach-plans/history": pages.history,
        "/api/coach-plans/charts/{id:int}": pages.chart,
    }
    routes = [Route(path, _guarded(page, pages.counts, listener), methods=["GET"]) for path, page in paths.items()]
    handlers: Mapping[Any, Any] = {HTTPException: _refused}
    pages_elsewhere = Middleware(
        CORSMiddleware,
        allow_origins=sorted(listener.origins),
        allow_origin_regex=_OF_THIS_MACHINE,
        allow_methods=["GET"],
        allow_headers=["Authorization", "If-None-Match"],
        expose_headers=["ETag"],
    )
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[pages_elsewhere])
    return Outermost(app, lambda: Known(frozenset({listener.host})))


def _guarded(
    page: Callable[[Request], Awaitable[Response]], counts: _Counts, listener: PlanListener
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            _check_token(request, listener)
            response = await page(request)
        except _RequestError as error:
            response = JSONResponse({"error": str(error)}, error.status)
        except Exception as error:
            if not isinstance(error, ReporterError | TimeoutError):
                log.exception("an answer about plans failed")
            response = JSONResponse({"error": "Internal server error"}, 500)
        counts.add(response.status_code)
        return response

    return answer


def _tagged(request: Request, answer: Mapping[str, Any]) -> Response:
    """An answer with its ETag; 304 and no body for a program that has this answer already."""
    response = JSONResponse(answer)
    tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _check_token(request: Request, listener: PlanListener) -> None:
    if listener.token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = listener.token.reveal().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), wanted):
        raise _RequestError(401, "This needs a token: send `Authorization: Bearer TOKEN`")


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "Endpoint not found", 405: "Method not allowed"}
    return JSONResponse({"error": words.get(status, "Internal server error")}, status)


def _shown(plan: TradingPlan, author: PlanAuthor, request: Request) -> dict[str, Any]:
    newest = plan.newest
    edited = plan.edited_at
    return {
        "coach": author.key,
        "coach_name": f"coach_{author.key}",
        "date": newest.day,
        "plan": newest.text,
        "charts": _addresses(plan.charts, request),
        "author": newest.writer_name,
        "channel": newest.channel,
        "created_at": _naive(plan.first.at, author.zone),
        "edited_at": _naive(edited, author.zone) if edited else None,
    }


def _addresses(charts: Sequence[PlanChart], request: Request) -> list[str]:
    base = re.sub(r"/+$", "", str(request.base_url))
    return [f"{base}/api/coach-plans/charts/{chart.id}" for chart in charts]


def _version(version: PlanVersion, author: PlanAuthor) -> dict[str, Any]:
    return {
        "plan_text": version.text,
        "edited_by": version.writer_name,
        "edited_at": _naive(version.at, author.zone),
        "version": version.number,
        "act": version.act,
        "hash": version.hash,
    }


def _naive(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the documented shapes write it: the civil time of a zone to the second, without an offset."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
