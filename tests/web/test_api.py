"""REST over real HTTP: figures to the cent with their shapes, pages by cursor, and who may ask."""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from reporter.web.context import KEPT, KeptAnswers
from tests.jobs.floor import database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import OPERATOR, READER, TOKEN, Listener, listener

LEDGER = """
timezone: Europe/Berlin
ledgers: {floor: {kind: native, url: trading.sqlite, starting_balance: 1000 USDT}}
jobs: {daily_summary: {}}
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("web")
    database(folder / "trading.sqlite", TRADES, AGENTS)
    with listener(folder, LEDGER) as found:
        yield found


@pytest.fixture(autouse=True)
def a_minute_later(web: Listener) -> None:
    web.clock.forward(seconds=30)  # a token has its pace


def get(web: Listener, path: str, token: str = READER, **headers: str) -> httpx.Response:
    return web.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}", **headers})


def test_books_of_some_days_are_right_to_the_cent_both_days_included(web: Listener) -> None:
    found = get(web, "/books?from=2026-10-29&to=2026-10-30").json()
    live, paper = found["books"]
    assert (found["from"], found["to"], found["unread"]) == ("2026-10-29", "2026-10-30", [])
    assert (live["mode"], live["currency"], live["trades"], live["wins"], live["losses"]) == ("live", "USDT", 3, 1, 2)
    assert live["pnl"] == {"amount": "4.25", "currency": "USDT"}
    assert [(line["key"], line["pnl"]["amount"]) for line in live["lines"]] == [
        ("Momentum_BTC_v1", "6.5"),
        ("Volume_ETH_v1", "-2.25"),
    ]
    assert (paper["mode"], paper["trades"], paper["win_rate"]) == ("paper", 0, None)


def test_a_day_is_one_of_the_configs_zone(web: Listener) -> None:
    (live, *_) = get(web, "/books?from=2026-10-31&to=2026-10-31").json()["books"]
    assert live["pnl"]["amount"] == "3.75"
    assert get(web, "/books").json()["books"][0]["pnl"]["amount"] == "3.75"
    by_market = get(web, "/books?from=2026-10-01&to=2026-10-31&by=market").json()["books"][0]["lines"]
    assert {line["key"] for line in by_market} == {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("from=yesterday", "from"),
        ("from=2026-10-31&to=2026-10-01", "from"),
        ("from=2027-01-01&to=2027-01-31", "from"),
        ("to=2026-13-01", "to"),
        ("by=moon", "by"),
        ("form=2026-10-01", "form"),
        ("from=2026-10-01&from=2026-10-02", "from"),
    ],
)
def test_a_wrong_query_names_its_place(web: Listener, query: str, where: str) -> None:
    answer = get(web, f"/books?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["where"] == where


def test_trades_come_in_pages_each_once_with_a_link_to_the_next(web: Listener) -> None:
    path, ids, pages = "/trades?limit=2", list[str](), 0
    while path:
        answer = get(web, path)
        ids += [trade["id"] for trade in answer.json()["trades"]]
        found = re.fullmatch(r'</api/v1(/trades\?.*)>; rel="next"', answer.headers.get("link", ""))
        assert bool(found) == (answer.json()["next"] is not None)
        path, pages = (found[1] if found else ""), pages + 1
    assert (ids, pages) == (["5", "4", "3", "2", "1"], 3)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("agent=Momentum_BTC_v1", ["4", "2", "1"]),
        ("mode=paper", ["5"]),
        ("market=ETH/USDT", ["3"]),
        ("result=loss", ["3", "1"]),
        ("from=2026-10-30&to=2026-10-30", ["3", "2"]),
        ("agent=' OR 1=1 --", []),
    ],
)
def test_trades_are_filtered(web: Listener, query: str, ids: list[str]) -> None:
    assert [trade["id"] for trade in get(web, f"/trades?{query}").json()["trades"]] == ids


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwge31d", "e30" * 20, "MTIz"])
def test_a_cursor_of_ones_own_making_is_refused(web: Listener, cursor: str) -> None:
    for path in ("/trades", "/incidents", "/outbox", "/events"):
        answer = get(web, f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["where"]) == (400, "cursor")


def test_a_cursor_belongs_to_its_filter(web: Listener) -> None:
    cursor = get(web, "/trades?limit=1").json()["next"]
    answer = get(web, f"/trades?limit=1&mode=live&cursor={cursor}")
    assert "belongs to another filter" in answer.json()["detail"]


@pytest.mark.parametrize("sort", ["-pnl", "pnl"])
def test_trades_are_sorted_page_by_page(web: Listener, sort: str) -> None:
    found, path = list[dict[str, Any]](), f"/trades?limit=2&sort={sort}"
    while path:
        page = get(web, path).json()
        assert page["sorted_from"] is None
        found += page["trades"]
        path = f"/trades?limit=2&sort={sort}&cursor={page['next']}" if page["next"] else ""
    amounts = [Decimal(trade["pnl"]["amount"]) for trade in found]
    assert amounts == sorted(amounts, reverse=sort == "-pnl")
    assert sorted(trade["id"] for trade in found) == ["1", "2", "3", "4", "5"]


def test_a_cursor_belongs_to_its_order(web: Listener) -> None:
    sorted_by, newest = (get(web, f"/trades?limit=1&sort={sort}").json()["next"] for sort in ("-pnl", "-closed_at"))
    for path in (
        f"/trades?sort=pnl&cursor={sorted_by}",
        f"/trades?cursor={sorted_by}",
        f"/trades?sort=-pnl&cursor={newest}",
    ):
        answer = get(web, path)
        assert (answer.status_code, answer.json()["where"]) == (400, "cursor")
        assert "belongs to another filter" in answer.json()["detail"]
    for wrong in ([["x"], 1], ["m", [{"floor": ["USDT", "1", "x", 1]}, {"at": "2026-10-01T00:00:00+00:00"}, 3]]):
        cursor = base64.urlsafe_b64encode(json.dumps(wrong).encode()).decode()
        assert get(web, f"/trades?sort=-pnl&cursor={cursor}").status_code == 400


def test_trades_are_counted_only_when_asked(web: Listener) -> None:
    assert get(web, "/trades").json()["count"] is None
    count = get(web, "/trades?limit=1&count=1&mode=live").json()["count"]
    assert (count["at_least"], count["timed_out"]) == (4, [])
    assert {one["name"]: one["trades"] for one in count["agent"]} == {"Momentum_BTC_v1": 3, "Volume_ETH_v1": 1}
    assert count["market"][0] == {"name": "BTC/USDT", "trades": 3}
    (reason,) = count["exit_reason"]
    narrowed = get(web, "/trades?mode=live&exit_reason=" + reason["name"]).json()["trades"]
    assert len(narrowed) == reason["trades"] == 4


def test_a_series_has_each_day(web: Listener) -> None:
    (live, _) = get(web, "/series?from=2026-10-29&to=2026-10-31").json()["series"]
    assert (live["days"], live["pnl"]) == (["2026-10-29", "2026-10-30", "2026-10-31"], ["-4", "8.25", "3.75"])
    assert live["opening"] == {"amount": "1000", "currency": "USDT"}


TRADE = {"ledger": "floor", "id": "1", "closed": "2026-10-29T12:00:00Z"}


def test_every_resource_answers_in_the_shape_that_openapi_promises(web: Listener) -> None:
    document = web.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        if "{" not in path and "get" in item:
            query = TRADE if path.endswith("/trade") else {}
            answer = web.client.get(path, params=query, headers={"Authorization": f"Bearer {READER}"})
            assert answer.status_code == 200, path
            reference = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            conforms(answer.json(), {"$ref": reference}, document["components"]["schemas"])


def conforms(value: Any, schema: dict[str, Any], known: dict[str, Any]) -> None:
    """The part of JSON Schema that our shapes use."""
    if reference := schema.get("$ref"):
        schema = known[reference.rpartition("/")[2]]
    if kinds := schema.get("anyOf"):
        schema = next(one for one in kinds if (one.get("type") == "null") == (value is None))
    match schema.get("type"):
        case "object":
            assert set(schema.get("required", ())) <= set(value), (schema, value)
            for name, part in value.items():
                conforms(part, schema.get("properties", {}).get(name) or schema["additionalProperties"], known)
        case "array":
            for part in value:
                conforms(part, schema["items"], known)
        case kind if kind:
            python: Any = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}[
                kind
            ]
            assert isinstance(value, python), (schema, value)


def test_what_the_caller_has_already_is_not_sent_again(web: Listener) -> None:
    first = get(web, "/books?from=2026-10-30&to=2026-10-30")
    again = get(web, "/books?from=2026-10-30&to=2026-10-30", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_stranger_and_a_token_without_the_right_see_nothing(web: Listener) -> None:
    document = web.client.get("/openapi.json").json()
    for path in document["paths"]:
        method = "GET" if "get" in document["paths"][path] else "POST"
        for headers, status in [({}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 403)]:
            answer = web.client.request(method, path.replace("{id}", "x"), headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        web.clock.forward(minutes=1)
    assert answer.json()["detail"]


def test_a_command_is_carried_out_with_the_role_of_its_token(web: Listener) -> None:
    def post(name: str, body: object, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return web.client.post(f"/api/v1/commands/{name}", json=body, headers=headers)

    assert "Daily Performance Report – 2026-10-30" in post("pnl", {"period": "daily"}, READER).json()["text"][0]
    assert post("silence", {"subject": "db"}, READER).status_code == 403
    assert "db is silenced" in post("silence", {"subject": "db", "span": "10m"}, OPERATOR).json()["text"][0]
    assert post("pnl", {"period": "yearly"}, READER).status_code == 422
    assert post("fly", {}, READER).status_code == 404
    assert post("help", {"command": "fly"}, READER).status_code == 422
    assert post("pnl", [], READER).status_code == 400


def test_health_says_nothing_to_strangers_but_that_we_live(web: Listener) -> None:
    assert web.client.get("/healthz").json() == {"status": "ok"}
    assert web.client.get("/readyz").json() == {"status": "ready"}


def test_metrics_are_for_this_machine_and_for_tokens(web: Listener) -> None:
    text = web.client.get("/metrics").text
    assert 'reporter_pnl_today{currency="USDT",mode="live"} 3.75' in text
    assert 'reporter_agent_pnl_today{agent="Momentum_BTC_v1",currency="USDT",ledger="floor",mode="live"} 3.75' in text
    assert {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")} <= set(
        re.findall(r"reporter_\w+", text)
    )
    proxied = web.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert proxied.status_code == 401
    assert get(web, "/../../metrics", READER).status_code == 200


def test_a_database_that_is_away_is_unread_and_no_zero(tmp_path: Path) -> None:
    (tmp_path / "trading.sqlite").write_bytes(b"nonsense" * 1000)
    with listener(tmp_path, LEDGER) as web:
        for path, name in [
            ("/books", "books"),
            ("/trades", "trades"),
            ("/series", "series"),
            ("/positions", "positions"),
        ]:
            found = get(web, path).json()
            assert found[name] == []
            assert found["unread"][0]["ledger"] == "floor"


def test_what_cannot_be_read_is_counted_with_the_first_of_it(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with closing(sqlite3.connect(tmp_path / "trading.sqlite")) as bot, bot:
        bot.execute("PRAGMA ignore_check_constraints = 1")
        bot.execute("UPDATE trades SET pnl = 'much' WHERE closed_at LIKE '2026-10-30%'")
    with listener(tmp_path, LEDGER) as web:
        (live, *_) = get(web, "/books?from=2026-10-29&to=2026-10-30").json()["books"]
    [missing] = live["left_out"]
    assert (missing["ledger"], missing["trades"] > 0, missing["stray"]) == ("floor", True, 0)
    assert missing["first"][0]["column"] == "pnl"
    assert missing["first"][0]["value"] == "much"
    assert missing["first"][0]["expected"] == "a number"
    assert missing["faults"] == [{"trades": missing["trades"], "first": missing["first"][0]}]


def test_a_ledger_that_nobody_writes_to_is_stale_also_where_nothing_else_changes(tmp_path: Path) -> None:
    file = tmp_path / "trading.sqlite"
    database(file, TRADES, AGENTS)
    os.utime(file, (1, 1))  # it was written long ago
    with listener(tmp_path, LEDGER.replace("1000 USDT", "1000 USDT, fresh: 3.5h")) as web:
        first = get(web, "/books")  # at noon; the newest trade closed at nine
        assert [one["stale"] for one in first.json()["books"]] == [[], []]
        web.clock.forward(hours=1)
        again = get(web, "/books", **{"If-None-Match": first.headers["etag"]})
        [found] = again.json()["books"][0]["stale"]
    assert found == {
        "ledger": "floor",
        "newest": "2026-10-31T10:00:00+01:00",
        "age_seconds": 4 * 3600,
        "limit_seconds": 3.5 * 3600,
        "why": "newest trade 4h ago, limit 3h 30m",
    }


def test_what_the_config_shows_to_strangers_needs_no_token(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER, web="  public: all\n") as web:
        assert web.client.get("/api/v1/books").status_code == 200
        assert web.client.post("/api/v1/commands/silence", json={"subject": "db"}).status_code == 403
        assert Decimal(web.client.get("/api/v1/books").json()["books"][0]["pnl"]["amount"]) == Decimal("3.75")


def test_what_is_known_is_answered_without_a_look_and_a_new_trade_shows_at_once(tmp_path: Path) -> None:
    file = tmp_path / "trading.sqlite"
    database(file, TRADES, AGENTS)
    os.utime(file, (1, 1))  # it was written long ago
    with listener(tmp_path, LEDGER) as web:
        first = get(web, "/books")
        again = get(web, "/books", **{"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
        assert get(web, "/books").json() == first.json()
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE trades SET pnl = 8.75 WHERE pnl = 3.75")
        changed = get(web, "/books", **{"If-None-Match": first.headers["etag"]})
        assert changed.json()["books"][0]["pnl"]["amount"] == "8.75"


def test_callers_who_ask_the_same_at_one_time_share_one_look() -> None:
    kept, looks, begun = KeptAnswers(), list[int](), threading.Barrier(8)

    def make() -> dict[str, int]:
        looks.append(1)
        return {"unread": 0}

    def ask() -> None:
        begun.wait(10)
        assert kept.get("tag", 1.0, make) == {"unread": 0}

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert looks == [1]
    kept.get("tag", 1.0 + KEPT, make)
    assert len(looks) == 2


def test_an_answer_that_lacks_a_ledger_is_not_kept() -> None:
    kept = KeptAnswers()
    assert kept.get("tag", 1.0, lambda: {"unread": ["floor"]}) == {"unread": ["floor"]}
    assert kept.get("tag", 1.0, lambda: {"unread": []}) == {"unread": []}


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-31 23:59", "9999-12-31T23:59-12:00", "0001-01-01"])
def test_a_day_at_the_end_of_the_calendar_is_refused_in_every_zone(tmp_path: Path, day: str) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER.replace("Europe/Berlin", "America/New_York")) as web:
        for name in ("books", "series", "trades", "distribution"):
            assert [get(web, f"/{name}?{end}={day}").status_code for end in ("from", "to")] == [400, 400]
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        for name, values in (("announce", {"text": "x", "until": day}), ("silence", {"subject": "a", "until": day})):
            answer = web.client.post(f"/api/v1/commands/{name}", json=values, headers=headers)
            assert (answer.status_code, "is not between 1900 and 2200" in answer.json()["detail"]) == (409, True)
        answer = web.client.post("/api/v1/commands/alerts", json={"state": "off", "span": "9999999w"}, headers=headers)
        assert answer.status_code == 422
        event = {"kind": "system", "title": "x", "at": "9999-12-31T23:59:59-12:00"}
        assert web.post(event).json()["detail"].endswith("between 1900 and 2200")
