"""The world that the handlers work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reporter.inbox.settings import WebSettings
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store.database import Store


@dataclass(frozen=True, slots=True)
class World:
    """What the handlers work on. `runtime` gives the one that counts now; `wake` lets new events be sent at once."""

    store: Store
    clock: Clock
    settings: WebSettings
    runtime: Callable[[], Runtime]
    wake: Callable[[], None] = lambda: None
    answer_within: float = 1.0  # seconds: freqtrade's bot waits for our answer
