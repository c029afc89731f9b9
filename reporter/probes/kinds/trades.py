"""The `trades` probe: time since the last trade, judged by the usual pace of this hour of the week."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import AfterValidator, Field

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement, Threshold
from reporter.config.limits import DEFAULT, DefaultLimits, NumberLimits, plain_number
from reporter.config.types import Duration, Name, mistake
from reporter.errors import LedgerError
from reporter.messages.formats import plural
from reporter.periods.civil import Period
from reporter.periods.clock import Clock
from reporter.periods.time_text import duration_text
from reporter.probes.loop import aside
from reporter.probes.number_formats import ago, seconds
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.settings import ProbeConfig, ProbeInputs
from reporter.probes.trade_frequency import TradeFrequency, trade_frequency
from reporter.trading.books import LedgerHealth
from reporter.trading.freshness_rule import FreshnessRule

# The pace is reckoned anew so seldom, in seconds; and not while nothing is traded, so that its limits stand still.
_ANEW = 3600.0


# The moment of a trade is known to the minute; and a shorter gap is no alert, in seconds.
_MINUTE, _LEAST = 60.0, 300.0


# The part of its time that a look gives the ledger, so that it can say what was wrong.
_PATIENCE = 0.9


class Closings(Protocol):
    """What is asked of the trading databases."""

    def closings(self, period: Period, only: Collection[str] = (), agent: str | None = None) -> list[datetime]: ...

    def health(self) -> list[LedgerHealth]: ...


def _some_weeks(span: timedelta) -> timedelta:
    if not timedelta(weeks=1) <= span <= timedelta(weeks=26):
        raise mistake("must be from one week to 26", "write such as `8w`")
    return span


class TradesProbeConfig(ProbeConfig):
    """Looks how long ago the newest trade closed, and whether that is unusual at this hour of the week."""

    kind: Literal["trades"]
    """`trades`."""
    ledger: Name | None = None
    """Whose trades; those of all ledgers together if left out."""
    agent: str | None = Field(None, min_length=1)
    """One agent's, by its name; those of all if left out."""
    history: Annotated[Duration, AfterValidator(_some_weeks)] = Field(
        timedelta(weeks=8), json_schema_extra={"default": "8w"}
    )
    """How far back the usual pace is learnt from."""
    rarity: Duration = Field(timedelta(weeks=4), json_schema_extra={"default": "4w"})
    """A silence is rare that comes once in this time."""
    silence: Annotated[NumberLimits, DefaultLimits(1, 2)] = DEFAULT
    """How many times as long as a rare silence this one may be."""

    def probe(self, given: ProbeInputs) -> TradesProbe:
        fresh = None if self.agent else given.ledgers.fresh(self.ledger)
        return TradesProbe(given.terms, given.clock, self, given.ledgers.portfolio, given.ledgers.zone, fresh)


@dataclass(slots=True)
class _Kept:
    """What is remembered from look to look."""

    newest: datetime | None = None
    pace: TradeFrequency | None = None
    reckoned: float | None = None
    reckoned_with: datetime | None = None


@dataclass(frozen=True, slots=True)
class TradesProbe:
    """How long ago the newest trade closed, to the minute, held against the pace of the weeks before."""

    kind: ClassVar[str] = "trades"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    settings: TradesProbeConfig
    trades: Closings
    zone: tzinfo
    fresh: FreshnessRule | None = None
    _kept: _Kept = field(default_factory=_Kept, repr=False, compare=False)

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        now, patience = self.clock.wall(), self.terms.timeout * _PATIENCE
        try:
            async with asyncio.timeout(patience):
                await aside(("trades", self.terms.name), lambda: self._read(now))
        except LedgerError as error:
            raise CouldNotLookError(f"the trades cannot be read: {error}") from None
        except TimeoutError:  # of the ledger, whose own line says so: it says nothing about the trades
            raise CouldNotLookError(f"the trades cannot be read: no answer within {duration_text(patience)}") from None
        newest, known = self._kept.newest, self._kept.pace
        if newest is None or known is None:
            found = _unknown_pace(newest, now, self.settings.history)
        else:
            found = self._judged(known, newest, now)
        return replace(found, measures=(*found.measures, *self._freshness(newest, now)))

    def _freshness(self, newest: datetime | None, now: datetime) -> Iterator[Measurement]:
        """How old the newest trade is by the rule of its ledger, beside how old it may be."""
        age = self.fresh.age(newest, now) if self.fresh else None
        if self.fresh is None or age is None:
            return
        limits = Threshold(plain_number(self.fresh.warn), plain_number(self.fresh.fail))
        inside = " of trading hours" if self.fresh.when else ""
        yield Measurement(
            "newest trade", age.total_seconds(), limits, seconds, f"no trade for {{limit}}{inside} or more"
        )

    def _read(self, now: datetime) -> None:
        """Only what is new since the last look, or all of the history where the pace is to be reckoned."""
        kept = self._kept
        stale = kept.reckoned is None or self.clock.monotonic() - kept.reckoned >= _ANEW
        since = now - self.settings.history if stale or kept.newest is None else kept.newest
        only = (self.settings.ledger,) if self.settings.ledger else ()
        found = self.trades.closings(_between(since, now), only, self.settings.agent)
        kept.newest = max(found, default=kept.newest)
        if kept.newest is None and self.fresh:  # what is older than the history is stale all the same
            known = {one.ledger: one.newest_trade_at for one in self.trades.health()}
            kept.newest = known.get(self.settings.ledger or "")
        if stale and kept.newest != kept.reckoned_with:
            kept.pace, kept.reckoned_with = trade_frequency(found, now, self.zone), kept.newest
        if stale:
            kept.reckoned = self.clock.monotonic()

    def _judged(self, known: TradeFrequency, newest: datetime, now: datetime) -> ProbeResult:
        age = max((now - newest).total_seconds(), 0.0)
        limits = self._limits(known, newest)
        usual = duration_text(known.lasts(newest, known.share(0.95)))
        unusual = any(age >= limit for limit in (limits.warning, limits.critical) if limit)
        why = "no trade for more than {limit}"
        if usual:
            why += f": from this hour of the week on, 95% of gaps are under {usual}"
        return ProbeResult(
            Level.OK,
            "readable" if unusual else "at its usual pace",
            measures=(Measurement("since the last trade", age, limits, seconds, why),),
            figures=tuple(self._figures(known, newest, usual)),
        )

    def _limits(self, known: TradeFrequency, newest: datetime) -> Threshold:
        """The multiples of the rare silence, as seconds from the newest trade on."""
        rare, said = known.once_in(self.settings.rarity), self.settings.silence.threshold

        def lasts(multiple: float | None) -> float | None:
            length = None if multiple is None else known.lasts(newest, rare * multiple)
            return max(length.total_seconds() + _MINUTE, _LEAST) if length else None

        return Threshold(
            lasts(said.warning), lasts(said.critical), lasts(said.leave_warning), lasts(said.leave_critical)
        )

    def _figures(self, known: TradeFrequency, newest: datetime, usual: str | None) -> Iterator[tuple[str, str]]:
        if usual:
            yield "95% of gaps", f"under {usual}"
        if rare := known.lasts(newest, known.once_in(self.settings.rarity)):
            yield f"once in {duration_text(self.settings.rarity)}", f"{duration_text(rare)}"
        yield "history", f"{plural(known.trades, 'trade')} in {known.weeks:.1f} weeks, by {known.basis}"


def _unknown_pace(newest: datetime | None, now: datetime, history: timedelta) -> ProbeResult:
    if newest is None:
        return ProbeResult(Level.OK, f"too little history: no trade in {duration_text(history)}")
    return ProbeResult(Level.OK, "too little history", figures=(("last trade", ago((now - newest).total_seconds())),))


def _between(start: datetime, end: datetime) -> Period:
    return Period(start, end, "pace")
