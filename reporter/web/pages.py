"""The pages: each shows some resources of REST by a template; forms carry out the operations of the table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from reporter.delivery.outlets.html_preview import to_html
from reporter.messages.message import Message
from reporter.operations import trading
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from reporter.secret import masked
from reporter.store import outbox_admin, run_log
from reporter.store.outbox import QueuedMessage
from reporter.version import __version__
from reporter.web import feed, figure_pages, resources
from reporter.web.answers import lines_of, within
from reporter.web.badge_addresses import address_of, key_of
from reporter.web.context import WebContext
from reporter.web.figure_pages import WEEKDAYS, Facts, asked, given, more_of, weeks
from reporter.web.fresh_login import LoginTooOldError, check_fresh
from reporter.web.guard import form_of, path_of
from reporter.web.live import Live
from reporter.web.page_environment import environment
from reporter.web.problems import ProblemError, problem
from reporter.web.resource import Call, Paged, Query, Span, read_query
from reporter.web.sessions import Gate
from reporter.web.trade_resource import TradeQuery
from reporter.web.wire import DayShareJson

STATIC = Path(__file__).parent / "static"
FILES = {"style.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
CSV_ROWS = 100_000
STATUS = "/status"
SNAPSHOT = 15.0
"""Seconds for which strangers see the same status."""
VIEW_STYLE = "<style>html { background: #313338; }</style>"  # as the frame around it, whatever the page's colours
VIEW_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address, its title in the menu, and the function that gathers what its template shows."""

    path: str
    title: str
    template: str
    facts: Callable[[Call[Any]], Facts]
    query: type[Query] = Query


def agents(call: Call[Query]) -> Facts:
    return {"agents": resources.agents(call)}


def trades(call: Call[resources.TradesQuery]) -> Facts:
    found = resources.trades(call)
    return {
        "trades": found,
        "query": _shown(call.query),
        "names": trading.known_agents(call.world.app),
        "sorts": SORTS,
        "more": more_of(call.query, found["next"]),
        "same": urlencode({**given(call.query), "sort": resources.NEWEST_FIRST}),
        "counted": urlencode({**given(call.query), "count": 1}),
        "narrowed": {column: _without(call.query, column) for column in resources.FACETS},
    }


SORTS = {
    "-closed_at": "newest",
    "-pnl": "largest win",
    "pnl": "largest loss",
    "-fees": "highest fees",
    "-held": "held longest",
    "held": "held shortest",
    "-volume": "largest volume",
}


def _without(query: Query, column: str) -> str:
    """The query but for a column and the place in the list."""
    return urlencode({name: value for name, value in given(query).items() if name not in {column, "cursor"}})


def positions(call: Call[Query]) -> Facts:
    return {"positions": resources.positions(call)}


def incidents(call: Call[resources.IncidentsQuery]) -> Facts:
    found = resources.incident_list(call)
    return {"incidents": found, "query": _shown(call.query), "more": more_of(call.query, found["next"])}


def uptime(call: Call[resources.UptimeQuery]) -> Facts:
    found, month = resources.uptimes(call), call.query.month
    return {
        "uptime": found,
        "month": month,
        "months": _months(call.world.now.astimezone(call.world.runtime.zone).date()),
        "weeks": {one["subject"]: _weeks(one["days"]) for one in found["uptime"]} if month else {},
        "weekdays": WEEKDAYS,
        "pings": asked(call, resources.ping_states),
        "may_operate": call.actor.role >= Role.OPERATOR,
        "badges": _badges(call, [one["subject"] for one in found["uptime"]]) if call.actor.role > Role.VIEWER else {},
    }


def _badges(call: Call[Any], subjects: Sequence[str]) -> dict[str, str]:
    """The addresses of badges: whoever has one may look, so they are for those who may hand it on."""
    key = key_of(call.world.store)
    return {subject: address_of(key, "uptime", subject) for subject in subjects}


def _months(today: date, number: int = 12) -> list[str]:
    """The newest months, this one first."""
    counted = (today.year * 12 + today.month - 1 - back for back in range(number))
    return [f"{month // 12}-{month % 12 + 1:02}" for month in counted]


def _weeks(days: Sequence[DayShareJson]) -> list[list[DayShareJson | None]]:
    return weeks(date.fromisoformat(days[0]["day"]), days) if days else []


def status(call: Call[Query]) -> Facts:
    """Strangers share one look at the store, however many they are."""
    if call.actor is not STRANGER:
        return {"status": resources.status(call), "may_operate": call.actor.role >= Role.OPERATOR}
    now = call.world.clock.monotonic()
    found = call.world.kept.get("status", now, lambda: resources.status(call), SNAPSHOT)
    return {"status": found, "may_operate": False}


def delivery(call: Call[resources.OutboxQuery]) -> Facts:
    found = resources.outbox(call)
    return {
        "outbox": found,
        "channels": asked(call, resources.channels),
        "wanted": call.query.state,
        "more": more_of(call.query, found["next"]),
    }


def jobs(call: Call[Query]) -> Facts:
    return {"jobs": resources.jobs(call)}


def reports(call: Call[Paged]) -> Facts:
    found = resources.reports(call)
    return {"reports": found, "more": more_of(call.query, found["next"])}


def _shown(query: Query) -> dict[str, str]:
    """The same with every name, for a form."""
    return {name: str(value or "") for name, value in query.model_dump(by_alias=True).items()}


PAGES: tuple[Page, ...] = (
    Page("/", "Overview", "overview", figure_pages.overview),
    Page("/equity", "Equity", "equity", figure_pages.equity, figure_pages.EquityQuery),
    Page("/agents", "Agents", "agents", agents),
    Page("/risk", "Risk", "risk", figure_pages.risk),
    Page("/distribution", "Distribution", "distribution", figure_pages.distribution, Span),
    Page("/trades", "Trades", "trades", trades, resources.TradesQuery),
    Page("/positions", "Positions", "positions", positions),
    Page("/incidents", "Incidents", "incidents", incidents, resources.IncidentsQuery),
    Page("/uptime", "Uptime", "uptime", uptime, resources.UptimeQuery),
    Page(STATUS, "Status", "status", status),
    Page("/reports", "Reports", "reports", reports, Paged),
    Page("/restated", "Restated", "restated", figure_pages.restated, Paged),
    Page("/delivery", "Delivery", "delivery", delivery, resources.OutboxQuery),
    Page("/jobs", "Jobs", "jobs", jobs),
)


# Pages about one thing, which the menu does not name.
SINGLE: tuple[Page, ...] = (
    Page("/agents/{name:path}", "Agent", "agent", figure_pages.agent, Span),
    Page("/trade", "Trade", "trade", figure_pages.trade, TradeQuery),
)


class Pages:
    """The handlers of the pages."""

    def __init__(self, world: WebContext, gate: Gate, live: Live) -> None:
        self._world = world
        self._gate = gate
        self._live = live
        self._environment: tuple[object, Environment] | None = None

    def routes(self) -> list[Route]:
        return [
            *(Route(page.path, self._page(page), methods=["GET"]) for page in (*PAGES, *SINGLE)),
            Route("/incidents/{id}", self._incident, methods=["GET"]),
            Route("/reports/{id:int}", self._report, methods=["GET"]),
            Route("/reports/{id:int}/view", self._view, methods=["GET"]),
            Route("/jobs/{name}/preview", self._preview, methods=["GET"]),
            Route("/jobs/{name}/preview/view", self._preview_view, methods=["GET"]),
            Route("/trades.csv", self._csv, methods=["GET"]),
            Route("/status/feed.xml", self._feed, methods=["GET"]),
            Route("/do/{name}", self._do, methods=["POST"]),
            Route("/live", self._stream, methods=["GET"]),
            Route("/static/{name}", self._static, methods=["GET"]),
        ]

    def _page(self, page: Page) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            actor = await self._reader(request, strangers=page.path == STATUS)
            if isinstance(actor, Response):
                return actor
            query = read_query(page.query, request, blank=True)
            call = Call(self._world, actor or STRANGER, query, request.path_params)
            facts = await within(lambda: page.facts(call))
            return await self.shown(page.template, page.title, actor, page.path, facts)

        return answer

    async def _reader(self, request: Request, *, strangers: bool = False) -> Actor | Response | None:
        """Who looks; None for one of the `strangers` who may see the status, or the way to the login."""
        try:
            return await within(lambda: self._gate.reader(request))
        except ProblemError as error:
            if error.status != 401:
                raise
            if strangers and self._world.settings.public == "status":
                return None
            if "authorization" in request.headers or "text/html" not in request.headers.get("accept", ""):
                raise
            here = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{self._world.settings.base_path}/login?{urlencode({'next': here})}", 303)

    async def _feed(self, request: Request) -> Response:
        """The status as an Atom feed, for whoever may see the page; strangers share one look."""
        actor = await self._reader(request, strangers=True)
        if isinstance(actor, Response):
            return actor
        world = self._world

        def made() -> dict[str, str]:
            told = feed.feed_for(actor, world.store, world.now, self._space)
            facts = {"feed": told, "address": world.settings.address}
            return {"text": self._templates().get_template("feed.xml").render(facts)}

        now = world.clock.monotonic()
        found = await within(lambda: made() if actor else world.kept.get("feed", now, made, SNAPSHOT))
        return feed.as_answer(request, found["text"])

    @cached_property
    def _space(self) -> UUID:
        return feed.space_of(self._world.store)

    def _templates(self) -> Environment:
        runtime = self._world.runtime
        if self._environment is None or self._environment[0] is not runtime:
            self._environment = (runtime, environment(runtime.inputs.formats, runtime.zone))
        return self._environment[1]

    async def shown(self, template: str, title: str, actor: Actor | None, here: str, facts: Facts) -> Response:
        """A page as HTML."""
        runtime, world = self._world.runtime, self._world
        named = {
            "title": title,
            "actor": actor,
            "pages": PAGES,
            "here": here,
            "base": world.settings.base_path,
            "version": __version__,
            "zone": runtime.zone.key,
            "now": world.now,
            "live": actor is not None and any(page.path == here for page in PAGES),
            "said": "",
            **facts,
        }
        chosen = self._templates().get_template(f"{template}.html")
        text = await within(lambda: chosen.render(named))
        return HTMLResponse(masked(text), headers={"Cache-Control": "private, no-store"})

    async def problem(self, request: Request, error: Exception) -> Response:
        """A refusal: as a page for people, as problem+json for programs."""
        if isinstance(error, HTTPException):
            detail = MISSING if error.status_code == 404 else str(error.detail)
            error = ProblemError(error.status_code, detail, headers=dict(error.headers or {}))
        elif not isinstance(error, ProblemError):
            raise error
        wants_page = "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers
        if not wants_page or path_of(request).startswith(("/api/", "/hooks/")):
            return problem(error)
        title = HTTPStatus(error.status).phrase
        page = await self.shown("problem", title, None, "", {"problem": error})
        page.status_code = error.status
        page.headers.update(error.headers)
        return page

    async def _incident(self, request: Request) -> Response:
        actor = await self._reader(request)
        if not isinstance(actor, Actor):
            return actor or Response(status_code=404)
        call = Call(self._world, actor, Query(), request.path_params)
        found = await within(lambda: resources.incident(call))
        facts = {
            **found,
            "may_operate": actor.role >= Role.OPERATOR,
            "said": request.query_params.get("said", "")[:500],
        }
        return await self.shown("incident", found["incident"]["subject"], actor, "/incidents", facts)

    async def _report(self, request: Request) -> Response:
        actor = await self._reader(request)
        if not isinstance(actor, Actor):
            return actor or Response(status_code=404)
        found = await within(lambda: self._entry(request.path_params["id"]))
        message = Call(self._world, actor, Query(), {}).wire.message(found)
        again = await within(lambda: self._again(found)) if actor.role >= Role.OPERATOR else None
        facts = {"message": message, "again": again}
        return await self.shown("report", message["title"] or message["kind"], actor, "/reports", facts)

    def _again(self, found: QueuedMessage) -> dict[str, str] | None:
        """What `send` has to be asked so that this report is sent again; None of what no job of the config wrote."""
        with self._world.store.read() as connection:
            run = run_log.runs_named(connection, [found.run_id or ""]).get(found.run_id or "")
        bound = self._world.runtime.jobs.get(run.job) if run else None
        if run is None or bound is None:
            return None
        return {"name": bound.name, "date": run.label if bound.job.covers.closed else ""}

    def _entry(self, number: int) -> QueuedMessage:
        with self._world.store.read() as connection:
            found = outbox_admin.entry(connection, number) if number < 2**31 else None
        if found is None:
            raise ProblemError(404, "there is no such message", where="id")
        return found

    async def _view(self, request: Request) -> Response:
        """The message as it looked, in a frame that may do nothing."""
        await within(lambda: self._gate.reader(request))
        found = await within(lambda: self._entry(request.path_params["id"]))
        return await self._as_it_looks([found.message])

    async def _preview(self, request: Request) -> Response:
        """A page around what a job would report."""
        actor = await self._reader(request)
        if not isinstance(actor, Actor):
            return actor or Response(status_code=404)
        name = (await within(lambda: self._world.app.job(request.path_params["name"]))).name
        facts = {"job": name, "may_send": actor.role >= Role.OPERATOR}
        return await self.shown("preview", f"Preview of {name}", actor, "/jobs", facts)

    async def _preview_view(self, request: Request) -> Response:
        actor = await within(lambda: self._gate.reader(request))
        door = Door(self._world.app, self._world.deliver)
        messages = await within(lambda: door.invoke("report", {"name": request.path_params["name"]}, actor))
        return await self._as_it_looks(messages)

    async def _as_it_looks(self, messages: Sequence[Message]) -> Response:
        text = await within(lambda: "".join(to_html(message, self._world.runtime.zone) for message in messages))
        page = f"<!doctype html><html lang=en><meta charset=utf-8><title>message</title>{VIEW_STYLE}{text}"
        return HTMLResponse(masked(page), headers={"Content-Security-Policy": VIEW_CSP, "Cache-Control": "no-store"})

    async def _csv(self, request: Request) -> Response:
        """The trades of the filter, as many as a spreadsheet takes."""
        actor = await self._reader(request)
        if not isinstance(actor, Actor):
            return actor or Response(status_code=404)
        query = read_query(resources.TradesQuery, request, blank=True).model_copy(update={"cursor": None})
        parts = resources.trades_as_csv(self._world, query, CSV_ROWS)
        first = await within(lambda: next(parts))

        async def written() -> AsyncIterator[str]:
            part = first
            while part:
                yield masked(part)
                part = await within(lambda: next(parts, ""))

        headers = {"Content-Disposition": 'attachment; filename="trades.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(written(), headers=headers, media_type="text/csv; charset=utf-8")

    async def _do(self, request: Request) -> Response:
        """Carry out an operation that a form names, and go back to where the form stood."""
        actor = await within(lambda: self._gate.reader(request))
        values = {name: value for name, value in (await form_of(request)).items() if value}
        name, session = request.path_params["name"], await within(lambda: self._gate.session(request))
        try:
            check_fresh(session, name, values, self._world.now)
        except LoginTooOldError:
            came = urlsplit(request.headers.get("referer", ""))
            here = came.path.removeprefix(self._world.settings.base_path) if came.netloc == request.url.netloc else "/"
            target = urlencode({"next": here or "/", "fresh": 1})
            return RedirectResponse(f"{self._world.settings.base_path}/login?{target}", 303)
        door = Door(self._world.app, self._world.deliver, drawn=False)
        try:
            messages = await within(lambda: door.invoke(name, values, actor))
            said = "\n".join(line for message in messages for line in lines_of(message))
        except ProblemError as error:
            if error.status in {401, 403, 429}:
                raise
            said = error.detail
        return await self.shown("said", "Done", actor, "", {"said": said})

    async def _stream(self, request: Request) -> Response:
        await within(lambda: self._gate.reader(request))

        async def still_allowed() -> bool:
            try:
                await within(lambda: self._gate.reader(request))
            except ProblemError:
                return False
            return True

        return self._live.stream(still_allowed)

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            raise ProblemError(404, "there is no such file")
        return FileResponse(STATIC / name, media_type=FILES[name], headers={"Cache-Control": "public, max-age=3600"})


MISSING = "there is nothing at this address"
STRANGER = Actor("stranger", Role.VIEWER, "web")
