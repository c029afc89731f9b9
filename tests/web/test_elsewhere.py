"""Callers from elsewhere: behind a proxy that is believed, scripts of other pages, and links to log in from chat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from reporter.store import chat_people
from reporter.store.chat_people import PairedPerson
from tests.operations.floors import text_of
from tests.web.listener import READER, Listener, listener

DESK, EVIL = "https://desk.example.org", "https://evil.example"
PROXY = "  hosts: floor.example.org\n  forwarded: 127.0.0.1\n  base_path: /reporter\n"
PAGE = {"Accept": "text/html"}
ALONE = Actor("anna", Role.OPERATOR, "telegram:7", "telegram:7", alone=True)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", web=PROXY) as found:
        yield found


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", web=f"  origins: {DESK}\n") as found:
        yield found


def guess(web: Listener, address: str) -> int:
    headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": address}
    return web.client.get("/api/v1/jobs", headers=headers).status_code


def test_wrong_tokens_are_counted_for_each_caller_behind_a_proxy_that_is_believed(proxied: Listener) -> None:
    assert [guess(proxied, f"198.51.100.7, 203.0.113.{number}") for number in range(40)] == [401] * 40
    assert [guess(proxied, f"192.0.2.{number}, 203.0.113.9") for number in range(40)][-1] == 429
    assert guess(proxied, "203.0.113.8") == 401


def test_nobody_else_is_believed(web: Listener) -> None:
    assert [guess(web, f"203.0.113.{number}") for number in range(40)][-1] == 429


def test_behind_tls_browsers_keep_to_it_and_cookies_are_secure(proxied: Listener) -> None:
    told = {"X-Forwarded-Proto": "https", "Host": "floor.example.org", "Origin": "https://floor.example.org"}
    assert "max-age" in proxied.client.get("/healthz", headers=told).headers["strict-transport-security"]
    assert "strict-transport-security" not in proxied.client.get("/healthz").headers
    entered = proxied.client.post("/login", data={"secret": READER}, headers=told | PAGE)
    assert "; Secure" in entered.headers["set-cookie"]
    assert entered.headers["set-cookie"].startswith("__Host-reporter_session=rps_")
    assert "Path=/;" in entered.headers["set-cookie"]
    value = entered.headers["set-cookie"].partition(";")[0].partition("=")[2]
    for name, status in (("__Host-reporter_session", 200), ("reporter_session", 303)):
        assert proxied.client.get("/jobs", headers=told | PAGE | {"Cookie": f"{name}={value}"}).status_code == status
    left = proxied.client.post("/logout", headers=told | {"Cookie": f"__Host-reporter_session={value}"})
    assert "; Secure" in left.headers["set-cookie"]


def test_metrics_are_closed_behind_a_proxy(proxied: Listener) -> None:
    assert proxied.client.get("/metrics").status_code == 401


def test_a_page_of_the_config_may_call_with_a_token(web: Listener) -> None:
    asked = {"Origin": DESK, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    asked |= {"Sec-Fetch-Site": "cross-site"}
    allowed = web.client.options("/api/v1/jobs", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, DESK)
    headers = {"Origin": DESK, "Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {READER}"}
    answer = web.client.post("/api/v1/commands/status", headers=headers, json={})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, DESK)
    assert "access-control-allow-credentials" not in answer.headers
    assert "Link" in answer.headers["access-control-expose-headers"]


def test_no_other_page_may_call(web: Listener) -> None:
    headers = {"Origin": EVIL, "Authorization": f"Bearer {READER}"}
    assert "access-control-allow-origin" not in web.client.get("/api/v1/jobs", headers=headers).headers
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "GET", "Sec-Fetch-Site": "cross-site"}
    assert web.client.options("/api/v1/jobs", headers=asked).status_code == 403


# --- Links from chat ---


def pair(web: Listener, role: str) -> None:
    with web.store.begin() as connection:
        chat_people.save(connection, PairedPerson("telegram:7", "anna", role, web.clock.wall()))


def link(web: Listener, actor: Actor = ALONE) -> str:
    return next(
        word for word in text_of(Door(web.app, lambda _: None).answer("login", actor)).split() if "/login/" in word
    )


def test_a_link_from_chat_logs_in_with_the_role_that_counts_when_somebody_looks(web: Listener) -> None:
    pair(web, "operator")
    path, origin = f"/login/{link(web).rpartition('/')[2]}", {"Origin": web.server.address}
    with httpx.Client(base_url=web.server.address, headers=PAGE | origin, trust_env=False, timeout=60) as client:
        assert client.post(path).status_code == 303
        assert "anna" in client.get("/").text
        assert "silenced" in client.post("/do/silence", data={"subject": "db", "span": "10m"}).text
        pair(web, "viewer")
        assert client.post("/do/silence", data={"subject": "db", "span": "10m"}).status_code == 403
        with web.store.begin() as connection:
            chat_people.forget(connection, "telegram:7")
        assert client.get("/").status_code == 303


def test_a_link_is_good_for_five_minutes(web: Listener) -> None:
    pair(web, "viewer")
    path = "/login/" + link(web).rpartition("/")[2]
    web.clock.forward(minutes=6)
    assert web.client.post(path, headers={"Origin": web.server.address}).status_code == 404


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        (Actor("anna", Role.OWNER, "telegram:-100", "telegram:7"), "private chat"),
        (Actor("grafana", Role.OWNER, "web"), "private chat"),
        (Actor("ben", Role.OWNER, "telegram:8", "telegram:8", alone=True), "that of a group"),
    ],
    ids=["in a group", "by a token", "by a group's role"],
)
def test_no_link_is_given_to_many_or_to_nobody_in_person(web: Listener, actor: Actor, why: str) -> None:
    pair(web, "owner")
    with pytest.raises(ReporterError, match=why):
        link(web, actor)


def test_a_link_leads_to_where_people_find_the_pages(proxied: Listener) -> None:
    pair(proxied, "viewer")
    assert link(proxied).startswith("https://floor.example.org/reporter/login/rpl_")
