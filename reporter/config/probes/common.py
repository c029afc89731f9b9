"""What the config may say of every probe, and how limits are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from reporter.alerts.thresholds import Threshold
from reporter.config.alerts import AlertOptions
from reporter.config.base import Settings
from reporter.config.types import Duration, Names, OrEmpty, Size, mistake

Unit = TypeVar("Unit", bound=float | timedelta)


_FURTHER_OUT = "the worse limit must be further out, and one that is left out may have its usual value: write both"


class ProbeLimits(Settings, Generic[Unit]):
    """From where on a figure is trouble. Where `low`, small figures are the bad ones."""

    low: ClassVar[bool] = False

    warning: Unit | None = None
    """From here on it is a warning."""
    critical: Unit | None = None
    """From here on it is critical."""
    leave_warning: Unit | None = None
    """A warning ends when the figure is better than this; a twentieth away from `warning` if left out."""
    leave_critical: Unit | None = None
    """The same for `critical`."""

    def threshold(self) -> Threshold:
        """In the figure's plain unit: seconds, bytes, or the number itself."""
        limits = map(_plain, (self.warning, self.critical, self.leave_warning, self.leave_critical))
        warning, critical, leave_warning, leave_critical = limits
        return Threshold(warning, critical, leave_warning, leave_critical, self.low)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for better, worse in (("warning", "critical"), ("leave_warning", "warning"), ("leave_critical", "critical")):
            mild, bad = _plain(getattr(self, better)), _plain(getattr(self, worse))
            if mild is not None and bad is not None and (mild < bad if self.low else mild > bad):
                side = "below" if self.low else "above"
                raise mistake(f"`{better}` lies {side} `{worse}`", _FURTHER_OUT)
        return self


class Numbers(ProbeLimits[float]):
    """Limits of a number that should be small, such as a percentage."""


class LowNumbers(ProbeLimits[float]):
    """Limits of a number that should be large, such as days left."""

    low: ClassVar[bool] = True


class Spans(ProbeLimits[Duration]):
    """Limits of a time that should be short."""


class LowSpans(ProbeLimits[Duration]):
    """Limits of a time that should be long."""

    low: ClassVar[bool] = True


class Sizes(ProbeLimits[Size]):
    """Limits of a size that should be small."""


class LowSizes(ProbeLimits[Size]):
    """Limits of a size that should be large."""

    low: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Limits that hold as long as nothing else is said of them; null switches one off."""

    warning: str | int | None = None
    critical: str | int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._filled, handler(source))

    def _filled(self, value: object) -> object:
        ours = {"warning": self.warning, "critical": self.critical}
        return {**ours, **value} if isinstance(value, dict) else value


# As `Otherwise` has it.
AS_USUAL: Any = Field({}, validate_default=True)


def _plain(value: float | timedelta | None) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


class ProbeSettings(Settings):
    """What any probe may say."""

    every: Duration | None = None
    """How often to look; each round of the health probe if left out."""
    timeout: Duration = Field(timedelta(seconds=5), json_schema_extra={"default": "5s"})
    """How long an answer may take."""
    depends_on: Names = ()
    """The probes without which this one cannot be well, one or a list: while one of them is down, nobody is told of
    this one."""
    alert: Annotated[AlertOptions, OrEmpty()] = AlertOptions()
    """How patient to be with it, where its alerts go and what they advise: what `alerts.policies` may say."""

    def latency(self) -> Threshold:
        """From where on an answer is slow, in seconds."""
        return Threshold()


class AskedProbe(ProbeSettings):
    """What a probe may say whose answer takes time."""

    warn_above: Duration | None = None
    """An answer slower than this is a warning."""
    critical_above: Duration | None = None
    """An answer slower than this is critical."""
    clear_below: Duration | None = None
    """Answers are no longer slow when they are faster than this; than 95% of `warn_above` if left out."""

    def latency(self) -> Threshold:
        return Threshold(_plain(self.warn_above), _plain(self.critical_above), _plain(self.clear_below))

    @model_validator(mode="after")
    def _slower_is_worse(self) -> Self:
        for mild, bad in (("clear_below", "warn_above"), ("warn_above", "critical_above")):
            better, worse = getattr(self, mild), getattr(self, bad)
            if better is not None and worse is not None and better > worse:
                raise mistake(f"`{mild}` is longer than `{bad}`", f"`{bad}` must be the longer of the two")
        if self.clear_below is not None and self.warn_above is None:
            raise mistake("`clear_below` needs `warn_above`", "write from where on an answer is slow")
        return self
