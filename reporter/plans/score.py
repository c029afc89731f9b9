"""What came of a plan: the version that counted, beside the trades of what it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal

from reporter.messages.formats import plural
from reporter.plans.intention import Understood
from reporter.plans.model import PlanVersion, TradingPlan
from reporter.plans.settings import PlanAuthor, PlanSettings
from reporter.trading.trades import Mode, Money, Trade

PlanVerdict = Literal["followed", "against", "not traded", "not judged"]
VERDICTS: tuple[PlanVerdict, ...] = ("followed", "against", "not traded", "not judged")
ENOUGH_PLANS = 20
"""Below so many judged plans a share says nothing, and none is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One plan and its trades.

    `counted` is the version that was in force when plans count; None for a plan that came too late or was withdrawn
    before. `late_edits` came after that moment. `pnl` is what the named agents and markets realised, by mode and
    currency.
    """

    plan: TradingPlan
    """The plan."""
    author: PlanAuthor
    """Its author."""
    day: date
    """Its day in the author's zone."""
    counts_at: datetime
    """The moment at which the version in force counts."""
    counted: PlanVersion | None
    """The version that counted; None for a plan that came too late or was withdrawn before."""
    named: Understood
    """The agents and markets that the counted version names."""
    verdict: PlanVerdict
    """followed, against, not traded, or not judged."""
    why: str
    """The reason of the verdict."""
    trades: int = 0
    """How many closed trades it names."""
    pnl: tuple[tuple[Mode, Money], ...] = ()
    """What they realised, by mode and currency, each an amount."""
    multiples: tuple[tuple[Mode, Decimal], ...] = ()
    """What the planned trades made in multiples of the planned risk (R), by mode, each a ratio; empty where the plan
    names no entry and stop, or where a trade does not say its size."""

    @property
    def late_edits(self) -> Sequence[PlanVersion]:
        """The versions that came after the plan counted."""
        return [version for version in self.plan.versions if version.at > self.counts_at]


@dataclass(frozen=True, slots=True)
class AuthorScore:
    """How an author's plans of some days went: how many of each verdict."""

    author: PlanAuthor
    counts: Counter[PlanVerdict]
    multiples: tuple[tuple[Mode, Decimal], ...] = ()
    """The R-multiples of the author's plans, plan by plan."""

    @property
    def judged(self) -> int:
        return sum(self.counts[verdict] for verdict in VERDICTS if verdict != "not judged")

    @property
    def followed_share(self) -> Decimal | None:
        """The share of followed plans among those judged; None below `ENOUGH_PLANS`."""
        return Decimal(self.counts["followed"]) / self.judged if self.judged >= ENOUGH_PLANS else None

    def measured(self, mode: Mode) -> int:
        """How many plans of a mode have an R-multiple."""
        return len([multiple for traded, multiple in self.multiples if traded == mode])

    def mean_multiple(self, mode: Mode) -> Decimal | None:
        """The mean R-multiple of a mode's plans; None below `ENOUGH_PLANS`."""
        own = [multiple for traded, multiple in self.multiples if traded == mode]
        return sum(own, Decimal(0)) / len(own) if len(own) >= ENOUGH_PLANS else None


def counts_at(settings: PlanSettings, author: PlanAuthor, day: date) -> datetime:
    """The moment at which the author's plan for a day counts; of a time that a clock change repeats, the first."""
    moment: time = settings.counts_from
    return datetime.combine(day, moment, author.zone)


def result_of(plan: TradingPlan, settings: PlanSettings, author: PlanAuthor, trades: Iterable[Trade]) -> PlanResult:
    """Judge an author's plan by those of the trades that closed on its day, in the author's zone."""
    day = date.fromisoformat(plan.newest.day)
    at = counts_at(settings, author, day)
    counted = plan.at(at)
    named = settings.understood(counted.text) if counted else Understood()
    own = [trade for trade in trades if _closed_on(trade, day, author) and _is_named(trade, named)]
    verdict, why = _judged(plan, counted, named, own)
    return PlanResult(
        plan=plan,
        author=author,
        day=day,
        counts_at=at,
        counted=counted,
        named=named,
        verdict=verdict,
        why=why,
        trades=len(own),
        pnl=_sums(own),
        multiples=_multiples(named, own),
    )


def scores(results: Iterable[PlanResult]) -> list[AuthorScore]:
    """The results of some days, author by author."""
    by: dict[str, list[PlanResult]] = {}
    for result in results:
        by.setdefault(result.author.key, []).append(result)
    return [_score(by[key]) for key in sorted(by)]


def _score(own: Sequence[PlanResult]) -> AuthorScore:
    """The score of one author's results."""
    counts = Counter(result.verdict for result in own)
    return AuthorScore(own[0].author, counts, tuple(pair for result in own for pair in result.multiples))


def _judged(
    plan: TradingPlan, counted: PlanVersion | None, named: Understood, trades: Sequence[Trade]
) -> tuple[PlanVerdict, str]:
    if counted is None:
        return "not judged", "withdrawn before it counted" if plan.withdrawn else "written after plans count"
    if not named.agents and not named.markets:
        return "not judged", "it names no agent or market of the config"
    if not named.intentions:
        return "not judged", "it has no line such as `long TSLA`"
    if not trades:
        return "not traded", "nothing that it names closed a trade"
    wanted = {(intention.market.casefold(), intention.side) for intention in named.intentions}
    planned = {market for market, _ in wanted}
    about = [(trade.market.casefold(), trade.side.casefold()) for trade in trades]
    against = sum(market in planned and (market, side) not in wanted for market, side in about)
    along = sum(pair in wanted for pair in about)
    if against:
        return "against", f"{against} of {against + along} trades went the other way"
    return (
        ("followed", f"{plural(along, 'trade')} as planned")
        if along
        else ("not traded", "no planned market was traded")
    )


def _closed_on(trade: Trade, day: date, author: PlanAuthor) -> bool:
    return trade.closed_at.astimezone(author.zone).date() == day


def _is_named(trade: Trade, named: Understood) -> bool:
    """Whether a plan names the trade: its market, and its agent where the plan names agents."""
    market = trade.market.casefold() in {name.casefold() for name in named.markets}
    agent = trade.agent in named.agents
    if named.markets and named.agents:
        return market and agent
    return market or agent


def _sums(trades: Sequence[Trade]) -> tuple[tuple[Mode, Money], ...]:
    sums: dict[tuple[Mode, str], Money] = {}
    for trade in trades:
        key = trade.mode, trade.pnl.currency
        sums[key] = sums[key] + trade.pnl if key in sums else trade.pnl
    return tuple((mode, sums[mode, currency]) for mode, currency in sorted(sums))


def _multiples(named: Understood, trades: Iterable[Trade]) -> tuple[tuple[Mode, Decimal], ...]:
    """The sum of the R-multiples of the planned trades, by mode: P&L ÷ (planned risk of a unit × size).

    Nothing where a trade does not say its size, or where its P&L is not in the quote in which the risk is.
    """
    risks, sums = _risks(named), dict[Mode, Decimal]()
    for trade in trades:
        risk = risks.get((trade.market.casefold(), trade.side.casefold()))
        if risk is None:
            continue
        if not trade.size or not _is_in_quote(trade):
            return ()
        sums[trade.mode] = sums.get(trade.mode, Decimal(0)) + trade.pnl.amount / (risk * abs(trade.size))
    return tuple(sorted(sums.items()))


def _risks(named: Understood) -> dict[tuple[str, str], Decimal]:
    """The planned risk of a unit by market and side; two lines that differ leave it open."""
    found: dict[tuple[str, str], set[Decimal | None]] = {}
    for line in named.intentions:
        found.setdefault((line.market.casefold(), line.side), set()).add(line.risk_per_unit)
    return {key: risk for key, each in found.items() if len(each) == 1 and (risk := next(iter(each))) is not None}


def _is_in_quote(trade: Trade) -> bool:
    """Whether the P&L is in the currency of the market's prices: `BTC/USDT:USDT` names it, `TSLA` does not."""
    _, slash, rest = trade.market.partition("/")
    return not slash or rest.partition(":")[0].casefold() == trade.pnl.currency.casefold()
