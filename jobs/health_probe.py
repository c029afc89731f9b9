"""The health board of the machine, the trading databases, the probes and the reporter itself, and their alerts.

The board changes only when something important changes. The part above its footer depends on levels, limits and hourly
means; figures that differ from round to round stand in the footer. Otherwise the board would be edited every 30
seconds, and Discord limits the edits of a message that is older than an hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypedDict
from zoneinfo import ZoneInfo

from pydantic import Field

from reporter import Context, LedgerError, Level, Observation, Period, Report, job
from reporter.jobs.kit import (
    DEFAULT,
    HOST_SUBJECTS,
    LEVEL_MARKS,
    LEVEL_TITLES,
    LEVEL_TONES,
    SELF_SUBJECTS,
    WORST_FIRST,
    AlertState,
    DefaultLimits,
    Freshness,
    FreshnessRule,
    HealthSign,
    Host,
    HostLimits,
    LedgerHealth,
    Measurement,
    NumberLimits,
    Reading,
    SelfLimits,
    duration_text,
    entered,
    host_signs,
    level_summary,
    name_of,
    self_signs,
    size_text,
    time_until_full,
    trouble_since,
    usual_latency,
    worst_level,
)


class Parameters(HostLimits):
    """What counts as trouble, and how many lines the board may have before it sums up those that are well.

    `ledger` is how many seconds a trading database may take; `heartbeat_minutes` how long an agent that reports itself
    may be silent; `newest_trade_hours` how old the newest trade of a ledger without `fresh` may be (not watched unless
    given); `own` limits how the reporter itself keeps up; `repost_hours` is after how many hours the board is posted
    anew.
    """

    ledger: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    heartbeat_minutes: float | None = Field(5, gt=0)
    newest_trade_hours: float | None = Field(None, gt=0)
    own: SelfLimits = SelfLimits()
    lines: int = Field(20, ge=0)
    repost_hours: float | None = Field(None, gt=0)

    @property
    def heartbeat(self) -> timedelta | None:
        return None if self.heartbeat_minutes is None else timedelta(minutes=self.heartbeat_minutes)

    @property
    def repost(self) -> timedelta | None:
        return None if self.repost_hours is None else timedelta(hours=self.repost_hours)


Standing = Mapping[str, AlertState]

# All agents, where none can be read.
AGENTS = "probe/agents"
# What it observes besides the probes of the config.
OBSERVES = (*HOST_SUBJECTS, *SELF_SUBJECTS, "probe/ledger-{ledger}", "probe/agents-{ledger}", AGENTS)
# The clocks of two machines may differ by so much.
AHEAD = timedelta(minutes=1)
# How far back one looks for the pace at which a disk fills.
PACE = timedelta(days=3)
# So many troubles have a line each, however short the board is to be.
FEWEST_TROUBLES = 10
# What an untroubled machine shows of its figures, in the footer.
IN_FOOTER = ("CPU", "Memory", "Load", "Disk", "Temperature")


@dataclass(frozen=True)
class Item:
    """One thing that was looked at, under the name that people know it by. `words` is what the board says of it."""

    name: str
    """The name that people know it by."""
    seen: Observation
    """What was observed."""
    words: str
    """What the board says of it."""
    latency: float | None = None
    """How long the answer took, in seconds; None for what does not answer."""
    fresh: bool = True
    """Whether it was looked at in this round."""
    kind: str = ""
    """The kind of the probe; empty for the machine."""


@dataclass(frozen=True)
class Row:
    """One line of the board; `since` is when the trouble began."""

    mark: str
    """The mark of its level."""
    name: str
    """The name that people know it by."""
    words: str
    """What the board says of it."""
    since: datetime | None
    """When the trouble began; None for what is well."""


class Facts(TypedDict):
    """What the report adds for its template."""

    mark: str
    """The mark of the worst level: ✅, ⚠️, 🚨, ⚪."""
    summary: str
    """How many things stand at each level: `2 critical, 3 warnings`."""
    host: Host | None
    """The figures of this machine."""
    started: datetime | None
    """When the daemon started."""
    troubles: list[Row]
    """What is not well, the worst first."""
    more: list[tuple[str, int, str, str]]
    """Troubles that find no place: mark, number, kind, level."""
    well: list[Row]
    """What is well, one by one."""
    folded: list[tuple[str, int, str, str]]
    """What is well, counted by kind, where there are too many to list."""
    own: bool
    """Whether the reporter itself is well."""
    machine: list[Row]
    """What is watched of this machine, the worst first."""
    machine_well: str
    """The names of what is well on this machine."""
    untold: list[tuple[str, str]]
    """What the machine does not report, and why."""
    figures: list[tuple[str, str]]
    """Name and value of what was measured just now, for the footer."""


@job(covers="now", schedule="every 30s", params=Parameters, everywhere=True, observes=OBSERVES, answers=("health",))
def health_probe(ctx: Context[Parameters]) -> Iterator[Report | Observation]:
    """The health board of the machine, the trading databases, all probes and the reporter itself, and their alerts."""
    standing = {state.subject: state for state in ctx.history.open_alerts()}
    host = ctx.host()
    machine = list(_machine(ctx, host, standing))
    own = list(_own(ctx, host, standing))
    floor_ = list(_floor(ctx, standing)) if ctx.ours else []
    yield from (item.seen for item in [*machine, *floor_, *own] if item.fresh)
    if not host.shared:
        yield _board(ctx, "board", host, machine, [*floor_, *_elsewhere(standing)], own, standing)
        return
    here = [item for item in own if "@" in item.seen.subject]
    yield _board(ctx, f"machine@{host.name}", host, machine, [], here, standing)
    if ctx.ours:
        common = [item for item in own if item not in here]
        yield _board(ctx, "board", None, [], [*floor_, *_elsewhere(standing)], common, standing)


# --- The machine, and the reporter on it ---


def _machine(ctx: Context[Parameters], host: Host, standing: Standing) -> Iterator[Item]:
    def ahead(subject: str, figure: float) -> timedelta | None:
        past = Period(ctx.now - PACE, ctx.now, "the last three days")
        return time_until_full(ctx.history.spans(subject, past), ctx.now, figure)

    yield from map(_item, host_signs(host, ctx.params, standing, ctx.now, ahead))


def _own(ctx: Context[Parameters], host: Host, standing: Standing) -> Iterator[Item]:
    for vital in self_signs(ctx.history.self_health(), host, ctx.params.own, standing, ctx.now):
        if ctx.ours or "@" in vital.seen.subject:
            yield _item(vital)


def _item(vital: HealthSign) -> Item:
    return Item(vital.name, vital.seen, vital.words)


# --- The trading floor ---


def _floor(ctx: Context[Parameters], standing: Standing) -> Iterator[Item]:
    """The trading databases, their agents, and whatever is probed."""
    ledgers = ctx.ledger.health()
    yield from _ledgers(ledgers, ctx, standing)
    yield from _agents(ctx, ledgers, standing)
    yield from map(_probed, ctx.probe_all())
    yield from _taken_away(ledgers, standing)


def _taken_away(ledgers: Sequence[LedgerHealth], standing: Standing) -> Iterator[Item]:
    """Trouble with a ledger that is not in the config any more is over."""
    known = {f"probe/{kind}-{ledger.ledger}" for ledger in ledgers for kind in ("ledger", "agents")}
    for subject in standing:
        if subject.startswith(("probe/ledger-", "probe/agents-")) and subject not in known:
            words = "is not in the config any more"
            yield Item(subject, Observation(subject, Level.OK, words), words)


def _probed(reading: Reading) -> Item:
    seen = reading.observation
    return Item(reading.name, seen, seen.detail, reading.latency, reading.fresh, reading.kind)


def _ledgers(ledgers: Sequence[LedgerHealth], ctx: Context[Parameters], standing: Standing) -> Iterator[Item]:
    for ledger in ledgers:
        subject = f"probe/ledger-{ledger.ledger}"
        if not ledger.reachable:
            state = standing.get(subject)
            stands = state.observation.stands if state and state.observation else ()
            why = f"cannot be read: {ledger.error or 'no answer'}"
            seen = Observation(subject, Level.CRITICAL, why, stands=stands)
        else:
            seen = _answering(ledger, subject, ctx, standing.get(subject))
        yield Item(ledger.ledger, seen, seen.detail, ledger.latency, kind="ledger")


def _answering(ledger: LedgerHealth, subject: str, ctx: Context[Parameters], state: AlertState | None) -> Observation:
    age = ctx.now - ledger.newest_trade_at if ledger.newest_trade_at else None
    ahead = ctx.now - ledger.ahead_at if ledger.ahead_at else None
    newest = _newest_trade(age) if ahead is None else f"{_newest_trade(ahead)} Before it: {_newest_trade(age)}"
    fresh = ledger.freshness or _by_hours(ledger, ctx)
    latency = Measurement("latency", ledger.latency or 0.0, ctx.params.ledger.threshold, _seconds)
    grade = latency.grade(state.entered(latency.key) if state else Level.OK)
    if grade.level is not Level.OK:
        words = f"online, but slow: {grade.beyond}"
    elif fresh and (ahead or age or timedelta()) < -AHEAD:
        stands = entered({latency.key: grade.level})
        return Observation(subject, Level.UNKNOWN, newest, duration_text(ahead or age), stands=stands)
    elif fresh and (fresh.stale or not fresh.known):
        level = Level.CRITICAL if fresh.failed else Level.WARNING if fresh.stale else Level.UNKNOWN
        words = _newest_trade(age) if not fresh.within_hours else str(fresh)
        return Observation(
            subject, level, words, duration_text(fresh.age), _seconds(fresh.limit.total_seconds()), latency.figure
        )
    else:
        words = f"online, {newest}"
    stands = entered({latency.key: grade.level})
    return Observation(subject, grade.level, words, grade.value, grade.limit_text, ledger.latency, stands=stands)


def _by_hours(ledger: LedgerHealth, ctx: Context[Parameters]) -> Freshness | None:
    """By what this job's parameters say of every ledger."""
    hours = ctx.params.newest_trade_hours
    rule = FreshnessRule(warn=timedelta(hours=hours)) if hours is not None else None
    return rule.judge(ledger.ledger, ledger.newest_trade_at, ctx.now) if rule else None


def _seconds(figure: float) -> str:
    return duration_text(figure) or "N/A"


def _newest_trade(age: timedelta | None) -> str:
    """Coarse on purpose: a finer age would change the board with every trade and every minute."""
    if age is None:
        return "no trade yet"
    if age < -AHEAD:
        return f"newest trade {duration_text(-age, units=1)} ahead: is its time right, and is it kept in UTC?"
    hours = int(age.total_seconds() // 3600)
    if hours < 1:
        return "newest trade within the hour"
    return f"newest trade {duration_text(hours * 3600, units=2 if hours < 48 else 1)} ago"


def _agents(ctx: Context[Parameters], ledgers: Sequence[LedgerHealth], standing: Standing) -> Iterator[Item]:
    """How many of each ledger's agents run, for those whose ledger says anything about it."""
    if not any(ledger.reachable for ledger in ledgers):
        return
    try:
        agents = ctx.ledger.agents()
    except LedgerError as error:
        words = f"cannot be read: {error}"
        yield Item("Trading agents", Observation(AGENTS, Level.UNKNOWN, words), words, kind="agents")
        return
    if AGENTS in standing:
        words = "can be read again"
        yield Item("Trading agents", Observation(AGENTS, Level.OK, words), words, kind="agents")
    names = list(dict.fromkeys(agent.ledger for agent in agents))
    counted = set[str]()
    for name in names:
        running = {agent.name: agent.runs(ctx.now, ctx.params.heartbeat) for agent in agents if agent.ledger == name}
        known = {agent: runs for agent, runs in running.items() if runs is not None}
        if known:
            ahead = [
                agent.name for agent in agents if agent.ledger == name and agent.is_ahead(ctx.now, ctx.params.heartbeat)
            ]
            last_seen = {agent.name: agent.last_seen for agent in agents if agent.ledger == name}
            seen = _roll_call(name, known, ahead, last_seen, ctx.period.zone)
            called = "Trading agents" + (f" · {name}" if len(names) > 1 else "")
            counted.add(name)
            yield Item(called, seen, seen.detail, kind="agents")
    read = {ledger.ledger for ledger in ledgers if ledger.reachable}
    yield from _uncounted(sorted(read - counted), standing)


def _uncounted(ledgers: Sequence[str], standing: Standing) -> Iterator[Item]:
    """Trouble with agents whose ledger was read and says nothing of them any more is over."""
    for name in ledgers:
        if f"probe/agents-{name}" in standing:
            words = "no longer watched: no heartbeat or status of an agent counts"
            yield Item(f"Trading agents · {name}", Observation(f"probe/agents-{name}", Level.OK, words), words)


def _roll_call(
    ledger: str, running: Mapping[str, bool], ahead: Sequence[str], last_seen: Mapping[str, datetime | None], zone: str
) -> Observation:
    unknown = [name for name in running if name in ahead]
    silent = [name for name, runs in running.items() if not runs and name not in unknown]
    words = f"{sum(running.values())}/{len(running)} running"
    words += _listed("silent", silent) + _listed("last seen in the future (is it kept in UTC?)", unknown)
    level = Level.CRITICAL if silent else Level.UNKNOWN if unknown else Level.OK
    known = [(name, last_seen.get(name)) for name in silent[:5]]
    local = [(name, at.astimezone(ZoneInfo(zone))) for name, at in known if at]
    notes = tuple(f"{name}: last heartbeat at {at:%Y-%m-%d %H:%M:%S %Z}" for name, at in local)
    return Observation(f"probe/agents-{ledger}", level, words, notes=notes)


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f", {what}: {', '.join(names[:5])}{more}" if names else ""


# --- The board ---


def _elsewhere(standing: Standing) -> Iterator[Item]:
    """Open alerts about what this round does not look at: a job that fails, a channel that takes nothing, a limit."""
    for subject, state in standing.items():
        if state.level is not Level.OK and not subject.startswith(("probe/", "network/", "self/")):
            words = state.observation.detail if state.observation else ""
            yield Item(name_of(subject), Observation(subject, state.level), words)


def _board(
    ctx: Context[Parameters],
    slot: str,
    host: Host | None,
    machine: Sequence[Item],
    things: Sequence[Item],
    own: Sequence[Item],
    standing: Standing,
) -> Report:
    means = ctx.history.means()
    items = [*things, *machine, *own]
    levels = [item.seen.level for item in items]
    well = [item for item in things if item.seen.level is Level.OK]
    fold = len(things) > ctx.params.lines
    troubles, most = _worst_first([*things, *_named(own)]), max(ctx.params.lines, FEWEST_TROUBLES)
    facts: Facts = {
        "mark": LEVEL_TITLES[worst_level(levels)],
        "summary": level_summary(levels, "All Systems Operational"),
        "host": host,
        "started": ctx.history.started_at(),
        "troubles": [_row(item, ctx.now, standing) for item in troubles[:most]],
        "more": _counted(troubles[most:]),
        "well": [] if fold else [_row(item, ctx.now, standing, means) for item in well],
        "folded": _counted(well) if fold else [],
        "own": _all_well(own),
        "machine": [_row(item, ctx.now, standing) for item in _worst_first(machine)],
        "machine_well": _names([item for item in machine if item.seen.level is Level.OK and item.seen.value]),
        "untold": [one for one in host.untold if not one[0].startswith("disk ")] if host else [],
        "figures": list(_figures(host, machine, things)),
    }
    return Report(facts=facts, tone=LEVEL_TONES[worst_level(levels)], slot=slot, repost=ctx.params.repost)


def _worst_first(items: Sequence[Item]) -> list[Item]:
    """What is in trouble."""
    return [item for level in WORST_FIRST[:-1] for item in items if item.seen.level is level]


def _named(own: Sequence[Item]) -> list[Item]:
    """The reporter's own signs, under a name that tells them from the machine's."""
    return [Item(f"Reporter · {item.name}", item.seen, item.words) for item in own]


def _all_well(own: Sequence[Item]) -> bool:
    return bool(own) and all(item.seen.level is Level.OK for item in own)


def _names(well: Sequence[Item]) -> str:
    """`CPU, Memory, Disk /, Disk /data and 9 more`: those that everybody asks for, and how many others."""
    first = [item.name for item in well if item.name.startswith(IN_FOOTER)]
    more = len(well) - len(first)
    return ", ".join(first) + (f" and {more} more" if more and first else "")


def _counted(items: Sequence[Item]) -> list[tuple[str, int, str, str]]:
    """Many things by their level and kind: mark, number, kind, and how they stand."""
    kinds = [(item.seen.level, item.kind or "other") for item in items]
    return [
        (LEVEL_MARKS[level], kinds.count((level, kind)), kind, "online" if level is Level.OK else level.value)
        for level, kind in dict.fromkeys(kinds)
    ]


def _row(item: Item, now: datetime, standing: Standing, means: Mapping[str, float] | None = None) -> Row:
    since = trouble_since(item.seen.level, standing.get(item.seen.subject), now)
    return Row(LEVEL_MARKS[item.seen.level], item.name, item.words + _usually(item, means or {}), since)


def _usually(item: Item, means: Mapping[str, float]) -> str:
    """What an answer takes as a rule, where its figure is its latency: ` · about 5ms`."""
    if item.latency is None or item.seen.figure != item.latency:
        return ""
    rule = usual_latency(means.get(item.seen.subject))
    return f" · {rule}" if rule else ""


def _figures(host: Host | None, machine: Sequence[Item], things: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """What was measured just now, for the footer: the machine, and the slowest answer of the floor."""
    for item in machine:
        if item.seen.value and (item.name.startswith(IN_FOOTER) or item.seen.level is not Level.OK):
            yield item.name, item.seen.value
    if host and host.network:
        yield "↓", f"{size_text(host.network.received)}/s"
        yield "↑", f"{size_text(host.network.sent)}/s"
    if timed := [item for item in things if item.latency is not None]:
        slowest = max(timed, key=lambda item: item.latency or 0.0)
        yield f"slowest {slowest.name}", duration_text(slowest.latency) or ""
