from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reporter.app import demo
from reporter.errors import ReporterError
from reporter.periods.civil import Unit, containing
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Mode

NOW = datetime(2026, 10, 31, 9, 30, tzinfo=UTC)


def made(path: Path, now: datetime = NOW, seed: int = 1) -> Path:
    demo.make(path, now, seed)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("demo") / "demo.sqlite")


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def floor(path: Path) -> Portfolio:
    return Portfolio(
        [LedgerSettings(name="demo", kind="native", url=str(path), starting_balance=demo.STARTING_BALANCES)]
    )


def test_one_seed_makes_one_floor(path: Path, tmp_path: Path) -> None:
    def dump(file: Path) -> list[str]:
        with closing(sqlite3.connect(file)) as database:
            return list(database.iterdump())

    assert dump(path) == dump(made(tmp_path / "again.sqlite"))
    assert dump(path) != dump(made(tmp_path / "other.sqlite", seed=2))


def test_a_day_that_is_over_stays_as_it_was(path: Path, tmp_path: Path) -> None:
    later = made(tmp_path / "later.sqlite", NOW + timedelta(days=3))
    day = "SELECT reference, pnl, closed_at FROM trades WHERE closed_at LIKE '2026-10-30%' ORDER BY reference"
    assert rows(path, day) == rows(later, day)
    assert len(rows(path, day)) > 30


def test_nothing_is_in_the_future(path: Path) -> None:
    [(closed, opened, priced, snapshot)] = rows(
        path,
        "SELECT (SELECT max(closed_at) FROM trades), (SELECT max(opened_at) FROM positions),"
        " (SELECT max(priced_at) FROM positions), (SELECT max(at) FROM equity)",
    )
    assert max(closed, opened, priced, snapshot) <= "2026-10-31 09:30:00"
    assert closed > "2026-10-31 08:00:00"


def test_every_day_of_sixty_has_trades(path: Path) -> None:
    days = [day for (day,) in rows(path, "SELECT DISTINCT substr(closed_at, 1, 10) FROM trades ORDER BY 1")]
    assert days == [str(NOW.date() - timedelta(days=back)) for back in range(60, -1, -1)]


def test_it_shows_what_a_report_must_cope_with(path: Path) -> None:
    books = floor(path).performance(containing(Unit.DAY, NOW - timedelta(days=1), "UTC"))
    assert [(book.mode, book.currency) for book in books] == [
        (Mode.LIVE, "USDT"),
        (Mode.PAPER, "BTC"),
        (Mode.PAPER, "USDT"),
    ]
    assert rows(path, "SELECT count(*) > 20 FROM trades WHERE pnl = 0") == [(1,)]
    assert rows(path, "SELECT count(*) > 0 FROM positions") == [(1,)]
    assert rows(
        path, "SELECT min(day) < -100 FROM (SELECT sum(pnl) AS day FROM trades GROUP BY substr(closed_at, 1, 10))"
    )


def test_a_trade_s_prices_agree_with_its_result(path: Path) -> None:
    for side, size, entry, exit_price, pnl, fees in rows(
        path, "SELECT side, size, entry_price, exit_price, pnl, fees FROM trades WHERE currency = 'USDT'"
    ):
        gross = (exit_price - entry) * size * (1 if side == "long" else -1)
        assert gross - fees == pytest.approx(pnl, abs=0.02)


def test_equity_is_the_starting_balance_and_what_was_made_since_realised_or_not(path: Path) -> None:
    newest = "SELECT at, equity - unrealised, unrealised FROM equity WHERE mode = 'live' ORDER BY at DESC LIMIT 1"
    [(at, balance, unrealised)] = rows(path, newest)
    made_so_far = rows(path, f"SELECT pnl FROM trades WHERE mode = 'live' AND closed_at < '{at}'")
    assert balance == pytest.approx(10_000 + sum(pnl for (pnl,) in made_so_far))
    assert 0 < abs(unrealised) < 100


def test_another_s_file_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.sqlite"
    mine.write_text("precious")
    with pytest.raises(ReporterError, match="exists already"):
        demo.make(mine, NOW)
    assert mine.read_text() == "precious"
