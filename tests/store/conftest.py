"""A store of each kind: SQLite in a file, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.store.database import Store, open_store
from tests.support.servers import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = str(tmp_path / "state" / "reporter.sqlite")
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        url = server.url(schema=server.new_schema())
    opened = open_store(url)
    yield opened
    opened.close()
