"""From where on a figure is trouble, as the config and the parameters of jobs say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from reporter.alerts.thresholds import Threshold
from reporter.config.base import Settings
from reporter.config.types import Duration, Size, mistake

Unit = TypeVar("Unit", bound=float | timedelta)
Percentage = Annotated[float, Field(ge=0, le=100)]

_FURTHER_OUT = "the worse limit must be further out, and one that is left out may have its usual value: write both"


class FigureLimits(Settings, Generic[Unit]):
    """The values from which a figure is a warning or critical. Where `low`, small figures are the bad ones."""

    low: ClassVar[bool] = False

    warning: Unit | None = None
    """The value from which the figure is a warning."""
    critical: Unit | None = None
    """The value from which the figure is critical."""
    leave_warning: Unit | None = None
    """A warning ends when the figure is better than this; default: a twentieth better than `warning`."""
    leave_critical: Unit | None = None
    """The same for `critical`."""

    @property
    def threshold(self) -> Threshold:
        """In the figure's plain unit: seconds, bytes, or the number itself."""
        limits = map(plain_number, (self.warning, self.critical, self.leave_warning, self.leave_critical))
        warning, critical, leave_warning, leave_critical = limits
        return Threshold(warning, critical, leave_warning, leave_critical, self.low)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for better, worse in (("warning", "critical"), ("leave_warning", "warning"), ("leave_critical", "critical")):
            mild, bad = plain_number(getattr(self, better)), plain_number(getattr(self, worse))
            if mild is not None and bad is not None and (mild < bad if self.low else mild > bad):
                side = "below" if self.low else "above"
                raise mistake(f"`{better}` lies {side} `{worse}`", _FURTHER_OUT)
        return self


def plain_number(value: float | timedelta | None) -> float | None:
    """A limit as a number, of a time its seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


class NumberLimits(FigureLimits[float]):
    """Limits of a number that should be small."""


class LowNumberLimits(FigureLimits[float]):
    """Limits of a number that should be large, such as days left."""

    low: ClassVar[bool] = True


class PercentLimits(FigureLimits[Percentage]):
    """Limits of a percentage that should be small."""


class DurationLimits(FigureLimits[Duration]):
    """Limits of a time that should be short."""


class LowDurationLimits(FigureLimits[Duration]):
    """Limits of a time that should be long."""

    low: ClassVar[bool] = True


class SizeLimits(FigureLimits[Size]):
    """Limits of a size that should be small."""


class LowSizeLimits(FigureLimits[Size]):
    """Limits of a size that should be large."""

    low: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DefaultLimits:
    """The limits that hold where the config says nothing else; null switches one off.

    Write `cpu: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT`.
    """

    warning: str | float | None = None
    critical: str | float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._filled, handler(source))

    def _filled(self, value: object) -> object:
        ours = {"warning": self.warning, "critical": self.critical}
        return {**ours, **value} if isinstance(value, dict) else value


# As `DefaultLimits` has it.
DEFAULT: Any = Field({}, validate_default=True)
