"""The pages over real HTTP: who sees them, what they show, and that forms need a page of ours."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reporter.alerts.model import Level, Observation
from reporter.store import outbox_admin, web_keys
from reporter.web import resources
from reporter.web.context import WebContext
from reporter.web.pages import FILES, PAGES
from reporter.web.passwords import hashed, is_password, of_nobody
from reporter.web.resources import STATES
from tests.jobs.floor import Closed, database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import OPERATOR, READER, Listener, listener
from tests.web.test_api import LEDGER

PASSWORD = "correct horse battery"
HOSTILE = Closed("2026-10-31 10:00:00", "<script>alert(1)</script>", "1")
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("pages")
    database(folder / "trading.sqlite", (*TRADES, HOSTILE), AGENTS)
    users = "  users: {anna: {password: env:HASH, role: operator}, ben: {password: env:HASH}}\n"
    with listener(folder, LEDGER, {"HASH": hashed(PASSWORD)}, web=users) as found:
        yield found


@pytest.fixture(autouse=True)
def a_minute_later(web: Listener) -> None:
    web.clock.forward(minutes=1)


def browser(web: Listener) -> httpx.Client:
    return httpx.Client(base_url=web.server.address, headers=PAGE, trust_env=False, timeout=60)


def log_in(web: Listener, client: httpx.Client, name: str = "anna", secret: str = PASSWORD) -> httpx.Response:
    origin = {"Origin": web.server.address}
    return client.post("/login", data={"name": name, "secret": secret, "next": "/equity"}, headers=origin)


def test_a_person_is_led_to_the_login_and_back(web: Listener) -> None:
    with browser(web) as client:
        first = client.get("/equity")
        assert (first.status_code, first.headers["location"]) == (303, "/login?next=%2Fequity")
        assert log_in(web, client, secret="wrong").status_code == 401
        entered = log_in(web, client)
        assert (entered.status_code, entered.headers["location"]) == (303, "/equity")
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert "SameSite=lax" in entered.headers["set-cookie"]
        assert client.get("/equity").status_code == 200
        client.post("/logout", headers={"Origin": web.server.address})
        assert client.get("/equity").status_code == 303


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\\\evil.example"])
def test_the_login_leads_nowhere_else(web: Listener, target: str) -> None:
    with browser(web) as client:
        origin = {"Origin": web.server.address}
        form = {"name": "anna", "secret": PASSWORD, "next": target}
        assert client.post("/login", data=form, headers=origin).headers["location"] == "/"


def test_trades_are_sorted_and_counted_and_a_name_narrows_them(web: Listener) -> None:
    with browser(web) as client:
        log_in(web, client)
        page = client.get("/trades?sort=pnl&count=1&mode=live").text
        assert '<option value="pnl" selected>' in page
        assert "5 trades" in page
        (link,) = re.findall(r'<a href="\?([^"]*agent=Volume_ETH_v1)">', page)
        narrowed = client.get("/trades?" + link.replace("&amp;", "&")).text
        assert "1 trade<" in narrowed
        assert '<option value="pnl" selected>' in narrowed


def test_every_page_shows_the_floor_and_lets_no_name_be_a_script(web: Listener) -> None:
    with browser(web) as client:
        log_in(web, client)
        for page in PAGES:
            answer = client.get(page.path)
            assert answer.status_code == 200, page.path
            assert "<script>alert" not in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", answer.text), page.path
            assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
        assert "+4.75 USDT" in client.get("/").text
        assert "&lt;script&gt;" in client.get("/trades").text
        assert client.get("/trades?agent=Volume_ETH_v1&from=&mode=").text.count("<tr>") == 2
        assert client.get("/trades.csv?agent=Volume_ETH_v1").text.count("-2.25") == 1


def test_static_files_are_ours_and_no_others(web: Listener) -> None:
    for name in FILES:
        assert web.client.get(f"/static/{name}").status_code == 200
    for name in ("..%2f..%2fserver.py", "%2e%2e/server.py", "server.py"):
        assert web.client.get(f"/static/{name}").status_code == 404


def test_a_program_without_a_token_hears_how_to_get_one(web: Listener) -> None:
    refused = web.client.get("/")
    assert refused.status_code == 401
    assert all(f"`reporter web {what}`" in refused.json()["remedy"] for what in ("token", "login"))


def test_a_form_is_taken_from_a_page_of_ours_alone(web: Listener) -> None:
    with browser(web) as client:
        log_in(web, client)
        form = {"subject": "db", "span": "10m"}
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            refused = client.post("/do/silence", data=form, headers=headers)
            assert refused.status_code == 403
            assert ("reporter web token" in refused.text) == ("Sec-Fetch-Site" not in headers)
        done = client.post("/do/silence", data=form, headers={"Origin": web.server.address})
        assert "db is silenced" in done.text


def test_a_role_that_is_taken_away_counts_at_once(web: Listener) -> None:
    with browser(web) as client:
        log_in(web, client, "ben")
        origin = {"Origin": web.server.address}
        assert client.post("/do/silence", data={"subject": "db"}, headers=origin).status_code == 403
        with web.store.begin() as connection:
            assert web_keys.revoke(connection, "session", "ben")
        assert client.get("/").status_code == 303


def test_a_token_opens_the_pages_too(web: Listener) -> None:
    with browser(web) as client:
        assert log_in(web, client, "", READER).status_code == 303
        assert client.get("/").status_code == 200


def test_a_link_is_good_once_and_its_preview_does_not_use_it_up(web: Listener) -> None:
    now = web.clock.wall()
    with web.store.begin() as connection:
        link = web_keys.make(connection, "link", "owner", "OWNER", now)
    origin = {"Origin": web.server.address}
    with browser(web) as client, browser(web) as other:
        assert client.get(f"/login/{link}").status_code == 200
        assert client.post(f"/login/{link}", headers=origin).status_code == 303
        assert client.get("/").status_code == 200
        assert other.post(f"/login/{link}", headers=origin).status_code == 404


def test_a_made_token_opens_until_it_is_revoked(web: Listener) -> None:
    now = web.clock.wall()
    with web.store.begin() as connection:
        token = web_keys.make(connection, "token", "grafana", "read", now)
    headers = {"Authorization": f"Bearer {token}"}
    assert token.startswith("rpt_")
    assert web.client.get("/api/v1/jobs", headers=headers).status_code == 200
    with web.store.begin() as connection:
        web_keys.revoke(connection, "token", "grafana")
        over = web_keys.make(connection, "token", "late", "read", now, now + timedelta(seconds=1))
    assert web.client.get("/api/v1/jobs", headers=headers).status_code == 401
    web.clock.forward(seconds=2)
    late = web.client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {over}"})
    assert (late.status_code, "has expired" in late.json()["detail"]) == (401, True)


def test_who_guesses_passwords_has_to_wait(web: Listener) -> None:
    with browser(web) as client:
        codes = [log_in(web, client, "ben", "wrong").status_code for _ in range(12)]
        assert (codes[0], codes[-1]) == (401, 429)
        assert log_in(web, client, "anna").status_code == 303


def test_a_mistake_is_a_page_for_people_and_json_for_programs(web: Listener) -> None:
    with browser(web) as client:
        log_in(web, client)
        answer = client.get("/trades?from=yesterday")
        assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
        assert "is no date" in answer.text
    assert web.client.get("/nowhere").headers["content-type"] == "application/problem+json"


def test_open_streams_end_at_once_when_we_stop(tmp_path: Path) -> None:
    with listener(tmp_path / "home", web="  public: all\n") as web:
        begun, ended = threading.Barrier(6), list[float]()

        def watch() -> None:
            with httpx.stream("GET", f"{web.server.address}/live", timeout=30) as answer:
                lines = answer.iter_lines()
                assert next(lines) == "retry: 5000"
                begun.wait(20)
                list(lines)
            ended.append(time.monotonic())

        threads = [threading.Thread(target=watch) for _ in range(5)]
        for thread in threads:
            thread.start()
        begun.wait(20)
        stopped = time.monotonic()
        web.server.stop()
        for thread in threads:
            thread.join(20)
        assert len(ended) == 5
        assert max(ended) - stopped < 3


def test_behind_a_proxy_every_address_begins_with_its_path(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER, web="  public: all\n  base_path: /floor\n") as web:
        page = web.client.get("/trades?limit=1", headers=PAGE).text
        assert {found[:7] for found in re.findall(r'(?:src|href|action)="(/[^"]*)"', page)} == {"/floor/"}
        link = web.client.get("/api/v1/trades?limit=1").headers["link"]
        assert link.startswith("</floor/api/v1/trades?limit=1&cursor=")


def test_the_status_page_tells_strangers_no_names(tmp_path: Path) -> None:
    with listener(tmp_path / "home", web="  public: status\n") as web:
        assert "things are watched" in web.client.get("/status", headers=PAGE).text
        assert web.client.get("/", headers=PAGE).status_code == 303


def test_a_password_is_kept_as_a_hash() -> None:
    kept = hashed(PASSWORD)
    assert PASSWORD not in kept
    assert is_password(PASSWORD, kept)
    assert not is_password("another", kept)
    assert not is_password(PASSWORD, "scrypt$rubbish")
    assert not is_password("", of_nobody())


def test_an_operator_sends_a_report_again(web: Listener) -> None:
    run = web.app.run_by_hand(web.app.job("daily_summary"), None, force=True).outcome
    assert run
    with web.store.read() as connection:
        sent = next(one for one in outbox_admin.entries(connection, states=STATES) if one.run_id == run.run_id)
    with browser(web) as client:
        log_in(web, client, "ben")
        assert "Send it again" not in client.get(f"/reports/{sent.id}").text
        log_in(web, client)
        page = client.get(f"/reports/{sent.id}").text
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
        assert fields == {"name": "daily_summary", "date": "2026-10-30"}
        assert client.post("/do/send", data=fields).status_code == 403
        done = client.post("/do/send", data=fields, headers={"Origin": web.server.address})
        assert "daily_summary is on its way" in done.text
    with web.store.read() as connection:
        assert outbox_admin.entries(connection, states=STATES)[-1].id > sent.id


def test_strangers_share_one_look_at_the_status(tmp_path: Path) -> None:
    with listener(tmp_path / "home", web="  public: status\n") as web:
        told = [web.client.get("/status", headers=PAGE) for _ in range(50)]
        assert {one.status_code for one in told} == {200}
        web.app.runner.observe(web.app.runtime, [Observation("job/daily_summary", Level.CRITICAL, "it failed")])
        assert "0 things" in web.client.get("/status", headers=PAGE).text
        web.clock.forward(seconds=20)
        assert "1 critical" in web.client.get("/status", headers=PAGE).text


def test_the_status_says_of_a_reading_that_is_no_alert_yet_or_is_getting_well(tmp_path: Path) -> None:
    policy = "alerts: {policies: [{subjects: 'probe/*', failures: 2, clean: 10m}]}\n"
    with listener(tmp_path / "home", policy, web="  public: all\n") as web:

        def seen(level: Level, detail: str) -> tuple[str, str]:
            web.app.runner.observe(web.app.runtime, [Observation("probe/db", level, detail)])
            web.clock.forward(seconds=30)
            (one,) = web.client.get("/api/v1/status").json()["subjects"]
            page = re.sub(r"<[^>]+>", " ", web.client.get("/status", headers=PAGE).text)
            return one["phase"], re.sub(r"\s+", " ", page[page.index("probe/db") :]).split(" 20")[0]

        assert seen(Level.CRITICAL, "refused") == ("suspect", "probe/db, no alert yet: refused")
        assert seen(Level.CRITICAL, "refused")[0] == "open"
        assert seen(Level.OK, "online") == ("recovering", "probe/db, recovering: online")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("send", {"name": "daily_summary"}),
        ("delete", {}),
        ("silence", {"subject": "*"}),
        ("alerts", {"state": "off"}),
        ("pause", {"agent": "Momentum_BTC_v1"}),
        ("confirm", {"code": "ABCD"}),
    ],
)
def test_what_is_dangerous_wants_a_fresh_login(web: Listener, name: str, fields: dict[str, str]) -> None:
    origin = {"Origin": web.server.address, "Referer": f"{web.server.address}/jobs"}
    with browser(web) as client:
        log_in(web, client)
        web.clock.forward(minutes=11)
        answer = client.post(f"/do/{name}", data=fields, headers=origin)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fjobs&fresh=1")
        assert "less than ten minutes old" in client.get(answer.headers["location"]).text
        refused = client.post(f"/api/v1/commands/{name}", json=fields, headers=origin)
        assert (refused.status_code, "ten minutes" in refused.json()["detail"]) == (403, True)
        harmless = client.post("/do/silence", data={"subject": "db", "span": "10m"}, headers=origin)
        assert (harmless.status_code, "silenced" in harmless.text) == (200, True)
        log_in(web, client)
        assert client.post(f"/do/{name}", data=fields, headers=origin).status_code in {200, 403}


def test_a_token_needs_no_fresh_login(web: Listener) -> None:
    web.clock.forward(hours=1)
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    assert web.client.post("/api/v1/commands/alerts", json={"state": "on"}, headers=headers).status_code == 200


def test_a_long_csv_comes_in_parts_with_one_head(tmp_path: Path) -> None:
    days = [Closed(f"2026-10-{1 + number % 28:02} 10:00:00", "a", "1") for number in range(2100)]
    database(tmp_path / "trading.sqlite", days, AGENTS)
    with listener(tmp_path, LEDGER) as web:
        world = WebContext(web.app)
        parts = list(resources.trades_as_csv(world, resources.TradesQuery(), 2050))
        assert [part.count("\r\n") for part in parts] == [1001, 1000, 50]
        text = web.client.get("/trades.csv", headers={"Authorization": f"Bearer {READER}"}).text
    assert text.count("closed_at") == 1
    assert len(text.splitlines()) == 2101


def test_the_status_page_shows_maintenance_and_strangers_its_times_alone(tmp_path: Path) -> None:
    window = "    - {subjects: probe/db, schedule: daily at 13:30, duration: 1h, reason: backups}\n"
    with listener(tmp_path, f"{LEDGER}alerts:\n  maintenance:\n{window}", web="  public: status\n") as web:
        public = web.client.get("/status", headers=PAGE).text
        assert "2026-10-31 13:30" in public
        assert "backups" not in public
        assert "probe/db" not in public
        headers = {"Authorization": f"Bearer {READER}"}
        assert "backups (probe/db)" in web.client.get("/status", headers=PAGE | headers).text
        web.clock.forward(minutes=61)
        first, second = web.client.get("/api/v1/status", headers=headers).json()["maintenance"]
        assert (first["now"], first["begins_at"]) == (True, "2026-10-31T13:30:00+01:00")
        assert first["ends_at"] == "2026-10-31T14:30:00+01:00"
        assert (second["now"], second["begins_at"]) == (False, "2026-11-01T13:30:00+01:00")
        web.clock.forward(minutes=1)
        page = web.client.get("/status", headers=PAGE).text
        assert "Goes on until 2026-10-31 14:30" in re.sub("<.*?>", "", page)
