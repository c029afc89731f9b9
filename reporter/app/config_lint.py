"""Settings without effect, such as patterns that match nothing, and schedules that come less often than their periods.

Nothing stops because of such a setting, but its author believes that it does something. Only what is certain is
reported: a job that does not declare its subjects may observe any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from reporter.alerts.maintenance import fits
from reporter.alerts.model import CLOCK_SUBJECT, HEARTBEAT_SUBJECT, STORE_SUBJECT
from reporter.alerts.policies import OWN_NETWORK
from reporter.config.loading import Loaded
from reporter.config.models import Config
from reporter.config.yaml_document import Document, KeyPath, shown
from reporter.errors import Problem, nearest
from reporter.jobs.binding import BoundJob
from reporter.jobs.loader import observed_by
from reporter.periods.schedules import Every
from reporter.scheduler.planner import shared_turns

# The kinds of subjects that only the reporter itself observes, independent of the jobs.
OURS = ("job", "channel")
# A hint names at most this many subjects.
NAMED = 6
# How many turns of a schedule are looked at: a fortnight of daily ones, a year of monthly ones.
TURNS = 14
# From when on: any moment will do.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_WHEN_IT_ENDS = {
    "hour": "every hour",
    "day": "daily at 00:00",
    "week": "weekly on mon at 00:05",
    "month": "monthly on 1 at 00:10",
}


def settings_without_effect(loaded: Loaded, jobs: Sequence[BoundJob]) -> list[Problem]:
    """The settings without effect in a config that is otherwise right, each at its line; `jobs` are its bound jobs."""
    return [*_unmatched(loaded, jobs), *_too_often(loaded, jobs), *_too_seldom(loaded, jobs), *_unheard(loaded)]


# --- Subjects ---


def _unmatched(loaded: Loaded, jobs: Sequence[BoundJob]) -> Iterator[Problem]:
    named = list(_named(loaded.config, loaded.document))
    if not named:
        return
    known = _subjects(loaded, jobs)
    for path, pattern in named:
        kind = pattern.partition("/")[0]
        certain = known.complete or kind in OURS
        if certain and not any(may_fit(pattern, subject) for subject in known.subjects):
            message = f"`{shown(pattern)}` matches nothing that is watched"
            yield loaded.problem(path, message, _meant(pattern, known.subjects))


def _named(config: Config, document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Each name or pattern of subjects, and where it stands."""
    alerts = config.alerts
    for number, policy in enumerate(alerts.policies):
        yield from document.each(("alerts", "policies", number, "subjects"), policy.subjects)
        yield from document.each(("alerts", "policies", number, "depends_on"), policy.depends_on or ())
    for number, window in enumerate(alerts.maintenance):
        yield from document.each(("alerts", "maintenance", number, "subjects"), window.subjects)
    for number, step in enumerate(alerts.escalation):
        yield from document.each(("alerts", "escalation", number, "subjects"), step.subjects)
    for name, probe in config.probes.items():
        others = document.each(("probes", name, "depends_on"), probe.depends_on)
        yield from ((path, other) for path, other in others if "/" in other)


class _Known:
    """The subjects that are possible, as patterns; `complete` if no job may observe others."""

    def __init__(self, subjects: Iterable[str], *, complete: bool) -> None:
        self.subjects = list(dict.fromkeys(subjects))
        self.complete = complete


def _subjects(loaded: Loaded, jobs: Sequence[BoundJob]) -> _Known:
    config = loaded.config
    declared = [observed_by(bound.job) for bound in jobs]
    of_jobs = [pattern for patterns in declared for pattern in patterns or ()]
    found = [
        *(f"probe/{name}" for name in config.probes),
        *(each for pattern in of_jobs for each in _of_each_ledger(pattern, config)),
        *(f"job/{name}" for name in config.jobs),
        *(subject for name in config.channels for subject in (f"channel/{name}", f"channel/{name}/*")),
        *(OWN_NETWORK, STORE_SUBJECT, CLOCK_SUBJECT, HEARTBEAT_SUBJECT),
    ]
    return _Known(found, complete=None not in declared and len(jobs) == len(config.jobs))


def _of_each_ledger(pattern: str, config: Config) -> Iterator[str]:
    if "{ledger}" not in pattern:
        yield pattern
    else:
        yield from (pattern.replace("{ledger}", name) for name in config.ledgers)


def may_fit(pattern: str, other: str) -> bool:
    """Whether some subject can match both patterns; as in `fits`, a pattern without a `/` matches any kind."""
    if "*" not in other:
        return fits(pattern, other)
    return meet(pattern, other) or ("/" not in pattern and meet(pattern, other.partition("/")[2]))


def meet(pattern: str, other: str) -> bool:
    """Whether some text matches two patterns of `*`, `?` and `[…]`; a set counts as any letter."""
    first, second = _letters(pattern), _letters(other)
    waiting, seen = [(0, 0)], set[tuple[int, int]]()
    while waiting:
        at = waiting.pop()
        if at == (len(first), len(second)):
            return True
        if at not in seen:
            seen.add(at)
            waiting += _onwards(first, second, *at)
    return False


def _onwards(first: Sequence[str], second: Sequence[str], i: int, j: int) -> Iterator[tuple[int, int]]:
    """Where two patterns may stand when one more letter is read, or a `*` is over."""
    a, b = first[i : i + 1], second[j : j + 1]
    if ["*"] in (a, b):
        yield from [(i + 1, j)] if a == ["*"] or (a and b) else []
        yield from [(i, j + 1)] if b == ["*"] or (a and b) else []
    elif a and b and (a == b or "?" in {*a, *b}):
        yield i + 1, j + 1


def _letters(pattern: str) -> list[str]:
    return ["?" if len(part) > 1 else part for part in re.findall(r"\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)]


def _meant(pattern: str, known: Sequence[str]) -> str:
    """What the pattern could have meant."""
    tails = {subject.partition("/")[2] or subject: subject for subject in reversed(known)}
    near = nearest(pattern, known) or tails.get(nearest(pattern, tails) or "")
    if near:
        return f"did you mean `{near}`?"
    kind = pattern.partition("/")[0]
    alike = [subject for subject in known if subject.partition("/")[0] == kind] if "/" in pattern else []
    some = alike or list(dict.fromkeys(f"{subject.partition('/')[0]}/*" for subject in known if "/" in subject))
    return f"there is {', '.join(some[:NAMED])}{' and more' if len(some) > NAMED else ''}"


# --- Paces ---


def _too_often(loaded: Loaded, jobs: Sequence[BoundJob]) -> Iterator[Problem]:
    """Probes whose interval is shorter than that of every job that looks at them."""
    at_work = [bound for bound in jobs if bound.enabled and bound.job.covers.unit is None]
    paces = [(bound.schedule.seconds, bound) for bound in at_work if isinstance(bound.schedule, Every)]
    if not paces:
        return
    pace, bound = min(paces, key=lambda pace: pace[0])
    for name, probe in loaded.config.probes.items():
        if probe.every and probe.every.total_seconds() < pace:
            said = loaded.document.get(("probes", name, "every"))
            message = f"`{said}` has no effect: {bound.name} runs {bound.schedule.describe()}"
            hint = f"write `schedule: every {said}` at the job {bound.name}, or leave `every` out"
            yield loaded.problem(("probes", name, "every"), message, hint)


def _too_seldom(loaded: Loaded, jobs: Sequence[BoundJob]) -> Iterator[Problem]:
    """Jobs of closed periods whose schedule has one turn for several of them: what that means for the reports."""
    for bound in jobs:
        if bound.enabled and bound.job.covers.closed and not isinstance(bound.schedule, Every):
            together = max(len(shared) for _, shared in islice(shared_turns(bound, _SOME_DAY), TURNS))
            if together > 1:
                message = f"`{bound.schedule}` comes less often than a {bound.job.covers.unit} ends: "
                message += _reported_of(together, bound)
                path = (
                    ("jobs", bound.name, "schedule")
                    if loaded.config.jobs[bound.name].schedule
                    else ("jobs", bound.name)
                )
                hint = f"write `{_WHEN_IT_ENDS[bound.job.covers.unit or '']}` to report each when it ends"
                yield loaded.problem(path, message, hint)


def _unheard(loaded: Loaded) -> Iterator[Problem]:
    """Control whose acts stand in the audit log alone: nobody is sent a word."""
    if loaded.config.actions and not {"control", "default"} & loaded.config.events.keys():
        hint = "write `events: {control: {channel: admin}}`, with the channel of whoever answers for the bots"
        yield loaded.problem(("actions",), "nobody is told what control commands do", hint)


def _reported_of(together: int, bound: BoundJob) -> str:
    limit = {"latest": 1, "none": together}.get(bound.catch_up, bound.catch_up_limit)
    found = f"up to {together} {bound.job.covers.unit}s"
    if limit >= together:
        return f"{found} are reported at once, each in a report of its own"
    why = "`catch_up: latest`" if bound.catch_up == "latest" else f"`catch_up_limit: {limit}`"
    return f"of {found} only the newest {'one is' if limit == 1 else f'{limit} are'} reported ({why})"
