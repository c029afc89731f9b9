"""What a resource of REST is: its path, its query, the shape of its answer, and its handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from typing_extensions import TypeVar

from reporter.config.error_messages import sentence_of
from reporter.operations.operation import Actor
from reporter.web.problems import ProblemError
from reporter.web.wire import Wire
from reporter.web.world import World


class Query(BaseModel):
    """Base of a resource's query parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


Q = TypeVar("Q", bound=Query, default=Query)


@dataclass(frozen=True, slots=True)
class Call(Generic[Q]):
    """One request for a resource: by whom, with which query and which parts of the path."""

    world: World
    actor: Actor
    query: Q
    path: Mapping[str, str]

    @property
    def wire(self) -> Wire:
        return Wire(self.world.runtime.zone)


@dataclass(frozen=True, slots=True)
class Resource:
    """`path` is below `/api/v1`; `answer` is the shape of the answer, which has a `next` where it comes in pages."""

    path: str
    summary: str
    handler: Callable[[Call[Any]], Any]
    answer: type[Any]
    query: type[Query] = Query


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
