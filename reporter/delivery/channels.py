"""A channel of the config with its outlet and noise, and the routes from severity to channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from reporter.delivery.outlets.outlet import Outlet
from reporter.messages.message import Severity
from reporter.messages.quiet_hours import QuietRules


@dataclass(frozen=True, slots=True)
class ChannelFilter:
    """Which messages a channel takes: `only` these, `without` those. Entries are names of jobs and kinds of events,
    subjects of alerts, or `reports`, `boards`, `alerts`, `events`; each may be a pattern such as `probe/*`."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def takes(self, about: Collection[str]) -> bool:
        """Whether a message may go in that is about these names."""
        return (not self.only or _fits(self.only, about)) and not _fits(self.without, about)


def _fits(patterns: Collection[str], names: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of the config, open.

    `address` is a fingerprint of where it leads; `keep` is how long its reports are worth delivering, None for ever;
    `quiet_rules` say when it may be posted to, and how loud. `hold_doubtful` wants no repeat of a message that may have
    arrived. `pictures` says whether it shows any. `unavailable` says why this process cannot post to it. `filter`
    says which messages it takes.
    """

    name: str
    outlet: Outlet
    address: str
    keep: timedelta | None = None
    quiet_rules: QuietRules = field(default_factory=QuietRules)
    hold_doubtful: bool = False
    pictures: bool = True
    unavailable: str = ""
    filter: ChannelFilter = field(default_factory=ChannelFilter)


Channels = Mapping[str, Channel]
"""The channels of the config by their names."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Which channels hear of alerts; all empty means: the channels of the job that saw it."""

    critical: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()

    def of(self, severity: Severity) -> tuple[str, ...]:
        """Where an alert of that severity goes by the config, each channel once."""
        named = {Severity.CRITICAL: self.critical, Severity.WARNING: self.warning}.get(severity, ())
        return tuple(dict.fromkeys((*named, *self.all)))
