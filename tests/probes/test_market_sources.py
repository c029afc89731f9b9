"""The sources of markets, sound and unsound: each gives a price or says why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest

from reporter.config.markets import MarketConfig
from reporter.config.models import LedgerConfig
from reporter.http_client import Bounds
from reporter.probes import quotes
from reporter.probes.ledgers import Ledgers
from reporter.secret import Secret
from reporter.trading.markets import Quote
from tests.probes.servers import answers, drips, hangs, says, sends, serving
from tests.support.clocks import HandClock
from tests.support.servers import PostgreSQL
from tests.trading.ledger.databases import Native, native_sqlite

NO_PRICE = "there is no price at `price` of the answer"


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with ExitStack() as stack:
        yield Floor(tmp_path, stack)


class Floor:
    """A ledger `bot` and what a market of the config says."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.bot: Native = native_sqlite(folder)
        self.stack = stack
        self.clock = HandClock()
        self.urls = {"bot": self.bot.url}

    def ask(self, **markets: dict[str, Any]) -> list[Quote]:
        ledgers = {
            name: LedgerConfig.model_construct(kind="native", url=Secret(url)) for name, url in self.urls.items()
        }
        made = {name: MarketConfig.model_validate(market) for name, market in markets.items()}
        return quotes.Quotes(made, Ledgers(ledgers, "UTC"), self.clock.wall).ask()

    def serves(self, behaviour: Any) -> str:
        return f"http://127.0.0.1:{self.stack.enter_context(serving(behaviour))}/"

    def says(self, body: str) -> Quote:
        [quote] = self.ask(a={"url": self.serves(says(body))})
        return quote


@pytest.mark.parametrize("price", [
    "0", "-1", "NaN", "Infinity", "-Infinity", "1e400", "1e999999", "1e-400", "1e18", "true", "null", '"abc"', "[1]",
    '{"a": 1}', '""', '"1_000_000_000_000_000_000_000"',
])  # fmt: skip
def test_what_is_no_price_is_none(floor: Floor, price: str) -> None:
    quote = floor.says(f'{{"price": {price}}}')
    assert (quote.price, quote.error) == (None, NO_PRICE)


@pytest.mark.parametrize(("price", "read"), [
    ('"0.1234567891"', "0.1234567891"), ("0.1234567891", "0.1234567891"), ("1E-12", "1E-12"), ('" 5 "', "5"),
])  # fmt: skip
def test_a_price_is_read_exactly(floor: Floor, price: str, read: str) -> None:
    assert floor.says(f'{{"price": {price}}}').price == Decimal(read)


@pytest.mark.parametrize("body", ["", "[1", "<html>", "[" * 100_000, '{"price": ' + "1" * 5000 + "}", "\xff"])
def test_what_is_no_json_has_no_price(floor: Floor, body: str) -> None:
    assert floor.says(body).error == "the answer is not JSON"


def test_a_volume_that_is_none_leaves_the_price(floor: Floor) -> None:
    url = floor.serves(says('{"price": 5, "volume": 1e999999, "depth": null}'))
    [quote] = floor.ask(a={"url": url, "volume": "volume", "liquidity": "depth"})
    assert (quote.price, quote.volume, quote.liquidity) == (Decimal(5), None, None)


def test_an_answer_beyond_two_megabytes_is_not_read_and_one_below_is(floor: Floor) -> None:
    head, rest = b'{"price": 5, "x": "', b'"}'
    large = [head + b"x" * (2_000_000 - len(head) - len(rest) + more) + rest for more in (0, 1)]
    found = floor.ask(**{name: {"url": floor.serves(sends(body))} for name, body in zip("ab", large, strict=True)})
    assert [(one.price, one.error) for one in found] == [
        (Decimal(5), None),
        (None, "the answer is longer than 2 MB"),
    ]


def test_a_source_that_hangs_or_drips_or_is_down_leaves_the_others(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotes, "BOUNDS", Bounds(seconds=0.3, size=1000))
    servers = {"a": hangs, "b": drips, "c": answers(503), "d": says('{"price": 7}')}
    markets = {name: {"url": floor.serves(server)} for name, server in servers.items()}
    found = floor.ask(**markets, e={"url": "http://127.0.0.1:9/"})
    assert [one.price for one in found] == [None, None, None, Decimal(7), None]
    assert found[2].error == "the source answers with status 503"
    assert all(one.error and "127.0.0.1" not in one.error for one in found if one.price is None)


@pytest.mark.parametrize(("query", "said"), [
    ("SELECT 5 AS price", "5"), ("SELECT '0.1234567891' AS price", "0.1234567891"), ("SELECT NULL AS price", NO_PRICE),
    ("SELECT 5 AS other", NO_PRICE), ("SELECT 5 AS price WHERE 0", "the query gives no row"),
    ("SELECT x'00ff' AS price", NO_PRICE), ("SELECT 9e999 AS price", NO_PRICE),
    ("SELECT price FROM missing", "no such table: missing"),
])  # fmt: skip
def test_a_query_gives_a_price_or_the_reason(floor: Floor, query: str, said: str) -> None:
    [quote] = floor.ask(a={"ledger": "bot", "query": query})
    assert said in str(quote.price or quote.error)


def test_a_query_without_end_is_ended(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "SECONDS", 0.3)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS price FROM n"
    first, second = floor.ask(a={"ledger": "bot", "query": endless}, b={"ledger": "bot", "query": "SELECT 5 AS price"})
    assert first.price is None
    assert first.error
    assert second.price == 5


def test_of_a_query_with_many_rows_one_is_fetched(floor: Floor, server: PostgreSQL) -> None:
    floor.urls["far"] = server.url(schema=server.new_schema())
    query = "SELECT i AS price, repeat('x', 1000) AS more FROM generate_series(1, 300000) AS i"
    before = getrusage(RUSAGE_SELF).ru_maxrss
    [quote] = floor.ask(a={"ledger": "far", "query": query})
    assert quote.price == 1
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_the_price_of_open_positions_is_of_its_own_ledger_only(floor: Floor, tmp_path: Path) -> None:
    floor.urls = {"lost": str(tmp_path / "nowhere.sqlite"), **floor.urls}
    row = {"agent": "a", "market": "X", "side": "long", "currency": "USDT", "current_price": 7}
    floor.bot.add("positions", row)
    first, second = floor.ask(a={"ledger": "lost", "symbol": "X"}, b={"ledger": "bot", "symbol": "X"})
    assert "nowhere.sqlite" in str(first.error)
    assert second.price == 7


@pytest.mark.parametrize(("age", "said"), [
    (timedelta(minutes=59), None), (timedelta(minutes=61), "the newest price of X is 1h 1m old"),
    (timedelta(seconds=-30), None), (timedelta(hours=-2), None),
])  # fmt: skip
def test_an_old_price_is_none(floor: Floor, age: timedelta, said: str | None) -> None:
    at = floor.clock.now - age
    row = {"agent": "a", "market": "X", "side": "long", "currency": "USDT", "current_price": 7}
    floor.bot.add("positions", {**row, "priced_at": f"{at:%Y-%m-%d %H:%M:%S}"})
    [quote] = floor.ask(a={"ledger": "bot", "symbol": "X"})
    assert quote.error == said
    assert quote.at == (None if said else min(at, floor.clock.now))
