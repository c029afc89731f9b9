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
from reporter.inbox.hooks import PayloadError, payloads
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
    return f"{event.kind} of {event.source or '-'}: {event.title or event.text or '-'} [{event.state}{why}]"


def run_hooks(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter hooks show PRESET`, or `try NAME FILE`: what the hook NAME would make of a body. Nothing is saved."""
    if options.action == "show":
        print(_BLOCKS.get(options.preset, "").strip() or f"point the {options.preset} webhook to /hooks/NAME")
        return DONE
    hooks = hooks_of(home.read().loaded.config)
    hook = hooks.get(options.name)
    if hook is None:
        complain(f"the config has no hook {options.name}; it has: {', '.join(hooks) or 'none'}")
        return USAGE
    body = sys.stdin.buffer.read(1_000_001) if options.file == "-" else Path(options.file).read_bytes()
    headers = {name.strip().lower(): value.strip() for name, _, value in (h.partition(":") for h in options.header)}
    try:
        made = [read_event(payload) for payload in payloads(hook, headers, body, home.clock.wall())]
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


_FREQTRADE_FIELDS = {
    "trade": ("trade_id", "pair", "direction", "exchange", "leverage", "open_rate", "amount", "stake_amount",
              "stake_currency", "open_date", "enter_tag"),
    "close": ("close_rate", "profit_amount", "profit_ratio", "exit_reason", "close_date"),
}  # fmt: skip


def _freqtrade_block() -> str:
    """The `webhook` section of a freqtrade config, as JSON without its braces."""
    entry = {name: f"{{{name}}}" for name in _FREQTRADE_FIELDS["trade"]}
    leaving = {**entry, **{name: f"{{{name}}}" for name in _FREQTRADE_FIELDS["close"]}}
    types = {
        "entry_fill": {"type": "entry_fill", **entry},
        "entry_cancel": {"type": "entry_cancel", **entry},
        "exit_fill": {"type": "exit_fill", **leaving},
        "exit_cancel": {"type": "exit_cancel", **leaving},
        "status": {"type": "status", "status": "{status}"},
    }
    head = {"enabled": True, "url": "http://127.0.0.1:8787/hooks/NAME/SECRET", "format": "json", "retries": 3}
    block = json.dumps({"webhook": {**head, "timeout": 5, **types}}, indent=2)
    return f"{block}\n\nPut this into freqtrade's config; NAME is the hook's name and SECRET its secret."


_BLOCKS = {
    "freqtrade": _freqtrade_block(),
    "tradingview": """
Webhook URL of the alert: https://YOUR.HOST/hooks/NAME/SECRET (TradingView calls ports 80 and 443 over IPv4 only)
Message of the alert:
{"id": "{{timenow}}/{{strategy.order.id}}", "ticker": "{{ticker}}", "action": "{{strategy.order.action}}",
 "price": {{close}}, "text": "{{strategy.order.comment}}"}""",
    "github": "Settings, Webhooks: https://YOUR.HOST/hooks/NAME, application/json, the hook's secret as Secret",
    "gitlab": "Settings, Webhooks: https://YOUR.HOST/hooks/NAME, the hook's secret as Secret token",
    "healthchecks": """
URL: https://YOUR.HOST/hooks/NAME/SECRET, method POST, body:
{"name": "$NAME", "status": "$STATUS", "code": "$CODE", "now": "$NOW", "tags": "$TAGS"}""",
}
