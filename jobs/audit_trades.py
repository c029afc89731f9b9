"""Each closed trade beside the rules of the audit: passed, failed, or not judged."""

from collections.abc import Iterator
from typing import TypedDict

from reporter import Context, Level, Observation, Report, Severity, Tone, job
from reporter.jobs.kit import (
    Attachment,
    AuditSummary,
    AuditVerdict,
    FeedNews,
    FeedParams,
    Gravity,
    JobState,
    TradeAudit,
    audit_file,
    audit_summary,
    audited,
    feed_news,
)

SEVERITIES = {Gravity.LOW: Severity.INFO, Gravity.MEDIUM: Severity.WARNING, Gravity.HIGH: Severity.CRITICAL}


class Parameters(FeedParams):
    """As for the feeds; besides, `violations` is a channel that receives the trades that failed, and `passed: false`
    sends no message about a trade that passed."""

    violations: str | None = None
    passed: bool = True

    def channels(self) -> list[str]:
        return [*super().channels(), *([self.violations] if self.violations else [])]


class Facts(TypedDict):
    """What the report adds for its template: a message has `audit`, a summary `summary` and `ledger`."""

    audit: TradeAudit
    """The trade and all checks."""
    summary: AuditSummary
    """The counts of many trades."""
    ledger: str
    """The name of the ledger in the config."""


@job(covers="now", schedule="every 15s", params=Parameters, observes=("feed/{ledger}", "audit/*"), frequent=True)
def audit_trades(ctx: Context[Parameters]) -> Iterator[Report | Observation | JobState]:
    """Each closed trade, once, beside the rules of `audit:`: passed, failed (which rule, by how much), not judged."""
    graves: dict[str, str] = {}
    for found in feed_news(ctx):
        if not isinstance(found, FeedNews):
            yield found
            continue
        audits = [one for one in audited(ctx, found) if one.checks]
        yield from _summary(ctx, found, audits) if found.summed else _messages(ctx, audits)
        for audit in audits:
            graves |= {one.rule: _words(audit) for one in audit.failed if one.gravity is Gravity.HIGH}
        yield found.state
    yield from _alerts(ctx, graves)


def _messages(ctx: Context[Parameters], audits: list[TradeAudit]) -> Iterator[Report]:
    for audit in audits:
        failed = audit.verdict is AuditVerdict.FAILED
        if failed or ctx.params.passed:
            for channel in [None, *([ctx.params.violations] if failed and ctx.params.violations else [])]:
                yield Report(
                    facts={"audit": audit},
                    channel=channel,
                    tone=Tone.BAD if failed else Tone.GOOD if audit.verdict is AuditVerdict.PASSED else Tone.INFO,
                    severity=SEVERITIES[audit.gravity] if failed else Severity.INFO,
                )


def _summary(ctx: Context[Parameters], news: FeedNews, audits: list[TradeAudit]) -> Iterator[Report]:
    failed = [audit for audit in audits if audit.verdict is AuditVerdict.FAILED]
    attached = Attachment(f"audit-{news.ledger}-{ctx.now:%Y-%m-%d-%H%M}.csv", audit_file(audits, ctx.period.zone))
    facts = {"summary": audit_summary(audits), "ledger": news.ledger}
    for channel in [None, *([ctx.params.violations] if failed and ctx.params.violations else [])]:
        tone = Tone.BAD if failed else Tone.INFO
        yield Report(facts=facts, template="audit_trades_summary", channel=channel, tone=tone, files=[attached])


def _words(audit: TradeAudit) -> str:
    first = audit.failed[0]
    return f"{audit.trade.agent}: {first.what.lower()} beyond the rule, trade {audit.trade.id} of {audit.trade.ledger}"


def _alerts(ctx: Context[Parameters], graves: dict[str, str]) -> Iterator[Observation]:
    for rule, words in graves.items():
        yield Observation(f"audit/{rule}", Level.CRITICAL, words)
    for alert in ctx.history.open_alerts():
        kind, _, rule = alert.subject.partition("/")
        if kind == "audit" and rule not in graves:
            yield Observation(alert.subject, Level.OK, "no violation since")
