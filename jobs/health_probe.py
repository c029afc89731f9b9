"""The machine, the trading databases and whatever else is watched: one board that is edited in place, and its alerts.

The board changes only when something has changed: every sentence above its footer depends on levels and limits, and
what differs from round to round (latencies, percentages) stands in the footer. Otherwise it would be edited every
30 seconds, and Discord limits the edits of a message that is older than an hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field, model_validator

from reporter import (
    Agent,
    AlertState,
    Context,
    Host,
    LedgerError,
    LedgerHealth,
    Level,
    Observation,
    Params,
    Reading,
    Report,
    Tone,
    duration,
    job,
)


class Limits(Params):
    """From where on a figure is a warning, and from where on critical; null switches either off."""

    warning: float | None = Field(None, gt=0)
    critical: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> "Limits":
        if self.warning is not None and self.critical is not None and self.critical < self.warning:
            raise ValueError("`critical` must not be below `warning`")
        return self


class Percent(Limits):
    """Limits of a percentage."""

    warning: float | None = Field(85, gt=0, le=100)
    critical: float | None = Field(95, gt=0, le=100)


class PerCore(Limits):
    """Limits of the load average of five minutes, divided by the number of cores."""

    warning: float | None = Field(2, gt=0)
    critical: float | None = Field(4, gt=0)


class Seconds(Limits):
    """Limits of a time to answer."""

    warning: float | None = Field(1, gt=0)


class Parameters(Params):
    """What counts as trouble, and how many lines the board may have before it sums up those that are well.

    `ledger` is how many seconds a trading database may take; `heartbeat_minutes` how long an agent that reports itself
    may be silent; `newest_trade_hours` how old the newest trade of a ledger may be (not watched unless given).
    """

    cpu: Percent = Percent()
    memory: Percent = Percent()
    disk: Percent = Percent()
    load: PerCore = PerCore()
    ledger: Seconds = Seconds()
    heartbeat_minutes: float | None = Field(5, gt=0)
    newest_trade_hours: float | None = Field(None, gt=0)
    lines: int = Field(20, ge=0)


Standing = Mapping[str, AlertState]

# Once an alert is open, a figure must fall this far below its limit: one that wanders about it is one alert, not many.
LEAVING = 0.95
# What an agent's status says when nobody expects it to run.
RETIRED = {"archived", "disabled", "inactive", "paused", "retired", "stopped"}
RUNNING = {"active", "running"}

MARKS = {Level.OK: "🟢", Level.WARNING: "🟡", Level.CRITICAL: "🔴", Level.UNKNOWN: "⚪"}
TITLES = {Level.OK: "✅", Level.WARNING: "⚠️", Level.CRITICAL: "🚨", Level.UNKNOWN: "⚪"}
TONES = {Level.OK: Tone.GOOD, Level.WARNING: Tone.WARNING, Level.CRITICAL: Tone.CRITICAL, Level.UNKNOWN: Tone.NEUTRAL}
WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)


@dataclass(frozen=True)
class Item:
    """One thing that was looked at, under the name that people know it by. `words` is what the board says of it."""

    name: str
    seen: Observation
    words: str
    latency: float | None = None
    fresh: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the board; `since` is when the trouble began."""

    mark: str
    name: str
    words: str
    since: datetime | None


@job(covers="now", schedule="every 30s", params=Parameters)
def health_probe(ctx: Context[Parameters]) -> Iterator[Report | Observation]:
    """Whether the machine, the trading databases and all that is probed are well: a board, and alerts on changes."""
    standing = {state.subject: state for state in ctx.history.open_alerts()}
    host, ledgers = ctx.host(), ctx.ledger.health()
    machine = list(_machine(host, ctx.params, standing))
    floor = [
        *_ledgers(ledgers, ctx, standing),
        *_agents(ctx, ledgers),
        *(_probed(reading) for reading in ctx.probe_all()),
    ]
    yield from (item.seen for item in [*machine, *floor] if item.fresh)
    yield _board(ctx, host, machine, [*floor, *_elsewhere(standing)], standing)


def _probed(reading: Reading) -> Item:
    return Item(reading.name, reading.observation, reading.observation.detail, reading.latency, reading.fresh)


# --- The machine ---


def _machine(host: Host, params: Parameters, standing: Standing) -> Iterator[Item]:
    """What the machine tells. What it does not is no trouble: it has no line."""
    for name, key, figure, unit, limits in _told(host, params):
        if figure is not None:
            yield _measured(host.name, name, key, figure, unit, limits, standing)


def _told(host: Host, params: Parameters) -> Iterator[tuple[str, str, float | None, str, Limits]]:
    """Each figure of the machine: its name, its key in the subject, the figure, its unit and its limits."""
    yield "CPU", "host-cpu", host.cpu_percent, "%", params.cpu
    yield "Memory", "host-memory", _percent(host.memory_used, host.memory_total), "%", params.memory
    for disk in host.disks:
        yield f"Disk {disk.path}", f"host-disk-{disk.path}", _percent(disk.used, disk.total), "%", params.disk
    per_core = host.load[1] / host.cores if host.load and host.cores else None
    yield "Load", "host-load", per_core, " per core", params.load


def _measured(machine: str, name: str, key: str, figure: float, unit: str, limits: Limits, standing: Standing) -> Item:
    subject = f"probe/{key}"
    level, limit = _level(figure, limits, standing.get(subject))
    words = "normal" if level is Level.OK else _beyond(figure, limit, f"{limit:g}{unit}")
    seen = Observation(
        subject=subject,
        level=level,
        detail=f"{name} of {machine} is {words}",
        value=f"{figure:.0f}{unit}" if unit == "%" else f"{figure:.2f}{unit}",
        limit=None if limit is None else f"{limit:g}{unit}",
    )
    return Item(name, seen, words)


def _level(figure: float, limits: Limits, state: AlertState | None) -> tuple[Level, float | None]:
    """The level of a figure, and the limit that it passed or would pass next."""
    known = state.level if state else Level.OK
    for level, limit in ((Level.CRITICAL, limits.critical), (Level.WARNING, limits.warning)):
        inside = known is level or known is Level.CRITICAL
        if limit is not None and figure >= limit * (LEAVING if inside else 1):
            return level, limit
    return Level.OK, limits.critical if limits.warning is None else limits.warning


def _beyond(figure: float, limit: float | None, shown: str | None) -> str:
    """How a figure in trouble stands to its limit; below it, the alert is open and waits for it to fall further."""
    return f"above {shown}" if limit is None or figure >= limit else f"still near {shown}"


def _percent(used: int | None, total: int | None) -> float | None:
    return 100 * used / total if used is not None and total else None


# --- The trading floor ---


def _ledgers(ledgers: Sequence[LedgerHealth], ctx: Context[Parameters], standing: Standing) -> Iterator[Item]:
    for ledger in ledgers:
        subject = f"probe/ledger-{ledger.ledger}"
        if not ledger.reachable:
            seen = Observation(subject, Level.CRITICAL, f"cannot be read: {ledger.error or 'no answer'}")
        else:
            seen = _answering(ledger, subject, ctx, standing.get(subject))
        yield Item(ledger.ledger, seen, seen.detail, ledger.latency)


def _answering(ledger: LedgerHealth, subject: str, ctx: Context[Parameters], state: AlertState | None) -> Observation:
    age = ctx.now - ledger.newest_trade_at if ledger.newest_trade_at else None
    oldest = ctx.params.newest_trade_hours
    latency = ledger.latency or 0.0
    level, limit = _level(latency, ctx.params.ledger, state)
    if level is not Level.OK:
        words = f"online, but slow: {_beyond(latency, limit, duration(limit))}"
    elif oldest is not None and (age is None or age > timedelta(hours=oldest)):
        return Observation(subject, Level.WARNING, _newest_trade(age), duration(age), duration(oldest * 3600))
    else:
        words = f"online, {_newest_trade(age)}"
    return Observation(subject, level, words, duration(ledger.latency), duration(limit))


def _newest_trade(age: timedelta | None) -> str:
    """Coarse on purpose: a finer age would change the board with every trade and every minute."""
    if age is None:
        return "no trade yet"
    hours = int(age.total_seconds() // 3600)
    if hours < 1:
        return "newest trade within the hour"
    return f"newest trade {hours} h ago" if hours < 48 else f"newest trade {hours // 24} days ago"


def _agents(ctx: Context[Parameters], ledgers: Sequence[LedgerHealth]) -> Iterator[Item]:
    """How many of each ledger's agents run, for those whose ledger says anything about it."""
    try:
        agents = ctx.ledger.agents() if any(ledger.reachable for ledger in ledgers) else []
    except LedgerError as error:
        ctx.log.warning("the agents cannot be read: %s", error)
        return
    names = list(dict.fromkeys(agent.ledger for agent in agents))
    for name in names:
        running = {agent.name: _runs(agent, ctx) for agent in agents if agent.ledger == name}
        known = {agent: runs for agent, runs in running.items() if runs is not None}
        if known:
            seen = _roll_call(name, known)
            yield Item("Trading agents" + (f" · {name}" if len(names) > 1 else ""), seen, seen.detail)


def _runs(agent: Agent, ctx: Context[Parameters]) -> bool | None:
    """Whether an agent runs; None where nobody expects it to, or nothing is known."""
    status = (agent.status or "").casefold()
    if status in RETIRED:
        return None
    if agent.last_seen is not None and ctx.params.heartbeat_minutes is not None:
        return ctx.now - agent.last_seen <= timedelta(minutes=ctx.params.heartbeat_minutes)
    return status in RUNNING if status else None


def _roll_call(ledger: str, running: Mapping[str, bool]) -> Observation:
    silent = [name for name, runs in running.items() if not runs]
    words = f"{len(running) - len(silent)}/{len(running)} running"
    if silent:
        words += f", silent: {', '.join(silent[:5])}" + (f" and {len(silent) - 5} more" if len(silent) > 5 else "")
    return Observation(f"probe/agents-{ledger}", Level.CRITICAL if silent else Level.OK, words)


# --- The board ---


def _elsewhere(standing: Standing) -> Iterator[Item]:
    """Open alerts about what this round does not look at: a job that fails, a channel that takes nothing, a limit."""
    for subject, state in standing.items():
        if state.level is not Level.OK and not subject.startswith("probe/"):
            words = state.observation.detail if state.observation else ""
            yield Item(subject, Observation(subject, state.level), words)


def _board(
    ctx: Context[Parameters], host: Host, machine: Sequence[Item], floor: Sequence[Item], standing: Standing
) -> Report:
    levels = [item.seen.level for item in [*machine, *floor]]
    worst = next((level for level in WORST_FIRST if level in levels), Level.OK)
    shown = [item for item in floor if len(floor) <= ctx.params.lines or item.seen.level is not Level.OK]
    facts = {
        "mark": TITLES[worst],
        "summary": _summary(levels),
        "host": host,
        "started": ctx.history.started_at(),
        "machine": [_row(item, ctx.now, standing) for item in machine],
        "floor": [_row(item, ctx.now, standing) for item in shown],
        "folded": len(floor) - len(shown),
        "figures": list(_figures(machine, floor)),
    }
    return Report(facts=facts, tone=TONES[worst], slot="board")


def _summary(levels: Sequence[Level]) -> str:
    counts = [f"{levels.count(level)} {level}" for level in WORST_FIRST[:-1] if level in levels]
    return ", ".join(counts) or "All Systems Operational"


def _row(item: Item, now: datetime, standing: Standing) -> Row:
    since = None
    if item.seen.level is not Level.OK:
        state = standing.get(item.seen.subject)
        # To the minute: the judge dates a trouble a moment after this round, and that is no change to show.
        since = ((state and state.since) or now).replace(second=0, microsecond=0)
    return Row(MARKS[item.seen.level], item.name, item.words, since)


def _figures(machine: Sequence[Item], floor: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """What was measured just now, for the footer: the machine, and the slowest answer of the floor."""
    yield from ((item.name, item.seen.value) for item in machine if item.seen.value)
    if timed := [item for item in floor if item.latency is not None]:
        slowest = max(timed, key=lambda item: item.latency or 0.0)
        yield f"slowest {slowest.name}", duration(slowest.latency) or ""
