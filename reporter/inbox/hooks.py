"""What other programs send to `/hooks/NAME`: is the sender authentic, and which events does the body hold?

The proof of each sender is the one that it can give: GitHub signs, GitLab and Alertmanager send a token, freqtrade and
TradingView can send neither, so their secret is the last part of the address.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from reporter.inbox.event import LONGEST_TEXT, LONGEST_VALUE, MOST_FIELDS
from reporter.secret import Secret

# Standard Webhooks 1.0.0: a signature is good for five minutes (github.com/standard-webhooks/standard-webhooks).
SIGNATURE_WINDOW = 300
# A sender without ids: the same body within this span is one event. Seconds.
SAME_BODY = {"tradingview": 60}

# Alerts of one message that become events; what is beyond is counted.
MOST_ALERTS = 500

Payload = dict[str, Any]
Headers = Mapping[str, str]  # names in lower case


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook of the config."""

    name: str
    secret: Secret
    preset: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None


class PayloadError(Exception):
    """What an authentic sender sent is no event that we understand; the text says why."""


def is_authentic(hook: Hook, headers: Headers, body: bytes, key: str, now: datetime) -> bool:
    """Whether the sender knows the hook's secret; `key` is the part of the address behind the hook's name."""
    secret = hook.secret.reveal().encode()
    if hook.preset == "github":
        signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        return _same(headers.get("x-hub-signature-256", ""), signature)
    if "webhook-signature" in headers:
        return _is_signed(secret, headers, body, now)
    given = [key, headers.get("x-gitlab-token", ""), headers.get("authorization", "").removeprefix("Bearer ")]
    return any(_same(one, secret.decode()) for one in given if one)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_signed(secret: bytes, headers: Headers, body: bytes, now: datetime) -> bool:
    """Whether one of the signatures is ours and fresh."""
    stamp, identity = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(now.timestamp() - int(stamp)) > SIGNATURE_WINDOW:
        return False
    try:
        key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        key = secret
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = base64.b64encode(signed).decode()
    given = [one.partition(",")[2] for one in headers["webhook-signature"][:2000].split() if one.startswith("v1,")]
    return any(_same(one, wanted) for one in given)


def payloads(hook: Hook, headers: Headers, body: bytes, now: datetime) -> list[Payload]:
    """The events that a body holds, as `read_event` takes them. Raises PayloadError."""
    try:
        found = _decoded(hook, headers, body)
        made = _mapped(hook, found) if hook.map else _PRESETS[str(hook.preset)](found, headers)
        for number, payload in enumerate(made):
            payload["source"] = hook.name
            payload["kind"] = hook.kind or payload.get("kind") or "system"
            if not payload.get("id"):
                payload["id"] = _digest(hook, body, now, number)
        return [_tidy(payload) for payload in made]
    except PayloadError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise PayloadError(f"this is not what {hook.preset or 'the map'} expects: {type(error).__name__}") from None


def _decoded(hook: Hook, headers: Headers, body: bytes) -> Any:
    """The body as JSON, as a form or as text, whatever its header calls it."""
    text = body.decode("utf-8-sig", "replace")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
        if hook.preset == "github" and "payload" in form:
            return json.loads(form["payload"])
        return form
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if hook.preset == "tradingview":
            return text
        raise PayloadError("the body is neither JSON nor a form") from None


def _digest(hook: Hook, body: bytes, now: datetime, number: int) -> str:
    """An id for what has none: of the body, within the window in which the sender repeats itself."""
    window = int(now.timestamp()) // SAME_BODY.get(str(hook.preset), 10)
    return hashlib.sha256(f"{hook.name}/{window}/{number}/".encode() + body).hexdigest()[:32]


def _tidy(payload: Payload) -> Payload:
    """Within the bounds of an event: a foreign program knows none of them."""
    fields = {str(key)[:64]: value for key, value in payload.get("fields", {}).items() if value not in (None, "", [])}
    kept = dict(list(fields.items())[:MOST_FIELDS])
    texts = {"title": 256, "text": LONGEST_TEXT, "agent": 128, "id": 128, "source": 64}
    cut = {key: str(payload[key])[:most] for key, most in texts.items() if payload.get(key) not in (None, "")}
    rest = {key: value for key, value in payload.items() if key not in texts and key != "fields" and value is not None}
    shown = {key: value[:LONGEST_VALUE] if isinstance(value, str) else value for key, value in kept.items()}
    return {**rest, **cut, "fields": {key: value for key, value in shown.items() if key}}


def _mapped(hook: Hook, found: Any) -> list[Payload]:
    """An event by the JMESPath expressions of the config."""
    import jmespath

    made: Payload = {}
    for part, expression in hook.map.items():
        try:
            value = jmespath.search(expression, found)
        except Exception as error:  # noqa: BLE001 - the library raises several kinds
            raise PayloadError(f"the map's {part} cannot be read from it: {error}") from None
        if part.startswith("fields."):
            made.setdefault("fields", {})[part.removeprefix("fields.")] = value
        else:
            made[part] = value
    return [made]


# --- Presets ---


def _freqtrade(found: Any, _: Headers) -> list[Payload]:
    """The block that `reporter hooks show freqtrade` prints; values are texts."""
    if not isinstance(found, dict):
        raise PayloadError("a freqtrade webhook sends named values: paste the block of `reporter hooks show freqtrade`")
    kind = str(found.get("type", "status"))
    names = {
        "entry": "order_placed",
        "exit": "order_placed",
        "entry_fill": "trade_opened",
        "exit_fill": "trade_closed",
        "entry_cancel": "order_canceled",
        "exit_cancel": "order_canceled",
        "status": "system",
        "startup": "agent_started",
        "warning": "error",
        "protection_trigger": "risk_alert",
        "protection_trigger_global": "risk_alert",
    }
    fields = {
        "symbol": found.get("pair"),
        "side": found.get("direction"),
        "entry_price": found.get("open_rate"),
        "exit_price": found.get("close_rate"),
        "quantity": found.get("amount"),
        "total_value": _joined(found.get("stake_amount"), found.get("stake_currency")),
        "pnl": found.get("profit_amount"),
        "pnl_pct": _share(found.get("profit_ratio")),
        "strategy": found.get("strategy"),
        "tag": found.get("enter_tag"),
        "reason": found.get("exit_reason"),
        "duration": found.get("duration"),
        "leverage": found.get("leverage") if found.get("leverage") not in (None, "", "1", "1.0") else None,
        "exchange": found.get("exchange"),
        "trade": found.get("trade_id"),
    }
    marks = (kind, found.get("trade_id"), found.get("open_date"), found.get("close_date"), found.get("sub_trade"))
    named = any(found.get(name) for name in ("trade_id", "open_date"))
    text = str(found.get("status", "") or found.get("reason", "") or "")
    return [
        {
            "kind": names.get(kind, "system"),
            "text": text,
            "severity": "warning" if kind.startswith(("protection", "warning")) else "info",
            "agent": found.get("bot_name") or "",
            "id": "/".join(str(mark) for mark in marks if mark) if named else "",
            "fields": fields,
        }
    ]


def _tradingview(found: Any, _: Headers) -> list[Payload]:
    if isinstance(found, str):
        return [{"kind": "signal_generated", "text": found, "title": ""}]
    if not isinstance(found, dict):
        found = {"value": found}
    own = {key: found[key] for key in ("kind", "title", "text", "severity", "agent", "id", "seq") if found.get(key)}
    words = {"ticker": "pair", "symbol": "pair", "action": "signal", "close": "price"}
    fields = {words.get(str(key), str(key)): value for key, value in found.items() if key not in own}
    if "message" in fields and "text" not in own:
        own["text"] = str(fields.pop("message"))
    return [{"kind": "signal_generated", **own, "fields": fields}]


def _github(found: Payload, headers: Headers) -> list[Payload]:
    event, repository = headers.get("x-github-event", ""), found.get("repository", {}).get("full_name", "")
    identity = headers.get("x-github-delivery", "")
    if event == "ping":
        return []
    if event in {"workflow_run", "check_suite"}:
        run = found[event]
        return _pipeline(
            repository, str(run.get("conclusion") or run.get("status")), run.get("name") or event, run.get("head_sha"),
            run.get("html_url"), run.get("head_branch"), identity,
        )  # fmt: skip
    if event == "deployment_status":
        status, deployment = found["deployment_status"], found["deployment"]
        kind = _DEPLOYMENTS.get(str(status["state"]))
        fields = {
            "service": repository,
            "server": deployment.get("environment"),
            "version": str(deployment.get("sha", ""))[:10],
            "logs": status.get("target_url") or status.get("log_url"),
        }
        return [{"kind": kind, "id": identity, "severity": _severity(kind), "fields": fields}] if kind else []
    title = " ".join(part for part in (event, str(found.get("action", "")), repository) if part)
    sender = found.get("sender", {}).get("login")
    return [{"kind": "system", "title": title, "id": identity, "fields": {"repository": repository, "by": sender}}]


def _gitlab(found: Payload, headers: Headers) -> list[Payload]:
    identity = headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid") or headers.get("webhook-id", "")
    project = found.get("project", {}).get("path_with_namespace", "")
    kind = found.get("object_kind")
    if kind == "pipeline":
        run = found["object_attributes"]
        return _pipeline(project, run["status"], "pipeline", run.get("sha"), run.get("url"), run.get("ref"), identity)
    if kind == "deployment":
        made = _DEPLOYMENTS.get(str(found["status"]))
        fields = {
            "service": project,
            "server": found.get("environment"),
            "version": found.get("short_sha"),
            "logs": found.get("deployable_url"),
        }
        return [{"kind": made, "id": identity, "severity": _severity(made), "fields": fields}] if made else []
    return [{"kind": "system", "title": f"{kind} {project}", "id": identity, "fields": {"project": project}}]


_DEPLOYMENTS = {
    "in_progress": "deployment_started",
    "running": "deployment_started",
    "success": "deployment_success",
    "failure": "deployment_failed",
    "failed": "deployment_failed",
    "error": "deployment_failed",
}
_PIPELINES = {
    "success": "build_success",
    "failure": "build_failure",
    "failed": "build_failure",
    "timed_out": "build_failure",
    "startup_failure": "build_failure",
}


def _pipeline(
    repository: str, status: str, name: object, commit: object, url: object, branch: object, identity: str
) -> list[Payload]:
    """Only the end of a run is an event."""
    kind = _PIPELINES.get(status)
    if kind is None:
        return []
    fields = {
        "repository": repository,
        "commit": str(commit or "")[:10],
        "branch": branch,
        "workflow": name,
        "logs": url,
    }
    return [{"kind": kind, "id": identity, "severity": _severity(kind), "fields": fields}]


def _severity(kind: str | None) -> str:
    return "warning" if kind and kind.endswith(("failed", "failure")) else "info"


def _prometheus_alerts(found: Payload, _: Headers) -> list[Payload]:
    """One event an alert; Grafana sends the same shape. A group is sent again and again, so each state counts once."""
    made: list[Payload] = []
    for alert in found["alerts"][:MOST_ALERTS]:
        labels, notes = alert.get("labels", {}), alert.get("annotations", {})
        firing = alert.get("status", found.get("status")) == "firing"
        name = str(labels.get("alertname", "alert"))
        level = str(labels.get("severity", "warning")).lower()
        marks = (
            alert.get("fingerprint") or _labels(labels),
            alert.get("startsAt", ""),
            "firing" if firing else "resolved",
        )
        made.append(
            {
                "kind": "service_down" if firing else "system_healthy",
                "title": f"{name} is firing" if firing else f"{name} is resolved",
                "text": notes.get("summary") or notes.get("description") or "",
                "severity": ("critical" if level in {"critical", "page"} else "warning") if firing else "info",
                "id": "/".join(str(mark) for mark in marks),
                "fields": {key: value for key, value in labels.items() if key not in {"alertname", "severity"}},
            }
        )
    more = len(found["alerts"]) - MOST_ALERTS
    if more > 0:
        made.append({"kind": "service_down", "title": f"{more} more alerts in one message", "severity": "warning"})
    return made


def _labels(labels: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _uptime_kuma(found: Payload, _: Headers) -> list[Payload]:
    beat, monitor = found.get("heartbeat") or {}, found.get("monitor") or {}
    down = beat.get("status") == 0
    fields = {
        "service": monitor.get("name"),
        "server": monitor.get("hostname") or monitor.get("url"),
        "latency": f"{beat['ping']} ms" if beat.get("ping") else None,
    }
    identity = f"{beat.get('monitorID')}/{beat.get('time')}" if beat.get("time") else ""
    kind = "service_down" if down else "system_healthy"
    text = found.get("msg") or beat.get("msg") or ""
    title = f"{monitor.get('name', 'Monitor')} is {'down' if down else 'up'}" if beat else "Uptime Kuma"
    severity = "critical" if down else "info"
    return [{"kind": kind, "title": title, "text": text, "severity": severity, "id": identity, "fields": fields}]


def _healthchecks(found: Payload, _: Headers) -> list[Payload]:
    """The body that the docs propose: name, status, code and now."""
    down = str(found["status"]).lower() == "down"
    identity = (
        f"{found.get('code', found['name'])}/{found.get('now', '')}/{found['status']}" if found.get("now") else ""
    )
    return [
        {
            "kind": "service_down" if down else "system_healthy",
            "title": f"{found['name']} is {found['status']}",
            "severity": "critical" if down else "info",
            "id": identity,
            "fields": {"service": found["name"], "tags": found.get("tags")},
        }
    ]


def _joined(*parts: object) -> str | None:
    return " ".join(str(part) for part in parts if part) or None


def _share(ratio: object) -> str | None:
    try:
        return f"{float(str(ratio)) * 100:+.2f}%"
    except ValueError:
        return None


_PRESETS: dict[str, Callable[[Any, Headers], list[Payload]]] = {
    "freqtrade": _freqtrade,
    "tradingview": _tradingview,
    "github": _github,
    "gitlab": _gitlab,
    "alertmanager": _prometheus_alerts,
    "grafana": _prometheus_alerts,
    "uptime_kuma": _uptime_kuma,
    "healthchecks": _healthchecks,
}
