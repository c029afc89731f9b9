"""What REST and the pages show, each resource once: its path, its query, the shape of its answer, and its handler."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from math import floor
from typing import Annotated, Any, Literal

from pydantic import Field

from reporter.alerts.maintenance import MaintenanceWindow, maintenance_spans
from reporter.alerts.model import Level, Phase
from reporter.alerts.pings import awaited
from reporter.alerts.uptime import StateSpan, is_component, measured
from reporter.errors import LedgerError
from reporter.jobs.kit.status_board import WORST_FIRST, level_summary, worst_level
from reporter.messages.spreadsheet import TRADES, as_csv, rows
from reporter.operations import trading
from reporter.operations.service import WINDOWS
from reporter.periods.civil import Period, Unit, containing, parse_at
from reporter.store import (
    alerts,
    announcements,
    channel_states,
    events,
    incidents,
    outbox_admin,
    pings,
    run_log,
    uptime,
)
from reporter.trading.books import By, Facet, RankPlace, Series, TradeFilter, TradeOrder
from reporter.trading.equity_curve import curve_of_series
from reporter.web import wire
from reporter.web.bounded_search import TradeSearch, newest_in_parts
from reporter.web.context import WebContext
from reporter.web.problems import ProblemError
from reporter.web.resource import EVER, Call, OfLedgers, Paged, Query, Resource, Span, row_of, span_of

DAYS_SHOWN = 30
AHEAD = timedelta(days=7)
"""Maintenance that begins within this time is shown."""
NEXT_OF_A_WINDOW, MOST_WINDOWS = 2, 10
"""So many times of a maintenance window are shown, and so many in all."""
LONGEST_WINDOW = list(WINDOWS)[-1]
LONGEST_SERIES = timedelta(days=3700)
STATES = ("waiting", "held", "sending", "unclear", "sent", "dead", "expired", "superseded", "dropped")


class BooksQuery(Span):
    by: Annotated[By, Field(description="What the lines of a book are")] = "agent"


class TradesQuery(Paged):
    first: Annotated[str | None, Field(alias="from", description="First day; default: the first trade")] = None
    last: Annotated[str | None, Field(alias="to", description="Last day, included; default: today")] = None
    ledger: Annotated[str | None, Field(max_length=200)] = None
    agent: Annotated[str | None, Field(max_length=200)] = None
    strategy: Annotated[str | None, Field(max_length=200)] = None
    market: Annotated[str | None, Field(max_length=200)] = None
    side: Annotated[str | None, Field(max_length=200)] = None
    mode: Literal["live", "paper"] | None = None
    currency: Annotated[str | None, Field(max_length=200)] = None
    result: Literal["win", "loss"] | None = None
    exit_reason: Annotated[str | None, Field(max_length=200, description="Why it was closed")] = None
    sort: Annotated[
        Literal["-closed_at", "-pnl", "pnl", "-fees", "fees", "-held", "held", "-volume", "volume"],
        Field(description="The largest first with a `-`; else the smallest. Amounts are in order within a currency"),
    ] = "-closed_at"
    count: Annotated[bool, Field(description="Also how many trades pass, in all and by agent, market and exit")] = False


class UptimeQuery(Query):
    month: Annotated[
        str | None,
        Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="The days of this month, such as 2026-10, and its share"),
    ] = None


class IncidentsQuery(Paged):
    state: Annotated[Literal["open", "all"], Field(description="`open`: those that are not over")] = "all"
    subject: Annotated[str | None, Field(max_length=200)] = None


class OutboxQuery(Paged):
    channel: Annotated[str | None, Field(max_length=200)] = None
    state: Annotated[
        Literal["open", "waiting", "held", "sending", "unclear", "sent", "dead", "expired", "superseded", "dropped"]
        | None,
        Field(description="`open`: what is not delivered yet; default: all"),
    ] = None


class EventsQuery(Paged):
    kind: Annotated[str | None, Field(max_length=64)] = None
    source: Annotated[str | None, Field(max_length=64)] = None


# --- Figures ---


@OfLedgers
def books(call: Call[BooksQuery]) -> wire.BooksJson:
    period = span_of(call.world, call.query)
    found, missing = trading.figures(call.world.app, period, call.query.by)
    first, last = period.days()[0].label, period.days()[-1].label
    return {"from": first, "to": last, "books": list(map(call.wire.book, found)), "unread": call.wire.unread(missing)}


@OfLedgers
def series(call: Call[Span]) -> wire.SeriesAnswer:
    period = span_of(call.world, call.query, usual=timedelta(days=29))
    if period.end - period.start > LONGEST_SERIES:
        raise ProblemError(
            400, f"a series has at most {LONGEST_SERIES.days} days", where="from", remedy="ask for fewer"
        )
    found, missing = trading.days(call.world.app, period)
    return {"series": [series_of(call, one) for one in found], "unread": call.wire.unread(missing)}


def series_of(call: Call[Any], one: Series) -> wire.SeriesJson:
    return call.wire.series(one, curve_of_series(one, call.world.runtime.inputs.basis).sharpe)


@OfLedgers
def trades(call: Call[TradesQuery]) -> wire.TradesAnswer:
    query = call.query
    only = TradeFilter(**{name: getattr(query, name) for name in _FILTERS})
    period = span_of(call.world, query, start=EVER)
    asked = (only, query.first, query.last, *([query.sort] if query.sort != NEWEST_FIRST else []))
    mark = hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
    search = TradeSearch(call.world.runtime.inputs.ledger, period, only, call.world.clock.monotonic)
    try:
        page = (_newest if query.sort == NEWEST_FIRST else _sorted)(call, search, mark)
        page["count"] = _count(search) if query.count else None
    except LedgerError:
        missing = call.wire.unread(trading.unread(call.world.app, ()))
        page = {"trades": [], "next": None, "searched_to": None, "sorted_from": None, "count": None, "unread": missing}
    return page


def _newest(call: Call[TradesQuery], search: TradeSearch, mark: str) -> wire.TradesAnswer:
    place, end = _place(call.query.cursor, mark) if call.query.cursor else (None, None)
    page = search.page(call.query.limit, place, end)
    return {
        "trades": list(map(call.wire.trade, page.trades)),
        "next": _cursor(mark, [page.place, page.end]) if page.end else None,
        "searched_to": call.wire.maybe(page.end if page.out_of_time else None),
        "sorted_from": None,
        "count": None,
        "unread": call.wire.unread(page.unread),
    }


def _sorted(call: Call[TradesQuery], search: TradeSearch, mark: str) -> wire.TradesAnswer:
    by: Any = call.query.sort.removeprefix("-")
    order = TradeOrder(by, descending=call.query.sort.startswith("-"))
    place, bounds = _rank(call.query.cursor, mark) if call.query.cursor else (None, None)
    page = search.sorted_page(call.query.limit, order, place, bounds)
    return {
        "trades": list(map(call.wire.trade, page.trades)),
        "next": _cursor(mark, [page.place, page.start, page.end]) if page.place else None,
        "searched_to": None,
        "sorted_from": None if page.whole else call.wire.moment(page.start),
        "count": None,
        "unread": call.wire.unread(page.unread),
    }


def _count(search: TradeSearch) -> wire.TradeCountJson:
    """How many trades pass the filter, each number within its own time."""
    total, by = search.count(), {facet: search.count(facet) for facet in FACETS}
    timed_out = [*([] if total.whole else ["count"]), *(facet for facet in FACETS if not by[facet].whole)]
    return {
        "at_least": sum(total.numbers.values()),
        "agent": _most(by["agent"].numbers),
        "market": _most(by["market"].numbers),
        "exit_reason": _most(by["exit_reason"].numbers),
        "timed_out": timed_out,
    }


def _most(numbers: Mapping[str, int]) -> list[wire.FacetJson]:
    """The most frequent names."""
    ordered = sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    return [{"name": name, "trades": number} for name, number in ordered[:MOST_NAMES]]


def trades_as_csv(world: WebContext, query: TradesQuery, most: int) -> Iterator[str]:
    """The trades of a filter as CSV, at most so many, in parts that need little memory."""
    only = TradeFilter(**{name: getattr(query, name) for name in _FILTERS})
    names = list(TRADES)
    for trades in newest_in_parts(world.runtime.inputs.ledger, span_of(world, query, start=EVER), only, most):
        text = io.StringIO(newline="")
        as_csv(rows(trades, TRADES), names, world.runtime.zone, text)
        names = []
        yield text.getvalue()


_FILTERS = ("ledger", "agent", "strategy", "market", "side", "mode", "currency", "result", "exit_reason")
FACETS: tuple[Facet, ...] = ("agent", "market", "exit_reason")
MOST_NAMES = 20
NEWEST_FIRST = "-closed_at"


def _cursor(mark: str, place: Any) -> str:
    """A place as text. It carries a mark of the filter: under another filter it names no place."""
    packed = json.dumps([mark, place], default=_tagged)
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _tagged(value: Any) -> dict[str, str]:
    return {"at": value.isoformat()} if isinstance(value, datetime) else {"number": str(Decimal(value))}


def _untagged(found: dict[str, Any]) -> Any:
    if set(found) == {"at"}:
        return datetime.fromisoformat(found["at"])
    return Decimal(found["number"]) if set(found) == {"number"} else found


def _unpacked(cursor: str) -> Any:
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return json.loads(packed, object_hook=_untagged, parse_constant=lambda _: None)
    except (ValueError, TypeError, RecursionError, ArithmeticError):
        raise ProblemError(400, "this is no cursor", where="cursor", remedy="take `next` of the page before") from None


def _place(cursor: str, mark: str) -> tuple[dict[str, tuple[Any, Any]], datetime]:
    """Where the page before ended: in each ledger, and in time."""
    match _unpacked(cursor):
        case [str(given), [dict(place), datetime() as end]] if (
            given == mark
            and end.tzinfo is not None
            and all(
                isinstance(name, str) and isinstance(pair, list) and len(pair) == 2 and all(map(_plain_value, pair))
                for name, pair in place.items()
            )
        ):
            return {str(name): (pair[0], pair[1]) for name, pair in place.items()}, end
        case [str(_), [dict(), datetime(), *_]]:
            remedy = "begin again without `cursor`"
            raise ProblemError(400, "this cursor belongs to another filter", where="cursor", remedy=remedy)
    raise ProblemError(400, "this is no cursor", where="cursor", remedy="take `next` of the page before")


def _rank(cursor: str, mark: str) -> tuple[dict[str, RankPlace], tuple[datetime, datetime]]:
    """Where the page before ended in each ledger, and what was sorted."""
    match _unpacked(cursor):
        case [str(given), [dict(place), datetime() as start, datetime() as end]] if (
            given == mark
            and start.tzinfo is not None
            and end.tzinfo is not None
            and all(isinstance(at, list) and len(at) == 4 and all(map(_plain_value, at)) for at in place.values())
            and all(not isinstance(at[1], str | datetime) for at in place.values())
        ):
            return {str(name): tuple(at) for name, at in place.items()}, (start, end)
        case [str(_), [dict(), datetime(), *_]]:
            remedy = "begin again without `cursor`"
            raise ProblemError(400, "this cursor belongs to another filter", where="cursor", remedy=remedy)
    raise ProblemError(400, "this is no cursor", where="cursor", remedy="take `next` of the page before")


def _plain_value(value: object) -> bool:
    if isinstance(value, int | float | Decimal):
        return not isinstance(value, bool) and -(2**63) < value < 2**63
    return isinstance(value, str | datetime) and len(str(value)) < 100


def positions(call: Call[Query]) -> wire.PositionsAnswer:
    try:
        found = trading.open_positions(call.world.app)
    except LedgerError:
        found = []
    missing = trading.unread(call.world.app, ())
    return {"positions": list(map(call.wire.position, found)), "unread": call.wire.unread(missing)}


def agents(call: Call[Query]) -> wire.AgentsAnswer:
    try:
        rows, missing = trading.agent_rows(call.world.app)
    except LedgerError:
        rows, missing = [], trading.unread(call.world.app, ())
    return {
        "agents": [call.wire.agent(row.agent, runs=row.runs, today=row.lines) for row in rows],
        "unread": call.wire.unread(missing),
    }


# --- Our own store ---


def incident_list(call: Call[IncidentsQuery]) -> wire.IncidentsAnswer:
    query = call.query
    with call.world.store.read() as connection:
        found = incidents.page(
            connection,
            query.limit + 1,
            open_only=query.state == "open",
            subject=query.subject,
            before=_moment_and_id(query.cursor) if query.cursor else None,
        )
    page = found[: query.limit]
    more = _cursor("incidents", [page[-1].opened_at, page[-1].id]) if len(found) > query.limit else None
    return {"incidents": list(map(call.wire.incident, page)), "next": more}


def _moment_and_id(cursor: str) -> tuple[datetime, str]:
    match _unpacked(cursor):
        case ["incidents", [datetime() as moment, str(name)]] if moment.tzinfo is not None:
            return moment, name
    raise ProblemError(400, "this is no cursor", where="cursor", remedy="take `next` of the page before")


def incident(call: Call[Query]) -> wire.IncidentAnswer:
    with call.world.store.read() as connection:
        found = incidents.named(connection, call.path["id"])
        if found is None:
            raise ProblemError(404, "there is no such incident", where="id", remedy="/api/v1/incidents lists them")
        records = incidents.transitions_of(connection, [found.id])
    return {"incident": call.wire.incident(found), "transitions": list(map(call.wire.transition, records))}


def reports(call: Call[Paged]) -> wire.ReportsAnswer:
    found, more = _messages(call, STATES, kinds=("report", "board"))
    return {"reports": found, "next": more}


def outbox(call: Call[OutboxQuery]) -> wire.OutboxAnswer:
    wanted = call.query.state
    states = outbox_admin.OPEN if wanted == "open" else (wanted,) if wanted else STATES
    found, more = _messages(call, states, channel=call.query.channel)
    with call.world.store.read() as connection:
        counts = outbox_admin.state_counts(connection)
    return {
        "messages": found,
        "next": more,
        "counts": [{"channel": count.channel, "state": count.state, "number": count.number} for count in counts],
    }


def _messages(
    call: Call[Any], states: Sequence[str], *, channel: str | None = None, kinds: Sequence[str] = ()
) -> tuple[list[wire.MessageJson], str | None]:
    limit, before = call.query.limit, row_of(call.query.cursor)
    with call.world.store.read() as connection:
        found = outbox_admin.entries(
            connection, states=states, channel=channel, limit=limit + 1, kinds=kinds, before=before
        )
    newest = found[::-1]
    more = str(newest[limit - 1].id) if len(newest) > limit else None
    return [call.wire.message(one) for one in newest[:limit]], more


def jobs(call: Call[Query]) -> wire.JobsAnswer:
    app = call.world.app
    with call.world.store.read() as connection:
        last = {name: next(iter(run_log.newest_runs(connection, name, 1)), None) for name in app.runtime.jobs}
    found = [
        call.wire.job(
            bound,
            app.planner.next_due(bound) if bound.enabled else None,
            run.started_at if (run := last[bound.name]) else None,
            run.outcome if run else None,
        )
        for bound in app.runtime.jobs.values()
    ]
    return {"jobs": found, "broken": dict(app.runtime.broken)}


def channels(call: Call[Query]) -> wire.ChannelsAnswer:
    with call.world.store.read() as connection:
        states = {state.channel: state for state in channel_states.all_states(connection)}
    known = call.world.runtime.channels.values()
    return {"channels": [call.wire.channel(one, states.get(one.name), call.world.now) for one in known]}


def event_list(call: Call[EventsQuery]) -> wire.EventsAnswer:
    query = call.query
    with call.world.store.read() as connection:
        found = events.newest(
            connection, query.limit + 1, kind=query.kind, source=query.source, before=row_of(query.cursor)
        )
    more = str(found[query.limit - 1].row) if len(found) > query.limit else None
    return {"events": list(map(call.wire.event, found[: query.limit])), "next": more}


def uptimes(call: Call[UptimeQuery]) -> wire.UptimeAnswer:
    world, now, zone = call.world, call.world.now, call.world.runtime.zone.key
    begin = now - max(WINDOWS.values())
    days = Period(begin, now, "", zone).days()[-DAYS_SHOWN:]
    month = _month(call.query.month, zone, now) if call.query.month else None
    if month:
        begin, days = min(begin, month.start), [day for day in month.days() if day.start < now]
    with world.store.read() as connection:
        names = [name for name in uptime.subjects(connection) if is_component(name)]
        spans: dict[str, list[StateSpan]] = {name: [] for name in names}
        for span in uptime.between(connection, begin, now, names):
            spans[span.subject].append(span)
    found: list[wire.UptimeJson] = []
    for name, own in spans.items():
        windows = list(maintenance_spans(world.runtime.maintenance, name, begin, now))
        over = partial(measured, name, own, excluded=windows)
        shares = {label: over(now - span, now) for label, span in WINDOWS.items()}
        if month:
            shares[month.label] = over(month.start, min(month.end, now))
        each = [(day.label, over(day.start, min(day.end, now)).share) for day in days]
        found.append(
            {
                "subject": name,
                "shares": {label: _share(one.share) for label, one in shares.items()},
                "days": [{"day": label, "share": _share(share)} for label, share in each],
                "incidents": len(shares[month.label if month else LONGEST_WINDOW].incidents),
            }
        )
    return {"uptime": found}


def _month(text: str, zone: str, now: datetime) -> Period:
    try:
        start = parse_at(f"{text}-01", zone)
    except ValueError:
        raise ProblemError(400, f"there is no month {text}", where="month", remedy="write such as 2026-10") from None
    if start > now:
        raise ProblemError(400, f"{text} has not begun yet", where="month", remedy="ask for a month of the past")
    return containing(Unit.MONTH, start, zone)


def _share(share: float | None) -> str | None:
    """Cut off, not rounded: what was down for a moment was not up all the time."""
    return None if share is None else f"{floor(share * 1_000_000) / 1_000_000:.6f}"


def status(call: Call[Query]) -> wire.StatusAnswer:
    """How everything stands that is watched, the worst first."""
    with call.world.store.read() as connection:
        watched = [name for name in uptime.subjects(connection) if is_component(name)]
        troubled = {one.subject: one.state for one in alerts.troubled(connection)}
        announced = announcements.standing(connection, call.world.now)
    rows = [(name, troubled.get(name)) for name in dict.fromkeys([*troubled, *watched])]
    subjects: list[wire.StatusSubjectJson] = [
        {
            "subject": name,
            "level": (state.level if state else Level.OK).value,
            "phase": (state.phase if state else Phase.OK).value,
            "detail": state.observation.detail if state and state.observation else None,
        }
        for name, state in rows
    ]
    subjects.sort(key=lambda one: (WORST_FIRST.index(Level(one["level"])), one["subject"]))
    levels = [Level(subject["level"]) for subject in subjects]
    return {
        "level": worst_level(levels).value,
        "summary": level_summary(levels, "All systems operational"),
        "watched": len(rows),
        "failing": sum(level is not Level.OK for level in levels),
        "subjects": subjects,
        "maintenance": _maintenance(call),
        "announcements": list(map(call.wire.announcement, announced)),
    }


def _from(window: MaintenanceWindow, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times of a window that are not over, and begin within a week."""
    return (span for span in window.spans(now - window.duration, now + AHEAD) if span[1] > now)


def _maintenance(call: Call[Query]) -> list[wire.MaintenanceJson]:
    """The maintenance that goes on, and the next of each window."""
    now = call.world.now
    found = [
        (begins, ends, window)
        for window in call.world.runtime.maintenance
        for begins, ends in islice(_from(window, now), NEXT_OF_A_WINDOW)
    ]
    return [
        {
            "begins_at": call.wire.moment(begins),
            "ends_at": call.wire.moment(ends),
            "now": begins <= now,
            "subjects": list(window.subjects),
            "reason": window.reason,
        }
        for begins, ends, window in sorted(found, key=lambda one: one[:2])[:MOST_WINDOWS]
    ]


def ping_states(call: Call[Query]) -> wire.PingStatesAnswer:
    """How each job stands that reports itself."""
    with call.world.store.read() as connection:
        kept = pings.states(connection)
    rules, now = call.world.runtime.pings, call.world.now
    return {
        "pings": [call.wire.ping_state(rule, kept.get(name) or awaited(rule, now), now) for name, rule in rules.items()]
    }


def ping(call: Call[Query]) -> wire.PingsAnswer:
    """One job that reports itself, and what it said lately."""
    rule = call.world.runtime.pings.get(call.path["name"])
    if rule is None:
        raise ProblemError(404, "there is no such ping", where="name", remedy="/api/v1/pings lists them")
    with call.world.store.read() as connection:
        state, said = pings.states(connection).get(rule.name), pings.newest(connection, rule.name)
    now = call.world.now
    shown = call.wire.ping_state(rule, state or awaited(rule, now), now)
    return {"state": shown, "pings": list(map(call.wire.ping, said))}


STANDING: tuple[Resource, ...] = (
    Resource("/books", "The figures of a span of days, by mode and currency", books, wire.BooksJson, BooksQuery),
    Resource("/series", "What each book made day by day", series, wire.SeriesAnswer, Span),
    Resource("/trades", "Closed trades, the newest first or in another order", trades, wire.TradesAnswer, TradesQuery),
    Resource("/positions", "Open positions", positions, wire.PositionsAnswer),
    Resource("/agents", "Agents, whether they run, and their results of today", agents, wire.AgentsAnswer),
    Resource("/incidents", "Incidents, the newest first", incident_list, wire.IncidentsAnswer, IncidentsQuery),
    Resource("/incidents/{id}", "One incident and what happened", incident, wire.IncidentAnswer),
    Resource("/uptime", "How long each thing that is watched was up", uptimes, wire.UptimeAnswer, UptimeQuery),
    Resource("/status", "How everything stands that is watched", status, wire.StatusAnswer),
    Resource("/reports", "Reports that were written, the newest first", reports, wire.ReportsAnswer, Paged),
    Resource("/jobs", "Jobs, and when each runs next", jobs, wire.JobsAnswer),
    Resource("/outbox", "Messages and what became of them", outbox, wire.OutboxAnswer, OutboxQuery),
    Resource("/channels", "Channels and how each fares", channels, wire.ChannelsAnswer),
    Resource("/events", "Events of other programs, the newest first", event_list, wire.EventsAnswer, EventsQuery),
    Resource("/pings", "Jobs that report themselves, and how each stands", ping_states, wire.PingStatesAnswer),
    Resource("/pings/{name}", "One job that reports itself, and what it said lately", ping, wire.PingsAnswer),
)
