"""From a figure to a level: the limit at which a level begins, and the limit at which it ends (hysteresis)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reporter.alerts.model import FigureKey, Level

# Between entering and leaving a level lies a twentieth: a figure that wanders about a limit is one alert, not many.
LEAVE = 0.95


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a figure is a warning and from where on critical, both inclusive; None switches either off.

    With `low`, small figures are the bad ones, such as days that a certificate is still valid. A level that was entered
    is left only when the figure is better than `leave_warning` or `leave_critical`; without these, than the limit times
    0.95 (divided by it where low is bad). A limit of 0 is left as it is entered.
    """

    warning: float | None = None
    critical: float | None = None
    leave_warning: float | None = None
    leave_critical: float | None = None
    low: bool = False

    def graded(self, figure: float, known: Level = Level.OK) -> tuple[Level, float | None]:
        """The level of a figure whose level was `known`, and the limit that it passed or would pass next."""
        inside = {Level.CRITICAL: {Level.CRITICAL}, Level.WARNING: {Level.CRITICAL, Level.WARNING}}
        for level, limit, leave in (
            (Level.CRITICAL, self.critical, self.leave_critical),
            (Level.WARNING, self.warning, self.leave_warning),
        ):
            if limit is not None and self.reached(
                figure, self._leaving(limit, leave) if known in inside[level] else limit
            ):
                return level, limit
        return Level.OK, self.critical if self.warning is None else self.warning

    def reached(self, figure: float, limit: float) -> bool:
        """Whether a figure is at or beyond a limit, rather than on its way back from it."""
        return figure <= limit if self.low else figure >= limit

    def _leaving(self, limit: float, leave: float | None) -> float:
        if leave is not None:
            return leave
        return limit / LEAVE if self.low else limit * LEAVE


# No figure is trouble.
NEVER = Threshold()


def plain(figure: float) -> str:
    """A figure without a unit: `12`, `0.5`."""
    return f"{figure:,.15g}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure and its limits. The `name` and the side of its limits distinguish it within its subject.

    `shown` writes a figure with its unit. `trouble` says what is wrong in terms of the limit alone, such as
    `slower than {limit}`: a sentence with the figure in it would change the board at each look. Without it the words
    are `NAME above LIMIT`, or below.
    """

    name: str
    figure: float
    threshold: Threshold = NEVER
    shown: Callable[[float], str] = plain
    trouble: str = ""

    @property
    def key(self) -> FigureKey:
        """One figure may be too small as well as too large, and is remembered for each side."""
        return self.name, self.threshold.low

    def grade(self, known: Level = Level.OK) -> Grade:
        """How the figure stands whose level was `known`."""
        return Grade(self, *self.threshold.graded(self.figure, known))


@dataclass(frozen=True, slots=True)
class Grade:
    """How one figure stands, and the limit that it passed or would pass next."""

    measurement: Measurement
    level: Level
    limit: float | None

    @property
    def value(self) -> str:
        """The figure with its unit."""
        return self.measurement.shown(self.measurement.figure)

    @property
    def limit_text(self) -> str | None:
        """The limit with its unit."""
        return None if self.limit is None else self.measurement.shown(self.limit)

    @property
    def returning(self) -> bool:
        """Whether the figure has left its limit and not yet its level."""
        measured = self.measurement
        beyond = self.limit is None or measured.threshold.reached(measured.figure, self.limit)
        return self.level is not Level.OK and not beyond

    @property
    def beyond(self) -> str:
        """How the figure stands to its limit: `above 80%`, `not yet well below 80%`, or its own `trouble`."""
        measured = self.measurement
        worse, better = ("below", "above") if measured.threshold.low else ("above", "below")
        limit = self.limit_text or self.value
        if self.returning:
            return f"not yet well {better} {limit}"
        return measured.trouble.replace("{limit}", limit) or f"{worse} {limit}"

    @property
    def words(self) -> str:
        """What is wrong, as a sentence of its own."""
        measured = self.measurement
        return self.beyond if measured.trouble and not self.returning else f"{measured.name} {self.beyond}"


def grade_all(measurements: Iterable[Measurement], known: Callable[[FigureKey], Level]) -> list[Grade]:
    """How each figure stands; `known` says how it stood before."""
    return [measured.grade(known(measured.key)) for measured in measurements]


def worst(grades: Iterable[Grade]) -> Grade | None:
    """The first of the worst grades; None without any."""
    found: Grade | None = None
    for grade in grades:
        if found is None or grade.level.worse_than(found.level):
            found = grade
    return found


def entered(levels: Mapping[FigureKey, Level]) -> tuple[tuple[str, bool, Level], ...]:
    """The figures that have entered a level, as an Observation keeps them for the next look."""
    return tuple(sorted((*key, level) for key, level in levels.items() if level is not Level.OK))
