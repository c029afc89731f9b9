"""A bot that trades while a feed is read: a native database, and a home whose clock is turned by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from reporter.messages.message import Message, from_dict, plain, plain_blocks
from reporter.store.tables import outbox as rows
from tests.support.stage import Stage
from tests.trading.ledger.databases import Native, native_sqlite

CONFIG = """\
version: 1
store: env:STORE
ledgers:
  bot: {ledger}
channels:
  screen: {{kind: console}}
  paper: {{kind: console}}
  live: {{kind: console}}
  momentum: {{kind: console}}
jobs:
  {job}: {{channel: screen, params: {params}}}
"""


class FeedOfABot:
    """One feed of one bot. `read` runs it; `sent` is what has been entered into the outbox since the last look."""

    def __init__(self, stage: Stage, job: str, params: str = "{}", bot: Native | None = None, ledger: str = "") -> None:
        """`ledger` is the ledger's part of the config, for one that is not `bot`."""
        self.stage = stage
        self.job = job
        self.bot: Native = bot or native_sqlite(stage.folder)
        config = CONFIG.format(ledger=ledger or f'{{kind: native, url: "{self.bot.url}"}}', job=job, params=params)
        stage.write("config/reporter.yaml", config).chmod(0o600)
        self._looked_at = 0

    def closes(self, pnl: object = "5.94", *, ago: float = 0, **more: object) -> None:
        """A trade closed so many seconds ago."""
        self.bot.trade(pnl, self.stamp(ago), **more)

    def holds(self, market: str, price: object) -> None:
        """An open position, priced."""
        row = {"agent": "a", "market": market, "side": "long", "currency": "USDT", "current_price": price}
        self.bot.add("positions", row)

    def stamp(self, ago: float = 0) -> str:
        return f"{self.stage.clock.now - timedelta(seconds=ago):%Y-%m-%d %H:%M:%S}"

    def read(self, *, seconds: float = 5) -> list[str]:
        """Let time pass, run the feed once, and give the text of each new message."""
        self.stage.clock.forward(seconds=seconds)
        done = self.stage.app.run_by_hand(self.stage.app.job(self.job), None)
        assert done.outcome is not None
        assert done.outcome.error is None, done.outcome.error
        return self.sent()

    def sent(self) -> list[str]:
        return [text for _, text in self.sent_to()]

    def sent_to(self) -> list[tuple[str, str]]:
        """The channel and the text of each message since the last look."""
        with self.stage.app.store.read() as connection:
            found = connection.execute(rows.select().where(rows.c.id > self._looked_at).order_by(rows.c.id)).all()
        self._looked_at = max((row.id for row in found), default=self._looked_at)
        return [(row.channel, "\n".join(_text(from_dict(json.loads(row.message))))) for row in found]


def _text(message: Message) -> Iterator[str]:
    yield plain(message.title)
    yield from plain_blocks(message.body)
    for field in message.fields:
        yield plain(field.name)
        yield from plain_blocks(field.blocks)
    yield plain(message.footer)
    for attached in message.attachments:
        yield attached.name
        yield attached.content.decode("utf-8-sig")
