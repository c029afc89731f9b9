"""Who may pass just now: the three limits of pace together, and what the answers say about them."""

from __future__ import annotations

from datetime import datetime

from tests.support.discord.faults import Limited
from tests.support.discord.limiter import ALGORITHMS, Algorithm, Limit, Sliding
from tests.support.discord.wire import Call, Reply, limited

BUCKET = "80c17d2f203122d936070c88c8d10f33"


class Gate:
    """5 in 2 s for each route of a webhook, 5 in 5 s for what a bot says in a channel, 30 in 60 s for what is posted in
    a channel, 50 in 1 s for the address."""

    def __init__(self, visible: Algorithm, hidden: Algorithm) -> None:
        self._limits: dict[str, Limit] = {
            "global": Sliding(50, 1.0),
            "user": ALGORITHMS[visible](5, 2.0),
            "said": ALGORITHMS[visible](5, 5.0),
            "shared": ALGORITHMS[hidden](30, 60.0),
        }

    def keys(self, call: Call, channel: str | None) -> dict[str, str]:
        """For each scope of a limit, which one a request falls under. `channel` is where it would post."""
        keys = {"global": "*", "user": f"{call.target} {call.method} {bool(call.message_id)}"}
        return keys | {"shared": channel} if channel and call.method == "POST" and not call.message_id else keys

    def pause(self, keys: dict[str, str], now: float) -> Reply | None:
        """The 429 that is due, if one is. Every other request counts, refused ones too."""
        for scope, key in keys.items():
            if wait := self._limits[scope].wait(key, now):
                return limited(Limited(wait, scope="user" if scope == "said" else scope))
        for scope, key in keys.items():
            self._limits[scope].count(key, now)
        return None

    def told(self, reply: Reply, keys: dict[str, str], now: float, date: datetime) -> Reply:
        """An answer with the headers that speak of the limit that is seen."""
        name = "said" if "said" in keys else "user"
        limit, key = self._limits[name], keys[name]
        reset = limit.reset_after(key, now)
        headers = (
            ("X-RateLimit-Limit", str(limit.limit)),
            ("X-RateLimit-Remaining", str(limit.remaining(key, now))),
            ("X-RateLimit-Reset", f"{date.timestamp() + reset:.3f}"),
            ("X-RateLimit-Reset-After", f"{reset:.3f}"),
            ("X-RateLimit-Bucket", BUCKET),
        )
        return Reply(reply.status, reply.body, headers)
