"""The world that the handlers work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from reporter.app.app import App
from reporter.inbox.settings import WebSettings
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store.database import Store

KEPT = 60.0
"""Seconds for which an answer is kept while no trading database changes."""
MOST_KEPT = 16


class KeptAnswers:
    """The answers that were made last, by their tags."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[str, tuple[float, Any]] = {}
        self._making: dict[str, Lock] = {}

    def get(self, tag: str, now: float, make: Callable[[], Any], seconds: float = KEPT) -> Any:
        """The answer of that tag, made where there is none; whoever asks meanwhile waits for it."""
        with self._lock:
            making = self._making.setdefault(tag, Lock())
        with making:
            at, found = self._found.get(tag, (now - seconds, None))
            if now - at < seconds:
                return found
            try:
                found = make()
            finally:
                with self._lock:
                    self._making.pop(tag, None)
            if not found.get("unread"):  # what could not be read may be back at once
                self._keep(tag, now, found)
            return found

    def _keep(self, tag: str, now: float, found: Any) -> None:
        with self._lock:
            self._found.pop(tag, None)
            self._found = {name: one for name, one in self._found.items() if now - one[0] < KEPT}
            self._found[tag] = now, found
            while len(self._found) > MOST_KEPT:
                del self._found[next(iter(self._found))]


@dataclass(frozen=True, slots=True)
class WebContext:
    """What the handlers work on. `wake` lets new events be sent at once, `deliver` the messages of a run."""

    app: App
    wake: Callable[[], None] = lambda: None
    deliver: Callable[[str], object] = lambda _: None
    answer_within: float = 1.0  # seconds: freqtrade's bot waits for our answer
    kept: KeptAnswers = field(default_factory=KeptAnswers)

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def clock(self) -> Clock:
        return self.app.clock

    @property
    def now(self) -> datetime:
        return self.app.clock.wall()

    @property
    def runtime(self) -> Runtime:
        """The one that counts now."""
        return self.app.runtime

    @property
    def settings(self) -> WebSettings:
        """Who may call, as the config says now; a config without `web:` lets nobody in until the daemon restarts."""
        return self.app.runtime.web or WebSettings()
