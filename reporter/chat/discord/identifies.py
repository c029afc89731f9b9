"""Counts how often the bot has identified itself: Discord resets a token after 1,000 times in a day.

With the token the webhooks' bot would be lost as well, so the door stops long before, across restarts of the daemon.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from reporter.periods.clock import Clock
from reporter.secret import Secret
from reporter.store.database import Store, fact
from reporter.store.run_log import remember

MOST = 200
"""Identifies within a day. Source of Discord's own 1,000: topics/gateway, Identifying."""
DAY = timedelta(days=1)
RESERVE = 100
"""What is left of Discord's own count for others who use the token."""


class TooManyIdentifiesError(Exception):
    """No further one may be made for `seconds`."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


class IdentifyBudget:
    """The identifies of one token in the last 24 hours, as rows of the store say."""

    def __init__(self, store: Store, clock: Clock, token: Secret, *, most: int = MOST) -> None:
        self._store, self._clock, self._most = store, clock, most
        self._name = f"identifies {hashlib.sha256(token.reveal().encode()).hexdigest()[:16]}"

    def left(self) -> int:
        """How many more may be made today."""
        now = self._clock.wall()
        with self._store.read() as connection:
            return self._most - len(_lately(fact(connection, self._name), now))

    def take(self) -> None:
        """Count one more. Raises TooManyIdentifiesError where there were too many."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            times = _lately(fact(connection, self._name), now)
            if len(times) >= self._most:
                wait = (times[0] + DAY - now).total_seconds()
                raise TooManyIdentifiesError(wait, f"the bot has connected {len(times)} times within a day")
            remember(connection, self._name, json.dumps([at.isoformat() for at in (*times, now)]))


def _lately(kept: str | None, now: datetime) -> list[datetime]:
    """Those of the kept moments that lie within the last day."""
    moments = [datetime.fromisoformat(text) for text in json.loads(kept or "[]")]
    return [at for at in moments if now - DAY < at <= now]
