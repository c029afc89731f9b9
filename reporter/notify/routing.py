"""Which channels receive the messages of an incident."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reporter.alerts.model import Level, Transition, TransitionKind
from reporter.messages.message import Severity
from reporter.notify.settings import NotifySettings


@dataclass(frozen=True, slots=True)
class Observer:
    """Who saw it: the channels it speaks in when no route says otherwise, how often it looks, and which job it is."""

    channels: tuple[str, ...] = ()
    interval: timedelta | None = None
    job: str | None = None


def notified_channels(
    settings: NotifySettings,
    transition: Transition,
    observer: Observer,
    closed: Collection[str] = (),
    told: Collection[str] = (),
) -> tuple[str, ...]:
    """Where an alert goes: as its policy says, by the routes, to the channels of who saw it, or to the first there is.

    Those who heard of trouble hear of its end. Trouble with a channel is told elsewhere than in it; and where all that
    would hear are `closed`, in one that is not.
    """
    itself = transition.subject.split("/")[1] if transition.subject.startswith("channel/") else ""
    elsewhere = [name for name in _wanted(settings, transition, observer, told) if name != itself]
    others = [name for name in (*settings.routes.fallback, *settings.channels) if name != itself]
    named = tuple(dict.fromkeys(elsewhere or others[:1]))
    if set(named) <= set(closed):
        return *named, *[name for name in others if name not in closed and name not in named][:1]
    return named


def _wanted(
    settings: NotifySettings, transition: Transition, observer: Observer, told: Collection[str]
) -> Sequence[str]:
    """Where an alert goes before anybody asks whether that is possible."""
    heard = [name for name in told if name in settings.channels]
    if heard and transition.change in {TransitionKind.RESOLVED, TransitionKind.EASED}:
        return heard
    worst = Level.CRITICAL in {transition.level, transition.was}
    by_route = settings.routes.of(Severity.CRITICAL if worst else Severity.WARNING)
    own = settings.rules.channels(transition.subject)
    return own or by_route or observer.channels or settings.routes.fallback or tuple(settings.channels)[:1]
