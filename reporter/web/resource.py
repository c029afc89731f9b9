"""What a resource of REST is: its path, its query, the shape of its answer, and its handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from reporter.operations.operation import Actor
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
