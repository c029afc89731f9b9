"""How patient to be with a subject, and which policy applies: failures to open, clean time, reminders, escalation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reporter.alerts.maintenance import MaintenanceWindow, fits, fits_any
from reporter.alerts.model import Level

# What stands for the reporter's own network: while it is in trouble, nobody else is said to be unreachable.
OWN_NETWORK = "network/own"


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be with a subject.

    `failures` and `unknowns` are readings in a row; `clean` is the time without a failure that ends an alert, or at a
    lower level that eases it; `reminders` count from the opening, and the last one comes again each day. What is opened
    again within `flap_window` after its end is flapping: the same incident, over only after `flapping_clean`. A suspect
    is looked at again after `recheck`. `interval` is the usual time between readings, where there is one: after a
    silence of more than three of them nothing counts as "in a row" any more. `warning` and `critical` are policies of
    their own for alerts of that level.
    """

    failures: int = 3
    clean: timedelta = timedelta(minutes=5)
    reminders: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
    unknowns: int = 3
    recheck: timedelta = timedelta(seconds=10)
    interval: timedelta | None = None
    flap_window: timedelta = timedelta(hours=1)
    flapping_clean: timedelta = timedelta(minutes=15)
    warning: Policy | None = None
    critical: Policy | None = None

    def at(self, level: Level) -> Policy:
        """How patient to be at one level."""
        own = {Level.WARNING: self.warning, Level.CRITICAL: self.critical}.get(level)
        return own or self


_NO_TIME = timedelta(0)
_POLICIES = {
    "probe": Policy(),
    "limit": Policy(failures=1),
    # One run that went well proves a job to be well again; the next one may be a week away.
    "job": Policy(failures=1, clean=_NO_TIME),
    "channel": Policy(failures=1),
    "feed": Policy(failures=1),
    "audit": Policy(failures=1),
    # Its grace is over when it is seen, and one ping proves it well again.
    "ping": Policy(failures=1, clean=_NO_TIME),
    "store": Policy(failures=1, clean=_NO_TIME),
    # A clock that is right again is right, however often it was wrong.
    "clock": Policy(failures=1, clean=_NO_TIME, flap_window=_NO_TIME, flapping_clean=_NO_TIME),
    # Known before those whom it hides: each of them needs three readings.
    "network": Policy(failures=2),
}


def policy_for(subject: str, interval: timedelta | None = None) -> Policy:
    """The policy that a subject's prefix stands for: a probe needs three failures, a limit, job, feed or channel one.

    `interval` is the usual time between readings, if they come regularly.
    """
    prefix, _, _ = subject.partition("/")
    return replace(_POLICIES.get(prefix, Policy()), interval=interval)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one entry of the config says of some subjects; `origin` is where it stands.

    `terms` are fields of a Policy by name, for any level; `at_level` those for one level.
    """

    origin: str
    subjects: tuple[str, ...]
    terms: Mapping[str, Any] = field(default_factory=dict)
    at_level: Mapping[Level, Mapping[str, Any]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    hint: str | None = None
    runbook: str | None = None

    @property
    def says(self) -> bool:
        """Whether it says anything at all."""
        said = (self.terms, *self.at_level.values(), self.channels, self.depends_on, self.hint, self.runbook)
        return any(said)


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Who else hears of an alert of `level` or worse that nobody acknowledged for so long after its opening."""

    after: timedelta
    channels: tuple[str, ...]
    level: Level = Level.CRITICAL
    subjects: tuple[str, ...] = ("*",)
    mention: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """By which it is known that the step was taken."""
        return f"{self.after.total_seconds():g}s {'+'.join(self.channels)}"

    def concerns(self, subject: str, level: Level) -> bool:
        return fits_any(self.subjects, subject) and not self.level.worse_than(level)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the config says of alerts but their routes. For each setting the first rule counts that says it.

    `group` is how many alerts of one moment are one message; `probes` are the names of those in the config.
    """

    rules: tuple[Rule, ...] = ()
    windows: tuple[MaintenanceWindow, ...] = ()
    steps: tuple[EscalationStep, ...] = ()
    group: int | None = 3
    probes: frozenset[str] = frozenset()
    _about: dict[str, tuple[Rule, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def about(self, subject: str) -> tuple[Rule, ...]:
        """The rules that speak of a subject, the one that counts for most first.

        It is found once: with two hundred probes, each with a rule, every round would try forty thousand patterns.
        """
        if subject not in self._about:
            self._about[subject] = tuple(rule for rule in self.rules if fits_any(rule.subjects, subject))
        return self._about[subject]

    def policy(self, subject: str, interval: timedelta | None = None) -> Policy:
        """How patient to be with a subject that is looked at so often."""
        found = self.about(subject)
        base = policy_for(subject, interval)
        if not found:
            return base
        terms = _first(rule.terms for rule in found)
        general = replace(base, **terms)
        warning, critical = (
            replace(general, **said) if (said := _first(rule.at_level.get(level, {}) for rule in found)) else None
            for level in (Level.WARNING, Level.CRITICAL)
        )
        return replace(general, warning=warning, critical=critical)

    def channels(self, subject: str) -> tuple[str, ...]:
        """The channels that a rule names for a subject; none where the routes count."""
        return next((rule.channels for rule in self.about(subject) if rule.channels), ())

    def advice(self, subject: str) -> tuple[str | None, str | None]:
        """What to do about a subject, in a sentence, and the page that says more."""
        found = self.about(subject)
        return (
            next((rule.hint for rule in found if rule.hint), None),
            next((rule.runbook for rule in found if rule.runbook), None),
        )

    def depends(self, subject: str, other: str) -> bool:
        """Whether a subject cannot do without the other one; what depends on itself that way depends on nobody."""
        return self._names(subject, other) and not self._reaches(other, subject, {other})

    def parents(self, subject: str) -> tuple[str, ...]:
        """The names and patterns of what a subject cannot do without."""
        return tuple(dict.fromkeys(name for rule in self.about(subject) for name in rule.depends_on))

    def _names(self, subject: str, other: str) -> bool:
        return subject != other and fits_any(self.parents(subject), other)

    def _reaches(self, subject: str, goal: str, met: set[str]) -> bool:
        """Whether a chain of dependencies leads from a subject to the goal; patterns lead nowhere by themselves."""
        parents = set(self.parents(subject)) - met
        return any(fits(name, goal) or self._reaches(_full(name), goal, met | parents) for name in parents)


def _first(said: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each setting what is said first."""
    merged: dict[str, Any] = {}
    for terms in said:
        merged = {**terms, **merged}
    return merged


def _full(name: str) -> str:
    """A subject's whole name; one without its kind is a probe's."""
    return name if "/" in name else f"probe/{name}"
