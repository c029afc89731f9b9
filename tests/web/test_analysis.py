"""Risk, distribution, one agent and restatements: right to the cent, as resources and as pages."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.store import sent_figures
from reporter.store.sent_figures import Restatement
from reporter.trading.trades import Mode, Money
from reporter.web.distribution import MOST_PAIRS, steps_of
from reporter.web.figure_pages import calendars
from tests.jobs.floor import Closed, database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import READER, Listener, listener
from tests.web.test_api import LEDGER

TARGETS = "targets: {daily_loss: 10 USDT, losses_in_a_row: 4, agents: {Momentum_*: {daily_loss: 5 USDT}}}\n"
OCTOBER = "from=2026-10-01&to=2026-10-31"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("analysis")
    database(folder / "trading.sqlite", TRADES, AGENTS)
    with listener(folder, LEDGER + TARGETS) as found:
        yield found


def get(web: Listener, path: str) -> Any:
    answer = web.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {READER}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def page(web: Listener, path: str) -> str:
    headers = {"Authorization": f"Bearer {READER}", "Accept": "text/html"}
    answer = web.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_every_limit_says_how_much_of_it_is_used(web: Listener) -> None:
    found = get(web, "/risk")
    rows = {(one["limit"], one["of"]): one for one in found["limits"]}
    assert rows["Daily Loss", "USDT · live"]["used"] == "0.0000"
    assert rows["Losses in a Row", "USDT · live"]["value"] == "0"
    assert rows["Daily Loss", "Momentum_BTC_v1 · USDT · live"]["agent"] == "Momentum_BTC_v1"
    live = next(one for one in found["books"] if one["mode"] == "live")
    assert (live["streak"], live["longest_losses"]) == (1, 1)
    assert "Daily Loss of USDT · live: 0% used" in page(web, "/risk")


def test_what_is_open_without_a_current_price_counts_at_its_entry_and_says_so(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with closing(sqlite3.connect(tmp_path / "trading.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO positions (agent, market, side, opened_at, size, entry_price, mode, currency) "
            "VALUES ('Momentum_BTC_v1', 'BTC/USDT', 'long', '2026-10-31 11:00:00', 2, 50, 'live', 'USDT')"
        )
    with listener(tmp_path, LEDGER) as web:
        (held,) = get(web, "/risk")["exposure"]
        shown = page(web, "/risk")
    assert (held["unpriced"], Decimal(held["worth"]["amount"])) == (1, Decimal(100))
    assert "1 <small>at entry</small>" in shown


def test_an_agent_that_trades_live_and_on_paper_has_a_row_for_each(tmp_path: Path) -> None:
    both = Closed("2026-10-31 08:30:00", "Momentum_BTC_v1", "7", mode="paper")
    database(tmp_path / "trading.sqlite", [*TRADES, both], AGENTS)
    with listener(tmp_path, LEDGER) as web:
        agents = {one["name"]: one for one in get(web, "/agents")["agents"]}
        shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page(web, "/agents")))
    today = {one["mode"]: Decimal(one["pnl"]["amount"]) for one in agents["Momentum_BTC_v1"]["today"]}
    assert today == {"live": Decimal("3.75"), "paper": 7}
    assert "live 1 100.0% +3.75 USDT" in shown
    assert "paper 1 100.0% +7.00 USDT" in shown


def test_the_distribution_counts_every_trade_once(web: Listener) -> None:
    live = get(web, f"/distribution?{OCTOBER}")["books"][0]
    assert live["trades"] == live["counted"] == sum(step["trades"] for step in live["results"]) == 4
    by = {side["by"]: side["lines"] for side in live["sides"]}
    assert {line["key"]: line["pnl"]["amount"] for line in by["market"]} == {"BTC/USDT": "10.25", "ETH/USDT": "-2.25"}
    assert sum(line["trades"] for line in by["hour"]) == 4
    assert "By weekday" in page(web, f"/distribution?{OCTOBER}")


def test_the_distribution_adds_up_pairs_of_tag_and_exit_and_holding_times(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    opened = {1: "2026-10-29 11:55:00", 2: "2026-10-30 11:55:01", 3: "2026-10-20 13:00:00"}
    tags = {1: ("breakout", "stop"), 2: ("breakout", "roi"), 3: ("breakout", "stop"), 4: (None, "roi")}
    with closing(sqlite3.connect(tmp_path / "trading.sqlite")) as connection, connection:
        for number, moment in opened.items():
            connection.execute("UPDATE trades SET opened_at = ? WHERE id = ?", [moment, number])
        for number, pair in tags.items():
            connection.execute("UPDATE trades SET entry_tag = ?, exit_reason = ? WHERE id = ?", [*pair, number])
    with listener(tmp_path, LEDGER) as web:
        live = get(web, f"/distribution?{OCTOBER}")["books"][0]
        shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page(web, f"/distribution?{OCTOBER}")))
    assert [(one["entry_tag"], one["exit_reason"], one["trades"], one["wins"]) for one in live["tags"]] == [
        ("breakout", "stop", 2, 0),
        (None, "roi", 1, 1),
        ("breakout", "roi", 1, 1),
    ]
    assert [Decimal(one["pnl"]["amount"]) for one in live["tags"]] == [
        Decimal("-6.25"),
        Decimal("3.75"),
        Decimal("10.5"),
    ]
    # Five minutes to the second belong to the step that begins there; of one trade nobody knows how long it was held.
    assert [(one["least"], one["below"], one["trades"], Decimal(one["pnl"]["amount"])) for one in live["holding"]] == [
        (None, 300, 1, Decimal("10.5")),
        (300, 1800, 1, Decimal(-4)),
        (7 * 86400, None, 1, Decimal("-2.25")),
    ]
    assert "under 5m 1 100% +10.50 USDT" in shown
    assert "5m to 30m 1 0% -4.00 USDT" in shown
    assert "7 days and more 1 0% -2.25 USDT" in shown
    assert "breakout, stop 2 0% -6.25 USDT none, roi 1 100% +3.75 USDT" in shown


def test_pairs_of_tag_and_exit_are_bounded(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 12:00:00", "Momentum_BTC_v1", "1") for _ in range(MOST_PAIRS + 5)]
    database(tmp_path / "trading.sqlite", trades, AGENTS)
    with closing(sqlite3.connect(tmp_path / "trading.sqlite")) as connection, connection:
        connection.execute("UPDATE trades SET entry_tag = 'tag ' || id")
    with listener(tmp_path, LEDGER) as web:
        book = get(web, f"/distribution?{OCTOBER}")["books"][0]
        shown = page(web, f"/distribution?{OCTOBER}")
    assert (len(book["tags"]), book["pairs"]) == (MOST_PAIRS, MOST_PAIRS + 5)
    assert f"{MOST_PAIRS} of {MOST_PAIRS + 5}" in shown


@given(st.lists(st.decimals(-(10**6), 10**6, places=4), max_size=60))
def test_steps_hold_each_result_once_and_meet_without_a_gap(made: list[Decimal]) -> None:
    steps = steps_of(made)
    assert sum(step["trades"] for step in steps) == len(made)
    for step in steps:
        least, below = (None if one is None else Decimal(one) for one in (step["least"], step["below"]))
        inside = [one for one in made if (least is None or one >= least) and (below is None or one < below)]
        assert len(inside) == step["trades"]
    assert all(one["below"] == after["least"] for one, after in pairwise(steps))


def test_one_agent_has_its_own_figures_and_no_others(web: Listener) -> None:
    found = get(web, f"/agents/Momentum_BTC_v1?{OCTOBER}")
    (book,) = found["books"]
    assert (book["span"]["pnl"]["amount"], book["today"]["pnl"]["amount"]) == ("10.25", "3.75")
    assert [own["key"] for one in found["series"] for own in one["agents"]] == ["Momentum_BTC_v1"]
    text = page(web, f"/agents/Momentum_BTC_v1?{OCTOBER}")
    assert "<title>Momentum_BTC_v1 · reporter</title>" in text
    assert "+10.25 USDT" in text
    assert "Volume_ETH_v1" not in text
    headers = {"Authorization": f"Bearer {READER}"}
    assert web.client.get("/api/v1/agents/nobody", headers=headers).status_code == 404


def test_told_stands_beside_now(web: Listener) -> None:
    moment = datetime(2026, 10, 30, tzinfo=UTC)
    was, now = Money(Decimal("12.5"), "USDT"), Money(Decimal("9.1"), "USDT")
    with web.store.begin() as connection:
        for number in range(3):
            one = Restatement(
                job="daily_summary",
                label=f"2026-10-{27 + number}",
                ledger="floor",
                mode=Mode.LIVE,
                cause="source",
                told_at=moment,
                found_at=moment,
                trades_before=4,
                trades=3,
                pnl_before=was,
                pnl=now,
                fees_before=None,
                fees=None,
                detail=("trade 17 is gone",),
            )
            sent_figures.add(connection, one, moment)
    first = get(web, "/restatements?limit=2")
    rest = get(web, f"/restatements?limit=2&cursor={first['next']}")
    assert [one["period"] for one in (*first["restatements"], *rest["restatements"])] == [
        "2026-10-29", "2026-10-28", "2026-10-27",
    ]  # fmt: skip
    text = page(web, "/restated")
    assert "+12.50 USDT" in text
    assert "trade 17 is gone" in text


def test_the_calendar_of_a_month_has_what_each_day_made(web: Listener) -> None:
    text = page(web, f"/equity?{OCTOBER}")
    tables = re.findall(r'<table class="calendar made">.*?</table>', text, re.DOTALL)
    books = get(web, f"/series?{OCTOBER}")["series"]
    assert len(tables) == len(books) > 0
    for table, one in zip(tables, books, strict=True):
        total = sum(map(Decimal, one["pnl"]))
        assert re.search(r"2026-10: <span.*?>([^<]*)</span>", table)[1].startswith(f"{total:+.2f}")  # type: ignore[index]
        rows = [re.findall("<td(.*?)</td>", row) for row in re.findall("<tr>(<td.*?)</tr>", table)]
        assert [len(row) for row in rows] == [7] * 5
        cells = [cell for row in rows for cell in row]
        assert ["none" in cell for cell in cells] == [True] * 3 + [False] * 31 + [True]  # 1 October is a Thursday
        for day, pnl, cell in zip(one["days"], map(Decimal, one["pnl"]), cells[3:], strict=False):
            assert f"from={day}&amp;to={day}&amp;mode={one['mode']}&amp;currency={one['currency']}" in cell
            assert re.sub("<[^>]*>", "", f"<td{cell}").split() == [str(int(day[-2:])), f"{pnl:+.2f}" if pnl else "0.00"]
            assert (' class="up' in cell, ' class="down' in cell) == (pnl > 0, pnl < 0)


def test_a_calendar_has_the_newest_months_of_a_long_time() -> None:
    first = date(2025, 1, 31)
    days = [first + timedelta(days=number) for number in range(500)]
    made = ["1"] * 499 + ["-2.5"]
    months = calendars(
        {
            "mode": "live", "currency": "USDT", "opening": None, "days": list(map(str, days)), "pnl": made,
            "sharpe": None, "agents": [],
        }
    )  # fmt: skip
    assert [one["name"] for one in months[:1]] == ["2025-07"]
    assert (len(months), months[-1]["name"], months[-1]["made"]["amount"]) == (12, "2026-06", "10.5")
    last = [day for week in months[-1]["weeks"] for day in week if day]
    assert [day["large"] for day in last] == [False] * 13 + [True]
    assert last[-1]["day"] == date(2026, 6, 14)


def test_a_month_of_uptime_is_a_calendar(web: Listener) -> None:
    assert get(web, "/uptime?month=2026-10") == {"uptime": []}
    assert "2025-11" in page(web, "/uptime?month=2026-10")
    headers = {"Authorization": f"Bearer {READER}"}
    for wrong in ("2026-13", "2027-01", "october", "0000-01"):
        assert web.client.get(f"/api/v1/uptime?month={wrong}", headers=headers).status_code == 400


def test_a_report_is_previewed_and_nothing_is_sent(web: Listener) -> None:
    assert 'src="/jobs/daily_summary/preview/view"' in page(web, "/jobs/daily_summary/preview")
    assert "<figure>" in page(web, "/jobs/daily_summary/preview/view")
    assert get(web, "/outbox")["messages"] == []
