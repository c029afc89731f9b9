"""The config's `fresh` of a ledger: how old its newest trade may be, and within which hours that counts."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.types import Duration, WeeklyHours, mistake
from reporter.trading.freshness_rule import FreshnessRule


class FreshnessConfig(Settings):
    """How old the newest trade of a ledger may be; a duration alone is `warn`."""

    warn: Duration = Field(examples=["30m"])
    """From this age on the figures are stale, and reports say so."""
    fail: Duration | None = None
    """From this age on that is critical in health; never if left out."""
    when: WeeklyHours | None = None
    """The trading hours, such as `mon-fri 09:30-16:00 America/New_York`: only time within them is counted. In the zone
    at top level where they name no zone."""

    @model_validator(mode="after")
    def _the_graver_is_later(self) -> Self:
        if self.fail is not None and self.fail <= self.warn:
            raise mistake("`fail` is not longer than `warn`", "`fail` must be the longer of the two")
        return self

    def as_rule(self, zone: str) -> FreshnessRule:
        return FreshnessRule(warn=self.warn, fail=self.fail, when=self.when and self.when.seen_from(zone))


def _with_a_key(said: object) -> object:
    return said if isinstance(said, dict | FreshnessConfig) else {"warn": said}


Fresh = Annotated[FreshnessConfig, BeforeValidator(_with_a_key, json_schema_input_type=Duration | FreshnessConfig)]
