"""Probes of databases as the config makes them, and their results."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from reporter.alerts.readings import Reading
from reporter.config.models import Config
from reporter.config.secrets import Sources
from reporter.periods.clock import Clock, SystemClock
from reporter.probes.ledgers import Ledgers
from reporter.probes.probe import Probe
from reporter.probes.round import Probes
from reporter.probes.settings import ProbeConfig, ProbeInputs


def configured(called: str, /, clock: Clock | None = None, *, ledgers: Any = None, **said: Any) -> Probe:
    """The probe of that name that a config makes of these keys, as YAML gives them."""
    given = {"ledgers": ledgers or {}, "probes": {called: said}}
    config = Config.model_validate(given, context=Sources(private=True))
    entry = config.probes[called]
    assert isinstance(entry, ProbeConfig)
    inputs = ProbeInputs(entry.terms(called), clock or SystemClock(), Ledgers(config.ledgers, config.timezone))
    return entry.probe(inputs)


class HandClock(Clock, Protocol):
    def pass_by(self, seconds: float) -> None: ...


class Watching:
    """One probe that is asked again and again, with the clock moved on by a minute before each look but the first."""

    def __init__(self, clock: HandClock, kind: str, ledgers: dict[str, Any] | None = None, **said: Any) -> None:
        self.probe = configured("db", clock, ledgers=ledgers, kind=kind, **said)
        self._clock = clock
        self._round = Probes([self.probe], clock, deadline=self.probe.terms.timeout + 5)

    def look(self, after: float = 60) -> Reading:
        self._clock.pass_by(after)
        (reading,) = self._round.probe_all()
        return reading

    def close(self) -> None:
        self._round.close()


Watch = Callable[..., Watching]


def told(reading: Reading) -> str:
    """How it stands and why, in one line."""
    return f"{reading.observation.level}: {reading.observation.detail}"


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until(happened: Callable[[], bool], patience: float = 120) -> None:
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
