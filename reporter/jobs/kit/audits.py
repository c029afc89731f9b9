"""What the audit jobs share: trades beside the rules, and the counts of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from reporter.jobs.context import Context
from reporter.jobs.kit.feed import FeedNews
from reporter.jobs.kit.prices import PastPrices
from reporter.messages.formats import Formats
from reporter.messages.spreadsheet import Columns, csv_file
from reporter.periods.civil import Period, Unit, containing
from reporter.trading.audit import AuditCheck, Auditor, AuditRule, AuditVerdict, TradeAudit
from reporter.trading.books import Ledger


def audited(ctx: Context[Any], news: FeedNews) -> Iterator[TradeAudit]:
    """The new trades of a feed beside the rules, oldest first. What the day brought before them counts too."""
    if not news.closed or not ctx.audit:
        return
    new = {trade.id: trade for trade in news.closed}
    start = min(trade.closed_at for trade in news.closed)
    if any(rule.daily_loss for rule in ctx.audit):
        start = containing(Unit.DAY, start, ctx.period.zone).start
    reach = max((rule.pace[1] for rule in ctx.audit if rule.pace), default=timedelta(0))
    end = max(trade.closed_at for trade in news.closed) + timedelta(microseconds=1)
    auditor = Auditor(ctx.audit, ctx.period.zone, PastPrices(ctx.history, ctx.markets))
    for trade in ctx.ledger.stream(Period(start - reach, end, "before", ctx.period.zone), [news.ledger]):
        audit = auditor.look(trade)
        if trade.id in new:
            yield audit


def audits_of(ctx: Context[Any], period: Period) -> Iterator[TradeAudit]:
    """All closed trades of a period beside the rules, oldest first.

    Raises LedgerError when a ledger cannot be read: an audit of a part would pass for the whole.
    """
    return judged(ctx.ledger, ctx.audit, PastPrices(ctx.history, ctx.markets), period)


def judged(ledger: Ledger, rules: Sequence[AuditRule], prices: PastPrices, period: Period) -> Iterator[TradeAudit]:
    """As `audits_of`, with what it needs."""
    reach = max((rule.pace[1] for rule in rules if rule.pace), default=timedelta(0))
    auditor = Auditor(rules, period.zone, prices)
    begin = containing(Unit.DAY, period.start - reach, period.zone).start
    for trade in ledger.stream(replace(period, start=begin)):
        audit = auditor.look(trade)
        if trade.closed_at >= period.start and audit.checks:
            yield audit


@dataclass(frozen=True)
class RuleSummary:
    """One check of one rule over many trades."""

    rule: str
    """The rule's name."""
    what: str
    """What was checked."""
    passed: int
    """The number of trades that passed."""
    failed: int
    """The number of trades that failed."""
    unjudged: int
    """The number of trades that could not be judged."""
    why: str | None
    """Why most of those could not be judged; None where all could."""
    worst: TradeAudit | None
    """The trade that broke it most; None where none did."""
    worst_check: AuditCheck | None
    """The check of that trade."""


@dataclass(frozen=True)
class AuditSummary:
    """The verdicts of many trades."""

    trades: int
    """The number of trades that a rule is about."""
    passed: int
    """The number of trades that passed every check."""
    failed: int
    """The number of trades that failed a check."""
    unjudged: int
    """The number of trades that failed none, and of which a check could not be judged."""
    rules: list[RuleSummary]
    """The checks, those with the most violations first."""
    agents: list[tuple[str, int]]
    """The agents with violations and how many trades failed, the most first."""


def audit_summary(audits: Iterable[TradeAudit]) -> AuditSummary:
    """The counts of many trades."""
    verdicts: Counter[AuditVerdict] = Counter()
    agents: Counter[str] = Counter()
    counts: dict[tuple[str, str], Counter[AuditVerdict]] = {}
    reasons: dict[tuple[str, str], Counter[str]] = {}
    worst: dict[tuple[str, str], tuple[TradeAudit, AuditCheck]] = {}
    for audit in audits:
        verdicts[audit.verdict] += 1
        agents.update([audit.trade.agent] if audit.failed else [])
        for check in audit.checks:
            key = check.rule, check.what
            counts.setdefault(key, Counter())[check.verdict] += 1
            reasons.setdefault(key, Counter()).update([check.why] if check.why else [])
            if check.verdict is AuditVerdict.FAILED and (
                key not in worst or (check.share or 0) > (worst[key][1].share or 0)
            ):
                worst[key] = audit, check
    rules = [_rule(*key, count, reasons[key], worst.get(key)) for key, count in counts.items()]
    return AuditSummary(
        trades=sum(verdicts.values()),
        passed=verdicts[AuditVerdict.PASSED],
        failed=verdicts[AuditVerdict.FAILED],
        unjudged=verdicts[AuditVerdict.NOT_JUDGED],
        rules=sorted(rules, key=lambda one: (-one.failed, one.rule, one.what)),
        agents=agents.most_common(),
    )


def _over(check: AuditCheck) -> Decimal:
    return check.share or Decimal(0)


def _rule(
    rule: str,
    what: str,
    count: Counter[AuditVerdict],
    reasons: Counter[str],
    worst: tuple[TradeAudit, AuditCheck] | None,
) -> RuleSummary:
    trade, check = worst or (None, None)
    passed, failed, unjudged = (
        count[one] for one in (AuditVerdict.PASSED, AuditVerdict.FAILED, AuditVerdict.NOT_JUDGED)
    )
    why = reasons.most_common(1)[0][0] if reasons else None
    return RuleSummary(rule, what, passed, failed, unjudged, why, trade, check)


_PLAIN = Formats()
_ROWS: Columns = {
    "closed_at": lambda row: row[0].trade.closed_at,
    "ledger": lambda row: row[0].trade.ledger,
    "id": lambda row: row[0].trade.id,
    "agent": lambda row: row[0].trade.agent,
    "market": lambda row: row[0].trade.market,
    "mode": lambda row: row[0].trade.mode.value,
    "rule": lambda row: row[1].rule,
    "check": lambda row: row[1].what,
    "verdict": lambda row: row[1].verdict.value,
    "severity": lambda row: row[1].gravity.value,
    "expected": lambda row: _PLAIN.say(row[1].expected),
    "actual": lambda row: _PLAIN.say(row[1].actual),
    "excess": lambda row: _PLAIN.say(row[1].excess),
    "market_price": lambda row: _PLAIN.say(row[1].market_price) if row[1].market_price is not None else "",
    "why": lambda row: row[1].why,
}


def audit_file(audits: Sequence[TradeAudit], zone: str) -> bytes:
    """A list in CSV: a row for each check."""
    return csv_file([(audit, check) for audit in audits for check in audit.checks], _ROWS, zone)
