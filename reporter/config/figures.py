"""The config's `figures:` section: the year and the risk-free rate of ratios, and when figures are restated."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from reporter.config.base import Settings
from reporter.config.types import Share
from reporter.trading.return_ratios import Basis


class FiguresConfig(Settings):
    """The year that ratios such as Sharpe's are annualised to, and when a figure is restated."""

    days_per_year: int = Field(365, ge=200, le=366)
    """How many days the markets trade in a year: 365 for markets that never close. Fewer, such as 252, are for markets
    that close at weekends: Saturdays and Sundays then do not count as days."""
    risk_free: Share = Field(Decimal(0), json_schema_extra={"default": "0%"})
    """The risk-free return of a year, which Sharpe and Sortino ratios subtract."""
    restate_above: float = Field(0.01, ge=0)
    """From which difference on, in units of its currency, a figure that a report has sent is restated."""

    def as_basis(self) -> Basis:
        return Basis(self.days_per_year, self.risk_free)
