"""How the capital is allocated: a board, and a message when the capital of agents changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Context, Mode, Money, Observation, Params, Report, job
from reporter.jobs.kit import AgentChange, JobState, RosterEntry, roster, share_of

REFRESH = timedelta(hours=1)


class Parameters(Params):
    """`lines` is how many agents of each book the board names; the others are counted."""

    lines: PositiveInt = 20


@dataclass(frozen=True)
class Allocation:
    """The allocated capital of one mode and currency."""

    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of the amounts."""
    agents: list[RosterEntry]
    """The agents with capital, the most first."""
    balance: Money | None
    """What the accounts hold; None where a starting balance is not known."""

    @property
    def allocated(self) -> Money:
        """The sum of what the agents have that are not stopped."""
        return sum((agent.capital for agent in self.agents if agent.capital), Money(Decimal(0), self.currency))

    @property
    def share(self) -> Decimal | None:
        """The allocated share of the balance; None where that is unknown."""
        return share_of(self.allocated, self.balance)

    @property
    def available(self) -> Money | None:
        """The balance that is not allocated; None where it is unknown."""
        return None if self.balance is None else self.balance - self.allocated


@dataclass(frozen=True)
class CapitalChange:
    """The capital of one agent before and after."""

    agent: RosterEntry
    """The agent after the change."""
    before: Money | None
    """Its capital before; None where it had none."""
    after: Money | None
    """Its capital now; None where it has none."""

    @property
    def ratio(self) -> Decimal | None:
        """The change as a share of the capital before; None where one of them is unknown."""
        if self.before is None or self.after is None or self.before.currency != self.after.currency:
            return None
        return share_of(self.after - self.before, self.before)


class Facts(TypedDict):
    """What the report adds for its template; only a message has `changes`."""

    allocations: list[Allocation]
    """The allocated capital by mode and currency, live before paper."""
    changes: list[CapitalChange]
    """The agents whose capital changed since the last run."""


@job(covers="now", schedule="every 1m", params=Parameters)
def capital_allocation(ctx: Context[Parameters]) -> Iterator[Report | Observation | JobState]:
    """How the capital is allocated: a board, and a message when the capital of agents changes."""
    state = ctx.state("capital")
    found = roster(ctx, state.value)
    allocations = _allocations(ctx, found.agents)
    changes = [change for change in map(_change, found.changes) if change and change.before != change.after]
    if changes:
        yield Report(facts={"allocations": allocations, "changes": changes})
    board = {"allocations": allocations}
    yield Report(facts=board, template="capital_allocation_board", slot="capital", refresh=REFRESH)
    if found.kept != state.value:
        yield JobState(name=state.name, value=found.kept, version=state.version)


def _change(change: AgentChange) -> CapitalChange | None:
    match change.kind:
        case "capital":
            return CapitalChange(change.agent, change.before.capital if change.before else None, change.agent.capital)
        case "started" if change.before is None:
            return CapitalChange(change.agent, None, change.agent.capital)
        case "stopped":
            return CapitalChange(change.agent, change.before.capital if change.before else None, None)
    return None


def _allocations(ctx: Context[Parameters], agents: tuple[RosterEntry, ...]) -> list[Allocation]:
    balances = {(book.mode, book.currency): book.closing for book in ctx.books(ctx.period)}
    funded = [agent for agent in agents if agent.capital and agent.state != "stopped"]
    keys = {(one.mode, one.capital.currency) for one in funded if one.capital}
    return [
        Allocation(mode, currency, _of(funded, mode, currency), balances.get((mode, currency)))
        for mode, currency in sorted(keys)
    ]


def _of(agents: list[RosterEntry], mode: Mode, currency: str) -> list[RosterEntry]:
    own = [agent for agent in agents if agent.mode is mode and agent.capital and agent.capital.currency == currency]
    return sorted(own, key=lambda one: (-one.capital.amount if one.capital else 0, one.name))
