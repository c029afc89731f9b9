"""Several databases are one floor: two of freqtrade, one of hummingbot and a mapped one in one report."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import yaml

from reporter.periods.civil import Period
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA, ROOT
from tests.trading.ledger.example_databases import made

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")


def test_each_book_is_the_sum_of_its_currency_and_mode_over_all_of_them(tmp_path: Path) -> None:
    dry = shutil.copy(DATA / "freqtrade.sqlite", tmp_path / "tradesv3.dryrun.sqlite")
    live = shutil.copy(DATA / "freqtrade.sqlite", tmp_path / "tradesv3.sqlite")
    mapping = yaml.safe_load((ROOT / "config/examples/cents.yaml").read_text())
    settings = [
        LedgerSettings(name="one", kind="freqtrade", url=str(live)),
        LedgerSettings(name="two", kind="freqtrade", url=str(dry)),
        LedgerSettings(name="maker", kind="hummingbot", url=str(DATA / "hummingbot.sqlite")),
        LedgerSettings(name="mine", kind="mapping", url=str(made(tmp_path, "cents")), mapping=mapping),
    ]
    books = Portfolio(settings).performance(OCTOBER)
    assert [(book.title, book.ledgers) for book in books] == [
        ("USD · live", ("mine",)),
        ("USDT · live", ("one", "maker")),
        ("USD · paper", ("mine",)),
        ("USDT · paper", ("two", "maker")),
    ]
    alone = [book for one in settings for book in Portfolio([one]).performance(OCTOBER)]
    for book in books:
        parts = [one for one in alone if one.title == book.title]
        assert book.trades == sum(one.trades for one in parts) > 0
        assert book.pnl.amount == sum((one.pnl.amount for one in parts), Decimal(0))
        assert {line.ledger for line in book.lines} == set(book.ledgers)
