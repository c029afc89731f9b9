"""Events and hooks over real HTTP: what is accepted is saved, what is not gets a sentence."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from reporter.inbox.event import Event
from reporter.web.sessions import BURST
from tests.support.paths import DOCS
from tests.web.listener import READER, TOKEN, Listener, listener

SECRET = "a-secret-of-the-hooks-0123456789"
HOOKS = """
hooks:
  ft: {preset: freqtrade, secret: env:SECRET}
  tv: {preset: tradingview, secret: env:SECRET}
  gh: {preset: github, secret: env:SECRET}
  gl: {preset: gitlab, secret: env:SECRET}
  am: {preset: alertmanager, secret: env:SECRET}
  kuma: {preset: uptime_kuma, secret: env:SECRET}
  hc: {preset: healthchecks, secret: env:SECRET}
  own: {map: {kind: "'deployment_success'", title: "app.name", "fields.version": "app.version"}, secret: env:SECRET}
  other: {map: {title: "app.name"}, secret: env:SECRET}
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", HOOKS, {"SECRET": SECRET}) as found:
        yield found


def test_an_event_is_saved_before_it_is_accepted(web: Listener) -> None:
    answer = web.post({"kind": "signal_generated", "title": "BTC long", "id": "1", "fields": {"pair": "BTC/USDT"}})
    assert (answer.status_code, answer.json()) == (202, {"events": [{"id": "1", "status": "accepted"}]})
    (event,) = web.kept()
    assert (event.kind, event.source, event.fields) == ("signal_generated", "bot", {"pair": "BTC/USDT"})


def test_a_list_gets_a_verdict_for_each(web: Listener) -> None:
    answer = web.post([{"kind": "signal", "id": "a"}, {"kind": "Bad!"}, {"kind": "signal", "id": "a"}])
    assert [one["status"] for one in answer.json()["events"]] == ["accepted", "refused", "known"]
    assert "kind: must be lower-case" in answer.json()["events"][1]["why"]


def test_the_same_idempotency_key_is_the_same_event(web: Listener) -> None:
    for _ in range(2):
        web.post({"kind": "signal"}, headers={"Idempotency-Key": "k"})
    assert len(web.kept()) == 1


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"kind": 5}', 422, "kind"),
        (b'{"kind": "signal", "pair": 1}', 422, "pair"),
        (b'{"kind": "signal", "at": "2030-01-01T00:00:00Z"}', 422, "at"),
        (json.dumps([{"kind": "signal"}] * 501).encode(), 413, None),
        (b" " * 1_000_001, 413, "Content-Length"),
    ],
)
def test_a_mistake_is_a_problem_with_its_place(web: Listener, body: bytes, status: int, where: str | None) -> None:
    answer = web.client.post("/api/v1/events", content=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("where") == where
    assert web.kept() == []


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401), (READER, 403), ("ü", 401)])
def test_only_a_token_that_may_opens(web: Listener, token: str, status: int) -> None:
    headers = {b"Authorization": f"Bearer {token}".strip().encode()}
    answer = web.client.post("/api/v1/events", json={"kind": "signal"}, headers=headers)
    assert answer.status_code == status
    assert TOKEN not in answer.text


def test_who_guesses_tokens_has_to_wait(web: Listener) -> None:
    codes = [web.post({}, token=f"guess{number}").status_code for number in range(40)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_a_token_has_its_pace(web: Listener) -> None:
    answers = [web.post({"kind": "signal"}) for _ in range(BURST + 5)]
    assert answers[0].status_code == 202
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(web: Listener, host: str) -> None:
    assert web.post({"kind": "signal"}).status_code == 202
    answer = web.client.get("/healthz", headers={"Host": host})
    assert answer.status_code in {400, 421}


def test_another_sites_page_can_hand_in_nothing(web: Listener) -> None:
    answer = web.post({"kind": "signal"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_slow_sender_loses_its_place(web: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.web.server.HEADER_SECONDS", 0.2)
    parts = urlsplit(web.server.address)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10) as slow:
        slow.sendall(b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert slow.recv(100) == b""


def test_a_busy_store_does_not_keep_the_sender_waiting(tmp_path: Path) -> None:
    with listener(tmp_path / "home", answer_within=0.2) as web:
        with web.store.begin():
            answer = web.post({"kind": "signal", "id": "1"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    with listener(tmp_path / "another") as web:
        assert web.post({"kind": "signal", "id": "1"}).status_code == 202


def test_each_answer_says_when_it_was_given(web: Listener) -> None:
    given = parsedate_to_datetime(web.post({"kind": "signal"}).headers["date"])
    assert given.tzinfo is not None


def test_stopping_ends_at_once(web: Listener) -> None:
    web.post({"kind": "signal"})
    began = time.monotonic()
    web.server.stop()
    assert time.monotonic() - began < 3


# --- Hooks ---


def sent(web: Listener, path: str, body: bytes | str, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else body
    return web.client.post(path, content=content, headers={"Content-Type": "application/json", **given})


FREQTRADE = {
    "type": "exit_fill",
    "trade_id": "7",
    "pair": "ETH/USDT",
    "direction": "Long",
    "open_rate": "2500.0",
    "close_rate": "2600.0",
    "amount": "2.0",
    "profit_amount": "200.0",
    "profit_ratio": "0.04",
    "exit_reason": "roi",
    "open_date": "2026-10-30 10:00:00",
    "close_date": "2026-10-30 13:00:00",
}


def test_freqtrades_own_words_become_a_closed_trade_once(web: Listener) -> None:
    form = "&".join(f"{name}={value}" for name, value in FREQTRADE.items())
    for body, kind in [(json.dumps(FREQTRADE), "application/json"), (form, "application/x-www-form-urlencoded")]:
        assert sent(web, f"/hooks/ft/{SECRET}", body, Content_Type=kind).status_code == 202
    (event,) = web.kept()
    assert (event.kind, event.source, event.id) == (
        "trade_closed",
        "ft",
        "exit_fill/7/2026-10-30 10:00:00/2026-10-30 13:00:00/2.0",
    )
    assert event.fields["pnl"] == "200.0"
    assert event.fields["pnl_pct"] == "+4.00%"


def test_tradingview_sends_text_or_json(web: Listener) -> None:
    sent(web, f"/hooks/tv/{SECRET}", "BTCUSDT crossed 70k", Content_Type="text/plain")
    sent(web, f"/hooks/tv/{SECRET}", '{"id": "1", "ticker": "BTCUSDT", "action": "buy", "price": 70000.5}')
    text, alert = web.kept()
    assert (text.kind, text.text) == ("signal_generated", "BTCUSDT crossed 70k")
    assert {name: str(value) for name, value in alert.fields.items()} == {
        "pair": "BTCUSDT",
        "signal": "buy",
        "price": "70000.5",
    }


def test_tradingviews_repetition_of_one_text_is_one_event(web: Listener) -> None:
    for _ in range(3):
        sent(web, f"/hooks/tv/{SECRET}", "crossed", Content_Type="text/plain")
    assert len(web.kept()) == 1


@pytest.mark.parametrize(("seconds", "kept"), [((0, 50, 59), 1), ((0, 61), 2), ((0, 59, 61), 2), ((0, -59), 1)])
def test_a_repetition_is_known_by_its_distance_and_no_minute_of_a_clock(
    web: Listener, seconds: tuple[int, ...], kept: int
) -> None:
    """The first comes at second 50 of a minute, so that each minute of the clock begins between two."""
    first = web.clock.now.replace(second=50)
    for one in seconds:
        web.clock.now = first + timedelta(seconds=one)
        sent(web, f"/hooks/tv/{SECRET}", "crossed", Content_Type="text/plain")
    assert len(web.kept()) == kept


def test_one_body_to_two_hooks_is_two_events(web: Listener) -> None:
    body = json.dumps({"app": {"name": "x"}})
    for hook in ("own", "own", "other"):
        sent(web, f"/hooks/{hook}/{SECRET}", body)
    assert len(web.kept()) == 2


def github(web: Listener, event: str, body: Mapping[str, object], *, key: str = SECRET, delivery: str = "d1") -> int:
    content = json.dumps(body).encode()
    signature = "sha256=" + hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": signature}
    return sent(web, "/hooks/gh", content, **headers).status_code


RUN = {"name": "CI", "head_sha": "0123456789abcdef", "html_url": "https://example.org/run", "head_branch": "main"}


def test_github_tells_how_a_workflow_ended(web: Listener) -> None:
    repository = {"full_name": "me/bot"}
    for number, conclusion in enumerate([None, "success", "failure"]):
        run = {**RUN, "status": "in_progress", "conclusion": conclusion}
        body = {"workflow_run": run, "repository": repository}
        assert github(web, "workflow_run", body, delivery=f"d{number}") == 202
    assert [event.kind for event in web.kept()] == ["build_success", "build_failure"]
    assert web.kept()[0].fields["commit"] == "0123456789"


def test_github_ping_is_accepted_and_tells_nothing(web: Listener) -> None:
    assert github(web, "ping", {"zen": "x"}) == 202
    assert web.kept() == []


def test_a_delivery_that_is_sent_again_is_told_once(web: Listener) -> None:
    status = {"state": "success", "target_url": "https://example.org"}
    body = {"deployment_status": status, "deployment": {"environment": "prod", "sha": "a"}, "repository": {}}
    assert github(web, "deployment_status", body) == github(web, "deployment_status", body) == 202
    assert [event.kind for event in web.kept()] == ["deployment_success"]


def test_a_wrong_signature_opens_nothing(web: Listener) -> None:
    assert github(web, "ping", {}, key="wrong") == 404
    assert sent(web, "/hooks/gh", "{}").status_code == 404
    assert sent(web, f"/hooks/gh/{SECRET}", "{}").status_code == 404  # the secret alone is no signature
    assert sent(web, "/hooks/none", "{}").status_code == 404
    assert sent(web, "/hooks/ft/wrong", "{}").status_code == 404


def test_gitlab_by_token(web: Listener) -> None:
    body = {"object_kind": "pipeline", "object_attributes": {"status": "failed", "ref": "main"}, "project": {}}
    headers = {"X-Gitlab-Token": SECRET, "Idempotency-Key": "k"}
    assert sent(web, "/hooks/gl", json.dumps(body), **headers).status_code == 202
    assert [(event.kind, event.id) for event in web.kept()] == [("build_failure", "k")]


def signed(body: bytes, stamp: int, key: str = SECRET) -> dict[str, str]:
    mac = hmac.new(key.encode(), f"m1.{stamp}.".encode() + body, hashlib.sha256).digest()
    signatures = f"v1,AAAA v1,{base64.b64encode(mac).decode()}"
    return {"Webhook-Id": "m1", "Webhook-Timestamp": str(stamp), "Webhook-Signature": signatures}


def test_a_standard_signature_is_good_for_five_minutes(web: Listener) -> None:
    body = b'{"app": {"name": "bot", "version": "1.2"}}'
    now = int(web.clock.wall().timestamp())
    assert sent(web, "/hooks/own", body, **signed(body, now)).status_code == 202
    assert sent(web, "/hooks/own", body, **signed(body, now - 301)).status_code == 404
    assert sent(web, "/hooks/own", body + b" ", **signed(body, now)).status_code == 404
    (event,) = web.kept()
    assert (event.kind, event.title, event.fields) == ("deployment_success", "bot", {"version": "1.2"})


def test_a_signed_message_is_once_by_its_own_id(web: Listener) -> None:
    """Senders repeat what was not answered for hours, with the same id and a new time."""
    bodies = [b'{"app": {"name": "bot"}}', b'{"app": {"name": "bot"}, "attempt": 2}']
    for body in bodies:
        web.clock.forward(hours=1)
        assert sent(web, "/hooks/own", body, **signed(body, int(web.clock.wall().timestamp()))).status_code == 202
    (event,) = web.kept()
    assert event.id == "m1"


def test_alertmanagers_group_is_an_event_an_alert_and_each_state_once(web: Listener) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Down", "severity": "critical", "instance": "db1"},
        "annotations": {"summary": "db1 is down"},
        "startsAt": "2026-10-30T14:00:00Z",
        "fingerprint": "f1",
    }
    for status in ("firing", "firing", "resolved"):
        body = {"status": status, "alerts": [{**alert, "status": status}]}
        sent(web, "/hooks/am", json.dumps(body), Authorization=f"Bearer {SECRET}")
    assert [(event.kind, event.severity) for event in web.kept()] == [
        ("service_down", "critical"),
        ("system_healthy", "info"),
    ]


def test_a_group_of_many_alerts_loses_none_without_a_word(web: Listener) -> None:
    alerts = [{"status": "firing", "labels": {"alertname": "Down"}, "fingerprint": str(n)} for n in range(503)]
    sent(web, "/hooks/am", json.dumps({"alerts": alerts}), Authorization=f"Bearer {SECRET}")
    assert len(web.kept()) == 501
    assert web.kept()[-1].title == "3 more alerts in one message"


def test_uptime_kuma_and_healthchecks(web: Listener) -> None:
    kuma = {"heartbeat": {"status": 0, "monitorID": 3, "time": "t"}, "monitor": {"name": "api"}, "msg": "[api] down"}
    checks = {"name": "backup", "status": "down", "code": "c", "now": "n"}
    for _ in range(2):
        sent(web, f"/hooks/kuma/{SECRET}", json.dumps(kuma))
        sent(web, f"/hooks/hc/{SECRET}", json.dumps(checks))
    assert [(event.title, event.id) for event in web.kept()] == [("api is down", "3/t"), ("backup is down", "c/n/down")]


@pytest.mark.parametrize("body", ["[1]", '"x"', "5", "null", "{}", '{"object_kind": []}', "\0", "[" * 9999])
@pytest.mark.parametrize("hook", ["ft", "tv", "gl", "am", "kuma", "hc", "own"])
def test_what_an_authentic_sender_sends_is_an_event_or_kept_aside(
    web: Listener, hook: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = sent(web, f"/hooks/{hook}/{SECRET}", body, X_Gitlab_Token=SECRET)
    assert answer.status_code == 202, answer.text
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_foreign_text_reaches_no_log(web: Listener, caplog: pytest.LogCaptureFixture) -> None:
    sent(web, f"/hooks/hc/{SECRET}", "{\n\x1b[31mevil")
    assert "evil" not in caplog.text


def test_every_field_of_an_event_is_in_the_docs() -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    assert [name for name in Event.model_fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("hook", "kind", "body"),
    [
        ("gh", "application/x-www-form-urlencoded", b"payload={"),
        ("gh", "application/x-www-form-urlencoded", b"payload=" + b"[" * 100_000),
        ("tv", "application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(201))),
        ("ft", "application/json", b'{"type": ' + b"[" * 900 + b"]" * 900 + b"}"),
        ("hc", "application/json", b'{"name": ' + b"[" * 900 + b"]" * 900 + b', "status": "down"}'),
    ],
)
def test_what_an_authentic_sender_garbles_is_kept_aside(web: Listener, hook: str, kind: str, body: bytes) -> None:
    signed = {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    headers = {"Content-Type": kind, **(signed if hook == "gh" else {})}
    answer = web.client.post(f"/hooks/{hook}/{SECRET}", content=body, headers=headers)
    assert answer.status_code == 202
    assert answer.json().get("status") == "kept aside" or answer.json()["events"]
