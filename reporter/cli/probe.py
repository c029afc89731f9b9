"""The command probe: runs the probes of the config once, now, and shows every value that they measure."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from reporter.app.home import FolderHome
from reporter.config import loading
from reporter.config.models import Config
from reporter.errors import ConfigError, ReporterError, nearest
from reporter.messages.message import visible
from reporter.periods.clock import SystemClock
from reporter.periods.time_text import duration_text
from reporter.probes.factory import probes_of

DONE, TROUBLE = 0, 1
MARKS = {Level.OK: "🟢", Level.WARNING: "🟡", Level.CRITICAL: "🔴", Level.UNKNOWN: "⚪"}


def run(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter probe [NAME …]`: 0 when all is well, 1 when anything is not. Nothing is saved or sent."""
    loaded = loading.load(home.path, uses=())
    names = _meant(options.names, loaded.config)
    missing = [problem for name in names for problem in loaded.missing("probes", name)]
    if any(getattr(loaded.config.probes[name], "ledger", None) for name in names):
        missing += loaded.missing("ledgers")
    if missing:
        raise ConfigError(missing)
    if not names:
        print(f"There are no probes in {home.path}: write them under `probes:`.")
        return DONE
    readings = _looked(loaded.config, names)
    _show(readings)
    return DONE if all(reading.observation.level is Level.OK for reading in readings) else TROUBLE


def _meant(given: Sequence[str], settings: Config) -> list[str]:
    """The probes that are asked for; all without a name. Raises ReporterError with a suggestion."""
    given = [name.removeprefix("probe/") for name in given]
    for name in given:
        if name not in settings.probes:
            near = nearest(name, settings.probes)
            known = ", ".join(settings.probes) or "none"
            raise ReporterError(
                f"there is no probe {name}: " + (f"did you mean {near}?" if near else f"known: {known}")
            )
    return [name for name in settings.probes if name in given or not given]


def _looked(settings: Config, names: Sequence[str]) -> list[Reading]:
    """A reading of each; it takes as long as the slowest may."""
    longest = max(settings.probes[name].timeout.total_seconds() for name in names)
    probes = probes_of(settings, SystemClock(), names, deadline=longest + 3.0)
    try:
        return probes.probe_all()
    finally:
        probes.close()


def _show(readings: Sequence[Reading]) -> None:
    width = max(len(reading.name) for reading in readings)
    kinds = max(len(reading.kind) for reading in readings)
    for reading in readings:
        seen = reading.observation
        took = "-" if reading.latency is None else duration_text(reading.latency) or "-"
        beside = f" ({seen.value}, limit {seen.limit})" if seen.value and seen.limit and seen.level.failing else ""
        words = visible(f"{seen.detail}{beside}")
        print(f"{MARKS[seen.level]} {reading.name:{width}}  {reading.kind:{kinds}}  {took:>6}  {words}")
        if reading.figures:
            figures = " · ".join(f"{name} {figure}" for name, figure in reading.figures)
            print(f"{'':{width + kinds + 15}}{visible(figures)}")
