"""Badges say what the status page says, to those who may see that page."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from reporter.alerts.model import Level, Observation
from reporter.web.badges import badge
from tests.web.listener import READER, Listener, listener

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
