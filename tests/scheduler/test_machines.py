"""Reporters of two machines on one store: each watches itself, and one at a time watches what both see alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.store import uptime
from reporter.store.database import Store, open_store
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process, daemon, until
from tests.support.servers import PostgreSQL
from tests.support.stage import Stage

NOON = datetime(2026, 10, 30, 12, tzinfo=UTC)
MORE = "host: {{name: {name}}}\nprobes: {{gone: {{address: '127.0.0.1:9'}}}}"


@pytest.fixture
def machines(tmp_path: Path, discord: LocalDiscord, server: PostgreSQL) -> Iterator[tuple[Store, list[Process]]]:
    """Two daemons with homes of their own, on one store and one channel."""
    url = server.url(schema=server.new_schema())
    with ExitStack() as stack:
        running = []
        for name in ("floor-1", "floor-2"):
            stage = Stage(tmp_path / name)
            stage.environ["STORE"] = url
            stage.on_discord(discord, "  health_probe: {schedule: every 1s}", more=MORE.format(name=name))
            running.append(stack.enter_context(daemon(stage.folder, NOON, stage.environ)))
        store = open_store(url)
        stack.callback(store.close)
        yield store, running


@pytest.mark.full
def test_each_machine_has_signs_and_a_board_of_its_own(
    machines: tuple[Store, list[Process]], discord: LocalDiscord
) -> None:
    store, running = machines

    def subjects() -> list[str]:
        with store.read() as connection:
            return uptime.subjects(connection)

    wanted = {"probe/host-memory@floor-1", "probe/host-memory@floor-2", "self/memory@floor-1", "self/memory@floor-2"}
    until(lambda: wanted <= set(subjects()), lambda: "".join(one.log for one in running))
    until(lambda: len(discord.messages("daily")) == 3, lambda: "".join(one.log for one in running))
    assert "probe/host-memory" not in subjects()
    assert {"probe/gone", "self/late"} <= set(subjects())
    texts = [message.text for message in discord.messages("daily")]
    assert [sum(name in text for text in texts) for name in ("floor-1", "floor-2", "gone")] == [1, 1, 1]
