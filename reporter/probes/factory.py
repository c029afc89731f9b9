"""From the probes of a config to a round that looks at them."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast
from urllib.parse import urlsplit

from reporter.config.models import Config
from reporter.periods.clock import Clock
from reporter.probes.ledgers import Ledgers
from reporter.probes.own_network import Referee, is_elsewhere
from reporter.probes.round import ROUND, Probes
from reporter.probes.settings import ProbeConfig, ProbeInputs


def probes_of(
    settings: Config, clock: Clock, names: Collection[str] | None = None, *, deadline: float = ROUND
) -> Probes:
    """The probes that a config wants: all, or those of these names. A round may take `deadline` seconds."""
    ledgers = Ledgers(settings.ledgers, settings.timezone)
    wanted = [(name, cast("ProbeConfig", entry)) for name, entry in settings.probes.items()]
    found = [
        entry.probe(ProbeInputs(entry.terms(name), clock, ledgers))
        for name, entry in wanted
        if names is None or name in names
    ]
    return Probes(found, clock, deadline=deadline, guard=settings.own_network.guard, referees=_referees(settings))


def _referees(settings: Config) -> list[Referee]:
    """The referees of the config, else the services that messages go to: without them nobody would hear of anything."""
    if settings.own_network.referees is not None:
        named = [urlsplit(f"//{address}") for address in settings.own_network.referees]
    else:
        kinds = {channel.kind for channel in settings.channels.values()}
        services = {"discord": settings.discord.base_url, "telegram": settings.telegram.base_url}
        named = [urlsplit(url) for kind, url in services.items() if kind in kinds]
    ports = {"http": 80, "https": 443}
    known = [Referee(parts.hostname or "", parts.port or ports.get(parts.scheme, 443)) for parts in named]
    return [referee for referee in known if is_elsewhere(referee.host)]
