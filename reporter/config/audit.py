"""The config of the audit: what trades must keep, and how grave it is if they do not."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.events import pace_of
from reporter.config.types import (
    Duration,
    Name,
    PositiveAmounts,
    Share,
    WeeklyHours,
    Words,
    mistake,
)
from reporter.trading.audit import AuditRule, Gravity
from reporter.trading.trades import Mode, Money

_LIMITS = (
    "largest_position", "largest_loss", "largest_daily_loss", "markets", "sides", "leverage", "longest_holding",
    "trading_hours", "pace", "fee_share", "price_off",
)  # fmt: skip


def _pace(text: str) -> str:
    most, _ = pace_of(text)
    if most < 1:
        raise mistake("is no pace", "write such as `20 per hour`")
    return text


class AuditRuleConfig(Settings):
    """What trades must keep. `agents`, `in_markets` and `mode` say whose; without them, all of them."""

    agents: Words = ()
    """The agents whose trades are judged, by name or pattern, one or a list."""
    in_markets: Words = ()
    """The markets whose trades are judged, by name or pattern, one or a list."""
    mode: Annotated[Mode, Field(strict=False)] | None = None
    """`live` or `paper`; both if left out."""
    severity: Annotated[Gravity, Field(strict=False)] = Gravity.MEDIUM
    """How grave a violation is: `low`, `medium` or `high`. A high one is critical and raises an alert."""
    largest_position: PositiveAmounts = ()
    """The largest size at the entry price, an amount or a list of one a currency."""
    largest_loss: PositiveAmounts = ()
    """The largest loss of one trade."""
    largest_daily_loss: PositiveAmounts = ()
    """The largest loss of one agent in a day."""
    markets: Words = ()
    """The allowed markets, by name or pattern."""
    sides: Words = ()
    """The allowed sides, such as `long`."""
    leverage: float | None = Field(None, gt=0)
    """The highest leverage, such as 3; a trade whose leverage the database does not store is not judged."""
    longest_holding: Duration | None = None
    """The longest time that a position may be open."""
    trading_hours: WeeklyHours | None = None
    """The hours within which positions may be opened, such as `08:00-20:00` or `mon-fri 09:30-16:00 America/New_York`;
    in the zone at top level where they name no zone."""
    pace: Annotated[str, AfterValidator(_pace)] | None = Field(None, examples=["20 per hour"])
    """How many trades an agent may close in a span."""
    fee_share: Share | None = None
    """The largest fees as a share of what was traded."""
    price_off: Share | None = None
    """How far from the price of its market (`markets`) a trade may be opened and closed, such as `2%`."""

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if not any(getattr(self, name) for name in _LIMITS):
            raise mistake("has no limit", f"write at least one of: {', '.join(_LIMITS)}")
        return self

    def as_rule(self, name: str) -> AuditRule:
        return AuditRule(
            name=name,
            agents=self.agents,
            in_markets=self.in_markets,
            mode=self.mode,
            gravity=self.severity,
            position=_by_currency(self.largest_position),
            loss=_by_currency(self.largest_loss),
            daily_loss=_by_currency(self.largest_daily_loss),
            markets=self.markets,
            sides=self.sides,
            leverage=None if self.leverage is None else Decimal(str(self.leverage)),
            holding=self.longest_holding,
            hours=self.trading_hours,
            pace=pace_of(self.pace) if self.pace else None,
            fee_share=self.fee_share,
            price_off=self.price_off,
        )


def _by_currency(amounts: tuple[Money, ...]) -> dict[str, Money]:
    return {amount.currency: amount for amount in amounts}


Audit = dict[Name, AuditRuleConfig]
