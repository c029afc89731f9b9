"""A home with a trading database, so that questions about the floor have an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reporter.messages.message import Message, plain, plain_blocks
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from reporter.store.daemon_lock import daemon_lock
from tests.jobs.floor import Closed, Idle, database
from tests.support.stage import Stage

CONFIG = """\
version: 1
timezone: Europe/Berlin
store: env:STORE
ledgers: {floor: {kind: native, url: trading.sqlite, starting_balance: 1000 USDT}}
channels: {screen: {kind: console}}
jobs:
  daily_summary:
"""
# The clock of the stage stands at 2026-10-31 12:00 UTC.
TRADES = (
    Closed("2026-10-29 12:00:00", "Momentum_BTC_v1", "-4"),
    Closed("2026-10-30 12:00:00", "Momentum_BTC_v1", "10.5"),
    Closed("2026-10-30 13:00:00", "Volume_ETH_v1", "-2.25", market="ETH/USDT"),
    Closed("2026-10-31 08:00:00", "Momentum_BTC_v1", "3.75"),
    Closed("2026-10-31 09:00:00", "Paper_v1", "100", mode="paper"),
)
AGENTS = (Idle("Momentum_BTC_v1"), Idle("Volume_ETH_v1"), Idle("Paper_v1", mode="paper"))
OWNER = Actor("anna", Role.OWNER)
VIEWER = Actor("ben", Role.VIEWER, "discord/1")


def floor(folder: Path, config: str = CONFIG) -> Stage:
    """A stage with these trades and agents, and the stock jobs."""
    stage = Stage(folder)
    stage.write("config/reporter.yaml", config)
    database(folder / "trading.sqlite", TRADES, AGENTS)
    return stage


@contextmanager
def with_a_daemon(stage: Stage) -> Iterator[None]:
    """Somebody else holds the store of the stage, as a daemon does."""
    file = stage.app.store.file
    assert file
    lock = daemon_lock(file)
    try:
        yield
    finally:
        os.close(lock)


def ask(stage: Stage, text: str, actor: Actor = OWNER) -> str:
    """The answer to a question as bare text."""
    return text_of(Door(stage.app, lambda _: None, drawn=False).answer(text, actor))


def text_of(messages: Sequence[Message]) -> str:
    return "\n".join(line for message in messages for line in _lines(message))


def _lines(message: Message) -> list[str]:
    parts = [plain(message.title), *plain_blocks(message.body)]
    for field in message.fields:
        parts += [plain(field.name), *plain_blocks(field.blocks)]
    return [*parts, plain(message.footer)]
