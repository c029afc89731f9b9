"""Last week's trades beside the rules of the audit: how many passed, failed and could not be judged."""

from collections.abc import Iterator
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Context, Params, Report, Tone, job
from reporter.jobs.kit import AuditSummary, audit_summary, audits_of


class Parameters(Params):
    """`top` is how many rules and how many agents with violations are named."""

    top: PositiveInt = 10


class Facts(TypedDict):
    """What the report adds for its template."""

    summary: AuditSummary
    """The counts of the period."""
    before: AuditSummary
    """The counts of the period before."""
    rules: int
    """How many rules the config has."""


@job(covers="last week", schedule="weekly on mon at 00:15", params=Parameters)
def weekly_audit_report(ctx: Context[Parameters]) -> Iterator[Report]:
    """Last week's audit: trades that passed, failed and could not be judged, by rule and by agent."""
    summary = audit_summary(audits_of(ctx, ctx.period))
    facts: Facts = {
        "summary": summary,
        "before": audit_summary(audits_of(ctx, ctx.previous)),
        "rules": len(ctx.audit),
    }
    yield Report(
        facts=facts,
        template="audit_report",
        tone=Tone.BAD if summary.failed else Tone.GOOD if summary.passed else Tone.INFO,
    )
