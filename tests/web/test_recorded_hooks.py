"""What the usual programs send, in their own shape, over real HTTP; and what is refused with a sentence.

The bodies in tests/data/hooks have the keys of the senders' own sources and documents, with values of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from reporter.cli.events import freqtrade_webhook
from reporter.inbox.presets import PRESETS
from tests.support.paths import ROOT
from tests.web.listener import Listener, listener

SECRET = "a-secret-of-the-hooks-0123456789"
HOOKS = "hooks:\n" + "".join(f"  {name}: {{preset: {name}, secret: env:SECRET}}\n" for name in PRESETS)
RECORDED = ROOT / "tests/data/hooks"
# The preset of a file, where the file has a longer name than its preset.
PRESET_OF = {path.stem: max((name for name in PRESETS if path.stem.startswith(name)), key=len)
             for path in RECORDED.glob("*.json")}  # fmt: skip

# Of each recorded body, its events: kind, severity, title, text, id and fields.
EVENTS: dict[str, list[tuple[str, str, str, str, str, dict[str, str]]]] = {
    "freqtrade_entry_fill": [
        ("trade_opened", "info", "", "", "entry_fill/7/2026-10-30 10:00:00.417233+00:00/False/2.0/5000.0", {
            "symbol": "ETH/USDT", "side": "Long", "entry_price": "2500.0", "quantity": "2.0",
            "total_value": "5000.0 USDT", "exchange": "Binance", "trade": "7"})],
    "freqtrade_exit_fill": [
        ("trade_closed", "info", "", "",
         "exit_fill/7/2026-10-30 10:00:00.417233+00:00/2026-10-30 13:05:00.100000+00:00/False/2.0/5000.0", {
            "symbol": "ETH/USDT", "side": "Long", "entry_price": "2500.0", "exit_price": "2600.0", "quantity": "2.0",
            "total_value": "5000.0 USDT", "pnl": "194.88875", "pnl_pct": "+3.89%", "reason": "roi",
            "duration": "3h 4m", "exchange": "Binance", "trade": "7"})],
    "freqtrade_protection": [
        ("risk_alert", "warning", "", "Cooldown period for 5 candles.", "protection_trigger/12", {
            "symbol": "ETH/USDT", "side": "*", "until": "2026-10-30 14:10:00"})],
    "tradingview_strategy": [
        ("signal_generated", "info", "", "EMA cross", "2026-10-30T14:00:01Z/BINANCE:BTCUSDT/15/Long", {
            "pair": "BTCUSDT", "signal": "buy", "price": "70000.5"})],
    "github_workflow_run": [
        ("build_success", "info", "", "", "72d3162e-cc78-11e3-81ab-4c9367dc0958", {
            "repository": "me/bot", "commit": "3484a3fb81", "branch": "main", "workflow": "CI",
            "logs": "https://github.com/me/bot/actions/runs/289782451", "duration": "2m 17s"})],
    "github_deployment_status": [
        ("deployment_failed", "warning", "", "the health check did not answer",
         "82d3162e-cc78-11e3-81ab-4c9367dc0958", {
            "service": "me/bot", "server": "production", "version": "f95f852bd8",
            "logs": "https://github.com/me/bot/actions/runs/1/job/2"})],
    "gitlab_pipeline": [
        ("build_failure", "warning", "", "", "f5e57e78-9c76-4d18-8a5a-8f8a4c2b6e1d", {
            "repository": "me/bot", "commit": "bcbb5ec396", "branch": "main", "workflow": "pipeline",
            "logs": "https://gitlab.example.org/me/bot/-/pipelines/31", "duration": "3m 1s",
            "error": "failed: test-build"})],
    "gitlab_deployment": [
        ("deployment_success", "info", "", "", "a5e57e78-9c76-4d18-8a5a-8f8a4c2b6e1d", {
            "service": "me/bot", "server": "staging", "version": "279484c0",
            "logs": "https://gitlab.example.org/me/bot/-/jobs/796"})],
    "alertmanager": [
        ("service_down", "critical", "InstanceDown is firing", "db1 does not answer",
         "c1b6d3e5f7a89b0c/2026-10-30T14:00:12.351Z/firing", {"instance": "db1:9100", "job": "node"}),
        ("system_healthy", "info", "HighLoad is resolved", "load above 4",
         "d1b6d3e5f7a89b0c/2026-10-30T14:00:12.351Z/resolved", {"instance": "db2:9100"}),
        ("service_down", "warning", "3 more alerts in one message", "", "", {})],
    "grafana": [
        ("service_down", "warning", "High memory usage is firing", "Memory of us-1 above 90 %",
         "c6eadffa33fcdf37/2026-10-30T09:51:03.157076+02:00/firing", {
            "grafana_folder": "hosts", "team": "blue", "zone": "us-1", "values": "B = 94.2394, C = 1"})],
    "uptime_kuma": [
        ("service_down", "critical", "Exchange API is down",
         "[Exchange API] [🔴 Down] connect ECONNREFUSED 127.0.0.1:443", "3/2026-10-30 14:04:20.123", {
            "service": "Exchange API", "server": "https://api.example.org/v1/status"})],
    "uptime_kuma_up": [
        ("system_healthy", "info", "Exchange API is up", "[Exchange API] [✅ Up] 200 - OK",
         "3/2026-10-30 14:09:20.456", {
            "service": "Exchange API", "server": "api.example.org", "latency": "84 ms"})],
    "uptime_kuma_certificate": [
        ("system", "warning", "Uptime Kuma",
         "[Exchange API][https://api.example.org/v1/status] server certificate api.example.org will expire in 7 days",
         "", {})],
    "healthchecks": [
        ("service_down", "critical", 'Nightly "backup" is down', "",
         "f2c9acb7-66df-4b64-9e28-8e0b38b32142/2026-10-30T14:00:00+00:00/down", {
            "service": 'Nightly "backup"', "tags": "prod db"})],
}  # fmt: skip


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", HOOKS, {"SECRET": SECRET}) as found:
        yield found


def recorded(name: str) -> tuple[dict[str, str], bytes]:
    whole = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return whole["headers"], json.dumps(whole["body"], ensure_ascii=False).encode()


def proof(preset: str, body: bytes) -> tuple[str, dict[str, str]]:
    """The address and the headers by which a sender proves itself, as `reporter hooks show` asks for it."""
    if preset in {"freqtrade", "tradingview"}:
        return f"/hooks/{preset}/{SECRET}", {}
    headers = {
        "github": {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()},
        "gitlab": {"X-Gitlab-Token": SECRET},
    }
    return f"/hooks/{preset}", headers.get(preset, {"Authorization": f"Bearer {SECRET}"})


def send(web: Listener, preset: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    address, own = proof(preset, body)
    return web.client.post(address, content=body, headers={**headers, **own})


def facts(event: Any, with_id: bool) -> tuple[str, str, str, str, str, dict[str, str]]:
    shown = {name: str(value) for name, value in event.fields.items()}
    return (event.kind, event.severity, event.title, event.text, event.id if with_id else "", shown)


def test_each_preset_has_a_recorded_body() -> None:
    assert set(PRESET_OF.values()) == set(PRESETS)
    assert PRESET_OF.keys() == EVENTS.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_a_recorded_body_arrives_right_and_once(web: Listener, name: str) -> None:
    headers, body = recorded(name)
    first, again = (send(web, PRESET_OF[name], headers, body) for _ in range(2))
    assert {one["status"] for one in first.json()["events"]} == {"accepted"}
    assert {one["status"] for one in again.json()["events"]} == {"known"}
    kept = [facts(event, bool(wanted[4])) for event, wanted in zip(web.kept(), EVENTS[name], strict=True)]
    assert kept == EVENTS[name]


# What freqtrade knows of each type of message: rpc/rpc_types.py, and `_notify_*` in freqtradebot.py.
_KNOWN = {
    "trade_id", "type", "buy_tag", "enter_tag", "exchange", "pair", "leverage", "direction", "limit", "open_rate",
    "order_type", "stake_amount", "stake_currency", "base_currency", "quote_currency", "fiat_currency", "amount",
    "open_date", "current_rate", "sub_trade"}  # fmt: skip
_LOCKED = {
    "type", "base_currency", "id", "pair", "lock_time", "lock_timestamp", "lock_end_time", "lock_end_timestamp",
    "reason", "side", "active"}  # fmt: skip
_CLOSED = {"order_rate", "close_rate", "cumulative_profit", "final_profit_ratio", "is_final_exit"}
_PROFIT = {"gain", "profit_amount", "profit_ratio", "exit_reason", "close_date"}
FREQTRADE_KNOWS = {
    "entry_fill": _KNOWN,
    "entry_cancel": _KNOWN | {"reason"},
    "exit_fill": _KNOWN | _PROFIT | _CLOSED,
    "exit_cancel": _KNOWN | _PROFIT | {"reason"},
    "protection_trigger": _LOCKED,
    "protection_trigger_global": _LOCKED,
    "status": {"type", "status"},
    "startup": {"type", "status"},
    "warning": {"type", "status"},
    "exception": {"type", "status"},
    "strategy_msg": {"type", "msg"},
}


def test_the_block_for_freqtrade_asks_for_nothing_that_a_message_has_not() -> None:
    """One unknown name, and freqtrade logs an error instead of calling."""
    block = freqtrade_webhook()
    assert {name for name, value in block.items() if isinstance(value, dict)} == FREQTRADE_KNOWS.keys()
    for name, known in FREQTRADE_KNOWS.items():
        message = dict.fromkeys(known, "x")
        values = block[name]
        assert isinstance(values, dict)
        assert values["type"] == name
        assert all(value.format(**message) for value in values.values())


def test_each_part_of_a_position_of_freqtrade_is_an_event_of_its_own(web: Listener) -> None:
    headers, body = recorded("freqtrade_entry_fill")
    opened = json.loads(body)
    more = [{**opened, "sub_trade": "True", "stake_amount": stake} for stake in ("7500.0", "10000.0")]
    closed = {**opened, "type": "exit_fill", "sub_trade": "True", "amount": "1.0", "profit_amount": "3.5",
              "close_date": "2026-10-30 12:00:00+00:00"}  # fmt: skip
    for one in (opened, *more, closed, closed):
        send(web, "freqtrade", headers, json.dumps(one).encode())
    assert [(event.kind, event.text) for event in web.kept()] == [
        ("trade_opened", ""),
        ("trade_executed", "The position was increased."),
        ("trade_executed", "The position was increased."),
        ("trade_executed", "Part of the position was closed."),
    ]


def test_uptime_kumas_form_holds_the_same(web: Listener) -> None:
    _, body = recorded("uptime_kuma")
    form = web.client.build_request("POST", "http://x", files={"data": (None, body)})
    answer = send(web, "uptime_kuma", {"Content-Type": form.headers["content-type"]}, form.read())
    assert answer.json()["events"][0]["status"] == "accepted", answer.text
    assert [facts(event, with_id=True) for event in web.kept()] == EVENTS["uptime_kuma"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\n" * 2000, "multipart/form-data; boundary=x"),
        (b"no form", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"heartbeat": \r\n--x--',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 3000, "multipart/form-data; boundary=x"),
    ],
)
def test_a_garbled_form_is_kept_aside(web: Listener, body: bytes, kind: str) -> None:
    answer = send(web, "uptime_kuma", {"Content-Type": kind}, body)
    assert (answer.status_code, answer.json().get("status")) == (202, "kept aside")


def grafana_signature(body: bytes, stamp: str | None, key: str = SECRET) -> dict[str, str]:
    signed = body if stamp is None else f"{stamp}:".encode() + body
    signature = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    headers = {"X-Grafana-Alerting-Signature": signature}
    return headers if stamp is None else {**headers, "X-Grafana-Alerting-Timestamp": stamp}


def test_grafana_may_sign(web: Listener) -> None:
    headers, body = recorded("grafana")
    now = int(web.clock.wall().timestamp())

    def code(stamp: str | None, key: str = SECRET, sent: bytes = body) -> int:
        own = grafana_signature(body, stamp, key)
        return web.client.post("/hooks/grafana", content=sent, headers={**headers, **own}).status_code

    assert [code(None), code(str(now)), code(str(now - 300))] == [202, 202, 202]
    assert [code(str(now - 301)), code("soon"), code(None, key="wrong"), code(None, sent=body + b" ")] == [404] * 4
    assert len(web.kept()) == 1


# Ten that are refused or kept aside: preset, what is changed, the answer's code, and words of its sentence.
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "malformed JSON": ("gitlab_pipeline", {"body": b'{"object_kind": '}, 202, "neither JSON nor a form"),
    "another shape": ("alertmanager", {"body": b'{"alerts": 5}'}, 202, "not what alertmanager expects"),
    "a list where an object is due": ("freqtrade_exit_fill", {"body": b"[]"}, 202, "hooks show freqtrade"),
    "nothing said": ("uptime_kuma", {"body": b'{"heartbeat": null}'}, 202, "neither a heartbeat nor a msg"),
    "oversized": ("grafana", {"body": b"x" * 1_000_001}, 413, "larger than 1000000 bytes"),
    "compressed": ("healthchecks", {"Content-Encoding": "gzip"}, 415, "compressed"),
    "unsigned": ("github_workflow_run", {"X-Hub-Signature-256": ""}, 404, "not its secret"),
    "signed for another body": ("github_workflow_run", {"body": b"{}"}, 404, "not its secret"),
    "with a wrong token": ("gitlab_deployment", {"X-Gitlab-Token": "wrong"}, 404, "not its secret"),
    "of another site's page": ("uptime_kuma", {"Sec-Fetch-Site": "cross-site"}, 403, "another site"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_right_is_refused_with_a_sentence(
    web: Listener, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, changed, status, words = REFUSED[case]
    headers, body = recorded(name)
    address, own = proof(PRESET_OF[name], body)
    more = {key: str(value) for key, value in changed.items() if key != "body"}
    sent: Any = changed.get("body", body)
    answer = web.client.post(address, content=sent, headers={**headers, **own, **more})
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert words in str(said.get("why") or said.get("title") or "") + str(said.get("detail") or ""), said
    assert [event for event in web.kept() if event.source != "reporter"] == []
    assert SECRET not in answer.text + caplog.text
    assert sent[:40].decode() not in caplog.text
