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
    """Where alerts go. Without a route, an alert goes to the channel of the job that observed it."""

    critical: Names | None = None
    """Critical alerts: a channel's name or a list."""
    warning: Names | None = None
    """Warnings."""
    all: Names | None = None
    """Every alert, beside its other routes."""
    fallback: Names | None = None
    """Alerts without another route, or whose own channel does not accept them."""


def _rising(moments: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if list(moments) != sorted(set(moments)):
        raise mistake("each must be later than the one before", "write such as `[1h, 4h, 24h]`")
    return moments


class LevelOptions(Settings):
    """When alerts of one level open, resolve and repeat. An omitted setting is as for both levels."""

    failures: int | None = Field(None, ge=1, le=1000)
    """How many failures in a row open an alert."""
    clean: Pause | None = None
    """How long without a failure until the alert is resolved; `0s`: one good reading resolves it."""
    reminders: Annotated[Durations, AfterValidator(_rising)] | None = None
    """When reminders are sent after the opening; then one a day; `[]` for none."""


def _a_link(url: str) -> str:
    if not url.startswith(("https://", "http://")) or any(letter.isspace() for letter in url):
        raise mistake("must be the address of a page", "write such as `https://wiki.example.org/redis`")
    return url


class AlertOptions(LevelOptions):
    """When alerts of a subject open, resolve and repeat, where they go, and what they advise. The next matching policy
    has an omitted setting, else the kind of subject."""

    warning: Annotated[LevelOptions, OrEmpty()] = LevelOptions()
    """Settings where the level is warning."""
    critical: Annotated[LevelOptions, OrEmpty()] = LevelOptions()
    """Settings where the level is critical."""
    unknowns: int | None = Field(None, ge=1, le=1000)
    """How many unknown readings in a row send an alert."""
    flap_window: Pause | None = None
    """An alert that reopens within this time is the same incident: flapping; `0s` for never."""
    flapping_clean: Pause | None = None
    """How long without a failure until a flapping incident is resolved."""
    recheck: Duration | None = None
    """How soon a first bad reading is checked again."""
    channel: Names | None = None
    """Where these alerts go, instead of by the routes: a channel's name or a list."""
    hint: str | None = Field(None, min_length=1, max_length=500)
    """What to do, in a sentence that the alert shows."""
    runbook: Annotated[str, AfterValidator(_a_link)] | None = Field(
        None, max_length=500, examples=["https://wiki.example.org/redis"]
    )
    """A page with instructions, an http or https address."""


class PolicyConfig(AlertOptions):
    """Settings for some subjects. For each setting, the first matching policy that has it counts, from top to bottom. A
    probe's own `alert` takes precedence over all policies."""

    subjects: Names = Field(examples=["probe/db*"])
    """Which subjects: a name or a pattern such as `probe/db*`, or a list; without a `/` it matches any kind."""
    depends_on: Names | None = None
    """Subjects that these depend on: while one of them is failing, alerts of these are suppressed."""


def _no_interval(text: str) -> str:
    if isinstance(schedules.parse(text), schedules.Every):
        raise mistake("must name times of day", 'write such as `weekly on sun at 02:00` or `cron "0 2 * * *"`')
    return text


class MaintenanceConfig(Settings):
    """A time of expected outages: an alert is sent only if it is still open at the end."""

    subjects: Names = ("*",)
    """Which subjects: a name or a pattern such as `probe/db*`, or a list; default: all."""
    schedule: Annotated[ScheduleText, AfterValidator(_no_interval)] = Field(examples=["weekly on sun at 02:00"])
    """When it begins, such as `weekly on sun at 02:00` or `cron "0 2 * * *"`."""
    duration: Duration
    """How long it lasts; at most 7 days."""
    timezone: Timezone | None = None
    """The zone of the schedule; default: the one at top level."""
    reason: str = Field("maintenance", min_length=1, max_length=200)
    """The work, in a few words."""

    @model_validator(mode="after")
    def _not_for_ever(self) -> Self:
        if self.duration > LONGEST_MAINTENANCE:
            raise mistake("`duration` is longer than 7 days", "write `7d` or less")
        return self


class EscalationConfig(Settings):
    """Who else receives an alert that lasts and that nobody acknowledges."""

    after: Duration
    """How long after the opening."""
    level: Literal["warning", "critical"] = "critical"
    """The lowest level that escalates."""
    subjects: Names = ("*",)
    """Which subjects: a name or a pattern, or a list; default: all."""
    channel: Names
    """Where it is sent: a channel's name or a list."""
    mention: Mentions = ()
    """Who is mentioned there, besides those whom the channel mentions: `everyone`, `role:ID`, `user:ID`."""


class AlertsConfig(Settings):
    """Where alerts go, and when they open, resolve, repeat and escalate."""

    routes: Annotated[RoutesConfig, OrEmpty()] = RoutesConfig()
    """Where alerts go."""
    policies: Annotated[tuple[PolicyConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """When alerts open, resolve and repeat, by subject; for each setting, the first matching policy counts."""
    maintenance: Annotated[tuple[MaintenanceConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """Times of expected outages."""
    escalation: Annotated[tuple[EscalationConfig, ...], OrEmpty(tuple)] = Field((), strict=False)
    """Who else receives an alert that lasts."""
    group: int | None = Field(3, ge=2, le=100)
    """This many alerts that open together share one message; `null` sends each by itself."""
