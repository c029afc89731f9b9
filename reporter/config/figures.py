"""The config's `figures:` section: the year and the risk-free rate of ratios."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from reporter.config.base import Settings
from reporter.config.types import Share
from reporter.trading.risk import Basis


class FiguresConfig(Settings):
    """The year that ratios such as Sharpe's are made for."""

    days_per_year: int = Field(365, ge=200, le=366)
    """How many days the markets trade in a year: 365 for those that never close. Fewer, such as 252, are for markets
    that close at weekends, whose Saturdays and Sundays are then no days."""
    risk_free: Share = Field(Decimal(0), json_schema_extra={"default": "0%"})
    """What riskless money earns in a year, which Sharpe and Sortino ratios count off."""

    def as_basis(self) -> Basis:
        return Basis(self.days_per_year, self.risk_free)
