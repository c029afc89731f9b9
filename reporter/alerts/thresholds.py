"""From a figure to a level: where trouble begins, and how far back a figure must go before it is over."""

from __future__ import annotations

from dataclasses import dataclass

from reporter.alerts.model import Level

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
        for level, limit, leave in self._limits():
            if limit is not None and self.reached(
                figure, self._leaving(limit, leave) if known in inside[level] else limit
            ):
                return level, limit
        return Level.OK, self.critical if self.warning is None else self.warning

    @property
    def back(self) -> str:
        """What is said of a figure that has left a limit and not yet its level."""
        return "not yet well above" if self.low else "not yet well below"

    def _limits(self) -> tuple[tuple[Level, float | None, float | None], ...]:
        return (
            (Level.CRITICAL, self.critical, self.leave_critical),
            (Level.WARNING, self.warning, self.leave_warning),
        )

    def reached(self, figure: float, limit: float) -> bool:
        """Whether a figure is at or beyond a limit, rather than on its way back from it."""
        return figure <= limit if self.low else figure >= limit

    def _leaving(self, limit: float, leave: float | None) -> float:
        if leave is not None:
            return leave
        return limit / LEAVE if self.low else limit * LEAVE
