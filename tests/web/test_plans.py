"""The small address of plans answers in the documented shapes, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from reporter.client import PlanClient, PlanClientError, create_client
from reporter.plans.model import PlanChart
from reporter.plans.notebook import Notebook
from reporter.plans.settings import PlanListener, PlanSettings
from reporter.secret import Secret
from reporter.store.plans import PlanTable
from reporter.web.plans import application
from reporter.web.server import WebServer
from tests.plans.desk import DARIA, IVO, MORNING, SETTINGS, Desk, desk
from tests.support.clocks import HandClock
from tests.web.listener import READER, listener


@dataclass
class Address:
    desk: Desk
    client: httpx.Client
    url: str


OPEN = PlanListener("127.0.0.1", 0, None, frozenset({"https://desk.example.org"}))


def served(
    folder: Path,
    listener: PlanListener = OPEN,
    bot: tuple[str, str] = ("not configured", ""),
    now: datetime = MORNING + timedelta(hours=2),
    settings: Callable[[], PlanSettings] = lambda: SETTINGS,
) -> Iterator[Address]:
    with desk(folder) as kept:
        clock = HandClock(now)
        pages = application(kept.store, clock, settings, listener, lambda: bot)
        server = WebServer(pages, listener.host, listener.port)
        server.start()
        with httpx.Client(base_url=server.address, trust_env=False) as client:
            yield Address(kept, client, server.address)
        server.stop()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Address]:
    yield from served(tmp_path)


@pytest.fixture
def filled(address: Address) -> Address:
    with address.desk.notebook() as notebook:
        chart = PlanChart("chart.png", "image/png", b"\x89PNG")
        notebook.write("d", "Watch for breakout above 950", DARIA, MORNING, channel="plans", charts=[chart])
        notebook.edit("d", "Updated plan text", DARIA, MORNING + timedelta(minutes=30), channel="plans")
        notebook.write("i", "wait", IVO, MORNING)
    return address


def test_the_plan_of_an_author(filled: Address) -> None:
    assert filled.client.get("/api/coach-plans/?coach=d").json() == {
        "coach": "d",
        "coach_name": "coach_d",
        "date": "2026-11-27",
        "plan": "Updated plan text",
        "charts": [f"{filled.url}/api/coach-plans/charts/1"],
        "author": "daria",
        "channel": "plans",
        "created_at": "2026-11-27T07:30:00",
        "edited_at": "2026-11-27T08:00:00",
    }


def test_a_picture_cannot_run(filled: Address) -> None:
    answer = filled.client.get("/api/coach-plans/charts/1")
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_all_plans_of_a_day(filled: Address) -> None:
    found = filled.client.get("/api/coach-plans/all?date=2026-11-27").json()
    assert (found["date"], found["count"]) == ("2026-11-27", 2)
    assert [plan["coach"] for plan in found["plans"]] == ["d", "i"]


def test_without_a_day_each_authors_plan_is_that_of_the_authors_today(tmp_path: Path) -> None:
    evening = MORNING.replace(hour=16)  # in Tokyo it is tomorrow
    for address in served(tmp_path, now=evening):
        with address.desk.notebook() as notebook:
            notebook.write("d", "hold", DARIA, MORNING)
            notebook.write("i", "of yesterday", IVO, MORNING)
            notebook.write("i", "wait", IVO, evening)
        found = address.client.get("/api/coach-plans/all").json()
        assert (found["date"], found["count"]) == ("2026-11-27", 2)
        plans = [(plan["coach"], plan["date"], plan["plan"]) for plan in found["plans"]]
        assert plans == [("d", "2026-11-27", "hold"), ("i", "2026-11-28", "wait")]


def test_the_history_of_a_plan(filled: Address) -> None:
    found = filled.client.get("/api/coach-plans/history?coach=coach_d&date=2026-11-27").json()
    texts = [(version["plan_text"], version["edited_by"], version["edited_at"]) for version in found["history"]]
    assert texts == [
        ("Watch for breakout above 950", "daria", "2026-11-27T07:30:00"),
        ("Updated plan text", "daria", "2026-11-27T08:00:00"),
    ]


@pytest.mark.parametrize("state", [("connected", ""), ("disconnected", "the token is refused")])
def test_health_says_how_the_bot_stands(tmp_path: Path, state: tuple[str, str]) -> None:
    for address in served(tmp_path, bot=state):
        found = address.client.get("/health").json()["components"]["discord_bot"]
        assert (found["status"], found.get("why", "")) == state


def test_health_and_metrics_have_the_documented_shapes(filled: Address) -> None:
    health = filled.client.get("/health").json()
    assert health == {
        "status": "healthy",
        "timestamp": "2026-11-27T09:30:00",
        "components": {"database": {"status": "up", "plan_count": 2}, "discord_bot": {"status": "not configured"}},
    }
    filled.client.get("/api/coach-plans/?coach=x")
    metrics = filled.client.get("/metrics").json()
    assert metrics["requests"] == {"total": 2, "success": 1, "error": 1, "error_rate_percent": 50.0}
    assert metrics["database"] == {"total_plans": 2, "total_charts": 1, "total_edits": 1}
    assert set(metrics) == {"timestamp", "uptime_seconds", "requests", "database"}


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/api/coach-plans/", 400, "Missing required parameter: coach"),
        ("/api/coach-plans/?coach=x", 400, "Invalid coach name. Must be one of: d, i"),
        ("/api/coach-plans/?coach=d&date=27.11.", 400, "Invalid date format. Use YYYY-MM-DD"),
        ("/api/coach-plans/?coach=d&date=2026-01-01", 404, "No plan found for coach d on 2026-01-01"),
        ("/api/coach-plans/history?coach=d&date=2026-01-01", 404, "No plan found for coach d on 2026-01-01"),
        ("/api/coach-plans/charts/99", 404, "No such chart"),
        ("/api/v1/events", 404, "Endpoint not found"),
    ],
)
def test_a_mistake_gets_its_error_as_json(filled: Address, path: str, status: int, error: str) -> None:
    answer = filled.client.get(path)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_store_that_is_gone_is_an_error_as_json(filled: Address, tmp_path: Path) -> None:
    filled.desk.store.close()
    for file in tmp_path.glob("store.sqlite*"):
        file.unlink()
    (tmp_path / "store.sqlite").mkdir()
    assert filled.client.get("/api/coach-plans/?coach=d").json() == {"error": "Internal server error"}
    assert filled.client.get("/health").json()["components"]["database"] == {"status": "down"}


def test_a_fault_of_ours_is_an_error_as_json_that_a_page_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> PlanSettings:
        raise RuntimeError("a fault")

    for address in served(tmp_path, settings=broken):
        answer = address.client.get("/", headers={"Origin": "http://localhost:3000"})
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal server error"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "an answer about plans failed" in caplog.text


def test_pages_of_this_machine_and_named_ones_may_read(filled: Address) -> None:
    def allowed(origin: str) -> object:
        return filled.client.get("/", headers={"Origin": origin}).headers.get("access-control-allow-origin")

    assert allowed("http://localhost:3000") == "http://localhost:3000"
    assert allowed("https://desk.example.org") == "https://desk.example.org"
    assert allowed("https://evil.example") is None


def test_a_page_may_send_its_token(filled: Address) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    before = filled.client.options("/api/coach-plans/all", headers={"Origin": "http://localhost:3000", **asked})
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
    assert "Authorization" in before.headers["access-control-allow-headers"]
    refused = filled.client.options("/api/coach-plans/all", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers


def test_a_mistake_can_be_read_by_a_page(filled: Address) -> None:
    for path in ("/api/coach-plans/", "/nowhere"):
        answer = filled.client.get(path, headers={"Origin": "https://desk.example.org"})
        assert answer.headers["access-control-allow-origin"] == "https://desk.example.org"


@pytest.mark.parametrize("path", ["?coach=d", "all", "history?coach=d"])
def test_an_answer_that_is_known_is_not_sent_again(filled: Address, path: str) -> None:
    first = filled.client.get(f"/api/coach-plans/{path}")
    known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = filled.client.get(f"/api/coach-plans/{path}", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    with filled.desk.notebook() as notebook:
        notebook.edit("d", "other", DARIA, MORNING + timedelta(hours=1))
    assert filled.client.get(f"/api/coach-plans/{path}", headers=known).status_code == 200


def test_a_foreign_host_name_is_refused(filled: Address) -> None:
    assert filled.client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_beyond_a_token_nobody_reads(tmp_path: Path) -> None:
    guarded = PlanListener("127.0.0.1", 0, Secret("a-token-of-plans-01"), frozenset())
    for address in served(tmp_path, guarded):
        assert address.client.get("/metrics").status_code == 401
        assert create_client(address.url, token="a-token-of-plans-01").check_health()["status"] == "healthy"


def client(url: str, **options: object) -> PlanClient:
    return create_client(url, pause=lambda _: None, **options)


def test_the_client_fetches_and_remembers(filled: Address) -> None:
    plans = client(filled.url)
    first = plans.fetch_coach_plan("d")
    assert first
    first["plan"] = "changed by the caller"
    again = plans.fetch_coach_plan("d")
    assert again
    assert again["plan"] == "Updated plan text"
    every = plans.fetch_all_coach_plans("2026-11-27")
    assert every
    assert every["count"] == 2
    assert plans.get_metrics() | {"requests": 0} == {
        "requests": 0,
        "cache_hits": 1,
        "cache_misses": 2,
        "unchanged": 0,
        "api_errors": 0,
        "retries": 0,
        "stale": 0,
        "cache_size": 2,
        "cache_hit_rate_percent": 33.33,
    }


def test_the_client_forgets_the_oldest_and_what_is_old(filled: Address) -> None:
    now = [0.0]
    plans = client(filled.url, max_cache_size=1, cache_ttl=60, clock=lambda: now[0])
    for coach in ("d", "i", "d"):
        plans.fetch_coach_plan(coach)
    now[0] = 61
    plans.fetch_coach_plan("d")
    assert plans.get_metrics()["cache_misses"] == 4


def test_the_client_asks_whether_a_plan_has_changed(filled: Address) -> None:
    now = [0.0]
    plans = client(filled.url, clock=lambda: now[0])
    first = plans.fetch_coach_plan("d")
    now[0] = 100
    assert plans.fetch_coach_plan("d") == first
    with filled.desk.notebook() as notebook:
        notebook.edit("d", "other", DARIA, MORNING + timedelta(hours=1))
    now[0] = 200
    changed = plans.fetch_coach_plan("d")
    assert changed
    assert (changed["plan"], plans.get_metrics()["unchanged"]) == ("other", 1)


def test_a_day_that_is_over_is_kept_longer(filled: Address) -> None:
    now = [0.0]
    plans = client(filled.url, clock=lambda: now[0])
    for seconds, misses in [(0, 1), (3000, 1), (4000, 2)]:
        now[0] = seconds
        assert plans.fetch_coach_plan("d", "2001-01-01") is None
        assert plans.get_metrics()["cache_misses"] == misses


def test_no_plan_is_an_answer(filled: Address) -> None:
    assert client(filled.url, strict=True).fetch_coach_plan("d", "2026-01-01") is None


def test_what_was_fetched_outlives_the_server(tmp_path: Path) -> None:
    now = [0.0]
    for address in served(tmp_path):
        with address.desk.notebook() as notebook:
            notebook.write("d", "hold", DARIA, MORNING)
        plans = client(address.url, clock=lambda: now[0])
        plans.fetch_coach_plan("d")
    now[0] = 600
    found = plans.fetch_coach_plan("d")
    assert found
    assert (found["plan"], found["stale_seconds"]) == ("hold", 600)
    assert plans.get_metrics()["retries"] == 3
    assert plans.check_health()["status"] == "unreachable"
    assert plans.fetch_coach_plan("i") is None
    with pytest.raises(PlanClientError, match="cannot be read, and none are kept"):
        client(address.url, strict=True, retries=0).fetch_coach_plan("i")


def test_the_main_address_has_every_version_and_prometheus_keeps_its_metrics(tmp_path: Path) -> None:
    plans = "plans: {authors: {d: {users: [1], timezone: Asia/Tokyo}}, markets: {BTC/USDT: [BTC]}}\n"
    with listener(tmp_path, plans) as web:
        assert web.app.runtime.plans
        with web.store.begin() as connection:
            notebook = Notebook(PlanTable(connection), web.app.runtime.plans)
            notebook.write("d", "long BTC", DARIA, web.clock.wall())
        reader = {"Authorization": f"Bearer {READER}"}
        (plan,) = web.client.get("/api/v1/plans?from=2026-10-31&to=2026-10-31", headers=reader).json()["plans"]
        assert (plan["day"], plan["intentions"], plan["withdrawn"]) == ("2026-10-31", ["long BTC/USDT"], False)
        assert plan["versions"][0]["at"] == "2026-10-31T21:00:00+09:00"
        assert web.client.get("/api/v1/plans", headers=reader).json() == {"plans": [plan]}
        assert web.client.get("/api/v1/plans?author=x", headers=reader).json() == {"plans": []}
        assert web.client.get("/api/v1/plans?from=2026-11-02&to=2026-11-01", headers=reader).json()["where"] == "to"
        assert "reporter_" in web.client.get("/metrics", headers=reader).text
