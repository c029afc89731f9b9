"""Audit rules over closed trades: each check has passed, failed, or could not be judged."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from reporter.periods.weekly_hours import WeeklyHours
from reporter.trading.trades import Mode, Money, Trade

NOT_STORED = "the trading database does not say"
NOT_PRICED = "no market of the config prices"


class AuditVerdict(StrEnum):
    """What a check says of a trade."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"


class Gravity(StrEnum):
    """How grave it is to break a rule."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRule:
    """One rule of the config: whose trades it judges, and what they must keep. A limit that is None is not judged."""

    name: str
    """Its name in the config."""
    agents: tuple[str, ...] = ()
    """The agents whose trades it judges, by name or pattern; all if empty."""
    in_markets: tuple[str, ...] = ()
    """The markets whose trades it judges, by name or pattern; all if empty."""
    mode: Mode | None = None
    """The mode whose trades it judges; both if None."""
    gravity: Gravity = Gravity.MEDIUM
    """How grave a violation is."""
    position: Mapping[str, Money] = field(default_factory=dict)
    """The largest size at the entry price, by currency."""
    loss: Mapping[str, Money] = field(default_factory=dict)
    """The largest loss of one trade, by currency."""
    daily_loss: Mapping[str, Money] = field(default_factory=dict)
    """The largest loss of an agent in a civil day, by currency."""
    markets: tuple[str, ...] = ()
    """The allowed markets, by name or pattern."""
    sides: tuple[str, ...] = ()
    """The allowed sides."""
    leverage: Decimal | None = None
    """The highest leverage, the ratio of a position to what was put up for it."""
    holding: timedelta | None = None
    """The longest time that a position may be open."""
    hours: WeeklyHours | None = None
    """The hours of the week within which positions may be opened."""
    pace: tuple[int, timedelta] | None = None
    """At most so many trades of an agent in a span."""
    fee_share: Decimal | None = None
    """The largest fees as a share of what was traded."""
    price_off: Decimal | None = None
    """How far from the market's price a trade may be opened and closed, as a share of the market's price."""

    def judges(self, trade: Trade) -> bool:
        """Whether the rule is about this trade."""
        agents = not self.agents or any(fnmatchcase(trade.agent, pattern) for pattern in self.agents)
        markets = not self.in_markets or any(fnmatchcase(trade.market, pattern) for pattern in self.in_markets)
        return agents and markets and self.mode in {None, trade.mode}


Figure = Money | Decimal | timedelta | int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """One limit of a rule beside one trade."""

    rule: str
    """The rule's name."""
    what: str
    """What was checked, such as `Position size`."""
    verdict: AuditVerdict
    """Whether the trade passed."""
    gravity: Gravity
    """How grave a violation of the rule is."""
    expected: Figure = None
    """The limit, or the words that are allowed."""
    actual: Figure = None
    """What the trade has; None where it is not known."""
    excess: Figure = None
    """By how much a limit is exceeded; None where that is no number."""
    share: Decimal | None = None
    """The excess as a share of the limit; None where that is no number."""
    market_price: Decimal | None = None
    """The market's price that a price was compared with; None for other checks."""
    why: str = ""
    """Why it could not be judged."""


@dataclass(frozen=True, slots=True)
class TradeAudit:
    """All checks of one trade."""

    trade: Trade
    """The trade."""
    checks: tuple[AuditCheck, ...]
    """The checks of all rules that are about it."""

    @property
    def failed(self) -> list[AuditCheck]:
        """The checks that failed, the gravest first."""
        failed = [check for check in self.checks if check.verdict is AuditVerdict.FAILED]
        return sorted(failed, key=lambda one: -list(Gravity).index(one.gravity))

    @property
    def unjudged(self) -> list[AuditCheck]:
        """The checks that could not be judged."""
        return [check for check in self.checks if check.verdict is AuditVerdict.NOT_JUDGED]

    @property
    def verdict(self) -> AuditVerdict:
        """Failed if a check failed; passed if all passed; else not judged."""
        if self.failed:
            return AuditVerdict.FAILED
        return AuditVerdict.NOT_JUDGED if self.unjudged or not self.checks else AuditVerdict.PASSED

    @property
    def gravity(self) -> Gravity:
        """The gravest violation; low without any."""
        return self.failed[0].gravity if self.failed else Gravity.LOW


AgentKey = tuple[str, str, Mode, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceThen:
    """What the market of a trade cost at a moment."""

    price: Decimal | None = None
    """The price, above 0; None where none is known."""
    why: str = ""
    """Why none is known."""


PricesThen = Callable[[Trade, datetime], PriceThen]


def _no_prices(trade: Trade, at: datetime) -> PriceThen:  # noqa: ARG001
    return PriceThen(why=f"{NOT_PRICED} {trade.market}")


class Auditor:
    """Judges trades in the order of their closes. It remembers what an agent lost in the day, and its last trades."""

    def __init__(self, rules: Sequence[AuditRule], zone: str, prices: PricesThen = _no_prices) -> None:
        self._rules = rules
        self._prices = prices
        self._zone = ZoneInfo(zone)
        self._days: dict[AgentKey, tuple[date, Decimal]] = {}
        self._closes: dict[tuple[str, AgentKey], deque[datetime]] = defaultdict(deque)

    def look(self, trade: Trade) -> TradeAudit:
        """All checks of the next trade."""
        key = (trade.ledger, trade.agent, trade.mode, trade.pnl.currency)
        day = trade.closed_at.astimezone(self._zone).date()
        known, made = self._days.get(key, (day, Decimal(0)))
        made = (made if known == day else Decimal(0)) + trade.pnl.amount
        self._days[key] = day, made
        found: list[AuditCheck] = []
        for rule in self._rules:
            if rule.judges(trade):
                found += _amounts(rule, trade, Money(made, trade.pnl.currency))
                found += self._checks(rule, trade, key)
        return TradeAudit(trade, tuple(found))

    def _checks(self, rule: AuditRule, trade: Trade, key: AgentKey) -> Iterator[AuditCheck]:
        if rule.markets:
            yield _word(rule, "Market", rule.markets, trade.market)
        if rule.sides:
            yield _word(rule, "Side", rule.sides, trade.side)
        if rule.leverage is not None:
            yield _leverage(rule, rule.leverage, trade)
        if rule.holding is not None:
            yield _span(rule, rule.holding, trade.held)
        if rule.hours is not None:
            yield self._hours(rule, rule.hours, trade)
        if rule.pace is not None:
            yield self._pace(rule, rule.pace, trade, key)
        if rule.fee_share is not None:
            yield _fees(rule, rule.fee_share, trade)
        if rule.price_off is not None:
            for what, price, at in (
                ("Entry price", trade.entry_price, trade.opened_at),
                ("Exit price", trade.exit_price, trade.closed_at),
            ):
                then = self._prices(trade, at) if at and price is not None else PriceThen(why=NOT_STORED)
                yield _price(rule, rule.price_off, what, price, then)

    def _hours(self, rule: AuditRule, hours: WeeklyHours, trade: Trade) -> AuditCheck:
        if trade.opened_at is None:
            return _unknown(rule, "Trading hours", str(hours), NOT_STORED)
        seen = hours.seen_from(self._zone.key)
        at = trade.opened_at.astimezone(ZoneInfo(seen.zone or self._zone.key))
        shown = f"{at:%H:%M:%S}" if len(hours.days) == 7 else f"{at:%a %H:%M:%S}"
        return _check(rule, "Trading hours", seen.holds(trade.opened_at), str(hours), shown)

    def _pace(self, rule: AuditRule, pace: tuple[int, timedelta], trade: Trade, key: AgentKey) -> AuditCheck:
        recent = self._closes[rule.name, key]
        recent.append(trade.closed_at)
        while recent[0] <= trade.closed_at - pace[1]:
            recent.popleft()
        n = len(recent)
        over = n - pace[0]
        return _check(rule, "Pace", over <= 0, pace[0], n, over, Decimal(over) / pace[0])


def _amounts(rule: AuditRule, trade: Trade, today: Money) -> Iterator[AuditCheck]:
    nothing = Money(Decimal(0), trade.pnl.currency)
    if rule.position:
        yield _money(rule, "Position size", rule.position, _size(trade), trade)
    if rule.loss:
        yield _money(rule, "Loss", rule.loss, max(-trade.pnl, nothing), trade)
    if rule.daily_loss:
        yield _money(rule, "Daily loss", rule.daily_loss, max(-today, nothing), trade)


def _check(
    rule: AuditRule,
    what: str,
    passed: bool,
    expected: Figure,
    actual: Figure,
    excess: Figure = None,
    share: Decimal | None = None,
) -> AuditCheck:
    return AuditCheck(
        rule=rule.name,
        what=what,
        verdict=AuditVerdict.PASSED if passed else AuditVerdict.FAILED,
        gravity=rule.gravity,
        expected=expected,
        actual=actual,
        excess=None if passed else excess,
        share=None if passed else share,
    )


def _unknown(rule: AuditRule, what: str, expected: Figure, why: str) -> AuditCheck:
    return AuditCheck(
        rule=rule.name, what=what, verdict=AuditVerdict.NOT_JUDGED, gravity=rule.gravity, expected=expected, why=why
    )


def _size(trade: Trade) -> Money | None:
    if trade.size is None or trade.entry_price is None:
        return None
    return Money(abs(trade.size) * trade.entry_price, trade.pnl.currency)


def _money(rule: AuditRule, what: str, limits: Mapping[str, Money], actual: Money | None, trade: Trade) -> AuditCheck:
    limit = limits.get(trade.pnl.currency)
    if limit is None:
        return _unknown(rule, what, None, f"the rule has no limit in {trade.pnl.currency}")
    if actual is None:
        return _unknown(rule, what, limit, NOT_STORED)
    over = actual - limit
    return _check(rule, what, over.amount <= 0, limit, actual, over, over / limit)


def _word(rule: AuditRule, what: str, allowed: Sequence[str], actual: str) -> AuditCheck:
    fits = any(fnmatchcase(actual.casefold(), one.casefold()) for one in allowed)
    return _check(rule, what, fits, ", ".join(allowed), actual)


def _span(rule: AuditRule, limit: timedelta, actual: timedelta | None) -> AuditCheck:
    if actual is None:
        return _unknown(rule, "Holding time", limit, NOT_STORED)
    over = actual - limit
    share = Decimal(str(over.total_seconds())) / Decimal(str(limit.total_seconds()))
    return _check(rule, "Holding time", over <= timedelta(0), limit, actual, over, share)


def _leverage(rule: AuditRule, limit: Decimal, trade: Trade) -> AuditCheck:
    if trade.leverage is None:
        return _unknown(rule, "Leverage", _times(limit), NOT_STORED)
    over = trade.leverage - limit
    return _check(rule, "Leverage", over <= 0, _times(limit), _times(trade.leverage), _times(over), over / limit)


def _times(ratio: Decimal) -> str:
    return f"{_plain(ratio)}×"


def _price(rule: AuditRule, limit: Decimal, what: str, price: Decimal | None, then: PriceThen) -> AuditCheck:
    if price is None or then.price is None:
        return _unknown(rule, what, _percent(limit), then.why)
    over = abs(price / then.price - 1) - limit
    found = _check(rule, what, over <= 0, _percent(limit), price, _percent(over), over / limit if limit else None)
    return replace(found, market_price=then.price)


def _percent(share: Decimal) -> str:
    """A share in percent, of a small one the first two digits."""
    percent = share * 100
    places = max(2, 1 - percent.adjusted()) if percent else 0
    return f"{_plain(round(percent, places))}%"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _fees(rule: AuditRule, limit: Decimal, trade: Trade) -> AuditCheck:
    words = f"{limit * 100:f}".rstrip("0").rstrip(".") + "%"
    share = trade.fees / trade.volume if trade.fees is not None and trade.volume else None
    if share is None:
        return _unknown(rule, "Fees", words, NOT_STORED)
    over = share - limit
    return _check(rule, "Fees", over <= 0, words, f"{share * 100:.3f}%", None, over / limit if limit else None)
