"""Who is notified of what, and where: the one place that chooses channels."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reporter.alerts.model import Level, Transition, TransitionKind
from reporter.messages.message import Severity
from reporter.notify.settings import NotifySettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observer:
    """The job that made an observation: its name, its channels, and how often it looks."""

    channels: tuple[str, ...] = ()
    interval: timedelta | None = None
    job: str | None = None


def notified_channels(
    settings: NotifySettings,
    transition: Transition,
    channels: Sequence[str],
    dead: Collection[str] = (),
    notified: Collection[str] = (),
) -> tuple[str, ...]:
    """Where a transition is sent: as its policy says, else by the routes, else to the observer's `channels`.

    The channels that were `notified` of trouble are notified of its end. Trouble with a channel is sent to another one.
    If all of these are `dead`, one more channel that works is added.
    """
    itself = transition.subject.split("/")[1] if transition.subject.startswith("channel/") else ""
    found, why = _wanted(settings, transition, channels, notified)
    wanted = [name for name in found if name != itself]
    others = [name for name in (*settings.routes.fallback, *settings.channels) if name != itself]
    named = tuple(dict.fromkeys(wanted or others[:1]))
    if set(named) <= set(dead):
        named, why = (
            (*named, *[name for name in others if name not in dead and name not in named][:1]),
            "others are dead",
        )
    log.debug("%s %s goes to %s: %s", transition.subject, transition.change, ", ".join(named) or "nobody", why)
    return named


def _wanted(
    settings: NotifySettings, transition: Transition, channels: Sequence[str], notified: Collection[str]
) -> tuple[Sequence[str], str]:
    """Where a transition belongs, whether these channels work or not, and why."""
    before = [name for name in notified if name in settings.channels]
    if before and (transition.change.ends or transition.change is TransitionKind.EASED):
        return before, "they heard of the trouble"
    if own := settings.rules.channels(transition.subject):
        return own, "`alerts` names them for this subject"
    critical = Level.CRITICAL in {transition.level, transition.was}
    return _by_severity(settings, Severity.CRITICAL if critical else Severity.WARNING, channels)


def reminder_channels(settings: NotifySettings) -> Sequence[str]:
    """Where people are reminded that a silence ends soon."""
    return _by_severity(settings, Severity.WARNING, ())[0]


def _by_severity(settings: NotifySettings, severity: Severity, channels: Sequence[str]) -> tuple[Sequence[str], str]:
    routes = settings.routes
    if found := routes.of(severity):
        return found, f"`routes` sends {severity} there"
    if channels:
        return channels, "the channels of the job that looked"
    return routes.fallback or tuple(settings.channels)[:1], "no route and no job names a channel"
