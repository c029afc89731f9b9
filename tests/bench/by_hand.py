"""What the ledger answers, written by hand for the one database at hand: the mark that it is measured against.

Plain drivers, plain SQL, floats where the driver gives floats, nothing checked. The statements are of the same shape:
sums by line, one walk in order, the best and the worst trades, and what was realised before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

Execute = Callable[..., Iterable[tuple[Any, ...]]]

HELD = {
    "sqlite": "(julianday(closed_at) - julianday(opened_at)) * 86400.0",
    "postgresql": "extract(epoch FROM closed_at) - extract(epoch FROM opened_at)",
}
DAY = {
    "sqlite": "CAST(strftime('%s', substr(closed_at, 1, 19)) AS INTEGER) / 86400",
    "postgresql": "floor(extract(epoch FROM closed_at))::bigint / 86400",
}


@contextmanager
def opened(dialect: str, url: str) -> Iterator[Execute]:
    if dialect == "sqlite":
        with closing(sqlite3.connect(f"file:{url}?mode=ro", uri=True)) as connection:
            yield connection.execute
        return
    with psycopg.connect(url) as server:
        # As many rows at once as the ledger takes, so that a large answer is not held whole.
        def execute(statement: str, values: tuple[object, ...] = ()) -> Iterable[tuple[Any, ...]]:
            cursor = server.cursor(name="walk" if "ORDER BY" in statement else "", binary=True)
            cursor.execute(statement.replace("?", "%s"), values)
            yield from cursor
            cursor.close()

        yield execute


def sums(dialect: str, *, by_day: bool) -> str:
    day = f", {DAY[dialect]} AS day" if by_day else ""
    volume = "coalesce(volume, abs(size) * (entry_price + exit_price))"
    return f"""
        SELECT agent, mode, currency{day}, count(*),
            count(CASE WHEN pnl > 5e-9 THEN 1 END), count(CASE WHEN pnl < -5e-9 THEN 1 END),
            count(CASE WHEN lower(side) IN ('long', 'buy', 'yes', 'up') THEN 1 END),
            count(CASE WHEN lower(side) IN ('short', 'sell', 'no', 'down') THEN 1 END),
            sum(pnl), sum(CASE WHEN pnl > 5e-9 THEN pnl END), sum(CASE WHEN pnl < -5e-9 THEN pnl END),
            count(fees), sum(fees), count(funding), sum(funding), count({volume}), sum({volume}),
            count(opened_at), sum({HELD[dialect]}), min({HELD[dialect]}), max({HELD[dialect]})
        FROM trades WHERE closed_at >= ? AND closed_at < ? GROUP BY agent, mode, currency{", day" if by_day else ""}
    """


def performance(dialect: str, url: str, start: object, end: object, *, by_day: bool = False) -> object:
    """Sums of each agent, drawdown and streaks of the book, streaks, best and worst trade of each agent, balances."""
    with opened(dialect, url) as execute:
        lines = list(execute(sums(dialect, by_day=by_day), (start, end)))
        ordered = "SELECT id, pnl, agent, mode, currency FROM trades WHERE closed_at >= ? AND closed_at < ? "
        fall, streaks, ids = walk(execute(ordered + "ORDER BY closed_at, id", (start, end)))
        marks = ", ".join("?" * len(ids))
        trades = list(execute(f"SELECT * FROM trades WHERE id IN ({marks})", tuple(ids)))
        before = list(
            execute("SELECT agent, mode, currency, sum(pnl) FROM trades WHERE closed_at < ? GROUP BY 1, 2, 3", (start,))
        )
        return lines, fall, streaks, trades, before, list(execute("SELECT * FROM agents"))


def walk(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, object, list[object]]:
    level = peak = fall = 0
    books: dict[object, list[int]] = {}
    lines: dict[object, list[Any]] = {}
    for trade, pnl, agent, mode, currency in rows:
        level += pnl
        peak = max(peak, level)
        fall = min(fall, level - peak)
        line = lines.get(agent)
        if line is None:
            line = lines[agent] = [0, 0, 0, pnl, trade, pnl, trade]
        for runs in (line, books.setdefault((mode, currency), [0, 0, 0])):
            if pnl > 0:
                runs[0] = runs[0] + 1 if runs[0] > 0 else 1
                runs[1] = max(runs[1], runs[0])
            elif pnl < 0:
                runs[0] = runs[0] - 1 if runs[0] < 0 else -1
                runs[2] = min(runs[2], runs[0])
            else:
                runs[0] = 0
        if pnl > line[3]:
            line[3:5] = pnl, trade
        if pnl < line[5]:
            line[5:7] = pnl, trade
    return fall, (books, lines), list({line[at] for line in lines.values() for at in (4, 6)})


def series(dialect: str, url: str, end: object) -> object:
    """What each agent realised on each day of the whole history."""
    with opened(dialect, url) as execute:
        first = list(execute("SELECT min(closed_at) FROM trades"))
        statement = f"SELECT agent, mode, currency, {DAY[dialect]} AS day, sum(pnl) FROM trades WHERE closed_at < ? "
        found: dict[object, dict[int, Any]] = {}
        for *line, day, pnl in execute(statement + "GROUP BY 1, 2, 3, 4", (end,)):
            found.setdefault(tuple(line), {})[day] = pnl
        return first, found, list(execute("SELECT * FROM agents"))
