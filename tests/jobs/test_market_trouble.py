"""Markets in trouble: closed at weekends, gaps, a clock that is set, a restart, very small prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.store.tables import market_prices
from tests.jobs.feeds import FeedOfABot
from tests.jobs.test_market_update import watching
from tests.support.stage import Stage

BTC = "btc: {ledger: bot, symbol: BTC/USDT}"


def moves_to(feed: FeedOfABot, price: object, *, minutes: float = 5) -> list[str]:
    feed.bot.run("UPDATE positions SET current_price = ?", [price])
    return feed.read(seconds=60 * minutes)


def shown(texts: list[str], name: str) -> str:
    return next(line for line in texts[0].splitlines() if line.startswith(f"Change ({name})"))


@pytest.fixture
def board(stage: Stage) -> FeedOfABot:
    feed = watching(stage, BTC)
    feed.holds("BTC/USDT", 100)
    return feed


def test_a_market_that_was_closed_says_nothing_of_what_is_usual(stage: Stage) -> None:
    """A weekend of one price would make the first move of Monday look unusual."""
    stage.clock.now = datetime(2026, 10, 31, tzinfo=UTC)  # a Saturday
    feed = watching(stage, BTC, "market_anomalies")
    feed.holds("BTC/USDT", 100)
    for _ in range(40):
        assert moves_to(feed, 100) == []
    for n in range(12):
        assert moves_to(feed, 100 + n % 2, minutes=15) == []
    assert moves_to(feed, 110, minutes=15)[0].startswith("🌊 Unusual Move: BTC")


def test_changes_are_known_after_a_restart(board: FeedOfABot) -> None:
    moves_to(board, 100)
    board.stage.restart()
    assert shown(moves_to(board, 101, minutes=15), "15m") == "Change (15m): +1.00%"


def test_a_gap_has_no_change(board: FeedOfABot) -> None:
    moves_to(board, 100)
    texts = moves_to(board, 101, minutes=60)
    assert (shown(texts, "15m"), shown(texts, "1h")) == ("Change (15m): N/A", "Change (1h): +1.00%")


def test_a_clock_that_was_ahead_leaves_no_price_of_the_future(board: FeedOfABot) -> None:
    moves_to(board, 100)
    board.stage.clock.set_by(timedelta(days=1))
    moves_to(board, 500)
    board.stage.clock.set_by(timedelta(days=-1))
    moves_to(board, 101)
    board.stage.clock.set_by(timedelta(days=1))
    assert shown(moves_to(board, 102), "24h") == "Change (24h): +0.99%"


def test_two_jobs_of_one_minute_see_one_price(board: FeedOfABot, stage: Stage) -> None:
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("jobs:\n", "jobs:\n  market_anomalies: {channel: live}\n"))
    moves_to(board, 100)
    stage.app.run_by_hand(stage.app.job("market_anomalies"), None)
    with stage.app.store.read() as connection:
        assert len(connection.execute(market_prices.select()).all()) == 1


def test_a_price_of_ten_decimals_is_shown_whole(board: FeedOfABot) -> None:
    assert "Current Price: 0.0000012345 USDT" in moves_to(board, "0.0000012345")[0]
