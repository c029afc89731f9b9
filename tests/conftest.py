"""What many tests stand on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from reporter import secret
from tests.support.discord.local import LocalDiscord
from tests.support.servers import MariaDB, PostgreSQL, Valkey, mariadb, mariadb_binary, postgresql, valkey
from tests.support.stage import Stage

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("sample", deadline=None, max_examples=30)
settings.register_profile("full", deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """A law is tried on fewer examples in the default run."""
    os.environ.pop("COLUMNS", None)  # xdist's own width is none that anybody asked for
    settings.load_profile("sample" if config.getoption("markexpr") == "not full" else "full")


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    """A command that is tried in this process sets up the log for itself; the next test hears it as ever."""
    loggers = [logging.getLogger(name) for name in (None, "reporter", "apscheduler")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test resolved is masked in no other."""
    monkeypatch.setattr(secret, "_known", type(secret._known)())


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """A real PostgreSQL, one for each worker of a test run."""
    with postgresql() as started:
        yield started


@pytest.fixture(scope="session")
def mysql() -> Iterator[MariaDB]:
    """A real MariaDB, one for each worker of a test run, where the machine has one."""
    if mariadb_binary() is None:
        pytest.skip("MariaDB is not installed here: apt-get install mariadb-server")
    with mariadb() as started:
        yield started


@pytest.fixture(scope="session")
def redis() -> Iterator[Valkey]:
    """A real Valkey, one for each worker of a test run."""
    with valkey() as started:
        yield started


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local
