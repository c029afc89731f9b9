"""Binds the config's entries to the job files: parameters, schedule, channels, defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from reporter.config.base import JobSection
from reporter.config.loading import Loaded
from reporter.config.models import JobConfig
from reporter.config.yaml_document import shown
from reporter.errors import Problem, nearest
from reporter.jobs.context import Job, Params
from reporter.jobs.loader import Catalog
from reporter.messages.quiet_hours import Noise
from reporter.periods.civil import Unit
from reporter.periods.schedules import Every, Schedule, ScheduleError, parse


@dataclass(frozen=True, slots=True)
class BoundJob:
    """A job with everything that is needed to run it: what the config says, and else what its file says."""

    job: Job
    schedule: Schedule
    schedule_text: str
    channels: tuple[str, ...]
    params: Params
    timezone: str
    settle: timedelta
    deadline: timedelta
    enabled: bool
    noise: Noise | None = None  # None: as its channel says
    charts: bool = True
    catch_up: str = "all"  # all | latest | none
    catch_up_limit: int = 31
    give_up_after: timedelta = timedelta(days=2)
    renamed_from: str | None = None

    @property
    def name(self) -> str:
        return self.job.name


def bind(loaded: Loaded, catalog: Catalog) -> tuple[list[BoundJob], list[Problem]]:
    """The jobs that the config names, in its order, and what is wrong between the two.

    A job whose file is broken is left out without a word here: the catalog's problems have it.
    """
    bound: list[BoundJob] = []
    problems: list[Problem] = []
    for name, entry in {**loaded.config.jobs, **_implied(loaded, catalog)}.items():
        if entry.renamed_from in loaded.config.jobs:
            problems.append(_still_there(name, entry.renamed_from, loaded))
        if job := catalog.jobs.get(name):
            match _bind(job, entry, loaded):
                case BoundJob() as ready:
                    bound.append(ready)
                case wrong:
                    problems += wrong
        elif name not in catalog.broken:
            problems.append(_unknown(name, loaded, catalog))
    return bound, problems


def answering(loaded: Loaded, catalog: Catalog, bound: Sequence[BoundJob]) -> dict[str, BoundJob]:
    """The job that answers each question: one of the config before one that it does not name, own before stock."""
    named = {one.name: one for one in bound}
    others = [job for name, job in catalog.jobs.items() if job.answers and name not in loaded.config.jobs]
    unnamed = [_bind(job, JobConfig(), loaded) for job in sorted(others, key=lambda job: job.stock)]
    found: dict[str, BoundJob] = {}
    for one in (*named.values(), *(one for one in unnamed if isinstance(one, BoundJob))):
        for question in one.job.answers:
            found.setdefault(question, one)
    return found


def _implied(loaded: Loaded, catalog: Catalog) -> dict[str, JobConfig]:
    """The jobs that a section of the config switches on, as far as they have no entry of their own."""
    sections = {name: getattr(loaded.config, job.section or "", None) for name, job in catalog.jobs.items()}
    return {
        name: JobConfig(schedule=section.schedule, channel=section.channels, timezone=section.timezone)
        for name, section in sections.items()
        if isinstance(section, JobSection) and name not in loaded.config.jobs
    }


def _bind(job: Job, entry: JobConfig, loaded: Loaded) -> BoundJob | list[Problem]:
    params = _params(job, entry, loaded)
    schedule = _schedule(job, entry, loaded)
    if isinstance(params, Params) and not isinstance(schedule, Problem):
        return BoundJob(
            job=job,
            schedule=schedule,
            schedule_text=entry.schedule or job.schedule,
            channels=entry.channel or tuple(loaded.config.channels)[:1],
            params=params,
            timezone=entry.timezone or loaded.config.timezone,
            settle=job.settle if entry.settle is None else entry.settle,
            deadline=entry.deadline or job.deadline,
            enabled=entry.enabled,
            noise=entry.noise,
            charts=entry.charts,
            catch_up=entry.catch_up,
            catch_up_limit=entry.catch_up_limit,
            give_up_after=entry.give_up_after,
            renamed_from=entry.renamed_from,
        )
    wrong = [] if isinstance(params, Params) else params
    return [*wrong, schedule] if isinstance(schedule, Problem) else wrong


def _params(job: Job, entry: JobConfig, loaded: Loaded) -> Params | list[Problem]:
    try:
        params = job.params.model_validate(entry.params)
        written = loaded.document.get(("channels",))  # a channel with a mistake in it has a name, too
        known = [str(name) for name in written] if isinstance(written, dict) else []
        unknown = [name for name in params.channels() if name not in known]
        return [_no_channel(name, job, loaded, known) for name in dict.fromkeys(unknown)] or params
    except ValidationError as error:
        return loaded.explain(error, job.params, ("jobs", job.name, "params"))


def _no_channel(name: str, job: Job, loaded: Loaded, known: list[str]) -> Problem:
    near = nearest(name, known)
    hint = f"did you mean `{shown(near)}`?" if near else f"known: {', '.join(map(shown, known))}"
    return loaded.problem(("jobs", job.name, "params"), f"there is no channel `{shown(name)}`", hint)


def _schedule(job: Job, entry: JobConfig, loaded: Loaded) -> Schedule | Problem:
    try:
        schedule = parse(entry.schedule or job.schedule)
    except ScheduleError as error:
        return Problem(str(job.origin or job.name), str(error).removesuffix("."), path="schedule")
    if hint := _misfit(job, schedule):
        return _misfitting(job, entry, loaded, hint)
    return schedule


# What to write for a report about a whole unit, and the unit's length where an interval can keep step with it.
_FITTING = {
    Unit.HOUR: ("every hour", 3600),
    Unit.DAY: ("daily at 00:00", 86400),
    Unit.WEEK: ("weekly on mon at 00:05", None),
    Unit.MONTH: ("monthly on 1 at 00:10", None),
}
_RUNNING = {Unit.HOUR: "this hour", Unit.DAY: "today", Unit.WEEK: "this week", Unit.MONTH: "this month"}


def _misfit(job: Job, schedule: Schedule) -> str:
    """What to write instead, where an interval would pass over periods or find none that is new."""
    unit = job.covers.unit
    if unit is None or not job.covers.closed or not isinstance(schedule, Every):
        return ""
    text, seconds = _FITTING[unit]
    if schedule.seconds == seconds:
        return ""
    return f'write `{text}`; a job that reports within the {unit} is declared with `covers="{_RUNNING[unit]}"`'


def _misfitting(job: Job, entry: JobConfig, loaded: Loaded, hint: str) -> Problem:
    message = f"`{entry.schedule or job.schedule}` does not fit a report about {_spoken(job)}"
    if entry.schedule:
        return loaded.problem(("jobs", job.name, "schedule"), message, hint)
    return Problem(str(job.origin or job.name), message, path="schedule", hint=hint)


def _spoken(job: Job) -> str:
    """`the last hour`, `yesterday`."""
    covers = str(job.covers)
    return f"the {covers}" if covers.startswith("last ") else covers


def _still_there(name: str, old: str, loaded: Loaded) -> Problem:
    hint = f"take out `{old}:`, whose past this job takes over, or this line"
    return loaded.problem(("jobs", name, "renamed_from"), f"there is still a job `{old}`", hint)


def _unknown(name: str, loaded: Loaded, catalog: Catalog) -> Problem:
    known = sorted({*catalog.jobs, *catalog.broken})
    near = nearest(name, known)
    hint = f"did you mean `{near}`?" if near else f"make `jobs/{shown(name)}.py`, or use one of: {', '.join(known)}"
    return loaded.document.problem(("jobs", name), "there is no such job", hint, at="key")
