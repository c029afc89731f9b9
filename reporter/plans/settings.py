"""Who may write plans, when they count, and which names they may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo

from reporter.plans.intention import Understood, understood
from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class Writer:
    """Whoever writes: `identity` is such as `telegram:456` or `cli:anna`; an owner may write for every author."""

    identity: str
    name: str
    owner: bool = False


@dataclass(frozen=True, slots=True)
class PlanAuthor:
    """One author of plans, such as `d`. `users` may write for the author; days are those of `zone`."""

    key: str
    """The author's short name, such as `d`."""
    users: frozenset[str]
    """The ids of those who write for the author."""
    zone: ZoneInfo
    """The author's time zone."""
    name: str = ""
    """The name that people read; empty where only the key is known."""

    def is_written_by(self, writer: Writer) -> bool:
        """Whether somebody is one of the author's users."""
        return bool({writer.identity, writer.identity.partition(":")[2]} & self.users)

    def may_be_written_by(self, writer: Writer) -> bool:
        """Whether somebody may write for the author: one of its users, or an owner."""
        return writer.owner or self.is_written_by(writer)

    @property
    def title(self) -> str:
        """The name that people read, or the key."""
        return self.name or self.key


@dataclass(frozen=True, slots=True)
class PlanListener:
    """The second small address that answers programs: where it listens, and which token it asks for, if any."""

    host: str
    """The address to listen on."""
    port: int
    """The port, a number and no count."""
    token: Secret | None
    """What programs have to send; None where nothing is asked for."""
    origins: frozenset[str]
    """Web pages elsewhere that may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What the config says about plans.

    A plan counts in the version that is in force at `counts_from`, by the author's clock. `names` are the agents and
    markets that a plan may name: every accepted spelling in lower case, and what it stands for.
    """

    authors: Mapping[str, PlanAuthor]
    """The authors by their keys."""
    counts_from: time
    """The time of day, in the author's zone, from which a version counts."""
    agents: Mapping[str, str] = field(default_factory=dict)
    """For each accepted spelling in lower case, the agent."""
    markets: Mapping[str, str] = field(default_factory=dict)
    """For each accepted spelling in lower case, the market."""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    """Whose today it is where no author is meant."""
    most_charts: int = 10
    """How many pictures a plan may have."""

    def understood(self, text: str) -> Understood:
        """The agents and markets that a text names."""
        return understood(text, self.agents, self.markets)
