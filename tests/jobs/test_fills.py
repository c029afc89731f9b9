"""`trades_executed` of a source that has fills: each of them once, with what it cost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.paths import DATA
from tests.support.stage import Stage

MAPPED = """\
{{kind: mapping, url: "{file}", mapping: {{table: fills, unit: fill, columns: {{id: id, agent: bot, market: pair,
    currency: quote, at: at, side: side, quantity: qty, price: price, fees: fee, mode: mode}}}}}}"""


class Fills(FeedOfABot):
    """A bot that writes its fills into a table of its own."""

    def __init__(self, stage: Stage, params: str = "{}") -> None:
        self.file = stage.folder / "fills.sqlite"
        with closing(sqlite3.connect(self.file)) as bot:
            bot.execute("CREATE TABLE fills (id, bot, pair, quote, at, side, qty, price, fee, mode)")
        super().__init__(stage, "trades_executed", params, ledger=MAPPED.format(file=self.file))

    def fills(self, id_: object, side: str = "buy", *, ago: float = 0, **more: object) -> None:
        row = {"id": id_, "bot": "grid", "pair": "BTC-USDT", "quote": "USDT", "at": self.stamp(ago), "side": side,
               "qty": "0.01", "price": "65000.5", "fee": "0.65", "mode": "paper", **more}  # fmt: skip
        with closing(sqlite3.connect(self.file)) as bot, bot:
            bot.execute(f"INSERT INTO fills VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def feed(stage: Stage) -> Fills:
    stage.clock.now = datetime.fromisoformat("2026-10-30T14:23:45+00:00")
    found = Fills(stage, "{paper: paper, live: live}")
    found.fills("long-ago", ago=60)
    assert found.read(seconds=0) == []
    return found


def ids(texts: list[str]) -> list[str]:
    return [line.rpartition(" ")[2] for text in texts for line in text.splitlines() if line.startswith("Trade ID: ")]


def test_each_fill_is_sent_once_with_its_fee_and_neither_opening_nor_close(feed: Fills) -> None:
    feed.fills("1")
    feed.fills("2", "sell")
    sent = _read(feed)
    assert [(channel, ids([text])[0]) for channel, text in sent] == [
        ("screen", "1"), ("paper", "1"), ("screen", "2"), ("paper", "2"),
    ]  # fmt: skip
    assert "Side: BUY\nAmount: 650.01 USDT (0.01)\nPrice: 65,000.5\nFees: 0.65 USDT\nMode: 📄 Paper" in sent[0][1]
    assert "Side: SELL" in sent[2][1]
    assert feed.read() == []


def _read(feed: Fills) -> list[tuple[str, str]]:
    feed.stage.clock.forward(seconds=5)
    assert feed.stage.app.run_by_hand(feed.stage.app.job(feed.job), None).outcome is not None
    return feed.sent_to()


def test_fills_that_are_committed_late_are_sent_and_none_twice_through_restarts(feed: Fills) -> None:
    feed.fills("1")
    assert ids([text for channel, text in _read(feed) if channel == "screen"]) == ["1"]
    feed.stage.restart()
    feed.stage.clock.forward(seconds=600)
    feed.fills("2", ago=300)
    feed.fills("3", mode="live", fee=None)
    texts = [text for channel, text in _read(feed) if channel == "screen"]
    assert ids(texts) == ["2", "3"]
    assert "Fees: N/A" in texts[1]
    feed.stage.restart()
    assert feed.read() == []


def test_the_first_fill_may_bear_the_second_in_which_the_feed_began(stage: Stage) -> None:
    stage.clock.now = datetime.fromisoformat("2026-10-30T14:23:45.700+00:00")
    feed = Fills(stage)
    assert feed.read(seconds=0) == []
    feed.fills("1")
    assert ids(feed.read()) == ["1"]


def test_fills_of_one_order_are_told_apart(feed: Fills) -> None:
    feed.fills("order")
    feed.fills("order")
    assert ids([text for channel, text in _read(feed) if channel == "screen"]) == ["order", "order#2"]
    feed.fills("order")
    assert ids([text for channel, text in _read(feed) if channel == "screen"]) == ["order#3"]


def test_many_fills_are_one_summary_with_what_was_bought_and_sold(stage: Stage) -> None:
    feed = Fills(stage, "{at_most: 3}")
    feed.read(seconds=0)
    for n in range(4):
        feed.fills(n, "sell" if n == 3 else "buy", price="100", qty="2", fee="0.1")
    [text] = feed.read()
    assert text.startswith("📝 4 trades executed\n")
    assert "Fills: 4\nBought: 600.00 USDT\nSold: 200.00 USDT\nFees: 0.40 USDT" in text
    assert "filled,bot,0,paper,grid,BTC-USDT,buy,2,100,USDT,,0.1" in text


def test_a_fill_of_the_future_waits(feed: Fills) -> None:
    feed.fills("7", ago=-3600)
    assert "A fill of bot is 59m 55s in the future; it waits" in feed.read()[0]
    assert "7" in ids(feed.read(seconds=3600))


def test_what_was_sent_as_trades_is_not_sent_again_as_fills(stage: Stage) -> None:
    feed = Fills(stage)
    mapping = (stage.folder / "config/reporter.yaml").read_text()
    as_trades = mapping.replace("unit: fill, ", "").replace("at: at, side: side, quantity: qty, price: price",
                                                            "closed_at: at, pnl: fee")  # fmt: skip
    stage.write("config/reporter.yaml", as_trades).chmod(0o600)
    feed.read(seconds=0)
    feed.fills("1")
    assert ids(feed.read()) == ["1"]
    stage.write("config/reporter.yaml", mapping).chmod(0o600)
    stage.restart()
    assert feed.read() == []
    feed.fills("2")
    assert ids(feed.read()) == ["2"]


@pytest.fixture
def hummingbot(stage: Stage) -> FeedOfABot:
    file = Path(shutil.copy(DATA / "hummingbot.sqlite", stage.folder / "hummingbot.sqlite"))
    stage.clock.now = datetime.fromisoformat("2026-11-20T14:23:45+00:00")
    return FeedOfABot(stage, "trades_executed", ledger=f'{{kind: hummingbot, url: "{file}"}}')


def fills_as(feed: FeedOfABot, like: str, **changes: Any) -> None:
    """A fill as one that hummingbot has written, some seconds ago."""
    with closing(sqlite3.connect(feed.stage.folder / "hummingbot.sqlite")) as bot, bot:
        bot.row_factory = sqlite3.Row
        row = dict(bot.execute(f'SELECT * FROM "TradeFill" WHERE {like} LIMIT 1').fetchone())
        row |= {"timestamp": int(feed.stage.clock.now.timestamp() * 1000), **changes}
        bot.execute(f'INSERT INTO "TradeFill" VALUES ({", ".join("?" * len(row))})', list(row.values()))


def test_a_fill_of_hummingbot_reads_as_it_should(hummingbot: FeedOfABot) -> None:
    assert hummingbot.read(seconds=0) == []
    fills_as(hummingbot, "strategy = 'pure_market_making'", exchange_trade_id="new")
    hummingbot.stage.clock.forward(seconds=1)
    app, bound = hummingbot.stage.app, hummingbot.stage.app.job("trades_executed")
    [written] = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("trades_executed_fill", written.message)
    assert len(hummingbot.read()) == 1
    assert hummingbot.read() == []


def test_a_fill_of_an_executor_is_of_its_controller(hummingbot: FeedOfABot) -> None:
    with closing(sqlite3.connect(hummingbot.stage.folder / "hummingbot.sqlite")) as bot:
        order, controller = bot.execute(
            'SELECT f.order_id, e.controller_id FROM "TradeFill" f, "Executors" e, '
            "json_each(e.custom_info, '$.order_ids') o WHERE o.value = f.order_id AND e.controller_id <> '' LIMIT 1"
        ).fetchone()
    hummingbot.read(seconds=0)
    fills_as(hummingbot, f"order_id = '{order}'", exchange_trade_id="new")
    [text] = hummingbot.read()
    assert f"Agent: {controller}\n" in text
