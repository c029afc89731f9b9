"""Badges say what the status page says, to those who may see that page."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from reporter.alerts.model import Level, Observation
from reporter.store import uptime
from reporter.web.badge_addresses import address_of, key_of
from reporter.web.badges import badge
from tests.jobs.floor import database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import OPERATOR, READER, Listener, listener
from tests.web.test_api import LEDGER

TITLE = "{http://www.w3.org/2000/svg}title"


def words(web: Listener, name: str) -> str:
    answer = web.client.get(f"/badge/{name}.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    return str(ElementTree.fromstring(answer.text).findtext(TITLE))


@pytest.mark.parametrize("public", ["status", "all"])
def test_strangers_see_badges_where_they_see_the_status_page(tmp_path: Path, public: str) -> None:
    with listener(tmp_path / "home", web=f"  public: {public}\n") as web:
        assert words(web, "status") == "status: nothing watched"
        assert words(web, "uptime") == "uptime: unknown"


def test_a_badge_is_closed_where_the_status_page_is(tmp_path: Path) -> None:
    with listener(tmp_path / "home") as web:
        assert web.client.get("/badge/status.svg").status_code == 401
        opened = web.client.get("/badge/status.svg", headers={"Authorization": f"Bearer {READER}"})
        assert opened.status_code == 200


def test_a_failure_is_on_the_badge_within_half_a_minute(tmp_path: Path) -> None:
    with listener(tmp_path / "home", web="  public: status\n") as web:
        assert words(web, "status") == "status: nothing watched"
        web.app.runner.observe(web.app.runtime, [Observation("job/daily_summary", Level.CRITICAL, "it failed")])
        assert words(web, "status") == "status: nothing watched"
        web.clock.forward(seconds=31)
        assert words(web, "status") == "status: 1 failing"


def test_words_cannot_break_out_of_a_badge() -> None:
    found = ElementTree.fromstring(badge("a", '"/><script>&', "#000"))
    assert found.findtext(TITLE) == 'a: "/><script>&'
    assert "script" not in {element.tag.rpartition("}")[2] for element in found.iter()}


def of(web: Listener, kind: str, subject: str = "") -> str:
    return f"/badge/{address_of(key_of(web.store), kind, subject)}"


def test_a_badge_of_one_thing_is_open_to_who_knows_its_address(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER) as web:
        web.app.runner.observe(web.app.runtime, [Observation("job/daily_summary", Level.CRITICAL, "it failed")])
        assert web.client.get("/badge/status.svg").status_code == 401
        shown = web.client.get(f"{of(web, 'status', 'job/daily_summary')}.json")
        assert shown.json() == {"schemaVersion": 1, "label": "daily_summary", "message": "critical", "color": "#b3261e"}
        made = web.client.get(f"{of(web, 'pnl', 'live USDT')}.svg")
        assert ElementTree.fromstring(made.text).findtext(TITLE) == "P&L today, live: +3.75 USDT"
        assert made.headers["cache-control"] == "public, max-age=60"
        again = web.client.get(f"{of(web, 'pnl', 'live USDT')}.svg", headers={"If-None-Match": made.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_no_address_of_a_badge_can_be_guessed(tmp_path: Path) -> None:
    with listener(tmp_path / "home") as web, listener(tmp_path / "other") as other:
        assert of(web, "status") != of(other, "status")
        told = [web.client.get(path).json() for path in (f"{of(web, 'status', 'probe/no')}.svg", "/badge/probe.svg")]
        assert told[0] == told[1]
        guesses = [web.client.get(f"/badge/guess{number}.svg").status_code for number in range(40)]
        assert (guesses[0], guesses[-1]) == (404, 429)


def test_operators_find_the_addresses(tmp_path: Path) -> None:
    with listener(tmp_path / "home") as web:
        with web.store.begin() as connection:
            uptime.record(connection, [Observation("probe/db", Level.OK, "")], web.clock.wall())
        pages = {
            token: web.client.get("/uptime", headers={"Authorization": f"Bearer {token}"}).text
            for token in (READER, OPERATOR)
        }
        assert [of(web, "uptime", "probe/db") in pages[token] for token in (READER, OPERATOR)] == [False, True]
