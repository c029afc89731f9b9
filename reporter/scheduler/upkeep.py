"""What the daemon does in the store beside running jobs: a new config, digests that are due, old rows."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection

from reporter.alerts.model import STORE_SUBJECT, Level, Observation
from reporter.delivery.enqueue import enqueue_digests
from reporter.jobs.changes import terms
from reporter.notify.pipeline import AlertPipeline
from reporter.notify.routing import Observer
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store import alerts, channel_stats, events, market_prices, outbox, run_log, sent_figures, uptime, web_keys
from reporter.store.alerts import StoredAlert
from reporter.store.database import CHANNELS, TERMS, Store, fact

log = logging.getLogger(__name__)

# The fact in the store that names the probes of the config.
PROBES = "probes"


class StoreUpkeep:
    """Keeps the store in step with the config and with time. Its methods raise StoreError."""

    def __init__(self, store: Store, clock: Clock, pipeline: AlertPipeline, stopping: threading.Event) -> None:
        self._store = store
        self._clock = clock
        self._alerts = pipeline
        self._stopping = stopping

    def adopt(self, runtime: Runtime) -> None:
        """Record the config that the daemon runs, and end the alerts of what it no longer has."""
        with self._store.read() as connection:
            probes = frozenset(json.loads(fact(connection, PROBES) or "[]"))
            removed = [alert for alert in alerts.all_alerts(connection) if _is_removed(alert, runtime, probes)]
        self._alerts.close(runtime.notify, removed, "no longer in the config")
        with self._store.begin() as connection:
            run_log.remember(connection, TERMS, json.dumps(terms(runtime.jobs)))
            run_log.remember(connection, PROBES, json.dumps(sorted(runtime.notify.rules.probes)))
            run_log.remember(connection, CHANNELS, json.dumps(sorted(runtime.channels)))

    def keep_store(self, runtime: Runtime) -> None:
        """Save what the store held, and alert, where somebody deleted or replaced its file under us.

        Raises StoreLostError where the daemon cannot go on.
        """
        if done := self._store.save_lost():
            log.error("%s", done)
            self._alerts.process(runtime.notify, [Observation(STORE_SUBJECT, Level.CRITICAL, done)], Observer())

    def release_digests(self, runtime: Runtime) -> None:
        """Queue what quiet hours or a digest held until now."""
        enqueue_digests(self._store, runtime.channels, self._clock.wall())

    def prune(self, runtime: Runtime) -> None:
        """Delete what is older than the config keeps, some rows at a time: others write in between."""
        before, deleted = self._clock.wall() - runtime.retention.history, 0
        for part in (outbox, run_log, channel_stats, events, sent_figures):
            while not self._stopping.is_set():
                with self._store.begin() as connection:
                    some = part.prune(connection, before)
                if not some:
                    break
                deleted += some
        with self._store.begin() as connection:
            uptime.prune(connection, self._clock.wall(), runtime.retention.uptime)
            web_keys.prune(connection, self._clock.wall())
            market_prices.prune(connection, self._clock.wall(), runtime.retention.history)
        if deleted:
            log.info("%d rows from before %s were deleted", deleted, before.date())


def _is_removed(alert: StoredAlert, runtime: Runtime, probes: Collection[str]) -> bool:
    """Whether nothing observes a subject any more, because its probe, job or channel is no longer in the config.

    `probes` are those of the config before. A probe that it did not have belongs to a job.
    """
    jobs = {name for name, bound in runtime.jobs.items() if bound.enabled} | set(runtime.broken)
    kind, _, name = alert.subject.partition("/")
    match kind:
        case "probe" if name in probes and name not in runtime.notify.rules.probes:
            return True
        case "self" if name == "heartbeat":
            return runtime.heartbeat is None
        case "job":
            return name not in jobs
        case "ping":
            return name not in runtime.pings
        case "channel":
            return name.split("/")[0] not in runtime.channels
    return alert.job is not None and alert.job not in jobs
