"""The table of docs/figures.md: our figures of a real freqtrade account beside those of others, and why they differ."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from reporter.messages.formats import Formats
from reporter.periods.civil import Period
from reporter.trading.books import Book
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trade_statistics import Curve, curve_of, expectancy, payoff, profit_factor, sqn
from reporter.trading.trades import Money
from tests.oracles.kept import kept
from tests.support.paths import DATA

TWO_MONTHS = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-09 to 2026-10")
START = Money(Decimal(10_000), "USDT")

OF_DAYS = "quantstats counts days, not trades"
PER_TRADE = "freqtrade divides a daily mean by the spread of single trades"

Number = Decimal | float | None
Say = Callable[[Number], str | None]
FORMATS = Formats()


@dataclass(frozen=True)
class Row:
    """One figure: ours, and the names under which the others have it; each is said in the same way."""

    name: str
    ours: Number
    say: Say
    quantstats: str = ""
    empyrical: str = ""
    freqtrade: Number = None
    why: str = ""


def table() -> str:
    """The table in Markdown."""
    said = kept()
    versions, peers = said["versions"], said["figures"]["freqtrade"]
    theirs = json.loads((DATA / "freqtrade.expected.json").read_text(encoding="utf-8"))
    head = (
        f"| | ours | quantstats {versions['quantstats']} | empyrical-reloaded {versions['empyrical-reloaded']} "
        f"| freqtrade {theirs['software']['version']} | why they differ |"
    )
    lines = [_line(row, peers) for row in rows(*account(), theirs["trade_statistics"])]
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *lines])


def account() -> tuple[Book, Curve]:
    """Two months of a freqtrade account, as we read them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(DATA / "freqtrade.sqlite", folder)
        ledger = LedgerSettings(name="freqtrade", kind="freqtrade", url=str(Path(copy)), starting_balance=(START,))
        [book] = Portfolio([ledger]).performance(TWO_MONTHS, daily=True)
    return book, curve_of(book, TWO_MONTHS, book.opening)


def rows(book: Book, curve: Curve, theirs: Mapping[str, Any]) -> Iterator[Row]:
    yield Row("closed trades", Decimal(book.trades), _whole, freqtrade=theirs["closed_trade_count"])
    yield Row("P&L, USDT", book.pnl.amount, _amount, freqtrade=theirs["profit_closed_coin"])
    yield Row("P&L %", book.pnl_ratio, _share, freqtrade=theirs["profit_closed_ratio"])
    flat = f"{OF_DAYS}; freqtrade counts the {book.flat} flat trades as wins"
    yield Row("win rate", book.win_rate, _share, "win_rate", freqtrade=theirs["winrate"], why=flat)
    factor = profit_factor(book)
    yield Row("profit factor", factor, _ratio, "profit_factor", freqtrade=theirs["profit_factor"], why=OF_DAYS)
    yield Row("payoff", payoff(book), _ratio, "payoff", why=OF_DAYS)
    made = expectancy(book)
    yield Row("expectancy, USDT", made.amount if made else None, _amount, freqtrade=theirs["expectancy"])
    yield Row("SQN", sqn(book), _ratio, freqtrade=theirs["sqn"])
    exact = book.drawdown.amount if book.drawdown else None
    yield Row("drawdown to the trade, USDT", exact, _amount, freqtrade=-theirs["max_drawdown_abs"])
    ends = "freqtrade's is to the trade, ours and the others' at the ends of days"
    fall = curve.drawdown.share
    yield Row("maximum drawdown", fall, _share, "max_drawdown", "max_drawdown", -theirs["max_drawdown"], why=ends)
    yield Row("Sharpe", curve.sharpe, _ratio, "sharpe", "sharpe", theirs["sharpe"], PER_TRADE)
    losing = f"{PER_TRADE}, the losing ones alone"
    yield Row("Sortino", curve.sortino, _ratio, "sortino", "sortino", theirs["sortino"], losing)
    root = "freqtrade's yearly return is a day's mean in percent × √365"
    yield Row("Calmar", curve.calmar, _ratio, "calmar", "calmar", theirs["calmar"], root)
    days = "freqtrade's days run from the first opening to the last"
    yield Row("annual return", curve.annual_return, _share, "annual_return", "annual_return", theirs["cagr"], days)
    yield Row("volatility", curve.volatility, _share, "volatility", "volatility")
    normal = "quantstats takes the quantile of a normal curve, not of the days"
    yield Row("95 % VaR of a day", curve.var, _share, "var", "var", why=normal)
    yield Row("95 % CVaR of a day", curve.cvar, _share, "cvar", "cvar")


def _line(row: Row, peers: Mapping[str, Mapping[str, float]]) -> str:
    others = [
        peers["quantstats"][row.quantstats] if row.quantstats else None,
        peers["empyrical"][row.empyrical] if row.empyrical else None,
        row.freqtrade,
    ]
    said = ["" if figure is None else row.say(figure) or "" for figure in others]
    return f"| {' | '.join([row.name, row.say(row.ours) or 'N/A', *said])} | {row.why} |"


def _whole(figure: Number) -> str | None:
    return FORMATS.number(figure, 0)


def _amount(figure: Number) -> str | None:
    return FORMATS.number(figure, 2)


def _ratio(figure: Number) -> str | None:
    return FORMATS.number(figure, 4)


def _share(figure: Number) -> str | None:
    return FORMATS.pct(figure, 3)
