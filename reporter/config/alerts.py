"""The config's `alerts:` section: routes, policies, maintenance, escalation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.types import Duration, Durations, Mentions, Names, OrEmpty, Pause, ScheduleText, Timezone, mistake
from reporter.periods import schedules

LONGEST_MAINTENANCE = timedelta(days=7)


class RoutesConfig(Settings):
    """Where alerts go. Without routes, each goes to the channel of the job that saw it."""

    critical: Names | None = None
    """Critical alerts: a channel's name or a list."""
    warning: Names | None = None
    """Warnings."""
    all: Names | None = None
    """Every alert, beside its other routes."""
    fallback: Names | None = None
    """What its own channel cannot take, and what has no other route."""


def _rising(moments: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if list(moments) != sorted(set(moments)):
        raise mistake("each must be later than the one before", "write such as `[1h, 4h, 24h]`")
    return moments


class LevelOptions(Settings):
    """How patient to be at one level. What is left out is as for both."""

    failures: int | None = Field(None, ge=1, le=1000)
    """How many failures in a row open an alert."""
    clean: Pause | None = None
    """How long everything must be well before it is over; `0s`: one good reading ends it."""
    reminders: Annotated[Durations, AfterValidator(_rising)] | None = None
    """How long after the opening people are reminded; the last comes again each day; `[]` for never."""


def _a_link(url: str) -> str:
    if not url.startswith(("https://", "http://")) or any(letter.isspace() for letter in url):
        raise mistake("must be the address of a page", "write such as `https://wiki.example.org/redis`")
    return url


class AlertOptions(LevelOptions):
    """How patient to be with a subject, where its alerts go, and what they advise. What is left out is said by the
    next policy that fits, else by the kind of subject."""

    warning: Annotated[LevelOptions, OrEmpty()] = LevelOptions()
    """How patient to be where the level is warning."""
    critical: Annotated[LevelOptions, OrEmpty()] = LevelOptions()
    """How patient to be where the level is critical."""
    unknowns: int | None = Field(None, ge=1, le=1000)
    """How many readings in a row that could not look are told."""
    flap_window: Pause | None = None
    """What is in trouble again so soon after it was over is flapping: the same incident; `0s` for never."""
    flapping_clean: Pause | None = None
    """How long everything must be well before flapping is over."""
    recheck: Duration | None = None
    """How soon what looks bad for the first time is looked at again."""
    channel: Names | None = None
    """Where these alerts go instead of by the routes: a channel's name or a list."""
    hint: str | None = Field(None, min_length=1, max_length=500)
    """What to do about it, in a sentence that stands in the alert."""
    runbook: Annotated[str, AfterValidator(_a_link)] | None = Field(
        None, max_length=500, examples=["https://wiki.example.org/redis"]
    )
    """The page that says more about what to do, an http or https address."""


class PolicyConfig(AlertOptions):
    """What counts for some subjects. For each setting the first policy counts that says it, from top to bottom; a
    probe's own `alert` stands above all of them."""

    subjects: Names = Field(examples=["probe/db*"])
    """Which subjects: a name or a pattern such as `probe/db*`, or a list; without a `/` it fits any kind."""
    depends_on: Names | None = None
    """Subjects that these cannot do without: while one of them is in trouble, no alert of these is opened."""


def _no_interval(text: str) -> str:
    if isinstance(schedules.parse(text), schedules.Every):
        raise mistake("must name times of day", 'write such as `weekly on sun at 02:00` or `cron "0 2 * * *"`')
    return text


class MaintenanceConfig(Settings):
    """A time at which trouble is expected: nothing is told of it unless it outlasts the time."""

    subjects: Names = ("*",)
    """Which subjects: a name or a pattern such as `probe/db*`, or a list; all if left out."""
    schedule: Annotated[ScheduleText, AfterValidator(_no_interval)] = Field(examples=["weekly on sun at 02:00"])
    """When it begins, such as `weekly on sun at 02:00` or `cron "0 2 * * *"`."""
    duration: Duration
    """How long it lasts; at most 7 days."""
    timezone: Timezone | None = None
    """Whose clock the schedule goes by; the one at top level if left out."""
    reason: str = Field("maintenance", min_length=1, max_length=200)
    """What is being done, in a few words."""

    @model_validator(mode="after")
    def _not_for_ever(self) -> Self:
        if self.duration > LONGEST_MAINTENANCE:
            raise mistake("`duration` is longer than 7 days", "write `7d` or less")
        return self


class EscalationConfig(Settings):
    """Who else hears of an alert that lasts and that nobody has acknowledged."""

    after: Duration
    """How long after the opening."""
    level: Literal["warning", "critical"] = "critical"
    """From which level on."""
    subjects: Names = ("*",)
    """Of which subjects: a name or a pattern, or a list; all if left out."""
    channel: Names
    """Where it is told: a channel's name or a list."""
    mention: Mentions = ()
    """Who is mentioned there besides those whom the channel mentions anyway: `everyone`, `role:ID`, `user:ID`."""


class AlertsConfig(Settings):
    """What happens to alerts."""

    routes: Annotated[RoutesConfig, OrEmpty()] = RoutesConfig()
    """Where they go."""
    policies: Annotated[tuple[PolicyConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """How patient to be, with which subjects; for each setting the first that says it counts."""
    maintenance: Annotated[tuple[MaintenanceConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """Times at which trouble is expected."""
    escalation: Annotated[tuple[EscalationConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """Who else hears of what lasts."""
    group: int | None = Field(3, ge=2, le=100)
    """So many alerts of one moment are one message; `null` tells each by itself."""
