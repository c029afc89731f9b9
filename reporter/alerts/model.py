"""The types of alerts: observations and their levels, the state of a subject, the policy that opens and resolves.

`judge` folds readings into states; `docs/alerts.md` gives the rules in prose.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from pydantic import TypeAdapter

from reporter.secret import LONG, masked


class Level(StrEnum):
    """How a reading stands. `unknown` is not down: it says that we could not look."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def failing(self) -> bool:
        """Whether a reading of this level saw trouble."""
        return self in {Level.WARNING, Level.CRITICAL}

    def worse_than(self, other: Level) -> bool:
        return _GRAVITY.index(self) > _GRAVITY.index(other)


LONGEST_WORDS = 4000
"""Characters that are kept of a detail, a headline or a note."""
_WORDS = ("detail", "value", "limit", "headline")
_GRAVITY = (Level.OK, Level.UNKNOWN, Level.WARNING, Level.CRITICAL)


# A figure of a subject, by its name and by whether low is bad: what its level is remembered by.
FigureKey = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading about one subject, such as `probe/db` or `limit/daily_loss`."""

    subject: str
    """The thing observed, such as `probe/db` or `limit/daily_loss`."""
    level: Level
    """How it stands."""
    detail: str = ""
    """A sentence for people."""
    value: str | None = None
    """The figure behind it with its unit, ready to show."""
    limit: str | None = None
    """The limit behind it with its unit, ready to show."""
    figure: float | None = None
    """The value as a number, in the subject's own units."""
    every: timedelta | None = None
    """How often the subject is looked at, where that is seldomer than the job runs."""
    headline: str = ""
    """The title of the alert, instead of the subject's name."""
    notes: tuple[str, ...] = ()
    """Further lines for the alert."""
    stands: tuple[tuple[str, bool, Level], ...] = ()
    """The levels of its figures that are in trouble, by name and by whether low is bad."""

    def __post_init__(self) -> None:
        """Words of others, such as a server's answer, carry no secret on from here."""
        clean = {name: masked(text, LONGEST_WORDS) for name in _WORDS if (text := getattr(self, name))}
        clean["subject"] = masked(self.subject, shortest=LONG)
        for name, text in clean.items():
            object.__setattr__(self, name, text)
        if self.notes:
            object.__setattr__(self, "notes", tuple(masked(note, LONGEST_WORDS) for note in self.notes))


# The subjects of what the reporter sees of itself and its machine.
CLOCK_SUBJECT = "clock"
HEARTBEAT_SUBJECT = "self/heartbeat"
STORE_SUBJECT = "store/state"
# What people call a subject whose kind says more than its name.
_CALLED = {"network/own": "own network", STORE_SUBJECT: "our own store"}
# What the signs of the machine are called, where that is not their key; `disk` and `inodes` have a path behind them.
_SIGNS = {
    "cpu": "CPU",
    "files": "open files",
    "zombies": "dead processes",
    "killed": "kills for want of memory",
    **{key: key for key in ("memory", "load", "swap", "temperature", "network", "clock", "restart")},
}


def name_of(subject: str) -> str:
    """What people call a subject: `db` for `probe/db`, `channel pnl` for `channel/pnl`, `load of this machine` for
    `probe/host-load`, `daily loss: anna · USDT · live` for `limit/daily_loss/live/USDT/bot/anna`."""
    kind, _, name = subject.partition("/")
    if kind == "probe" and name.startswith("host-"):
        return _of_machine(name.removeprefix("host-")) or name
    if kind == "limit" and name:
        return _of_limit(name)
    plain = name if kind == "probe" and name else f"{kind} {name}".rstrip()
    return _CALLED.get(subject, plain)


def _of_machine(key: str) -> str | None:
    sign, _, machine = key.partition("@")
    of = f" of {machine or 'this machine'}"
    what, _, path = sign.partition("-")
    if what in {"disk", "inodes"} and path:
        return f"{what} {path}{of}"
    return f"{_SIGNS[sign]}{of}" if sign in _SIGNS else None


def _of_limit(name: str) -> str:
    """A limit is of a book, as mode and currency, or of an agent in it, as ledger and name."""
    measure, *book = name.split("/", 4)
    mode, currency, _, agent = (*book, "", "", "", "")[:4]
    whose = " · ".join(filter(None, (agent, currency, mode)))
    return measure.replace("_", " ") + (f": {whose}" if whose else "")


class TransitionKind(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    FLAPPING = "flapping"  # opened again, soon after it was over: the same incident
    WORSENED = "worsened"
    EASED = "eased"
    REMINDER = "reminder"
    ESCALATED = "escalated"  # it lasts and nobody has acknowledged it: others are notified
    RESOLVED = "resolved"
    UNWATCHED = "unwatched"  # nothing observes the subject any more, so nobody knows how it stands

    @property
    def ends(self) -> bool:
        """Whether the alert is no longer open."""
        return self in {TransitionKind.RESOLVED, TransitionKind.UNWATCHED}


class Phase(StrEnum):
    """Where a subject stands between all well and an open alert."""

    OK = "ok"
    SUSPECT = "suspect"
    OPEN = "open"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that people may hear of.

    A reminder of a critical alert is critical, whatever its last reading says. What flaps is one incident.
    """

    subject: str
    """The thing observed."""
    change: TransitionKind
    """What happened to its alert."""
    since: datetime
    """When the trouble began."""
    reason: str
    """The reason of the change."""
    observation: Observation
    """The last reading."""
    level: Level = Level.OK
    """The alert's level after the change."""
    was: Level = Level.OK
    """The alert's level before the change."""
    incident: str = ""
    """The name of the incident that it is part of."""
    until: datetime | None = None
    """When the trouble ended; None while it lasts."""
    unobserved: timedelta = timedelta()
    """How much of the time since then nobody observed, or the clock was set forward; less than 0: back."""

    def lasted(self, now: datetime) -> timedelta:
        """How long the trouble lasted, or has lasted by now, without the time that nobody observed."""
        return max((self.until or now) - self.since - self.unobserved, timedelta())


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is remembered of one subject between readings."""

    subject: str
    """The thing observed."""
    phase: Phase = Phase.OK
    """Where it stands between all well and an open alert."""
    level: Level = Level.OK
    """The level of the open alert; OK where there is none."""
    since: datetime | None = None
    """When the present trouble began."""
    failures: int = 0
    """The number of readings in a row that speak for opening the alert, or for raising its level."""
    clean_since: datetime | None = None
    """While recovering: since when every reading is good."""
    reminders: int = 0
    """The number of reminders so far."""
    last_reading_at: datetime | None = None
    """When it was last observed."""
    observation: Observation | None = None
    """The last reading, of whatever level."""
    unknowns: int = 0
    """The number of readings in a row that could not look."""
    opened_at: datetime | None = None
    """When the alert was opened."""
    milder_since: datetime | None = None
    """While open: since when every reading is milder than `level`."""
    incident: str | None = None
    """The name of the present incident, or of the last."""
    began: datetime | None = None
    """When the first trouble of the incident began."""
    openings: int = 0
    """How often the incident was opened; more than once is flapping."""
    relapses: int = 0
    """How often trouble came back while it was recovering."""
    resolved_at: datetime | None = None
    """When the last incident was over."""
    eased_at: datetime | None = None
    """When the level was last lowered."""
    flapping: bool = False
    """Whether the incident opened more than once in a short time."""
    flaps: int = 0
    """How often the trouble of the incident, or its worse level, came back."""
    unobserved: timedelta = timedelta()
    """How much of the present trouble nobody observed, or the clock was set forward; less than 0: back."""
    stepped: timedelta = timedelta()
    """By how much the clock was set since the last reading."""

    @property
    def is_open(self) -> bool:
        """Whether people were notified of it and not yet of its resolution."""
        return self.phase in {Phase.OPEN, Phase.RECOVERING}

    def entered(self, figure: FigureKey) -> Level:
        """How a figure of the subject stood when it was measured last; as the alert, where no reading is known."""
        if self.observation is None:
            return self.level
        return next((level for name, low, level in self.observation.stands if (name, low) == figure), Level.OK)


def state_to_json(state: AlertState) -> str:
    """The state as JSON text, to be stored. `state_from_json` gives an equal state back."""
    return _json().dump_json(state, exclude_defaults=True).decode()


def state_from_json(text: str) -> AlertState:
    """Read what `state_to_json` wrote, now or by an earlier version. Raises ValueError if it is something else."""
    return _json().validate_json(text)


@cache
def _json() -> TypeAdapter[AlertState]:
    return TypeAdapter(AlertState)
