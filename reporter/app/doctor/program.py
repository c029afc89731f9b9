"""The program: Python, the libraries beside those that were tested, and the extras that the config needs."""

from __future__ import annotations

import platform
import re
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from reporter.app.doctor.diagnosis import Diagnosis
from reporter.config.models import Config
from reporter.jobs.loader import stock_home
from reporter.trading.ledger.files import file_kind
from reporter.version import __version__

# The oldest SQLite that has what our statements use: `RETURNING`.
SQLITE = (3, 35, 0)
# What each extra brings.
_MODULES = {
    "postgres": "psycopg",
    "web": "starlette",
    "apprise": "apprise",
    "plans": "PIL",
    "duckdb": "duckdb",
    "mysql": "pymysql",
}
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
    others = [f"{name} {found} (tested: {tested})" for name, tested, found in _different()]
    if not others:
        return Diagnosis("libraries", "ok", "have the versions of requirements.lock, which were tested")
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return Diagnosis(
        "libraries",
        "warning",
        f"differ from those that were tested: {', '.join(others[:_SHOWN])}{more}",
        f"pip install -c {stock_home() / 'requirements.lock'} reporter",
    )


def _different() -> Iterator[tuple[str, str, str]]:
    """The libraries that are here in another version: name, tested, found."""
    try:
        text = (stock_home() / "requirements.lock").read_text(encoding="utf-8")
    except OSError:
        return
    for name, tested in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue  # of an extra that is not installed
        if found != tested:
            yield name, tested, found


def extras(config: Config) -> Iterator[Diagnosis]:
    """The extras that the config needs and that are missing."""
    missing = sorted(extra for extra in needed_extras(config) if find_spec(_MODULES[extra]) is None)
    if missing:
        named = ",".join(missing)
        yield Diagnosis("extras", "wrong", f"the config needs {named}", f"pip install 'reporter[{named}]'")
    else:
        yield Diagnosis("extras", "ok", "the config needs none that is missing")


def needed_extras(config: Config) -> set[str]:
    """The names of the extras without which something of the config does not work."""
    urls = [entry.url for entry in config.ledgers.values()] + [config.store]
    given = [url.reveal() for url in urls if url is not None and not url.missing]
    needed = {extra for url in given if (extra := _of_url(url))}
    needed |= {"postgres" for probe in config.probes.values() if probe.kind == "postgres"}
    needed |= {"apprise" for channel in config.channels.values() if channel.kind == "apprise"}
    needed |= {"plans"} if config.plans else set()
    return needed | ({"web"} if config.web or (config.plans and config.plans.listen) else set())


def _of_url(url: str) -> str:
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme in {"postgresql", "postgres"}:
        return "postgres"
    if scheme in {"mysql", "mariadb"}:
        return "mysql"
    return "duckdb" if file_kind(url) else ""
