"""A home with hourly reports on a store of each kind."""

from __future__ import annotations

import pytest

from tests.scheduler.time.world import hourly_home
from tests.support.discord.local import LocalDiscord
from tests.support.servers import PostgreSQL
from tests.support.stage import Stage


@pytest.fixture
def on_postgresql(stage: Stage, server: PostgreSQL) -> Stage:
    stage.environ["STORE"] = server.url(schema=server.new_schema())
    return stage


@pytest.fixture(params=["sqlite", "postgresql"])
def hourly(request: pytest.FixtureRequest, stage: Stage, discord: LocalDiscord) -> Stage:
    """Three hourly reports in two channels, on a store of each kind."""
    if request.param == "postgresql":
        request.getfixturevalue("on_postgresql")
    return hourly_home(stage, discord)
