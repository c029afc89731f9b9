"""How every limit of the config stands now, by the same measure as the alerts about limits."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from reporter.alerts.model import Observation
from reporter.app.app import App
from reporter.errors import LedgerError
from reporter.jobs.context import Context
from reporter.jobs.kit.limit_usage import LimitUsage, UsageGrading
from reporter.jobs.kit.limit_watch import LimitInputs, LimitParams, limit_usages
from reporter.operations import trading
from reporter.trading.books import Unread

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LimitGauge:
    """One limit: how much of it is used, and at which level an alert would see it."""

    usage: LimitUsage
    seen: Observation


def gauges(app: App) -> tuple[list[LimitGauge], list[Unread]]:
    """Every limit that is set, book by book and agent by agent, and the ledgers that are missing."""
    look = _inputs(app)
    params, standing = look.ctx.params, {state.subject: state for state in app.history.open_alerts()}
    grading = UsageGrading(params.warn_at, params.paper == "critical", look.ctx.period.start, look.ctx.formats)
    try:
        found = [
            LimitGauge(limit_usage, grading.observed(limit_usage, standing.get(limit_usage.subject)))
            for limit_usage in limit_usages(look)
        ]
        return found, trading.unread(app, look.today)
    except LedgerError:
        return [], trading.unread(app, ())


def _inputs(app: App) -> LimitInputs:
    """What is asked of the ledgers, by the parameters of the job that watches limits, if the config has one."""
    runtime, period = app.runtime, trading.today(app)
    inputs, own = runtime.inputs, (bound.params for bound in runtime.jobs.values())
    params = next((one for one in own if isinstance(one, LimitParams)), LimitParams())
    return LimitInputs(
        Context(
            now=app.clock.wall(),
            period=period,
            previous=period,
            ledger=inputs.ledger,
            host=inputs.host,
            probe_all=tuple,
            readings=lambda _: (),
            targets=inputs.targets,
            history=app.history,
            params=params,
            log=log,
            basis=inputs.basis,
            formats=inputs.formats,
        )
    )
