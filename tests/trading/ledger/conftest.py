"""The databases that ledgers are read from, each on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA
from tests.trading.ledger.databases import Native, freqtrade_in, native_postgresql, native_sqlite, usdt

DIALECTS = ["sqlite", "postgresql"]


@pytest.fixture(params=DIALECTS)
def new_native(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Native]:
    """Makes databases of the native schema, empty."""
    if request.param == "sqlite":
        return lambda: native_sqlite(tmp_path)
    server = request.getfixturevalue("server")
    return lambda: native_postgresql(server)


@pytest.fixture
def bot(new_native: Callable[[], Native]) -> Native:
    """One database of the native schema, empty."""
    return new_native()


@pytest.fixture(scope="session")
def freqtrade_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real freqtrade database, copied: reading one in WAL mode makes files beside it."""
    return Path(shutil.copy(DATA / "freqtrade.sqlite", tmp_path_factory.mktemp("freqtrade")))


@pytest.fixture(scope="session", params=DIALECTS)
def freqtrade(request: pytest.FixtureRequest, freqtrade_file: Path) -> LedgerSettings:
    """The same rows on both databases."""
    url = str(freqtrade_file)
    if request.param == "postgresql":
        url = freqtrade_in(request.getfixturevalue("server"), freqtrade_file)
    return LedgerSettings(name="ft", kind="freqtrade", url=url, starting_balance=(usdt("10000"),))


@pytest.fixture(scope="session")
def expected() -> Any:
    """freqtrade's own figures for that file, and a recount of its days in four zones."""
    return json.loads((DATA / "freqtrade.expected.json").read_text(encoding="utf-8"))
