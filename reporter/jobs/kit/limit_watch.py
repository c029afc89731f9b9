"""Measures every limit of the config: what one round asks the ledgers, and the usage computed from it.

Subjects are `limit/KIND/MODE/CURRENCY`, and `…/LEDGER/AGENT` for an agent's own limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal, TypeVar

from pydantic import Field, PositiveInt

from reporter.alerts.model import Level, Observation
from reporter.jobs.context import Context, Params
from reporter.jobs.kit.limit_usage import LimitKind, LimitOwner, LimitUsage, OwnerKey
from reporter.messages.formats import Formats
from reporter.periods.civil import Period, trailing
from reporter.trading.books import Book, BookLine, Series
from reporter.trading.equity_curve import Curve
from reporter.trading.targets import RiskLimits
from reporter.trading.trade_statistics import Status, curve_of_series, deepest_fall, status
from reporter.trading.trades import Mode, Money, Position, Trade


class LimitParams(Params):
    """From what share of a limit on there is a warning (`warn_at`), and what is looked at.

    The win rate is that of the last `trades`, which are looked for in the last `days`, as losses in a row are. Agents
    are reviewed (`review`) by their last `review_days`. `unrealised` counts what is open towards the daily loss.
    `paper` is how grave alerts of paper books can be, or `off`. The trend is that of `trend_minutes`. `target` tells
    when the daily target is reached.
    """

    warn_at: float = Field(0.8, gt=0, lt=1)
    trades: PositiveInt = 50
    days: PositiveInt = 30
    review: bool = True
    review_days: PositiveInt = 7
    unrealised: bool = False
    paper: Literal["critical", "warning", "off"] = "warning"
    trend_minutes: PositiveInt = 30
    target: bool = True


DAILY_LOSS = LimitKind("daily_loss", "Daily Loss", daily=True)
DRAWDOWN = LimitKind("drawdown", "Drawdown", daily=True)
BELOW_PEAK = LimitKind("below_peak", "Below Peak")
POSITIONS = LimitKind("positions", "Open Positions")
EXPOSURE = LimitKind("exposure", "Exposure")
WIN_RATE = LimitKind("win_rate", "Win Rate", mild="Low Win Rate")
LOSSES = LimitKind("losses_in_a_row", "Losses in a Row", mild="Losing Streak")
REVIEW = LimitKind("review", "Review", mild="Agent Under Review")
LIMIT_KINDS = (DAILY_LOSS, DRAWDOWN, BELOW_PEAK, POSITIONS, EXPOSURE, WIN_RATE, LOSSES, REVIEW)

# How many of those who lost are named; how far beyond it a limit is that nothing can be a share of.
NAMED = 3
FAR_BEYOND = 99.0


@dataclass(frozen=True)
class LimitInputs:
    """What one round asks the ledgers, each no more than once and only if somebody wants to know."""

    ctx: Context[LimitParams]

    @cached_property
    def today(self) -> list[Book]:
        return self.ctx.books(self.ctx.period)

    @cached_property
    def formats(self) -> Formats:
        """Amounts as a report about the day writes them."""
        return self.ctx.formats.for_books(self.today)

    @cached_property
    def books(self) -> list[Book]:
        """Those of today, with the agents of the last days that have not traded today."""
        targets = self.ctx.targets
        far = any(map(_looks_back, (targets.limits, targets.paper, *targets.agents.values())))
        reviewed = self.ctx.params.review and (targets.review_win_rate or targets.drawdown)
        past = self.recent if far else self.reviewed if reviewed else []
        return [replace(book, lines=(*book.lines, *_others(book, book.counterpart(past)))) for book in self.today]

    @cached_property
    def recent(self) -> list[Book]:
        return self.ctx.books(trailing(self.ctx.period, self.ctx.params.days))

    @cached_property
    def reviewed(self) -> list[Book]:
        return self.ctx.books(trailing(self.ctx.period, self.ctx.params.review_days))

    @cached_property
    def earlier(self) -> list[Book]:
        """The day as it stood a while ago; nothing when it was not yet so long."""
        then = self.ctx.now - timedelta(minutes=self.ctx.params.trend_minutes)
        day = self.ctx.period
        return self.ctx.books(Period(day.start, then, "a while ago", day.zone)) if then > day.start else []

    @cached_property
    def history(self) -> list[Series]:
        return self.ctx.series(self.ctx.period, whole=True)

    @cached_property
    def trades(self) -> Mapping[OwnerKey, list[Trade]]:
        return _by_owner(self.ctx.ledger.closed_trades(self.ctx.period), lambda trade: trade.pnl.currency)

    @cached_property
    def positions(self) -> Mapping[OwnerKey, list[Position]]:
        return _by_owner(self.ctx.ledger.open_positions(), lambda position: position.currency)

    def last_trades(self, party: LimitOwner, trades: int) -> list[Trade]:
        """The last trades of somebody who closed so many in all of the days: looked for in as few days as hold them."""
        wanted = self.ctx.params.trades
        halvings = max(0, (trades // wanted).bit_length() - 1)
        while halvings and len(self._ending(halvings)[party.key]) < wanted:
            halvings -= 1
        return self._ending(halvings)[party.key][-wanted:]

    def _ending(self, halvings: int) -> Mapping[OwnerKey, list[Trade]]:
        """The trades of the last part of the days, which are cut in half so often."""
        if halvings not in self._kept:
            whole = trailing(self.ctx.period, self.ctx.params.days)
            part = Period(whole.end - whole.duration / 2**halvings, whole.end, "the last trades", whole.zone)
            self._kept[halvings] = _by_owner(self.ctx.ledger.closed_trades(part), lambda trade: trade.pnl.currency)
        return self._kept[halvings]

    @cached_property
    def _kept(self) -> dict[int, Mapping[OwnerKey, list[Trade]]]:
        return {}


def limit_usages(look: LimitInputs) -> Iterator[LimitUsage]:
    """Every limit that is set and how it stands, book by book and agent by agent."""
    targets, params = look.ctx.targets, look.ctx.params
    for book in look.books:
        if book.mode is Mode.PAPER and params.paper == "off":
            continue
        yield from _measured(look, LimitOwner(book), targets.limits_of(book.mode))
        for line in book.lines:
            yield from _measured(look, LimitOwner(book, line), targets.limits_of_agent(line.key))
            if params.review and (targets.review_win_rate or targets.drawdown.get(book.currency)):
                yield from _review(look, LimitOwner(book, line))


def _measured(look: LimitInputs, party: LimitOwner, limits: RiskLimits) -> Iterator[LimitUsage]:
    """Somebody's gauges, of the limits that are set."""
    currency = party.book.currency
    if limit := limits.daily_loss.get(currency):
        yield _daily_loss(look, party, limit)
    if limit := limits.drawdown.get(currency):
        yield _drawdown(look, party, limit)
    if limits.below_peak:
        yield _below_peak(look, party, limits.below_peak)
    if limits.least_win_rate:
        yield from _win_rate(look, party, limits.least_win_rate)
    if limits.losses_in_a_row:
        yield _losses(look, party, limits.losses_in_a_row)
    if limits.positions:
        count = len(look.positions[party.key])
        yield LimitUsage(POSITIONS, party, count / limits.positions, str(count), str(limits.positions))
    if limit := limits.exposure.get(currency):
        yield _exposure(look, party, limit)


def _daily_loss(look: LimitInputs, party: LimitOwner, limit: Money) -> LimitUsage:
    made, notes = party.figures.pnl, list(_trend(look, party))
    if look.ctx.params.unrealised:
        held = look.positions[party.key]
        known = [position.unrealised for position in held if position.unrealised is not None]
        made = sum(known, made)
        notes.append(f"Of it unrealised: {_money(look, made - party.figures.pnl)}, on {_count(len(known), 'position')}")
        if len(known) < len(held):
            notes.append(f"⚠️ {len(held) - len(known)} more without a price, not counted")
    lost = min(made, made - made)
    return LimitUsage(
        DAILY_LOSS,
        party,
        _share(lost, limit),
        _money(look, lost, mark=-limit),
        _money(look, -limit),
        (*notes, *_pulled(look, party)),
    )


def _drawdown(look: LimitInputs, party: LimitOwner, limit: Money) -> LimitUsage:
    """The deepest fall of the day so far: that of a book is known, that of an agent is found by its trades."""
    fall = party.book.drawdown
    if party.line:
        fall = Money(deepest_fall(trade.pnl.amount for trade in look.trades[party.key]), party.book.currency)
    if fall is None:
        why = "a trade cannot be read" if party.book.unreadable else "a ledger went away while its trades were read"
        return LimitUsage(DRAWDOWN, party, None, why)
    notes = (*_trend(look, party), *_pulled(look, party))
    return LimitUsage(
        DRAWDOWN, party, _share(fall, limit), _money(look, fall, mark=-limit), _money(look, -limit), notes
    )


def _below_peak(look: LimitInputs, party: LimitOwner, limit: Decimal) -> LimitUsage:
    """How far the account is below the highest that it ever ended a day at, today's so far included."""
    whole = _whole_curve(look, party)
    if whole is None or whole.capital is None:
        why = "its capital is not known: give the ledger a starting_balance"
        return LimitUsage(BELOW_PEAK, party, None, "a trade cannot be read" if party.book.left_out else why)
    fall = whole.drawdown
    if fall.current_share is None:
        return LimitUsage(BELOW_PEAK, party, None, "its capital was used up")
    percent, say = -fall.current_share, look.formats
    value = f"{_money(look, fall.current)} ({say.pct(-percent, 2, mark=-limit)})"
    return LimitUsage(
        BELOW_PEAK, party, float(percent / limit), value, f"{say.pct(-limit, 1)}", tuple(_pulled(look, party))
    )


def _whole_curve(look: LimitInputs, party: LimitOwner) -> Curve | None:
    """Somebody's days since the first trade; None where they have none."""
    book, line = party.book, party.line
    series = next((one for one in look.history if (one.mode, one.currency) == (book.mode, book.currency)), None)
    if series is None or line is None:
        return curve_of_series(series) if series else None
    course = next((agent for agent in series.agents if (agent.ledger, agent.key) == (line.ledger, line.key)), None)
    return curve_of_series(series, agent=course) if course else None


def _win_rate(look: LimitInputs, party: LimitOwner, least: Decimal) -> Iterator[LimitUsage]:
    """By the last trades, as soon as there are as many as a rate needs."""
    found, most, say = party.of(look.recent), look.ctx.params.trades, look.formats
    if found is None or found.trades < min(look.ctx.targets.review_after, most):
        return
    wins, trades = found.wins, found.trades
    if trades > most:
        wins, trades = sum(trade.pnl.amount > 0 for trade in look.last_trades(party, trades)), most
    rate = Decimal(wins) / trades
    value = f"{say.pct(rate)} of the last {_count(trades, 'trade')}"
    yield LimitUsage(WIN_RATE, party, float(least / rate) if rate else FAR_BEYOND, value, f"at least {say.pct(least)}")


def _losses(look: LimitInputs, party: LimitOwner, most: int) -> LimitUsage:
    found = party.of(look.recent)
    if found is None or found.streaks is None:
        return LimitUsage(
            LOSSES, party, None if found else 0.0, "the order of its trades is not known" if found else "0"
        )
    losses = max(0, -found.streaks.current)
    return LimitUsage(LOSSES, party, losses / most, str(losses), str(most))


def _exposure(look: LimitInputs, party: LimitOwner, limit: Money) -> LimitUsage:
    worth = [_worth(position) for position in look.positions[party.key]]
    known = [amount for amount in worth if amount is not None]
    if len(known) < len(worth) and not known:
        return LimitUsage(EXPOSURE, party, None, "no open position says its size and price")
    total = Money(sum(known, Decimal(0)), party.book.currency)
    missing = len(worth) - len(known)
    notes = (f"⚠️ {_count(missing, 'position')} of unknown size or price, not counted",) if missing else ()
    return LimitUsage(
        EXPOSURE, party, _share(-total, limit), _money(look, total, mark=limit), _money(look, limit), notes
    )


def _worth(position: Position) -> Decimal | None:
    price = position.current_price or position.entry_price
    return None if position.size is None or price is None else abs(position.size * price)


def _review(look: LimitInputs, party: LimitOwner) -> Iterator[LimitUsage]:
    found, targets, days = party.of(look.reviewed), look.ctx.targets, look.ctx.params.review_days
    if found is None:
        return
    reviewed = status(found, targets) is Status.UNDER_REVIEW
    rate = f", {look.formats.pct(found.win_rate)} WR" if found.trades else ""
    value = f"{_money(look, found.pnl)}{rate} in {_count(found.trades, 'trade')} of {_count(days, 'day')}"
    fall, least = targets.drawdown.get(party.book.currency), targets.review_win_rate
    limits = [f"-{_money(look, fall)}" if fall else "", f"{look.formats.pct(least)} WR" if least else ""]
    yield LimitUsage(REVIEW, party, float(reviewed), value, " or ".join(filter(None, limits)))


def _trend(look: LimitInputs, party: LimitOwner) -> Iterator[str]:
    """What the day had made a while ago, and what it has now."""
    then = party.of(look.earlier) if party.figures.pnl.amount < 0 else None
    if then is not None:
        minutes = look.ctx.params.trend_minutes
        yield f"{minutes} min ago: {_money(look, then.pnl)} → now {_money(look, party.figures.pnl)}"


def _pulled(look: LimitInputs, party: LimitOwner) -> Iterator[str]:
    """Which agents lost most of it today."""
    lost = sorted((line for line in party.book.lines if line.pnl.amount < 0), key=lambda line: line.pnl)
    if lost and not party.line:
        named = ", ".join(f"{line.label} {_money(look, line.pnl)}" for line in lost[:NAMED])
        more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
        yield f"Pulled by: {named}{more}, of {_money(look, party.book.pnl)} in all"


def unknown_observations(ctx: Context[LimitParams], books: Sequence[Book], away: str) -> Iterator[Observation]:
    """The limits in a currency that no book is in: its ledger cannot be read, or the limit is of another currency than
    was meant."""
    limits, traded = ctx.targets.limits_of(Mode.LIVE), {book.currency for book in books}
    why = f"{away} cannot be read" if away else f"nothing is traded in it, but in {', '.join(sorted(traded))}"
    wanted = ((DAILY_LOSS, limits.daily_loss), (DRAWDOWN, limits.drawdown), (EXPOSURE, limits.exposure))
    for measure, amounts in wanted if away or traded else ():
        for currency in amounts.keys() - traded:
            subject = f"limit/{measure.key}/{Mode.LIVE}/{currency}"
            yield Observation(subject, Level.UNKNOWN, f"{measure.name} in {currency} cannot be judged: {why}")


def _looks_back(limits: RiskLimits) -> bool:
    return bool(limits.least_win_rate or limits.losses_in_a_row)


def _others(book: Book, past: Book | None) -> list[BookLine]:
    """The agents of the past that are not in today's book, which have made nothing today."""
    here = {(line.ledger, line.key) for line in book.lines}
    return [line.idle() for line in past.lines if (line.ledger, line.key) not in here] if past else []


T = TypeVar("T", Trade, Position)


def _by_owner(found: Iterable[T], currency: Callable[[T], str]) -> Mapping[OwnerKey, list[T]]:
    """What is each book's, and in it each agent's; nobody else has any."""
    owned: dict[OwnerKey, list[T]] = defaultdict(list)
    for one in found:
        owned[one.mode, currency(one), "", ""].append(one)
        owned[one.mode, currency(one), one.ledger, one.agent].append(one)
    return owned


def _share(fall: Money, limit: Money) -> float:
    return float(-fall / limit or 0)


def _money(look: LimitInputs, money: Money, mark: Money | None = None) -> str:
    return look.formats.money(money, mark=mark) or ""


def _count(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"
