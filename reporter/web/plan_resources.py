"""Trading plans over REST, in our own form: with every version, and times that carry their offset."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from reporter.plans.model import TradingPlan
from reporter.plans.notebook import Notebook
from reporter.plans.settings import PlanSettings
from reporter.store.plans import PlanTable
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, Query, Resource

LONGEST_SPAN = timedelta(days=366)


class PlansQuery(Query):
    first: Annotated[str | None, Field(alias="from", description="First day, such as 2026-11-01; default: today")] = (
        None
    )
    last: Annotated[str | None, Field(alias="to", description="Last day, included; default: today")] = None
    author: Annotated[str | None, Field(max_length=64, description="An author's key, such as d")] = None


class PlanVersionJson(TypedDict):
    number: int
    act: str
    text: str
    writer: str
    at: str
    hash: str


class PlanJson(TypedDict):
    author: str
    name: str
    day: str
    text: str
    withdrawn: bool
    agents: list[str]
    markets: list[str]
    intentions: list[str]
    versions: list[PlanVersionJson]


class PlansAnswer(TypedDict):
    plans: list[PlanJson]


def plan_list(call: Call[PlansQuery]) -> PlansAnswer:
    """The plans of some days, the withdrawn ones too; none where the config has no `plans`."""
    settings = call.world.runtime.plans
    if settings is None:
        return {"plans": []}
    query = call.query
    today = call.world.now.astimezone(call.world.runtime.zone).date()
    first, last = _day(query.first, "from", today), _day(query.last, "to", today)
    if not timedelta(0) <= last - first <= LONGEST_SPAN:
        raise ProblemError(400, f"`to` lies before `from`, or more than {LONGEST_SPAN.days} days after it", where="to")
    with call.world.store.read() as connection:
        found = Notebook(PlanTable(connection), settings).between(first, last)
    wanted = [plan for plan in found if query.author in {None, plan.newest.author}]
    return {"plans": [_shown(plan, settings) for plan in wanted if plan.newest.author in settings.authors]}


def _day(text: str | None, name: str, default: date) -> date:
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise ProblemError(400, f"{name} is no day", where=name, remedy="write such as 2026-11-29") from None


def _shown(plan: TradingPlan, settings: PlanSettings) -> PlanJson:
    author, newest = settings.authors[plan.newest.author], plan.newest
    named = settings.understood(newest.text)

    def at(moment: datetime) -> str:
        return moment.astimezone(author.zone).isoformat(timespec="seconds")

    return {
        "author": author.key,
        "name": author.title,
        "day": newest.day,
        "text": newest.text,
        "withdrawn": plan.withdrawn,
        "agents": list(named.agents),
        "markets": list(named.markets),
        "intentions": list(map(str, named.intentions)),
        "versions": [
            {
                "number": version.number,
                "act": version.act,
                "text": version.text,
                "writer": version.writer_name,
                "at": at(version.at),
                "hash": version.hash,
            }
            for version in plan.versions
        ],
    }


PLAN_RESOURCES = (
    Resource("/plans", "Trading plans of some days, with every version", plan_list, PlansAnswer, PlansQuery),
)
