"""Pings over real HTTP: what is taken and refused, and that a missing one becomes an alert, also over a restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reporter.alerts.model import Level
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.scheduler.ping_watch import PingWatch
from reporter.store import alerts, pings, uptime
from tests.web.listener import OPERATOR, READER, TOKEN, Listener, listener

ID, OPEN_ID = "0123456789abcdef-backup", "0123456789abcdef-site"
PINGS = """
pings:
  backup: {id: env:BACKUP, schedule: every 10m, grace: 5m}
  site: {id: env:SITE, schedule: daily at 03:00, get: true}
"""
SECRETS = {"BACKUP": ID, "SITE": OPEN_ID}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", PINGS, SECRETS) as found:
        yield found


def kept(web: Listener, name: str = "backup") -> list[tuple[str, int | None, str]]:
    with web.store.read() as connection:
        return [(ping.kind, ping.status, ping.text) for ping in pings.newest(connection, name)]


def troubled(web: Listener) -> dict[str, str]:
    with web.store.read() as connection:
        return {one.subject: one.state.level.value for one in alerts.troubled(connection)}


def test_each_part_of_the_address_says_what_happened(web: Listener) -> None:
    for part in ("", "/start", "/log", "/0", "/7", "/fail"):
        answer = web.client.post(f"/ping/{ID}{part}", content="a line")
        assert (answer.status_code, answer.text) == (200, "OK")
    assert [one[:2] for one in reversed(kept(web))] == [
        ("success", None), ("start", None), ("log", None), ("success", 0), ("fail", 7), ("fail", None),
    ]  # fmt: skip
    for part in ("/256", "/-1", "/begin", "/²"):
        assert web.client.post(f"/ping/{ID}{part}").status_code == 404


def test_a_get_counts_only_where_the_config_says_so(web: Listener) -> None:
    refused = web.client.get(f"/ping/{ID}")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert web.client.head(f"/ping/{ID}").status_code == 405
    assert web.client.get(f"/ping/{OPEN_ID}").status_code == 200
    assert web.client.head(f"/ping/{OPEN_ID}").status_code == 200
    assert (kept(web), len(kept(web, "site"))) == ([], 2)


def test_who_guesses_ids_has_to_wait(web: Listener) -> None:
    codes = [web.client.post(f"/ping/{number:016}").status_code for number in range(40)]
    assert (codes[0], codes[-1]) == (404, 429)


def test_a_long_body_is_cut_and_its_ping_counts(web: Listener) -> None:
    assert web.client.post(f"/ping/{ID}", content=b"x" * 200_000).status_code == 200
    assert len(kept(web)[0][2]) == 10_000


def test_overlapping_runs_are_paired_by_their_rid(web: Listener) -> None:
    for part in ("/start?rid=a", "/start?rid=b", "?rid=a", "?rid=b"):
        web.client.post(f"/ping/{ID}{part}")
        web.clock.forward(seconds=20)
        with web.store.read() as connection:
            state = pings.states(connection)["backup"]
    assert (state.took, state.started_at) == (40.0, None)


def test_a_missing_ping_is_an_alert_and_the_next_one_ends_it(web: Listener) -> None:
    watch, runtime = web.app.ping_watch, web.app.runtime
    web.client.post(f"/ping/{ID}")
    for _ in range(17):
        watch.look(runtime)
        web.clock.forward(minutes=1)
    assert troubled(web) == {"ping/backup": "critical"}
    web.client.post(f"/ping/{ID}")
    watch.look(runtime)
    assert troubled(web) == {}
    now = web.clock.wall()
    with web.store.read() as connection:
        spans = uptime.of_subject(connection, "ping/backup", now.replace(hour=0), now.replace(second=1))
        assert [span.level for span in spans] == [Level.OK, Level.CRITICAL, Level.OK]


def test_a_restart_forgets_nothing_and_does_not_blame_a_job_for_our_absence(web: Listener) -> None:
    watch, runtime = web.app.ping_watch, web.app.runtime
    web.client.post(f"/ping/{ID}/fail", content="disk full")
    watch.look(runtime)
    web.clock.forward(hours=9)
    later = PingWatch(web.store, web.clock, web.app.alerts)
    later.look(runtime)
    assert troubled(web) == {"ping/backup": "critical"}
    web.client.post(f"/ping/{ID}")
    later.look(runtime)
    web.clock.forward(hours=30)  # the machine sleeps over both
    later.look(runtime)
    assert troubled(web) == {}


def test_a_ping_that_the_config_lost_is_forgotten(web: Listener) -> None:
    web.client.post(f"/ping/{ID}/fail")
    web.app.ping_watch.look(web.app.runtime)
    path = web.app.home.path
    path.write_text(path.read_text().replace("  backup: {id: env:BACKUP, schedule: every 10m, grace: 5m}\n", ""))
    secrets = {**SECRETS, "TOKEN": TOKEN, "READER": READER, "OPERATOR": OPERATOR}
    app = App(FolderHome(path.parents[1], clock=web.clock, environ=secrets), clock=web.clock)
    app.upkeep.adopt(app.runtime)
    app.ping_watch.look(app.runtime)
    app.close()
    assert (troubled(web), kept(web)) == ({}, [])


def test_what_a_job_said_is_to_be_read_and_its_id_is_not(web: Listener) -> None:
    web.client.post(f"/ping/{ID}/start")
    web.clock.forward(minutes=2)
    web.client.post(f"/ping/{ID}/3", content=f"no space left for {ID}")
    headers = {"Authorization": f"Bearer {READER}"}
    found = web.client.get("/api/v1/pings/backup", headers=headers)
    assert found.json()["state"]["level"] == "critical"
    assert found.json()["state"]["took_seconds"] == 120
    assert found.json()["pings"][0]["text"] == "no space left for ***"
    page = web.client.get("/uptime", headers=headers | {"Accept": "text/html"}).text
    assert "failed with exit status 3" in page
    assert web.client.get("/api/v1/pings/nobody", headers=headers).status_code == 404


# --- By the key of all pings and a name ---

KEY = "the-key-of-all-pings-0123"
BY_NAME = """
pings:
  backup: {schedule: every 10m, grace: 5m}
  start: {id: env:SITE, schedule: daily at 03:00}
"""


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Listener]:
    secrets = {"SITE": OPEN_ID, "KEY": KEY}
    with listener(tmp_path / "home", BY_NAME, secrets, web="  ping_key: env:KEY\n") as found:
        yield found


def test_a_ping_is_reached_by_the_key_of_all_and_its_name(named: Listener) -> None:
    for part in ("", "/start", "/log", "/3"):
        assert named.client.post(f"/ping/{KEY}/backup{part}").text == "OK"
    assert [one[:2] for one in reversed(kept(named))] == [
        ("success", None), ("start", None), ("log", None), ("fail", 3),
    ]  # fmt: skip
    assert named.client.post(f"/ping/{KEY}/start").text == "OK"  # a name, and not a word, behind the key
    assert named.client.post(f"/ping/{OPEN_ID}/start").text == "OK"  # a word behind an id
    assert [one[0] for one in kept(named, "start")] == ["start", "success"]


def test_a_name_without_the_key_and_a_key_without_a_name_are_not_found(named: Listener) -> None:
    wrong = "wrong-key-0123456789/backup"
    for path in (KEY, f"{KEY}/nobody", f"{KEY}/backup/begin", f"{OPEN_ID}/backup/start", wrong):
        assert named.client.post(f"/ping/{path}").status_code == 404, path
    assert named.client.get(f"/ping/{KEY}/backup").status_code == 405
    assert kept(named) == []


def test_who_guesses_keys_has_to_wait(named: Listener) -> None:
    codes = [named.client.post(f"/ping/{number:016}/backup").status_code for number in range(40)]
    assert (codes[0], codes[-1]) == (404, 429)
    assert named.client.post(f"/ping/{KEY}/backup").status_code == 200


# --- Paused ---


def asked(web: Listener, act: str, name: str = "backup", token: str = OPERATOR) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return web.client.post("/api/v1/commands/pings", json={"act": act, "name": name}, headers=headers)


def level(web: Listener, minutes: int) -> dict[str, str]:
    """What is in trouble after so many minutes, in each of which the daemon looks."""
    for _ in range(minutes):
        web.clock.forward(minutes=1)
        web.app.ping_watch.look(web.app.runtime)
    return troubled(web)


def test_a_paused_job_may_be_silent_until_its_next_ping(web: Listener) -> None:
    web.client.post(f"/ping/{ID}")
    assert asked(web, "pause").status_code == 200
    assert level(web, 60) == {}
    assert "paused at" in asked(web, "pause").json()["text"][1]
    assert web.client.post(f"/ping/{ID}").status_code == 200
    assert level(web, 17) == {"ping/backup": "critical"}


@pytest.mark.parametrize(("part", "after"), [("/start", {"ping/backup": "critical"}), ("/log", {})])
def test_a_start_ends_a_pause_and_a_log_does_not(web: Listener, part: str, after: dict[str, str]) -> None:
    asked(web, "pause")
    web.client.post(f"/ping/{ID}{part}")
    assert level(web, 17) == after


def test_a_pause_ends_the_alert_and_a_resumed_job_is_expected_anew(web: Listener) -> None:
    web.client.post(f"/ping/{ID}/fail")
    assert level(web, 1) == {"ping/backup": "critical"}
    asked(web, "pause")
    assert level(web, 20) == {}
    asked(web, "resume")
    assert level(web, 14) == {}
    assert level(web, 3) == {"ping/backup": "critical"}


def test_the_time_of_a_pause_is_no_uptime(web: Listener) -> None:
    web.client.post(f"/ping/{ID}")
    level(web, 2)
    asked(web, "pause")
    level(web, 60)
    now = web.clock.wall()
    with web.store.read() as connection:
        spans = uptime.of_subject(connection, "ping/backup", now.replace(hour=0), now)
    assert spans[-1].end <= now - timedelta(minutes=59)


def test_who_may_operate_pauses_and_what_is_unknown_is_named(web: Listener) -> None:
    assert asked(web, "pause", token=READER).status_code == 403
    assert asked(web, "pause", "bakcup").json()["detail"] == "there is no ping bakcup: did you mean backup?"
    assert (
        web.client.post(
            "/api/v1/commands/pings", json={"act": "pause"}, headers={"Authorization": f"Bearer {OPERATOR}"}
        ).status_code
        == 422
    )
    assert asked(web, "pause").status_code == 200
    found = web.client.get("/api/v1/pings/backup", headers={"Authorization": f"Bearer {READER}"}).json()["state"]
    assert (found["paused_at"], found["level"]) == ("2026-10-31T12:00:00+00:00", "ok")


def test_an_operator_finds_buttons_that_pause_and_resume(web: Listener) -> None:
    def page(token: str) -> str:
        return web.client.get("/uptime", headers={"Authorization": f"Bearer {token}", "Accept": "text/html"}).text

    assert ">Pause<" in page(OPERATOR)
    assert ">Pause<" not in page(READER)
    asked(web, "pause")
    assert ">Resume<" in page(OPERATOR)
