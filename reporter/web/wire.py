"""What goes over the wire: the shapes of REST's answers, and how our own types become them.

Amounts are decimal strings with their currency, shares are decimal strings (0..1), and times carry the offset of the
config's zone. What is unknown is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Literal

from typing_extensions import TypedDict

from reporter.alerts.incident import Incident
from reporter.alerts.pings import Ping, PingRule, PingState, observed
from reporter.delivery.channels import Channel
from reporter.jobs.binding import BoundJob
from reporter.messages.message import plain
from reporter.messages.spreadsheet import plain as exact_text
from reporter.store.announcements import Announcement
from reporter.store.channel_states import ChannelState
from reporter.store.events import StoredEvent
from reporter.store.incidents import TransitionRecord
from reporter.store.outbox import QueuedMessage
from reporter.trading.books import Book, BookLine, Figures, LeftOut, Open, Series, Unrated, Unread, UnreadableValue
from reporter.trading.freshness import Freshness
from reporter.trading.trades import Agent, Mode, Money, Position, Trade


class MoneyJson(TypedDict):
    amount: str
    currency: str


class UnreadJson(TypedDict):
    ledger: str
    why: str
    since: str | None


class FiguresJson(TypedDict):
    trades: int
    wins: int
    losses: int
    flat: int
    win_rate: str | None
    pnl: MoneyJson
    gross_profit: MoneyJson
    gross_loss: MoneyJson
    fees: MoneyJson | None
    funding: MoneyJson | None
    volume: MoneyJson | None
    longs: int
    shorts: int


class LineJson(FiguresJson):
    key: str
    ledger: str
    label: str
    capital: MoneyJson | None


class AgentLineJson(LineJson):
    mode: str


class OpenJson(TypedDict):
    positions: int
    unpriced: int
    unrealised: MoneyJson | None
    priced_at: str | None


class UnreadableJson(TypedDict):
    table: str
    id: str
    column: str
    value: str | None
    expected: str


class FaultJson(TypedDict):
    trades: int
    first: UnreadableJson


class LeftOutJson(TypedDict):
    ledger: str
    trades: int
    stray: int
    before: int
    first: list[UnreadableJson]
    faults: list[FaultJson]


class UnratedJson(TypedDict):
    ledger: str
    token: str
    trades: int
    of: int
    first: str


class StaleJson(TypedDict):
    ledger: str
    newest: str | None
    age_seconds: float | None
    limit_seconds: float
    why: str


class BookJson(FiguresJson):
    mode: str
    currency: str
    opening: MoneyJson | None
    closing: MoneyJson | None
    pnl_ratio: str | None
    drawdown: MoneyJson | None
    equity: MoneyJson | None
    open: OpenJson | None
    lines: list[LineJson]
    ledgers: list[str]
    left_out: list[LeftOutJson]
    unrated: list[UnratedJson]
    stale: list[StaleJson]


BooksJson = TypedDict(
    "BooksJson", {"from": str, "to": str, "books": list[BookJson], "unread": list[UnreadJson]}
)  # `from` is a word of Python


class AgentSeriesJson(TypedDict):
    key: str
    ledger: str
    label: str
    pnl: list[str]


class SeriesJson(TypedDict):
    mode: str
    currency: str
    opening: MoneyJson | None
    days: list[str]
    pnl: list[str]
    sharpe: str | None
    agents: list[AgentSeriesJson]


class SeriesAnswer(TypedDict):
    series: list[SeriesJson]
    unread: list[UnreadJson]


class TradeJson(TypedDict):
    id: str
    ledger: str
    agent: str
    strategy: str | None
    market: str
    side: str
    mode: str
    opened_at: str | None
    closed_at: str
    held_seconds: float | None
    size: str | None
    entry_price: str | None
    exit_price: str | None
    pnl: MoneyJson
    fees: MoneyJson | None
    funding: MoneyJson | None
    volume: MoneyJson | None
    entry_tag: str | None
    exit_reason: str | None
    leverage: str | None


class FacetJson(TypedDict):
    name: str
    trades: int


class TradeCountJson(TypedDict):
    """`timed_out` names what was counted among the newest trades only: `count`, or a column."""

    at_least: int
    agent: list[FacetJson]
    market: list[FacetJson]
    exit_reason: list[FacetJson]
    timed_out: list[str]


class TradesAnswer(TypedDict):
    trades: list[TradeJson]
    searched_to: str | None
    sorted_from: str | None
    count: TradeCountJson | None
    next: str | None
    unread: list[UnreadJson]


class PositionJson(TypedDict):
    id: str
    ledger: str
    agent: str
    strategy: str | None
    market: str
    side: str
    mode: str
    currency: str
    opened_at: str | None
    size: str | None
    entry_price: str | None
    current_price: str | None
    unrealised: MoneyJson | None
    priced_at: str | None


class PositionsAnswer(TypedDict):
    positions: list[PositionJson]
    unread: list[UnreadJson]


class AgentJson(TypedDict):
    name: str
    ledger: str
    strategy: str | None
    mode: str
    currency: str
    capital: MoneyJson | None
    status: str | None
    last_seen: str | None
    running: bool | None
    today: list[AgentLineJson]


class AgentsAnswer(TypedDict):
    agents: list[AgentJson]
    unread: list[UnreadJson]


class IncidentJson(TypedDict):
    id: str
    subject: str
    level: str
    worst: str
    opened_at: str
    since: str
    resolved_at: str | None
    notified: list[str]
    withheld: str | None
    acked_at: str | None
    acked_by: str | None
    acked_until: str | None
    note: str | None


class IncidentsAnswer(TypedDict):
    incidents: list[IncidentJson]
    next: str | None


class TransitionJson(TypedDict):
    at: str
    change: str
    level: str
    reason: str
    detail: str | None
    value: str | None
    limit: str | None
    notified: bool | None
    why: str | None
    channels: list[str]


class IncidentAnswer(TypedDict):
    incident: IncidentJson
    transitions: list[TransitionJson]


class MessageJson(TypedDict):
    id: int
    channel: str
    kind: str
    state: str
    title: str
    reference: str
    created_at: str
    sent_at: str | None
    url: str | None
    attempts: int
    error: str | None


class MessagesAnswer(TypedDict):
    messages: list[MessageJson]
    next: str | None


class CountJson(TypedDict):
    channel: str
    state: str
    number: int


class OutboxAnswer(MessagesAnswer):
    counts: list[CountJson]


class ReportsAnswer(TypedDict):
    reports: list[MessageJson]
    next: str | None


class JobJson(TypedDict):
    name: str
    about: str
    covers: str
    schedule: str
    timezone: str
    channels: list[str]
    enabled: bool
    next_at: str | None
    last_at: str | None
    last_outcome: str | None


class JobsAnswer(TypedDict):
    jobs: list[JobJson]
    broken: dict[str, str]


class ChannelJson(TypedDict):
    name: str
    kind: str
    state: str
    error: str | None
    ready_at: str | None


class ChannelsAnswer(TypedDict):
    channels: list[ChannelJson]


class EventJson(TypedDict):
    row: int
    id: str
    source: str
    kind: str
    title: str
    text: str
    severity: str
    agent: str
    fields: dict[str, str | bool | None]
    at: str
    received_at: str
    state: str
    why: str | None


class EventsAnswer(TypedDict):
    events: list[EventJson]
    next: str | None


class DayShareJson(TypedDict):
    day: str
    share: str | None


class StatusSubjectJson(TypedDict):
    subject: str
    level: str
    phase: Literal["ok", "suspect", "open", "recovering"]
    detail: str | None


class MaintenanceJson(TypedDict):
    """Maintenance that goes on, or comes within a week."""

    begins_at: str
    ends_at: str
    now: bool
    subjects: list[str]
    reason: str


class AnnouncementJson(TypedDict):
    """A text for those who look at the status page; without an end it stands until it is withdrawn."""

    id: int
    text: str
    severity: str
    begins_at: str
    ends_at: str | None
    author: str


class StatusAnswer(TypedDict):
    level: str
    summary: str
    watched: int
    failing: int
    subjects: list[StatusSubjectJson]
    maintenance: list[MaintenanceJson]
    announcements: list[AnnouncementJson]


class UptimeJson(TypedDict):
    subject: str
    days: list[DayShareJson]
    shares: dict[str, str | None]
    incidents: int


class UptimeAnswer(TypedDict):
    uptime: list[UptimeJson]


class PingStateJson(TypedDict):
    name: str
    schedule: str
    grace_seconds: float
    level: str
    detail: str
    due_at: str
    pinged_at: str | None
    started_at: str | None
    paused_at: str | None
    took_seconds: float | None


class PingJson(TypedDict):
    kind: str
    at: str
    rid: str | None
    status: int | None
    text: str


class PingStatesAnswer(TypedDict):
    pings: list[PingStateJson]


class PingsAnswer(TypedDict):
    state: PingStateJson
    pings: list[PingJson]


class OperationJson(TypedDict):
    name: str
    aliases: list[str]
    usage: str
    help: str
    role: str


class OperationsAnswer(TypedDict):
    commands: list[OperationJson]


class AnswerJson(TypedDict):
    text: list[str]


class Wire:
    """Our types as JSON, with times in one zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def moment(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat()

    def maybe(self, moment: datetime | None) -> str | None:
        return None if moment is None else self.moment(moment)

    def unread(self, missing: Iterable[Unread]) -> list[UnreadJson]:
        first = {one.ledger: one for one in reversed(list(missing))}
        return [
            {"ledger": name, "why": first[name].why, "since": self.maybe(first[name].since)} for name in sorted(first)
        ]

    def book(self, book: Book) -> BookJson:
        return {
            **_figures(book),
            "mode": book.mode.value,
            "currency": book.currency,
            "opening": money(book.opening),
            "closing": money(book.closing),
            "pnl_ratio": number(book.pnl_ratio),
            "drawdown": money(book.drawdown),
            "equity": money(book.equity.closing) if book.equity else None,
            "open": self._open(book.open) if book.open else None,
            "lines": [line(one) for one in book.lines],
            "ledgers": list(book.ledgers),
            "left_out": list(map(_left_out, book.left_out)),
            "unrated": list(map(_unrated, book.unrated)),
            "stale": list(map(self._stale, book.stale)),
        }

    def _stale(self, one: Freshness) -> StaleJson:
        return {
            "ledger": one.ledger,
            "newest": self.maybe(one.newest),
            "age_seconds": _seconds(one.age),
            "limit_seconds": one.limit.total_seconds(),
            "why": str(one),
        }

    def _open(self, held: Open) -> OpenJson:
        return {
            "positions": held.positions,
            "unpriced": held.unpriced,
            "unrealised": money(held.unrealised),
            "priced_at": self.maybe(held.priced_at),
        }

    def series(self, one: Series, sharpe: float | None) -> SeriesJson:
        return {
            "mode": one.mode.value,
            "currency": one.currency,
            "opening": money(one.opening),
            "days": list(map(date.isoformat, one.days)),
            "pnl": list(map(exact_text, one.pnl)),
            "sharpe": None if sharpe is None else f"{sharpe:.6f}",
            "agents": [
                {"key": a.key, "ledger": a.ledger, "label": a.label, "pnl": list(map(exact_text, a.pnl))}
                for a in one.agents
            ],
        }

    def trade(self, trade: Trade) -> TradeJson:
        return {
            "id": trade.id,
            "ledger": trade.ledger,
            "agent": trade.agent,
            "strategy": trade.strategy,
            "market": trade.market,
            "side": trade.side,
            "mode": trade.mode.value,
            "opened_at": self.maybe(trade.opened_at),
            "closed_at": self.moment(trade.closed_at),
            "held_seconds": _seconds(trade.held),
            "size": number(trade.size),
            "entry_price": number(trade.entry_price),
            "exit_price": number(trade.exit_price),
            "pnl": exactly(trade.pnl),
            "fees": money(trade.fees),
            "funding": money(trade.funding),
            "volume": money(trade.volume),
            "entry_tag": trade.entry_tag,
            "exit_reason": trade.exit_reason,
            "leverage": number(trade.leverage),
        }

    def position(self, one: Position) -> PositionJson:
        return {
            "id": one.id,
            "ledger": one.ledger,
            "agent": one.agent,
            "strategy": one.strategy,
            "market": one.market,
            "side": one.side,
            "mode": one.mode.value,
            "currency": one.currency,
            "opened_at": self.maybe(one.opened_at),
            "size": number(one.size),
            "entry_price": number(one.entry_price),
            "current_price": number(one.current_price),
            "unrealised": money(one.unrealised),
            "priced_at": self.maybe(one.priced_at),
        }

    def agent(self, agent: Agent, *, runs: bool | None, today: Iterable[tuple[Mode, BookLine]]) -> AgentJson:
        return {
            "name": agent.name,
            "ledger": agent.ledger,
            "strategy": agent.strategy,
            "mode": agent.mode.value,
            "currency": agent.currency,
            "capital": money(agent.capital),
            "status": agent.status,
            "last_seen": self.maybe(agent.last_seen),
            "running": runs,
            "today": [{**line(one), "mode": mode.value} for mode, one in today],
        }

    def incident(self, one: Incident) -> IncidentJson:
        return {
            "id": one.id,
            "subject": one.subject,
            "level": one.level.value,
            "worst": one.worst.value,
            "opened_at": self.moment(one.opened_at),
            "since": self.moment(one.since),
            "resolved_at": self.maybe(one.resolved_at),
            "notified": list(one.notified),
            "withheld": one.withheld,
            "acked_at": self.maybe(one.acked_at),
            "acked_by": one.acked_by,
            "acked_until": self.maybe(one.acked_until),
            "note": one.note,
        }

    def transition(self, record: TransitionRecord) -> TransitionJson:
        change, seen = record.transition, record.transition.observation
        return {
            "at": self.moment(record.at),
            "change": change.change.value,
            "level": change.level.value,
            "reason": change.reason,
            "detail": seen.detail,
            "value": seen.value,
            "limit": seen.limit,
            "notified": record.notified,
            "why": record.reason,
            "channels": list(record.channels),
        }

    def message(self, one: QueuedMessage) -> MessageJson:
        return {
            "id": one.id,
            "channel": one.channel,
            "kind": one.kind,
            "state": one.state,
            "title": plain(one.message.title),
            "reference": one.reference,
            "created_at": self.moment(one.created_at),
            "sent_at": self.maybe(one.sent_at),
            "url": one.url,
            "attempts": one.attempts,
            "error": one.error,
        }

    def job(
        self, bound: BoundJob, next_at: datetime | None, last_at: datetime | None, last_outcome: str | None
    ) -> JobJson:
        return {
            "name": bound.name,
            "about": bound.job.doc.partition("\n")[0],
            "covers": bound.job.covers.value,
            "schedule": bound.schedule.describe(),
            "timezone": bound.timezone,
            "channels": list(bound.channels),
            "enabled": bound.enabled,
            "next_at": self.maybe(next_at),
            "last_at": self.maybe(last_at),
            "last_outcome": last_outcome,
        }

    def channel(self, channel: Channel, state: ChannelState | None, now: datetime) -> ChannelJson:
        dead = state is not None and state.dead_since is not None
        waits = state is not None and state.ready_at > now
        failing = state is not None and state.failures > 0
        return {
            "name": channel.name,
            "kind": channel.outlet.kind,
            "state": "dead" if dead else "waiting" if waits else "failing" if failing else "well",
            "error": state.error if state else None,
            "ready_at": self.maybe(state.ready_at) if state and waits else None,
        }

    def announcement(self, one: Announcement) -> AnnouncementJson:
        return {
            "id": one.id,
            "text": one.text,
            "severity": one.severity,
            "begins_at": self.moment(one.begins_at),
            "ends_at": self.maybe(one.ends_at),
            "author": one.author,
        }

    def ping_state(self, rule: PingRule, state: PingState, now: datetime) -> PingStateJson:
        seen = observed(rule, state, now.astimezone(self._zone))
        return {
            "name": rule.name,
            "schedule": str(rule.schedule),
            "grace_seconds": rule.grace.total_seconds(),
            "level": seen.level.value,
            "detail": seen.detail,
            "due_at": self.moment(state.due_at),
            "pinged_at": self.maybe(state.pinged_at),
            "started_at": self.maybe(state.started_at),
            "paused_at": self.maybe(state.paused_at),
            "took_seconds": state.took,
        }

    def ping(self, one: Ping) -> PingJson:
        return {"kind": one.kind, "at": self.moment(one.at), "rid": one.rid, "status": one.status, "text": one.text}

    def event(self, event: StoredEvent) -> EventJson:
        fields = {
            name: value if value is None or isinstance(value, bool) else str(value)
            for name, value in event.fields.items()
        }
        return {
            "row": event.row,
            "id": event.id,
            "source": event.source,
            "kind": event.kind,
            "title": event.title,
            "text": event.text,
            "severity": event.severity,
            "agent": event.agent,
            "fields": fields,
            "at": self.moment(event.at),
            "received_at": self.moment(event.received_at),
            "state": event.state,
            "why": event.why,
        }


def money(found: Money | None) -> MoneyJson | None:
    return None if found is None else exactly(found)


def exactly(found: Money) -> MoneyJson:
    return {"amount": exact_text(found.amount), "currency": found.currency}


def number(found: Decimal | None) -> str | None:
    return None if found is None else exact_text(found)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _figures(found: Figures) -> FiguresJson:
    return {
        "trades": found.trades,
        "wins": found.wins,
        "losses": found.losses,
        "flat": found.flat,
        "win_rate": number(found.win_rate),
        "pnl": exactly(found.pnl),
        "gross_profit": exactly(found.gross_profit),
        "gross_loss": exactly(found.gross_loss),
        "fees": money(found.fees),
        "funding": money(found.funding),
        "volume": money(found.volume),
        "longs": found.longs,
        "shorts": found.shorts,
    }


def _left_out(missing: LeftOut) -> LeftOutJson:
    return {
        "ledger": missing.ledger,
        "trades": missing.trades,
        "stray": missing.stray,
        "before": missing.before,
        "first": list(map(_unreadable, missing.first)),
        "faults": [{"trades": fault.trades, "first": _unreadable(fault.first)} for fault in missing.faults],
    }


def _unrated(one: Unrated) -> UnratedJson:
    return {"ledger": one.ledger, "token": one.token, "trades": one.trades, "of": one.of, "first": one.first}


def _unreadable(one: UnreadableValue) -> UnreadableJson:
    return {"table": one.table, "id": one.id, "column": one.column, "value": one.value, "expected": one.form}


def line(one: BookLine) -> LineJson:
    return {
        **_figures(one),
        "key": one.key,
        "ledger": one.ledger,
        "label": one.label,
        "capital": money(one.capital),
    }
