"""freqtrade's own `trade_statistics` beside our figures of the same trades, in a database of freqtrade's own form."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from tests.bench.trading import BEGAN, DAYS
from tests.support.paths import DATA

# An interpreter that has freqtrade, if ours has not.
PYTHON = os.environ.get("FREQTRADE_PYTHON") or (sys.executable if find_spec("freqtrade") else None)

# It wants a bot; of that it only asks for balances. Processor time and memory are those of the question alone.
STATISTICS = """
import sys, time
from types import SimpleNamespace
from freqtrade import __version__
from freqtrade.persistence import init_db
from freqtrade.rpc import RPC

def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

init_db(f"sqlite:///{sys.argv[1]}")
wallets = SimpleNamespace(get_starting_balance=lambda: 10000.0, get_total_stake_amount=lambda: 10000.0)
config = {"stake_currency": "USDT", "dry_run": True, "max_open_trades": 5}
rpc = RPC(SimpleNamespace(config=config, wallets=wallets, exchange=None, strategy=None))
before, started = rss(), time.process_time()
found = rpc._rpc_trade_statistics("USDT", "")
print(__version__, time.process_time() - started, rss() - before, found["profit_closed_coin"])
"""


def history(path: Path, count: int) -> str:
    """So many closed trades, each with the two orders of a real one, in the tables that freqtrade made."""
    with closing(sqlite3.connect(DATA / "freqtrade.sqlite")) as real, closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA synchronous = OFF")
        for (statement,) in real.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC"):
            made.execute(statement)
        _fill(real, made, count)
        made.commit()
    return str(path)


def _fill(real: sqlite3.Connection, made: sqlite3.Connection, count: int) -> None:
    real.row_factory = sqlite3.Row
    trade = dict(real.execute("SELECT * FROM trades WHERE id = 1").fetchone())
    orders = [dict(row) for row in real.execute("SELECT * FROM orders WHERE ft_trade_id = 1 LIMIT 2")]
    chance = random.Random(20261101)
    moments = sorted(chance.random() * DAYS for _ in range(count))
    for number, moment in enumerate(moments, 1):
        closed = BEGAN + timedelta(days=moment)
        times = {"open_date": f"{closed - timedelta(hours=1)}", "close_date": f"{closed}"}
        result = {"close_profit_abs": chance.gauss(0.05, 4), "strategy": f"S{chance.randrange(4)}"}
        _insert(made, "trades", trade | times | result | {"id": number})
        for place, order in enumerate(orders):
            own = 2 * number + place
            _insert(made, "orders", order | {"id": own, "order_id": str(own), "ft_trade_id": number})


def _insert(made: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    made.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def theirs(path: str) -> tuple[str, float, float, float] | None:
    """freqtrade's version, its seconds of processor time, its MB beyond what it had, and its P&L; None without it."""
    if PYTHON is None:
        return None
    told = subprocess.run([PYTHON, "-c", STATISTICS, path], check=True, capture_output=True, text=True).stdout
    version, *figures = told.split()[-4:]
    seconds, memory, pnl = map(float, figures)
    return version, seconds, memory, pnl
