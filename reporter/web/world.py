"""The world that the handlers work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reporter.app.app import App
from reporter.inbox.settings import WebSettings
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store.database import Store


@dataclass(frozen=True, slots=True)
class World:
    """What the handlers work on. `wake` lets new events be sent at once, `deliver` the messages of a run."""

    app: App
    wake: Callable[[], None] = lambda: None
    deliver: Callable[[str], object] = lambda _: None
    answer_within: float = 1.0  # seconds: freqtrade's bot waits for our answer

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
