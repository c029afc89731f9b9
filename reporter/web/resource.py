"""What a resource of REST is: its path, its query, the shape of its answer, its handler; spans of days and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from hashlib import sha256
from typing import Annotated, Any, Generic, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from typing_extensions import TypeVar

from reporter.config.error_messages import sentence_of
from reporter.operations.operation import Actor
from reporter.periods.civil import Period, Unit, named_end, parse_at
from reporter.web.context import WebContext
from reporter.web.problems import ProblemError
from reporter.web.wire import Wire


class Query(BaseModel):
    """Base of a resource's query parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


Q = TypeVar("Q", bound=Query, default=Query)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Call(Generic[Q]):
    """One request for a resource: by whom, with which query and which parts of the path."""

    world: WebContext
    actor: Actor
    query: Q
    path: Mapping[str, str]

    @property
    def wire(self) -> Wire:
        return Wire(self.world.runtime.zone)


class OfLedgers(Generic[A, Q]):
    """A handler whose answer depends on the trading databases, the query and the day; where a ledger may get stale also
    on the minute, and on nothing else.

    While no database changes, the answer is kept for `KEPT` seconds, and an answer that a caller has is known by its
    tag before anything is read. Callers who ask the same at one time wait for one answer. Nobody may change it.
    """

    def __init__(self, handler: Callable[[Call[Q]], A]) -> None:
        self._handler = handler
        update_wrapper(self, handler)

    def tag(self, call: Call[Q]) -> str | None:
        """What names the answer; None where it cannot be told without reading."""
        world = call.world
        if (stamp := world.runtime.portfolio.stamp()) is None:
            return None
        day = world.now.astimezone(world.runtime.zone).date()
        asked = self._handler.__name__, call.query.model_dump_json(), sorted(call.path.items())
        return sha256(repr((stamp, world.runtime.version, str(day), asked)).encode()).hexdigest()[:32]

    def __call__(self, call: Call[Q]) -> A:
        tag = self.tag(call)
        if tag is None:
            return self._handler(call)
        found: A = call.world.kept.get(tag, call.world.clock.monotonic(), lambda: self._handler(call))
        return found


@dataclass(frozen=True, slots=True)
class Resource:
    """`path` is below `/api/v1`; `answer` is the shape of the answer, which has a `next` where it comes in pages.
    A `single` thing is named by the query, and there may be none such."""

    path: str
    summary: str
    handler: Callable[[Call[Any]], Any]
    answer: type[Any]
    query: type[Query] = Query
    single: bool = False


def read_query(model: type[Q], request: Request, *, blank: bool = False) -> Q:
    """The query parameters; where they may be `blank`, empty ones are left out. Raises ProblemError."""
    items = [(name, value) for name, value in request.query_params.multi_items() if value or not blank]
    if repeated := {name for name, _ in items if len(request.query_params.getlist(name)) > 1}:
        raise ProblemError(400, "this parameter stands there twice", where=min(repeated)[:100])
    try:
        return model.model_validate(dict(items))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = str(first["loc"][0])[:100] if first["loc"] else "query"
        if first["type"] == "extra_forbidden":
            known = ", ".join(info.alias or name for name, info in model.model_fields.items())
            raise ProblemError(
                400, "there is no such parameter", where=where, remedy=f"known: {known or 'none'}"
            ) from None
        raise ProblemError(400, f"{where} {sentence_of(first)}", where=where) from None


# --- Spans of days, and pages of lists ---

EVER = datetime(1970, 1, 1, tzinfo=UTC)


class SpanLike(Protocol):
    """A query that names days."""

    @property
    def first(self) -> str | None: ...
    @property
    def last(self) -> str | None: ...


class Span(Query):
    first: Annotated[str | None, Field(alias="from", description="First day, such as 2026-10-01; default: today")] = (
        None
    )
    last: Annotated[str | None, Field(alias="to", description="Last day, included; default: today")] = None


class Paged(Query):
    limit: Annotated[int, Field(ge=1, le=1000, description="How many at most")] = 100
    cursor: Annotated[str | None, Field(max_length=2000, description="`next` of the page before")] = None


def span_of(
    world: WebContext, query: SpanLike, usual: timedelta = timedelta(), start: datetime | None = None
) -> Period:
    """The days that a query names, both included, as far as they are over. Raises ProblemError."""
    zone, now = world.runtime.zone.key, world.now
    try:
        end = named_end(query.last, zone, Unit.DAY) if query.last else named_end(f"{today_of(world)}", zone, Unit.DAY)
    except ValueError as error:
        raise ProblemError(400, str(error), where="to", remedy="write such as 2026-10-31") from None
    try:
        if query.first:
            begin = parse_at(query.first, zone, Unit.DAY)
        else:
            begin = start or parse_at(
                f"{(end - timedelta(hours=12) - usual).astimezone(world.runtime.zone):%Y-%m-%d}", zone
            )
    except ValueError as error:
        raise ProblemError(400, str(error), where="from", remedy="write such as 2026-10-01") from None
    if begin >= end:
        raise ProblemError(400, "`from` lies behind `to`", where="from", remedy="exchange them")
    if begin > now:
        raise ProblemError(400, f"{query.first} has not begun yet", where="from", remedy="ask for days of the past")
    reached = min(end, now)
    return Period(begin, max(reached, begin + timedelta(microseconds=1)), "", zone, None, so_far=end > now)


def today_of(world: WebContext) -> str:
    return f"{world.now.astimezone(world.runtime.zone):%Y-%m-%d}"


def row_of(cursor: str | None) -> int | None:
    """A cursor that is the number of a row."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 15:
        raise ProblemError(400, "this is no cursor", where="cursor", remedy="take `next` of the page before")
    return int(cursor)
