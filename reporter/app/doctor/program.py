"""The program: Python, the libraries beside those that were tested, and the extras that the config needs."""

from __future__ import annotations

import platform
import re
import sqlite3
import sys
from collections.abc import Iterator

from reporter.app.doctor.diagnosis import Diagnosis
from reporter.app.extras import missing
from reporter.app.tested_versions import untested
from reporter.config.models import Config
from reporter.jobs.loader import stock_home
from reporter.version import __version__

# The oldest SQLite that has what our statements use: `RETURNING`.
SQLITE = (3, 35, 0)
_SHOWN = 4  # libraries that are listed


def program() -> Iterator[Diagnosis]:
    """Python, SQLite and the libraries."""
    yield Diagnosis("version", "ok", f"reporter {__version__} on Python {platform.python_version()}, {sys.executable}")
    if sqlite3.sqlite_version_info < SQLITE:
        needed = ".".join(map(str, SQLITE))
        yield Diagnosis(
            "SQLite", "wrong", f"SQLite {sqlite3.sqlite_version} is too old", f"install Python with SQLite {needed}"
        )
    yield _libraries()


def _libraries() -> Diagnosis:
    differ = untested()
    others = [f"{name} {here} (tested: {tested})" for name, (here, tested) in differ.items()]
    if not others:
        return Diagnosis("libraries", "ok", "have the versions of requirements.lock, which were tested")
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    said = f"{', '.join(others[:_SHOWN])}{more}"
    if all(follows(here, tested) for here, tested in differ.values()):
        return Diagnosis("libraries", "ok", f"newer releases of those that were tested: {said}")
    return Diagnosis(
        "libraries",
        "warning",
        f"differ from those that were tested: {said}",
        f"install reporter again as you did, with `-c {stock_home() / 'requirements.lock'}`",
    )


def follows(here: str, tested: str) -> bool:
    """Whether a version is a later one of the same major version, as our bounds allow."""
    mine, theirs = ([int(part) for part in re.findall(r"\d+", text)] for text in (here, tested))
    return mine[:1] == theirs[:1] and mine > theirs


def extras(config: Config) -> Iterator[Diagnosis]:
    """That no extra is missing which the config needs; `check` names those that are."""
    if not missing(config):
        yield Diagnosis("extras", "ok", "the config needs none that is missing")
