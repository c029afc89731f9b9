"""Announcements over real HTTP: who makes and withdraws them, who reads them on the page, in REST and in the feed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from reporter.alerts.model import Level, Observation
from reporter.cli.parser import main
from reporter.store import announcements
from tests.web.listener import OPERATOR, READER, Listener, listener
from tests.web.test_api import LEDGER

PAGE = {"Accept": "text/html"}
READS = {"Authorization": f"Bearer {READER}"}
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", LEDGER, web="  public: status\n") as found:
        yield found


def command(web: Listener, name: str, token: str = OPERATOR, **values: object) -> httpx.Response:
    web.clock.forward(seconds=20)  # what strangers see is kept for 15 s
    headers = {"Authorization": f"Bearer {token}"}
    return web.client.post(f"/api/v1/commands/{name}", json=values, headers=headers)


def public(web: Listener) -> str:
    return web.client.get("/status", headers=PAGE).text


def feed(web: Listener, headers: dict[str, str] | None = None) -> ET.Element:
    web.clock.forward(seconds=20)
    answer = web.client.get("/status/feed.xml", headers=headers)
    assert answer.headers["content-type"].startswith("application/atom+xml")
    return ET.fromstring(answer.content)


def words(entry: ET.Element) -> dict[str, str]:
    return {part.tag.removeprefix(ATOM): part.text or "" for part in entry}


def test_an_announcement_stands_for_strangers_until_its_time(web: Listener) -> None:
    said = command(web, "announce", text="The exchange is *slow*.", severity="warning", until="13:30").json()["text"]
    assert said[1] == "The exchange is *slow*."
    assert "as warning until 2026-10-31 13:30:00 CET" in said[2]
    assert "The exchange is *slow*." in public(web)
    assert "operator" not in public(web)
    assert "by operator" in web.client.get("/status", headers=PAGE | READS).text
    [one] = web.client.get("/api/v1/status", headers=READS).json()["announcements"]
    assert (one["severity"], one["author"], one["ends_at"]) == ("warning", "operator", "2026-10-31T13:30:00+01:00")
    web.clock.forward(hours=1)
    assert "slow" not in public(web)


def test_one_that_has_no_end_is_withdrawn(web: Listener) -> None:
    command(web, "announce", text="No reports this week")
    assert command(web, "unannounce", READER, number=1).status_code == 403
    assert command(web, "unannounce", number=2).json()["detail"] == "there is no announcement 2; there is 1"
    assert "No reports" in public(web)
    command(web, "unannounce", number=1)
    assert "No reports" not in public(web)
    assert command(web, "unannounce", number=1).status_code == 409


def test_what_is_no_announcement_is_refused_with_a_sentence(web: Listener) -> None:
    assert command(web, "announce", READER, text="x").status_code == 403
    for values in (
        {},
        {"text": " "},
        {"text": "x" * 1001},
        {"text": "x", "until": "soon"},
        {"text": "x", "until": "1999-01-01"},
    ):
        assert command(web, "announce", **values).status_code in {409, 422}
    codes = [command(web, "announce", text=f"No. {number}").status_code for number in range(21)]
    assert codes == [200] * 20 + [409]


def test_a_hostile_text_is_text_on_the_page_and_in_the_feed(web: Listener) -> None:
    text = "<script>x</script>]]>&amp;\x00\x0b\ufffe\u202eevil\nline two"
    assert command(web, "announce", text=text).status_code == 200
    assert "<script>x" not in public(web)
    assert "&lt;script&gt;x" in public(web)
    [entry] = feed(web).iter(f"{ATOM}entry")
    assert words(entry)["title"].startswith("<script>x</script>]]>&amp;")
    assert words(entry)["content"].split("\n")[1] == "line two"
    assert "\u202e" not in words(entry)["content"]


def test_the_feed_says_what_goes_on_and_then_that_it_is_over(web: Listener) -> None:
    web.app.runner.observe(web.app.runtime, [Observation("limit/daily_loss", Level.CRITICAL, "it is passed")])
    command(web, "announce", text="The exchange is slow", severity="critical")
    told, incident = map(words, feed(web).iter(f"{ATOM}entry"))
    assert (told["title"], incident["title"]) == ("The exchange is slow", "Incident: critical")
    assert "limit/daily_loss: critical" in [words(one)["title"] for one in feed(web, READS).iter(f"{ATOM}entry")]
    command(web, "unannounce", number=1)
    web.clock.forward(minutes=30)
    for _ in range(2):
        web.app.runner.observe(web.app.runtime, [Observation("limit/daily_loss", Level.OK, "")])
        web.clock.forward(hours=1)
    after = {one["id"]: one for one in map(words, feed(web).iter(f"{ATOM}entry"))}
    assert after[told["id"]]["title"] == "Over: The exchange is slow"
    assert after[incident["id"]]["title"].startswith("Incident: over after 3")
    assert after[told["id"]]["updated"] > told["updated"]
    assert after[told["id"]]["published"] == told["published"]


def test_the_feed_has_what_the_format_asks_for(web: Listener) -> None:
    command(web, "announce", text="The exchange is slow")
    root = feed(web)
    assert {"id", "title", "updated", "author", "link"} <= words(root).keys()
    [entry] = root.iter(f"{ATOM}entry")
    assert {"id", "title", "updated", "content"} <= words(entry).keys()
    moments = [words(one)[name] for one in (root, entry) for name in ("updated",)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", moment) for moment in moments)
    links = [one.get("href", "") for one in root.iter(f"{ATOM}link")]
    assert all(link.startswith("http://127.0.0.1") for link in links)


def test_a_feed_that_a_reader_has_is_not_sent_again(web: Listener) -> None:
    first = web.client.get("/status/feed.xml")
    web.clock.forward(seconds=20)
    again = web.client.get("/status/feed.xml", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    command(web, "announce", text="news")
    assert web.client.get("/status/feed.xml", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_feed_opens_to_whom_the_page_opens(tmp_path: Path) -> None:
    with listener(tmp_path, LEDGER) as web:
        assert web.client.get("/status/feed.xml").status_code == 401
        assert web.client.get("/status/feed.xml", headers=READS).status_code == 200


def test_an_operator_finds_a_form_and_a_viewer_none(web: Listener) -> None:
    headers = PAGE | {"Authorization": f"Bearer {OPERATOR}"}
    assert "/do/announce" in web.client.get("/status", headers=headers).text
    assert "/do/announce" not in web.client.get("/status", headers=PAGE | READS).text
    assert "/do/announce" not in public(web)


def test_the_command_line_announces_lists_and_withdraws(web: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(web.app.home.path.parents[1])
    assert main(["--home", home, "announce", "The exchange is slow", "--severity", "warning", "--by", "anna"]) == 0
    assert main(["--home", home, "announce"]) == 0
    assert capsys.readouterr().out == "1: warning, until it is withdrawn, by anna: The exchange is slow\n" * 2
    assert main(["--home", home, "announce", "--end", "1"]) == 0
    assert main(["--home", home, "announce"]) == 0
    assert capsys.readouterr().out.startswith("withdrawn: 1: warning")


def test_what_is_long_over_is_deleted(web: Listener) -> None:
    command(web, "announce", text="over soon")
    command(web, "announce", text="stands")
    command(web, "unannounce", number=1)
    web.clock.forward(minutes=1)
    with web.store.begin() as connection:
        assert announcements.prune(connection, web.clock.wall()) == 1
        assert [one.text for one in announcements.newest(connection, 9)] == ["stands"]
