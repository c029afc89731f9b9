"""The agents of the floor from one run to the next: who came, who went, and what changed about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from reporter.jobs.context import Context
from reporter.trading.trades import Agent, Mode, Money

# The words for a state, as bots write them into `agents.status`.
PAUSED = {"pause", "paused", "suspended", "on_hold", "halted"}
STOPPED = {"stop", "stopped", "inactive", "disabled", "archived", "retired", "removed", "terminated", "dead", "killed"}

AgentState = Literal["running", "paused", "stopped"]
AgentChangeKind = Literal["started", "stopped", "paused", "resumed", "mode", "status", "capital"]


@dataclass(frozen=True)
class RosterEntry:
    """One agent as a run found it."""

    ledger: str
    """The name of the ledger in the config."""
    name: str
    """The agent's name."""
    mode: Mode
    """Whether its money is real."""
    strategy: str | None
    """Its strategy; None where the source does not name one."""
    status: str | None
    """The source's word for its state; None where there is none."""
    capital: Money | None
    """The capital allocated to it; None where unknown."""
    since: datetime
    """When a run found it first."""
    missing: bool = False
    """Whether the last run did not find it; a second one that does not says that it stopped."""

    @property
    def key(self) -> str:
        """What it is known by."""
        return f"{self.ledger}/{self.name}"

    @property
    def state(self) -> AgentState:
        """Running, paused or stopped, by the source's word; running where that is none of the known ones."""
        word = (self.status or "").strip().casefold().replace(" ", "_")
        return "paused" if word in PAUSED else "stopped" if word in STOPPED else "running"

    def written(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "ledger": self.ledger,
            "name": self.name,
            "mode": self.mode.value,
            "strategy": self.strategy,
            "status": self.status,
            "capital": [str(self.capital.amount), self.capital.currency] if self.capital else None,
            "since": self.since.isoformat(),
            "missing": self.missing,
        }

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> RosterEntry:
        """From what `written` made."""
        capital = value["capital"]
        return cls(
            ledger=value["ledger"],
            name=value["name"],
            mode=Mode(value["mode"]),
            strategy=value["strategy"],
            status=value["status"],
            capital=Money(Decimal(capital[0]), capital[1]) if capital else None,
            since=datetime.fromisoformat(value["since"]),
            missing=bool(value.get("missing")),
        )


@dataclass(frozen=True)
class AgentChange:
    """What changed about one agent."""

    kind: AgentChangeKind
    """What changed."""
    agent: RosterEntry
    """The agent after the change; of one that is gone, as it was last seen."""
    before: RosterEntry | None = None
    """The agent before the change; None for a new one."""


@dataclass(frozen=True)
class Roster:
    """All agents, and what changed since the last run. `first` is a run that had nothing to compare with."""

    agents: tuple[RosterEntry, ...]
    """The agents that are there, by name."""
    changes: tuple[AgentChange, ...]
    """What changed, by name."""
    first: bool
    """Whether there was no earlier run."""
    kept: dict[str, Any]
    """What the next run compares with, as JSON data."""


def roster(ctx: Context[Any], known: Mapping[str, Any] | None) -> Roster:
    """The agents beside those that an earlier run kept. An agent of a ledger that cannot be read stays as it was.

    One that is gone has stopped when a second run does not find it: a bot may write its table anew.

    Raises LedgerError when no ledger can be read.
    """
    before = {key: RosterEntry.read(value) for key, value in (known or {}).items()}
    found = {f"{one.ledger}/{one.name}": one for one in ctx.ledger.agents()} if ctx.ledger.names() else {}
    away = {one.ledger for one in ctx.ledger.health() if not one.reachable}
    now = {key: _entry(ctx, agent, before.get(key)) for key, agent in found.items()}
    gone = {key: entry for key, entry in before.items() if key not in now and entry.ledger not in away}
    kept = now | {key: entry for key, entry in before.items() if key not in now and entry.ledger in away}
    kept |= {key: replace(entry, missing=True) for key, entry in gone.items() if not entry.missing}
    changes = [change for key in sorted(now) for change in _changes(now[key], before.get(key))]
    ended = [entry for entry in gone.values() if entry.missing and entry.state != "stopped"]
    changes += [AgentChange("stopped", entry, entry) for entry in ended]
    return Roster(
        agents=tuple(sorted(kept.values(), key=lambda one: (one.name, one.ledger))),
        changes=tuple(changes) if known is not None else (),
        first=known is None,
        kept={key: entry.written() for key, entry in sorted(kept.items())},
    )


def _entry(ctx: Context[Any], agent: Agent, before: RosterEntry | None) -> RosterEntry:
    return RosterEntry(
        ledger=agent.ledger,
        name=agent.name,
        mode=agent.mode,
        strategy=agent.strategy,
        status=agent.status,
        capital=agent.capital,
        since=before.since if before else ctx.now,
    )


def _changes(now: RosterEntry, before: RosterEntry | None) -> Iterable[AgentChange]:
    if before is None:
        if now.state != "stopped":
            yield AgentChange("started", now)
        return
    if now.state != before.state:
        yield AgentChange(_turn(now, before), now, before)
    elif now.status != before.status:
        yield AgentChange("status", now, before)
    if now.mode is not before.mode:
        yield AgentChange("mode", now, before)
    if now.capital != before.capital:
        yield AgentChange("capital", now, before)


def _turn(now: RosterEntry, before: RosterEntry) -> AgentChangeKind:
    if now.state == "running":
        return "resumed" if before.state == "paused" else "started"
    return "paused" if now.state == "paused" else "stopped"
