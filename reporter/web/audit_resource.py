"""The audit over REST: trades of some days beside the rules of the config, verdict by verdict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from reporter.errors import LedgerError
from reporter.jobs.kit.audits import RuleSummary, audit_summary, judged
from reporter.jobs.kit.prices import PastPrices
from reporter.messages.formats import Formats
from reporter.trading.audit import AuditCheck, TradeAudit
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, OfLedgers, Resource, Span, span_of
from reporter.web.wire import number

LONGEST = timedelta(days=32)
MOST_CHECKS = 500
SECONDS = 2.0
"""Trades are judged for so long."""
_PLAIN = Formats()


class AuditQuery(Span):
    verdict: Annotated[
        Literal["failed", "not judged", "passed"], Field(description="Which checks are listed; all are counted")
    ] = "failed"


class AuditCheckJson(TypedDict):
    """One limit of a rule beside one trade. Figures are as messages write them."""

    trade: str
    ledger: str
    agent: str
    market: str
    mode: str
    closed_at: str
    rule: str
    check: str
    verdict: str
    severity: str
    expected: str | None
    actual: str | None
    by_how_much: str | None
    share: str | None
    market_price: str | None
    why: str | None


class AuditCountJson(TypedDict):
    """`why` is the reason for most of those that could not be judged."""

    rule: str
    check: str
    passed: int
    failed: int
    not_judged: int
    why: str | None


class AuditAnswer(TypedDict):
    """`checks` are the newest of the verdict that was asked for, `listed_of` how many there are. Where time was over,
    `judged_to` is the close of the last trade that was judged."""

    trades: int
    passed: int
    failed: int
    not_judged: int
    rules: list[AuditCountJson]
    checks: list[AuditCheckJson]
    listed_of: int
    judged_to: str | None


@OfLedgers
def audit(call: Call[AuditQuery]) -> AuditAnswer:
    period, inputs = span_of(call.world, call.query), call.world.runtime.inputs
    if period.end - period.start > LONGEST:
        raise ProblemError(400, f"an audit has at most {LONGEST.days} days", where="from", remedy="ask for fewer")
    prices = PastPrices(call.world.app.history, inputs.markets)
    latest, found, judged_to = call.world.clock.monotonic() + SECONDS, list[TradeAudit](), None
    try:
        rules = inputs.audit if inputs.ledger.names() else ()
        for one in judged(inputs.ledger, rules, prices, period) if rules else ():
            found.append(one)
            if call.world.clock.monotonic() > latest:
                judged_to = call.wire.moment(one.trade.closed_at)
                break
    except LedgerError as error:
        raise ProblemError(503, f"an audit needs every ledger: {error}", headers={"Retry-After": "60"}) from None
    summary = audit_summary(found)
    asked = [pair for one in reversed(found) for pair in _of(one, call.query.verdict)]
    return {
        "trades": summary.trades,
        "passed": summary.passed,
        "failed": summary.failed,
        "not_judged": summary.unjudged,
        "rules": list(map(_count, summary.rules)),
        "checks": [_check(call, *pair) for pair in asked[:MOST_CHECKS]],
        "listed_of": len(asked),
        "judged_to": judged_to,
    }


def _of(audit: TradeAudit, verdict: str) -> Iterator[tuple[TradeAudit, AuditCheck]]:
    return ((audit, check) for check in audit.checks if check.verdict == verdict)


def _count(rule: RuleSummary) -> AuditCountJson:
    return {
        "rule": rule.rule,
        "check": rule.what,
        "passed": rule.passed,
        "failed": rule.failed,
        "not_judged": rule.unjudged,
        "why": rule.why,
    }


def _check(call: Call[AuditQuery], audit: TradeAudit, check: AuditCheck) -> AuditCheckJson:
    trade = audit.trade
    return {
        "trade": trade.id,
        "ledger": trade.ledger,
        "agent": trade.agent,
        "market": trade.market,
        "mode": trade.mode.value,
        "closed_at": call.wire.moment(trade.closed_at),
        "rule": check.rule,
        "check": check.what,
        "verdict": check.verdict.value,
        "severity": check.gravity.value,
        "expected": _said(check.expected),
        "actual": _said(check.actual),
        "by_how_much": _said(check.excess),
        "share": number(check.share),
        "market_price": number(check.market_price),
        "why": check.why or None,
    }


def _said(figure: object) -> str | None:
    return None if figure is None else _PLAIN.say(figure)


AUDIT = Resource("/audit", "Closed trades beside the rules of the audit", audit, AuditAnswer, AuditQuery)
