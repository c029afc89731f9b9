"""`/metrics` for Prometheus: the floor's figures and the reporter's own, with labels that the config bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from reporter.alerts.model import Level
from reporter.operations import limits, trading
from reporter.store import alerts, outbox_admin, run_log, uptime
from reporter.trading.trades import Money
from reporter.version import __version__
from reporter.web.context import WebContext

# What comes beyond is counted and left out.
MOST_SERIES = 500  # of one metric
MOST_IN_ALL = 2_000
LEVELS = {Level.OK: 0, Level.UNKNOWN: 1, Level.WARNING: 2, Level.CRITICAL: 3}
FLOAT = "a float: rounded, for graphs and not for accounts"

Sample = tuple[Sequence[str], float | int | Decimal | None]


def exposition(world: WebContext) -> tuple[bytes, str]:
    """The text of all metrics, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Floor(world))
    registry.register(ProcessCollector(namespace="reporter", registry=None))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _amount(money: Money | None) -> Decimal | None:
    return None if money is None else money.amount


class _Floor(Collector):
    """Collects anew at each scrape."""

    def __init__(self, world: WebContext) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        left_out, room = 0, MOST_IN_ALL
        for name, text, labels, samples in self._families():
            family = GaugeMetricFamily(name, text, labels=labels)
            known = [(values, value) for values, value in samples if value is not None]
            fitting = min(len(known), MOST_SERIES, room)
            for values, value in known[:fitting]:
                family.add_metric(list(values), float(value))
            left_out, room = left_out + len(known) - fitting, room - fitting
            yield family
        yield GaugeMetricFamily("reporter_metrics_left_out", "Series beyond the bounds", left_out)

    def _families(self) -> Iterator[tuple[str, str, Sequence[str], list[Sample]]]:
        yield "reporter_build_info", "The version that runs", ["version"], [([__version__], 1)]
        yield "reporter_threads", "Threads of the process", [], [([], threading.active_count())]
        yield from self._own()
        yield from self._trading()
        yield from self._limits()

    def _trading(self) -> Iterator[tuple[str, str, Sequence[str], list[Sample]]]:
        world = self._world
        found, missing = trading.figures(world.app, trading.today(world.app))
        book, agent = ["mode", "currency"], ["mode", "currency", "ledger", "agent"]
        of = [([one.mode.value, one.currency], one) for one in found]
        lines = [([*names, line.ledger, line.key], line) for names, one in of for line in one.lines]
        yield "reporter_pnl_today", f"Realised P&L of today, {FLOAT}", book, [(n, b.pnl.amount) for n, b in of]
        yield "reporter_trades_today", "Trades closed today", book, [(n, b.trades) for n, b in of]
        yield (
            "reporter_win_rate_today",
            "Wins as a share of today's trades (0..1)",
            book,
            [(n, b.win_rate) for n, b in of],
        )
        yield (
            "reporter_drawdown_today",
            f"The deepest fall of today, zero or negative, {FLOAT}",
            book,
            [(n, _amount(b.drawdown)) for n, b in of],
        )
        yield (
            "reporter_balance",
            f"Starting balance, realised P&L and payments, {FLOAT}",
            book,
            [(n, _amount(b.closing)) for n, b in of],
        )
        yield (
            "reporter_equity",
            f"The account's worth by its last snapshot, {FLOAT}",
            book,
            [(n, _amount(b.equity.closing if b.equity else None)) for n, b in of],
        )
        yield (
            "reporter_open_positions",
            "Open positions",
            book,
            [(n, b.open.positions if b.open else None) for n, b in of],
        )
        yield (
            "reporter_unrealised_pnl",
            f"What the open positions would make, {FLOAT}",
            book,
            [(n, _amount(b.open.unrealised if b.open else None)) for n, b in of],
        )
        yield (
            "reporter_agent_pnl_today",
            f"Realised P&L of today, {FLOAT}",
            agent,
            [(n, x.pnl.amount) for n, x in lines],
        )
        yield "reporter_agent_trades_today", "Trades closed today", agent, [(n, x.trades) for n, x in lines]
        health = world.runtime.inputs.ledger.health()
        yield (
            "reporter_ledger_up",
            "Whether a database answers",
            ["ledger"],
            [([h.ledger], int(h.reachable)) for h in health],
        )
        yield (
            "reporter_ledger_latency_seconds",
            "How long its answer took",
            ["ledger"],
            [([h.ledger], h.latency) for h in health],
        )
        yield "reporter_ledgers_unread", "Databases missing from the figures", [], [([], len(missing))]

    def _limits(self) -> Iterator[tuple[str, str, Sequence[str], list[Sample]]]:
        found, _ = limits.gauges(self._world.app)
        usages = [one.usage for one in found]
        yield (
            "reporter_limit_used",
            "How much of a limit of `targets` is used: 1 where it is reached",
            ["mode", "currency", "ledger", "agent", "limit"],
            [([*map(str, one.party.key), one.measure.key], one.used) for one in usages],
        )

    def _own(self) -> Iterator[tuple[str, str, Sequence[str], list[Sample]]]:
        world = self._world
        with world.store.read() as connection:
            troubled = [one.state for one in alerts.troubled(connection)]
            counts = outbox_admin.state_counts(connection)
            last = {name: next(iter(run_log.newest_runs(connection, name, 1)), None) for name in world.runtime.jobs}
            means = uptime.means(connection, world.now - uptime.UNTIMED)
        yield (
            "reporter_alert_level",
            "Of what is not well: 1 unknown, 2 warning, 3 critical",
            ["subject"],
            [([one.subject], LEVELS[one.level]) for one in troubled],
        )
        yield (
            "reporter_outbox_messages",
            "Messages by state",
            ["channel", "state"],
            [([count.channel, count.state], count.number) for count in counts],
        )
        yield (
            "reporter_job_last_run_timestamp_seconds",
            "When a job ran last",
            ["job"],
            [([name], run.started_at.timestamp()) for name, run in last.items() if run],
        )
        yield (
            "reporter_job_last_run_failed",
            "Whether that run failed",
            ["job"],
            [([name], int(run.outcome == "failed")) for name, run in last.items() if run],
        )
        yield (
            "reporter_probe_latency_seconds",
            "What an answer took in the last minutes",
            ["subject"],
            [([subject], figure) for subject, figure in means.items() if subject.startswith("probe/")],
        )
