"""Commands about events of other programs: notify, events, hooks."""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
from decimal import Decimal
from pathlib import Path

from reporter.app.app import App
from reporter.app.events import hooks_of
from reporter.app.home import FolderHome
from reporter.cli.terminal import DONE, FAILED, QUEUED, USAGE, complain
from reporter.inbox.event import LARGEST_FILE, Event, EventError, read_event
from reporter.inbox.hooks import payloads
from reporter.inbox.pacing import in_short
from reporter.inbox.presets import PayloadError
from reporter.inbox.submit import submit
from reporter.messages.message import visible
from reporter.periods.time_text import moment_text
from reporter.store import events

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,29})(\.\d{1,30})?")
_PARTS = {"title", "text", "agent", "slot"}  # parts of an event that may stand among its fields


def run_notify(app: App, options: argparse.Namespace) -> int:
    """`reporter notify KIND [key=value …]`: save an event. Exit code 75: no daemon is there to send it yet."""
    try:
        event = read_event(_given(options))
        file = _file(options.attach, options.attach_name) if options.attach else None
        with app.store.begin() as connection:
            (verdict,) = submit(connection, [event], app.clock.wall(), source=socket.gethostname()[:64], file=file)
    except EventError as error:
        complain(f"this event is not accepted: {error}")
        return USAGE
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return FAILED
    if verdict.status == "known":
        print(f"{verdict.id}: handed in before, not sent again")
        return DONE
    if app.store.has_daemon() is False:
        print(f"{verdict.id}: saved; no daemon runs on this store, so it is sent when one starts")
        return QUEUED
    print(f"{verdict.id}: saved, the daemon sends it")
    return DONE


def _given(options: argparse.Namespace) -> dict[str, object]:
    """The event as its parts. Raises EventError for a field that is no `key=value`."""
    fields: dict[str, object] = {}
    event: dict[str, object] = {"kind": options.kind, "fields": fields}
    for pair in options.fields:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise EventError(pair, "write key=value, such as pair=BTC/USDT")
        target = event if name in _PARTS else fields
        target[name] = Decimal(value) if target is fields and _NUMBER.fullmatch(value) else value
    for name in ("severity", "text", "title", "id", "source", "agent", "slot", "at", "until"):
        if (value := getattr(options, name)) is not None:
            event[name] = value
    return event


def _file(path: str, name: str | None) -> tuple[str, bytes]:
    if path == "-":
        return Path(name or "file").name, sys.stdin.buffer.read(LARGEST_FILE + 1)
    with Path(path).open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    return Path(name or path).name, content


def run_events(app: App, options: argparse.Namespace) -> int:
    """`reporter events [list|rejected]`: the newest events and what became of them."""
    zone = app.runtime.zone
    with app.store.read() as connection:
        if options.action == "rejected":
            kept = events.rejected(connection, options.limit)
            lines = [
                f"{moment_text(one.received_at, zone)}  {one.hook}: {one.why}\n    {one.body[:300]}" for one in kept
            ]
        else:
            found = events.newest(connection, options.limit, kind=options.kind)
            lines = [f"{moment_text(one.received_at, zone)}  {_line(one)}" for one in found]
    print("\n".join(visible(part) for line in lines for part in line.split("\n")) or "there are no events")
    return DONE


def _line(event: events.StoredEvent) -> str:
    why = f" ({event.why})" if event.why else ""
    return f"{event.kind} of {event.source or '-'}: {in_short(event) or '-'} [{event.state}{why}]"


def run_hooks(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter hooks show PRESET`, or `try NAME FILE`: what the hook NAME would make of a body. Nothing is saved."""
    if options.action == "show":
        if options.preset not in _BLOCKS:
            complain(f"there is no preset {options.preset}; there are: {', '.join(_BLOCKS)}")
            return USAGE
        print(_BLOCKS[options.preset].strip())
        return DONE
    hooks = hooks_of(home.read().loaded.config)
    hook = hooks.get(options.name)
    if hook is None:
        complain(f"the config has no hook {options.name}; it has: {', '.join(hooks) or 'none'}")
        return USAGE
    try:
        body = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return FAILED
    headers = {name.strip().lower(): value.strip() for name, _, value in (h.partition(":") for h in options.header)}
    try:
        made = [read_event(payload) for payload in payloads(hook, headers, body)]
    except (PayloadError, EventError) as error:
        complain(f"the hook would keep it aside: {error}")
        return FAILED
    for event in made:
        print(_as_json(event))
    if not made:
        print("the hook would accept it and send nothing")
    return DONE


def _as_json(event: Event) -> str:
    return json.dumps(event.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, indent=2)


# What freqtrade knows of each type of message (freqtrade/rpc/rpc_types.py): a name that a message has not stops it.
_FREQTRADE_TRADE = ("trade_id", "pair", "direction", "exchange", "leverage", "open_rate", "amount", "stake_amount",
                    "stake_currency", "open_date", "enter_tag", "sub_trade")  # fmt: skip
_FREQTRADE_LOCK = {"lock_id": "{id}", "pair": "{pair}", "side": "{side}", "reason": "{reason}",
                   "lock_end_time": "{lock_end_time}"}  # fmt: skip


def freqtrade_webhook() -> dict[str, object]:
    """The section `webhook` of a freqtrade config: each type of message that is worth telling."""
    trade = {name: f"{{{name}}}" for name in _FREQTRADE_TRADE}
    profit = {name: f"{{{name}}}" for name in ("profit_amount", "profit_ratio", "exit_reason")}
    types: dict[str, dict[str, str]] = {
        "entry_fill": trade,
        "exit_fill": {**trade, **profit, "close_rate": "{close_rate}", "close_date": "{close_date}"},
        "entry_cancel": {**trade, "reason": "{reason}"},
        "exit_cancel": {**trade, **profit, "reason": "{reason}"},
        "protection_trigger": _FREQTRADE_LOCK,
        "protection_trigger_global": _FREQTRADE_LOCK,
        **{name: {"status": "{status}"} for name in ("status", "startup", "warning", "exception")},
        "strategy_msg": {"status": "{msg}"},
    }
    head = {"enabled": True, "url": "http://127.0.0.1:8787/hooks/NAME/SECRET", "format": "json", "retries": 3}
    more = {"timeout": 5, "allow_custom_messages": True}
    return {**head, **more, **{name: {"type": name, **values} for name, values in types.items()}}


_BLOCKS = {
    "freqtrade": f"""
Put this into freqtrade's config; NAME is the hook's name and SECRET its secret.

{json.dumps({"webhook": freqtrade_webhook()}, indent=2)}""",
    "tradingview": """
Webhook URL of the alert: https://YOUR.HOST/hooks/NAME/SECRET (TradingView calls ports 80 and 443 over IPv4 only)
Message of a strategy's alert:
{"id": "{{timenow}}/{{exchange}}:{{ticker}}/{{interval}}/{{strategy.order.id}}", "ticker": "{{ticker}}",
 "action": "{{strategy.order.action}}", "price": {{strategy.order.price}}, "text": "{{strategy.order.comment}}"}
Message of an indicator's alert:
{"id": "{{timenow}}/{{exchange}}:{{ticker}}/{{interval}}", "ticker": "{{ticker}}", "price": {{close}},
 "text": "what the alert means"}""",
    "github": """
In the repository, Settings, Webhooks, Add webhook:
Payload URL: https://YOUR.HOST/hooks/NAME
Content type: application/json
Secret: the hook's secret
Events: Workflow runs, Deployment statuses""",
    "gitlab": """
In the project, Settings, Webhooks, Add new webhook:
URL: https://YOUR.HOST/hooks/NAME
Secret token: the hook's secret
Trigger: Pipeline events, Deployment events""",
    "alertmanager": """
In alertmanager.yml:
receivers:
  - name: reporter
    webhook_configs:
      - url: https://YOUR.HOST/hooks/NAME
        send_resolved: true
        http_config: {authorization: {credentials: SECRET}}""",
    "grafana": """
Alerting, Contact points, Add contact point, integration Webhook:
URL: https://YOUR.HOST/hooks/NAME
Authorization Header - Scheme: Bearer, Credentials: the hook's secret
or HMAC Signature - Secret: the hook's secret, Header: X-Grafana-Alerting-Signature,
   Timestamp Header: X-Grafana-Alerting-Timestamp""",
    "uptime_kuma": """
Settings, Notifications, Setup Notification, type Webhook:
Post URL: https://YOUR.HOST/hooks/NAME
HTTP Method: POST
Request Body: Preset - application/json
Additional Headers: {"Authorization": "Bearer SECRET"}, where SECRET is the hook's secret""",
    "healthchecks": """
Integrations, Webhook. For both, when a check goes down and when it goes up:
URL: https://YOUR.HOST/hooks/NAME
Method: POST
Request Body: {"name": $NAME_JSON, "status": "$STATUS", "code": "$CODE", "now": "$NOW", "tags": "$TAGS"}
Request Headers: Authorization: Bearer SECRET, where SECRET is the hook's secret""",
}
