"""From the config's `plans` to what the notebook and the listener work with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from reporter.config.models import Config
from reporter.plans.settings import PlanAuthor, PlanListener, PlanSettings


def plan_settings(config: Config) -> PlanSettings | None:
    """Who plans, and what a plan may name; None without `plans:`."""
    entry = config.plans
    if entry is None:
        return None
    zone = entry.timezone or config.timezone
    authors = {
        key.casefold(): PlanAuthor(key.casefold(), frozenset(own.users), ZoneInfo(own.timezone or zone), own.name)
        for key, own in entry.authors.items()
    }
    return PlanSettings(
        authors=authors,
        counts_from=entry.counts_from or entry.post_at,
        agents=dict(_spellings(entry.agents)),
        markets=dict(_spellings(entry.markets)),
        zone=ZoneInfo(zone),
        most_charts=entry.max_charts,
    )


def plan_listener(config: Config) -> PlanListener | None:
    """The small address where programs read plans; None without one."""
    entry = config.plans
    if entry is None or not entry.listen:
        return None
    host, _, port = entry.listen.rpartition(":")
    return PlanListener(host.strip("[]"), int(port), entry.token, frozenset(entry.origins))


def _spellings(names: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for name, others in names.items():
        yield name.casefold(), name
        yield from ((other.casefold(), name) for other in others)
