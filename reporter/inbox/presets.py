"""What the usual senders mean: from the body of each one to events.

Read in the senders' own sources and documents: freqtrade `rpc/webhook.py`, TradingView's help on webhooks, GitHub's and
GitLab's lists of webhook events, Alertmanager `notify/webhook`, Grafana `receivers/webhook`, Uptime Kuma
`notification-providers/webhook.js`, healthchecks `integrations/webhook`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from reporter.periods.time_text import duration_text

# Alerts of one message that become events; what is beyond is counted.
MOST_ALERTS = 500

Payload = dict[str, Any]
Headers = Mapping[str, str]  # names in lower case


class PayloadError(Exception):
    """What an authentic sender sent is no event that we understand; the text says why."""


# --- freqtrade ---

_FREQTRADE_KINDS = {
    "entry": "order_placed",
    "exit": "order_placed",
    "entry_fill": "trade_opened",
    "exit_fill": "trade_closed",
    "entry_cancel": "order_canceled",
    "exit_cancel": "order_canceled",
    "startup": "agent_started",
    "warning": "error",
    "exception": "error",
    "protection_trigger": "risk_alert",
    "protection_trigger_global": "risk_alert",
}
# A fill of only a part of a position neither opens nor closes it.
_FREQTRADE_PARTS = {"entry_fill": "The position was increased.", "exit_fill": "Part of the position was closed."}


def _freqtrade(given: Any, _: Headers) -> list[Payload]:
    """The block that `reporter hooks show freqtrade` prints; values are texts, and what is missing is `None`."""
    if not isinstance(given, dict):
        raise PayloadError("a freqtrade webhook sends named values: paste the block of `reporter hooks show freqtrade`")
    found = {name: value for name, value in given.items() if value not in (None, "", "None")}
    sort = str(found.get("type", "status"))
    part = _FREQTRADE_PARTS.get(sort) if str(found.get("sub_trade")).lower() == "true" else None
    fields = {
        "symbol": found.get("pair"),
        "side": found.get("direction") or found.get("side"),
        "entry_price": found.get("open_rate"),
        "exit_price": found.get("close_rate"),
        "quantity": found.get("amount"),
        "total_value": _joined(found.get("stake_amount"), found.get("stake_currency")),
        "pnl": found.get("profit_amount"),
        "pnl_pct": _share(found.get("profit_ratio")),
        "strategy": found.get("strategy"),
        "tag": found.get("enter_tag"),
        "reason": found.get("exit_reason"),
        "duration": _between(found.get("open_date"), found.get("close_date")),
        "leverage": found.get("leverage") if found.get("leverage") not in ("1", "1.0") else None,
        "exchange": found.get("exchange"),
        "trade": found.get("trade_id"),
        "until": found.get("lock_end_time"),
    }
    # Each part of a position has its own amount; what freqtrade sends again is equal in all of these.
    marks = ("type", "trade_id", "open_date", "close_date", "sub_trade", "amount", "stake_amount", "lock_id")
    named = any(found.get(name) for name in ("trade_id", "open_date", "lock_id"))
    return [
        {
            "kind": "trade_executed" if part else _FREQTRADE_KINDS.get(sort, "system"),
            "text": part or str(found.get("status") or found.get("reason") or ""),
            "severity": "warning" if sort.startswith(("protection", "warning", "exception")) else "info",
            "agent": found.get("bot_name") or "",
            "id": "/".join(str(found[mark]) for mark in marks if mark in found) if named else "",
            "fields": fields,
        }
    ]


# --- TradingView ---


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


# --- Pipelines ---

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


def _github(found: Payload, headers: Headers) -> list[Payload]:
    event, repository = headers.get("x-github-event", ""), found.get("repository", {}).get("full_name", "")
    identity = headers.get("x-github-delivery", "")
    if not event:
        example = "`X-GitHub-Event: workflow_run`"
        raise PayloadError(f"GitHub says in the header X-GitHub-Event what happened, such as {example}")
    if event == "ping":
        return []
    if event in {"workflow_run", "check_suite"}:
        run = found[event]
        fields = {
            "repository": repository,
            "commit": str(run.get("head_sha") or "")[:10],
            "branch": run.get("head_branch"),
            "workflow": run.get("name") or (found.get("workflow") or run.get("app") or {}).get("name") or event,
            "logs": run.get("html_url"),
            "duration": _between(run.get("run_started_at") or run.get("created_at"), run.get("updated_at")),
        }
        return _pipeline(str(run.get("conclusion") or run.get("status")), fields, identity)
    if event == "deployment_status":
        status, deployment = found["deployment_status"], found["deployment"]
        kind = _DEPLOYMENTS.get(str(status["state"]))
        fields = {
            "service": repository,
            "server": deployment.get("environment"),
            "version": str(deployment.get("sha", ""))[:10],
            "logs": status.get("target_url") or status.get("log_url"),
        }
        made = {"kind": kind, "text": status.get("description") or "", "id": identity, "fields": fields}
        return [{**made, "severity": _severity(kind)}] if kind else []
    title = " ".join(part for part in (event, str(found.get("action", "")), repository) if part)
    sender = found.get("sender", {}).get("login")
    return [{"kind": "system", "title": title, "id": identity, "fields": {"repository": repository, "by": sender}}]


def _gitlab(found: Payload, headers: Headers) -> list[Payload]:
    """`Idempotency-Key` is equal over retries (GitLab 17.4); `X-Gitlab-Webhook-UUID` of older ones is of one call."""
    names = ("idempotency-key", "webhook-id", "x-gitlab-webhook-uuid")
    identity = next((headers[name] for name in names if headers.get(name)), "")
    project = found.get("project", {}).get("path_with_namespace", "")
    kind = found.get("object_kind")
    if kind == "pipeline":
        run = found["object_attributes"]
        fields = {
            "repository": project,
            "commit": str(run.get("sha") or "")[:10],
            "branch": run.get("ref"),
            "workflow": run.get("name") or "pipeline",
            "logs": run.get("url"),
            "duration": _between(run.get("created_at"), run.get("finished_at")),
        }
        failed = [str(job.get("name")) for job in found.get("builds") or [] if job.get("status") == "failed"]
        if failed and run["status"] == "failed":
            fields["error"] = "failed: " + ", ".join(failed)
        return _pipeline(run["status"], fields, identity)
    if kind == "deployment":
        made = _DEPLOYMENTS.get(str(found["status"]))
        fields = {
            "service": project,
            "server": found.get("environment"),
            "version": found.get("short_sha"),
            "logs": found.get("deployable_url"),
        }
        return [{"kind": made, "id": identity, "severity": _severity(made), "fields": fields}] if made else []
    title = f"{kind or headers.get('x-gitlab-event', 'GitLab')} {project}".strip()
    return [{"kind": "system", "title": title, "id": identity, "fields": {"project": project}}]


def _pipeline(status: str, fields: Payload, identity: str) -> list[Payload]:
    """Only the end of a run is an event."""
    kind = _PIPELINES.get(status)
    return [{"kind": kind, "id": identity, "severity": _severity(kind), "fields": fields}] if kind else []


def _severity(kind: str | None) -> str:
    return "warning" if kind and kind.endswith(("failed", "failure")) else "info"


# --- Monitors ---

_LEVELS = {"critical": "critical", "page": "critical", "emergency": "critical", "info": "info", "none": "info"}


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
        values = ", ".join(f"{key} = {value:g}" for key, value in (alert.get("values") or {}).items())
        made.append(
            {
                "kind": "service_down" if firing else "system_healthy",
                "title": f"{name} is firing" if firing else f"{name} is resolved",
                "text": notes.get("summary") or notes.get("description") or "",
                "severity": _LEVELS.get(level, "warning") if firing else "info",
                "id": "/".join(str(mark) for mark in marks),
                "fields": {key: value for key, value in labels.items() if key not in {"alertname", "severity"}}
                | {"values": values},
            }
        )
    more = len(found["alerts"][MOST_ALERTS:]) + int(found.get("truncatedAlerts") or 0)
    if more > 0:
        title = f"{more} more alerts in one message" if more > 1 else "One more alert in one message"
        made.append({"kind": "service_down", "title": title, "severity": "warning"})
    return made


def _labels(labels: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True, default=str).encode()).hexdigest()[:16]


_KUMA_STATES = {0: "down", 1: "up", 2: "pending", 3: "in maintenance"}


def _uptime_kuma(found: Payload, _: Headers) -> list[Payload]:
    """A heartbeat of a monitor; without one it is a test, or a certificate that ends soon."""
    beat, monitor = found.get("heartbeat") or {}, found.get("monitor") or {}
    text = str(found.get("msg") or beat.get("msg") or "")
    if not beat:
        if not text:
            raise PayloadError("there is neither a heartbeat nor a msg in it")
        severity = "warning" if "expire" in text else "info"
        return [{"kind": "system", "title": "Uptime Kuma", "text": text, "severity": severity}]
    state = _KUMA_STATES.get(beat["status"], str(beat["status"]))
    address = str(monitor.get("url") or "")
    fields = {
        "service": monitor.get("name"),
        # A monitor that asks no address has an address without a host.
        "server": monitor.get("hostname") or (address if not address.endswith("://") else None),
        "latency": f"{beat['ping']} ms" if beat.get("ping") else None,
    }
    identity = f"{beat.get('monitorID')}/{beat.get('time')}" if beat.get("time") else ""
    kind = {"down": "service_down", "up": "system_healthy"}.get(state, "system")
    title = f"{monitor.get('name') or 'Monitor'} is {state}"
    severity = "critical" if state == "down" else "info"
    return [{"kind": kind, "title": title, "text": text, "severity": severity, "id": identity, "fields": fields}]


def _healthchecks(found: Payload, _: Headers) -> list[Payload]:
    """The body that `reporter hooks show healthchecks` prints: name, status, code, now and tags."""
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


# --- What they share ---


def _joined(*parts: object) -> str | None:
    return " ".join(str(part) for part in parts if part) or None


def _share(ratio: object) -> str | None:
    try:
        return f"{float(str(ratio)) * 100:+.2f}%"
    except ValueError:
        return None


def _between(start: object, end: object) -> str | None:
    """The time from one moment to another, or None where one of them is missing or unreadable."""
    try:
        first, last = (datetime.fromisoformat(str(one).replace(" UTC", "+00:00")) for one in (start, end))
        return duration_text(last - first) if last >= first else None
    except (ValueError, TypeError):
        return None


PRESETS: dict[str, Callable[[Any, Headers], list[Payload]]] = {
    "freqtrade": _freqtrade,
    "tradingview": _tradingview,
    "github": _github,
    "gitlab": _gitlab,
    "alertmanager": _prometheus_alerts,
    "grafana": _prometheus_alerts,
    "uptime_kuma": _uptime_kuma,
    "healthchecks": _healthchecks,
}
