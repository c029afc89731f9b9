"""What the local Discord remembers: every request in the order of arrival, and what was wrong about them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.support.discord.wire import Call, Reply, Request

# The answers after which a webhook is never to be asked again.
_DEAD = {10015, 50027}
# What is sent so soon after a pause was asked for may have been on its way, in seconds.
_GRACE = 0.2


@dataclass
class Journal:
    """Requests as they came in. A request that came before the end of a pause that was asked for counts as early."""

    requests: list[Request] = field(default_factory=list)
    early: int = 0
    unversioned: int = 0
    odd_user_agents: int = 0
    _pauses: dict[str, tuple[float, float]] = field(default_factory=dict)

    def note(
        self, call: Call, name: str, reply: Reply | None, started: float, heard: float, keys: dict[str, str]
    ) -> None:
        """`started` and `heard` are when the request was sent and when its answer is there, by the monotonic clock;
        `keys` says for each scope of a limit which one this request falls under."""
        self.early += self._too_early(started, keys.values())
        self.unversioned += call.version is None
        self.odd_user_agents += call.odd_user_agent
        status, code, scope = (reply.status, reply.code, reply.scope) if reply else (0, None, None)
        self.requests.append(Request(call.method, name, status, code, started, scope))
        if reply and scope in keys:
            self._pauses[keys[scope]] = heard, heard + reply.retry_after

    @property
    def invalid(self) -> int:
        """Answers that bring a ban when there are ten thousand of them in ten minutes."""
        return sum(r.status in {401, 403} or (r.status == 429 and r.scope != "shared") for r in self.requests)

    @property
    def limited(self) -> int:
        """How many answers were a 429."""
        return sum(request.status == 429 for request in self.requests)

    def after_death(self, name: str) -> int:
        """How many requests a webhook got after the answer that it does not exist, or not with this token."""
        mine = [request.code in _DEAD for request in self.requests if request.webhook == name]
        return len(mine) - mine.index(True) - 1 if any(mine) else 0

    def _too_early(self, started: float, keys: Collection[str]) -> bool:
        pauses = [self._pauses[key] for key in keys if key in self._pauses]
        return any(heard + _GRACE < started < until for heard, until in pauses)
