"""The invented floor at work: `reporter demo --floor` trades on, and hands in what programs of a floor would."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reporter.app import demo
from reporter.app.app import App
from reporter.app.home import FLOOR
from reporter.inbox.event import read_event
from reporter.inbox.send import send_events
from reporter.inbox.submit import submit
from reporter.jobs.loader import stock_home
from reporter.periods.schedules import Every

# Trouble that the demo makes up, so that there is an alert of each kind.
TROUBLE = """
  open-positions:
    {kind: sql, ledger: floor, query: SELECT count(*) FROM positions, shows_as: open positions, above: {warning: 0}}
  cache: {kind: redis, url: "redis://127.0.0.1:9"}
  exchange: {url: "http://127.0.0.1:9/status"}
"""
PRICES = "  prices: {price_off: 3%, in_markets: [BTC/USDT, ETH/USDT]}  # off the prices under `markets`\n"
# After the floor has traded, jobs that run at least every so many seconds run so many times: a probe that fails needs
# three readings. A report of the hour would only say the same again.
OFTEN, ROUNDS = 1800, 3
SILENT, RENAMED = "Volume_ETH_v1", "Momentum_BTC_v2"

# What the bots of the floor write into the table `events` of their database, and what other programs hand in.
WRITTEN: tuple[Mapping[str, Any], ...] = (
    {"kind": "system", "title": "New Agent Deployed", "fields": {
        "Agent": RENAMED, "Strategy": "Momentum", "Capital Allocated": "75 USDT", "Status": "Paper Trading Mode"}},
    {"kind": "decision", "title": "Floor Boss Decision: Agent Cloning", "fields": {
        "Source Agent": "Momentum_BTC_v1", "Performance": "64% win rate, +$234.50 P&L (14 days)", "New Agent": RENAMED,
        "Variation": "Increased lookback period (10 → 15)", "Capital": "$75", "Mode": "Paper Trading (7 day trial)"}},
    {"kind": "floor_log", "title": "Review of 8 agents", "text": "Two agents are below their threshold."},
    {"kind": "risk_alert", "severity": "warning", "title": "Risk Alert: Agent Approaching Daily Loss Limit",
     "fields": {"Agent": "Volume_ETH_v1", "Current Loss": "-$85.30", "Limit": "-$100.00",
        "Remaining": "$14.70 (85% used)", "Action": "Reducing position sizes by 50%"}},
    {"kind": "signal_generated", "fields": {
        "pair": "BTC/USDT", "signal": "LONG", "confidence": 0.85, "strength": "STRONG", "stop_loss": 110000}},
)  # fmt: skip
EVENTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "market_anomaly", "severity": "warning", "title": "Unusual volume", "fields": {
        "market": "SOL/USDT", "volume": "6.2 times what is usual at this hour"}},
    {"kind": "high_latency", "severity": "warning", "fields": {
        "service": "exchange API", "latency": "2.3 s", "threshold": "500 ms", "trend": "rising"}},
    {"kind": "command", "title": "Paused agent: Momentum_SOL_v3", "fields": {"user": "owner", "command": "pause"}},
    {"kind": "deployment_success", "fields": {
        "service": "trader", "server": "floor-1", "version": "1.4.2", "health_status": "healthy"}},
    {"kind": "error", "severity": "warning", "title": "Order refused", "text": "The exchange refused it: price."},
)  # fmt: skip


def floor_config(pictures: str | None) -> str:
    """The config of a whole floor, whose channels are the terminal; `pictures` is a folder, as JSON."""
    text = (stock_home() / FLOOR).read_text(encoding="utf-8")
    channel, screen = r"\{webhook: file:secrets/discord/.*?\}$", f"{{kind: console, pictures: {pictures or 'null'}}}"
    text = re.sub(channel, lambda _: screen, text, flags=re.MULTILINE)
    balances = ", ".join(f"{money.amount} {money.currency}" for money in demo.STARTING_BALANCES)
    probe = "  trading-database: {kind: sqlite, ledger: floor}"
    for written, invented in (
        ("starting_balance: [10000 USDT]", f"starting_balance: [{balances}]"),
        (f"{probe}\n", probe + TROUBLE),
        ("  daily_loss: 100 USDT\n", "  daily_loss: 100 USDT\n  least_win_rate: 90%\n"),
        ("largest_position: 500 USDT", "largest_position: 650 USDT"),
        (PRICES, ""),  # what closes here was opened before anybody looked at the markets
    ):
        text = text.replace(written, invented)
    return text


def play(app: App, path: Path, wait: Callable[[float], object]) -> list[str]:
    """Let the floor trade, and its programs say what they do; returns what went wrong. `wait` lets seconds pass.

    Each job runs once, so that the feeds begin; then what looks at the present runs again, for what happened since.
    Once the app is stopping, nothing more is run or sent.
    """
    wrong = _run(app, app.runtime.jobs)
    wait(1.1)
    change_agents(path, app.clock.wall())
    trade_on(path, app.clock.wall(), random.Random(1), demo.CAST)  # noqa: S311 - nothing here is secret
    write_events(path, app.clock.wall())
    with app.store.begin() as connection:
        submit(connection, [read_event(dict(event)) for event in EVENTS], app.clock.wall(), source="demo")
    wait(1.1)
    present = [bound for bound in app.runtime.jobs.values() if not bound.job.covers.closed]
    often = [bound.name for bound in present if isinstance(bound.schedule, Every) and bound.schedule.seconds <= OFTEN]
    wrong += _run(app, often * ROUNDS)
    while not app.stopping.is_set() and send_events(app.store, app.runtime.events, app.clock.wall()):
        pass
    deliver(app)
    return wrong


def deliver(app: App) -> None:
    """Bring all that waits to its channels."""
    while any(
        app.delivery.serve(app.runtime.channels, name) for name in app.runtime.channels if not app.stopping.is_set()
    ):
        pass


def _run(app: App, names: Iterable[str]) -> list[str]:
    wrong = []
    for name in names:
        if app.stopping.is_set():
            break
        done = app.run_by_hand(app.job(name), None, force=True)
        if done.outcome and done.outcome.error:
            wrong.append(f"{name}: {done.outcome.error}")
        deliver(app)
    return wrong


def trade_on(path: Path, now: datetime, luck: random.Random, agents: Sequence[demo.InventedAgent]) -> None:
    """Open a position of each of these agents at this moment, and close as many of the oldest."""
    stamp = f"{now:%Y-%m-%d %H:%M:%S}"
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.row_factory = sqlite3.Row
        for row in database.execute("SELECT * FROM positions ORDER BY id LIMIT ?", [len(agents)]).fetchall():
            _close(database, row, stamp, luck)
        for agent in agents:
            _open(database, agent, now, stamp, luck)


def write_events(path: Path, now: datetime) -> None:
    """What the bots have to say, in their own database."""
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        for event in WRITTEN:
            _insert(
                database,
                "events",
                {**event, "at": f"{now:%Y-%m-%d %H:%M:%S}", "fields": json.dumps(event.get("fields", {}))},
            )


def change_agents(path: Path, now: datetime) -> None:
    """What a floor boss does: clone an agent, move capital, pause one; and one agent falls silent."""
    stamp = f"{now:%Y-%m-%d %H:%M:%S}"
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.execute(
            "INSERT OR IGNORE INTO agents (name, strategy, mode, currency, capital, status, last_seen, created_at) "
            "VALUES (?, 'Momentum', 'paper', 'USDT', 75, 'active', ?, ?)", [RENAMED, stamp, stamp])  # fmt: skip
        database.execute("UPDATE agents SET capital = capital * 2 WHERE name = 'Momentum_BTC_v1'")
        database.execute("UPDATE agents SET status = 'paused' WHERE name = 'Momentum_SOL_v3'")
        silent = f"{now - timedelta(minutes=9):%Y-%m-%d %H:%M:%S}"
        database.execute("UPDATE agents SET last_seen = ? WHERE name = ?", [silent, SILENT])


def _close(database: sqlite3.Connection, row: sqlite3.Row, stamp: str, luck: random.Random) -> None:
    held = dict(row)
    change = luck.gauss(0.001, 0.008)
    direction = 1 if held["side"] == "long" else -1
    price = round(held["entry_price"] * (1 + direction * change), 6)
    paid = held["size"] * held["entry_price"]
    fees = round(2 * demo.FEE_RATE * paid, 8)
    kept = ("reference", "agent", "strategy", "market", "side", "mode", "currency", "size", "entry_price", "opened_at",
            "entry_tag")  # fmt: skip
    trade = {name: held[name] for name in kept} | {
        "exit_price": price, "pnl": round(paid * change - fees, 8), "fees": fees, "closed_at": stamp,
        "exit_reason": "take profit" if change > 0 else "stop loss", "funding": 0,
    }  # fmt: skip
    _insert(database, "trades", trade)
    database.execute("DELETE FROM positions WHERE id = ?", [held["id"]])


def _open(
    database: sqlite3.Connection, actor: demo.InventedAgent, now: datetime, stamp: str, luck: random.Random
) -> None:
    price = round(actor.market.price_at(now), actor.market.decimals)
    size = round(float(actor.capital) * luck.uniform(0.15, 0.3) / price, 6)
    row = {
        "reference": f"live/{stamp}/{luck.getrandbits(48):x}", "agent": actor.name, "strategy": actor.strategy,
        "market": actor.market.name, "side": luck.choice(("long", "short")), "mode": actor.mode.value,
        "currency": actor.market.currency, "size": size, "entry_price": price, "opened_at": stamp,
        "current_price": price, "unrealised_pnl": 0, "priced_at": stamp, "entry_tag": luck.choice(demo.TAGS),
    }  # fmt: skip
    _insert(database, "positions", row)


def _insert(database: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    columns, places = ", ".join(row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(row.values()))  # noqa: S608 - our own names
