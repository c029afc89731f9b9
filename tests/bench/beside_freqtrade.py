"""freqtrade's own questions and its API beside ours of the same trades, in a database of freqtrade's own form."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import httpx

from reporter.periods.civil import Period
from tests.bench.trading import BEGAN, DAYS
from tests.support.paths import DATA

# An interpreter that has freqtrade, if ours has not.
PYTHON = os.environ.get("FREQTRADE_PYTHON") or (sys.executable if find_spec("freqtrade") else None)

# It wants a bot; of that it only asks for balances. Its days end with the one that the second argument names.
BOT = """
import json, socket, sys, time
from datetime import datetime
from types import SimpleNamespace
from freqtrade import __version__
from freqtrade.enums import RunMode
from freqtrade.persistence import init_db
from freqtrade.rpc import rpc as module
from freqtrade.rpc.api_server.webserver import ApiServer

class Then(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromisoformat(sys.argv[2] + "T12:00:00").replace(tzinfo=tz)

module.datetime = Then
init_db(f"sqlite:///{sys.argv[1]}")
wallets = SimpleNamespace(get_starting_balance=lambda: 10000.0, get_total_stake_amount=lambda: 10000.0)
config = {"stake_currency": "USDT", "dry_run": True, "max_open_trades": 5, "runmode": RunMode.DRY_RUN}
rpc = module.RPC(SimpleNamespace(config=config, wallets=wallets, exchange=None, strategy=None))
"""

# Processor time and memory are those of the question alone.
STATISTICS = """
def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

def timed(ask, rounds=3):
    took = []
    for _ in range(rounds):
        started = time.process_time()
        found = ask()
        took.append(time.process_time() - started)
    return min(took), found

day, one = timed(lambda: rpc._rpc_timeunit_profit(1, "USDT", ""))
weeks, _ = timed(lambda: rpc._rpc_timeunit_profit(8, "USDT", "", timeunit="weeks"))
module.datetime = datetime
before = rss()
whole, found = timed(lambda: rpc._rpc_trade_statistics("USDT", ""), 1)
told = {"version": __version__, "day": day, "weeks": weeks, "statistics": whole, "memory": rss() - before}
told |= {"day_pnl": one["data"][0]["abs_profit"], "pnl": found["profit_closed_coin"]}
print(json.dumps(told))
"""

# Its HTTP API over the same questions, with its own login, routes and models. It prints its port when it listens.
API = """
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
listen = {"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": port, "username": "u", "password": "p"}
config["api_server"] = listen | {"jwt_secret_key": "x" * 32, "verbosity": "error", "CORS_origins": []}
ApiServer(config).add_rpc_handler(rpc)
print(port, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Theirs:
    """What freqtrade's own questions took, in seconds of processor time and MB of memory, and two of its answers."""

    version: str
    day: float
    weeks: float
    statistics: float
    memory: float
    day_pnl: float
    pnl: float


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
    _insert(made, "trades", trade, (_trade(chance, number, moment) for number, moment in enumerate(moments, 1)))
    for place, order in enumerate(orders):
        own = ((2 * number + place, number) for number in range(1, count + 1))
        changes = ({"id": id_, "order_id": str(id_), "ft_trade_id": of} for id_, of in own)
        _insert(made, "orders", order, changes)


def _trade(chance: random.Random, number: int, moment: float) -> dict[str, object]:
    closed = BEGAN + timedelta(days=moment)
    times = {"open_date": f"{closed - timedelta(hours=1)}", "close_date": f"{closed}"}
    result = {"close_profit_abs": chance.gauss(0.05, 4), "strategy": f"S{chance.randrange(4)}"}
    return times | result | {"id": number}


def _insert(made: sqlite3.Connection, table: str, alike: dict[str, object], rows: Iterator[dict[str, object]]) -> None:
    """Rows that are all like one but for what each says; what they have in common is sent once."""
    first = next(rows)
    common = {name: made.execute("SELECT quote(?)", [value]).fetchone()[0] for name, value in alike.items()}
    values = ", ".join(f":{name}" if name in first else common[name] for name in alike)
    made.executemany(f"INSERT INTO {table} ({', '.join(alike)}) VALUES ({values})", chain([first], rows))


def theirs(path: str, last: Period) -> Theirs | None:
    """What freqtrade takes on a file, for the day `last` among others; None without it."""
    if PYTHON is None:
        return None
    asked = [PYTHON, "-c", BOT + STATISTICS, path, last.label]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return Theirs(**json.loads(told.splitlines()[-1]))


@contextmanager
def their_api(path: str, last: str) -> Iterator[httpx.Client | None]:
    """A client of freqtrade's API on a file, whose present day is `last`; None without it."""
    if PYTHON is None:
        yield None
        return
    asked = [PYTHON, "-c", BOT + API, path, last]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        port = next(line for line in bot.stdout if line.strip().isdigit()).strip()
        address, login = f"http://127.0.0.1:{port}", ("u", "p")
        # A connection for each question: on one that is kept, it waits 40 ms for an acknowledgement.
        fresh = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=address, auth=login, trust_env=False, timeout=600, limits=fresh) as client:
            yield client
        bot.kill()
