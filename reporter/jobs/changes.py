"""Describes what an edit of the config or the home changes about the jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from reporter.jobs.binding import BoundJob
from reporter.periods.time_text import duration_text

# The terms on which each job runs, as text that can be kept and compared: job → term → value.
Terms = Mapping[str, Mapping[str, str]]


def terms(jobs: Mapping[str, BoundJob]) -> dict[str, dict[str, str]]:
    """The terms of every job that is not at rest."""
    return {name: _of_job(bound) for name, bound in jobs.items() if bound.enabled}


def differences(before: Terms, after: Terms) -> list[str]:
    """A sentence for each job that is new, gone, renamed, or runs on other terms."""
    renamed = {name: one["renamed_from"] for name, one in after.items() if one.get("renamed_from") in before}
    news = [name for name in after if name not in before]
    return [
        *(f"{name} is new ({after[name]['runs']})" for name in news if name not in renamed),
        *(f"{renamed[name]} is called {name} now, and keeps its past" for name in news if name in renamed),
        *(f"{name} is gone" for name in before if name not in after and name not in renamed.values()),
        *(f"{name} changed ({after[name]['runs']}, to {after[name]['channel']})" for name in changed(before, after)),
    ]


def changed(before: Terms, after: Terms) -> list[str]:
    """The jobs that were there and run on other terms now."""
    return [name for name in after if name in before and any(details(before, after, name))]


def details(before: Terms, after: Terms, job: str) -> Iterator[str]:
    """What exactly is different about a job: `settle: 1m → 5s`."""
    for term, value in after[job].items():
        was = before[job].get(term, value)  # a store may know less than we do by now
        if was != value and term not in {"runs", "renamed_from"}:
            yield f"{term}: {was} → {value}"


def _of_job(bound: BoundJob) -> dict[str, str]:
    return {
        "runs": bound.schedule.describe(),
        "schedule": str(bound.schedule),
        "timezone": bound.timezone,
        "channel": ", ".join(bound.channels),
        "settle": str(duration_text(bound.settle)),
        "deadline": str(duration_text(bound.deadline)),
        "noise": bound.noise.value if bound.noise else "as its channel says",
        "charts": "with pictures" if bound.charts else "without",
        "catch_up": bound.catch_up,
        "catch_up_limit": str(bound.catch_up_limit),
        "give_up_after": str(duration_text(bound.give_up_after)),
        "renamed_from": bound.renamed_from or "",
        "params": _written(bound.params),  # a reload makes the model's class anew
    }


def _written(params: BaseModel) -> str:
    """Parameters as text; of those that JSON has no form for, only their model's name."""
    try:
        return params.model_dump_json()
    except PydanticSerializationError:
        return type(params).__name__
