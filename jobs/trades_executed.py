"""Each trade that was executed since the last run: what was opened and closed, or each fill where there are fills."""

from collections.abc import Iterator
from typing import TypedDict

from reporter import Context, Observation, Report, Tone, job
from reporter.jobs.kit import Execution, FeedNews, FeedParams, JobState, channels_of, feed_news, summary_report


class Facts(TypedDict):
    """What the report adds for its template."""

    execution: Execution
    """The opening, the close or the fill."""


@job(covers="now", schedule="every 5s", params=FeedParams, observes=("feed/{ledger}",), frequent=True)
def trades_executed(ctx: Context[FeedParams]) -> Iterator[Report | Observation | JobState]:
    """Each trade that was executed since the last run, once: opened and closed, or each fill where there are fills."""
    for found in feed_news(ctx, executions=True):
        if not isinstance(found, FeedNews):
            yield found
            continue
        if found.summed:
            yield from summary_report(ctx, found, "trades_executed_summary")
        else:
            for execution in found.executions:
                yield from _reports(ctx, execution)
        yield found.state


def _reports(ctx: Context[FeedParams], execution: Execution) -> Iterator[Report]:
    facts: Facts = {"execution": execution}
    for channel in channels_of(ctx.params, execution.row):
        yield Report(facts=facts, tone=Tone.INFO, channel=channel)
