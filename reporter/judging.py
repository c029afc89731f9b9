"""Step 4 on the way from trigger to Discord: what was seen moves alerts on, and what changed becomes letters."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from reporter import outbox
from reporter.alerts import AlertState, Change, Level, Observation, Transition, judge, policy_for
from reporter.errors import TemplateError
from reporter.message import Field, Message, Run, Severity, Text, Tone
from reporter.posting import post
from reporter.store import journal
from reporter.wiring import Wiring

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Witness:
    """Who saw it: the channels it speaks in when no route says otherwise, how often it looks, and which job it is."""

    channels: tuple[str, ...] = ()
    interval: timedelta | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Sitting:
    """One occasion to judge, in one transaction: states, transitions and letters are saved together or not at all."""

    connection: Connection
    wiring: Wiring
    run_id: str
    now: datetime

    def hear(self, observations: Iterable[Observation], witness: Witness) -> int:
        """Judge what was seen; returns how many letters came of it."""
        return sum(self._decide(seen.subject, seen, witness) for seen in observations)

    def look_again(self, subject: str, witness: Witness) -> int:
        """Let time pass for a subject without a reading."""
        return self._decide(subject, None, witness)

    def _decide(self, subject: str, observation: Observation | None, witness: Witness) -> int:
        state = journal.alert_state(self.connection, subject)
        local = self.now.astimezone(self.wiring.zone)
        moved, transition, look_at = judge(state, local, observation, policy_for(subject, witness.interval))
        if _leaves_a_trace(state, moved, observation):
            journal.put_alert_state(self.connection, moved, look_at, witness.channels, witness.job, self.now)
        return self._tell(transition, witness) if transition else 0

    def _tell(self, transition: Transition, witness: Witness) -> int:
        seen = transition.observation
        log.info("%s %s: %s (%s)", transition.subject, transition.change, seen.detail, transition.reason)
        journal.add_transition(self.connection, transition, self.now, self.run_id)
        message = alert_message(self.wiring, transition, self.now)
        channels = heard_in(self.wiring, transition, witness, self._closed())
        relief = transition.was is Level.CRITICAL
        return sum(
            post(self.connection, self.wiring, self._letter(transition, message, name), self.now, relief=relief)
            for name in channels
        )

    def _closed(self) -> frozenset[str]:
        """The channels that were found dead, and whose address is still the same."""
        known = self.wiring.channels
        dead = (lane for lane in outbox.all_lanes(self.connection) if lane.dead_since and lane.channel in known)
        return frozenset(lane.channel for lane in dead if lane.address == known[lane.channel].address)

    def _letter(self, transition: Transition, message: Message, channel: str) -> outbox.Letter:
        return outbox.Letter(
            key=f"alert/{transition.subject}/{transition.change}/{self.now.isoformat()}/{channel}",
            channel=channel,
            kind="alert",
            message=message,
            reference=self.run_id[:6],
            run_id=self.run_id,
        )


def alert_message(wiring: Wiring, transition: Transition, now: datetime) -> Message:
    """The letter of a transition, by the home's `alert` template; a plain one if that fails: an alert must go out."""
    severity, tone = _urgency(transition)
    facts = {"transition": transition, "now": now, "duration": now - transition.since}
    try:
        return wiring.renderer.render("alert", facts, tone=tone, severity=severity, at=now)
    except TemplateError as error:
        log.error("the alert is told plainly, for its template failed: %s", error)
        return _plain_alert(transition, severity, tone, now)


def heard_in(wiring: Wiring, transition: Transition, witness: Witness, closed: Collection[str] = ()) -> tuple[str, ...]:
    """Where an alert goes: by the routes, else to the channels of who saw it, else to the first there is.

    Those who heard of trouble hear of its end. Trouble with a channel is told elsewhere than in it; and where all that
    would hear are `closed`, in one that is not.
    """
    worst = Level.CRITICAL in {transition.level, transition.was}
    routes = wiring.routes
    by_route = routes.of(Severity.CRITICAL if worst else Severity.WARNING)
    found = by_route or witness.channels or routes.fallback or tuple(wiring.channels)[:1]
    itself = transition.subject.split("/")[1] if transition.subject.startswith("channel/") else ""
    elsewhere = [name for name in found if name != itself]
    others = [name for name in (*routes.fallback, *wiring.channels) if name != itself]
    named = tuple(dict.fromkeys(elsewhere or others[:1]))
    if set(named) <= set(closed):
        return *named, *[name for name in others if name not in closed and name not in named][:1]
    return named


def _plain_alert(transition: Transition, severity: Severity, tone: Tone, now: datetime) -> Message:
    seen = transition.observation
    return Message(
        title=(Run("text", f"{transition.subject} {transition.change}: {seen.level}"),),
        body=(Text(((Run("text", seen.detail),),)),),
        fields=(Field((Run("text", "Why now"),), (Text(((Run("text", transition.reason),),)),)),),
        tone=tone,
        severity=severity,
        at=now,
    )


def _urgency(transition: Transition) -> tuple[Severity, Tone]:
    """The end of an alert calls nobody, however urgent it was."""
    if transition.change is Change.RESOLVED:
        return Severity.INFO, Tone.GOOD
    if transition.level is Level.CRITICAL:
        return Severity.CRITICAL, Tone.CRITICAL
    return Severity.WARNING, Tone.WARNING


def _leaves_a_trace(before: AlertState, after: AlertState, observation: Observation | None) -> bool:
    """A job or channel that was never in trouble and is well need not be written down at each run."""
    seldom = observation is not None and not observation.subject.startswith("probe/")
    well = before == AlertState(before.subject) and after.phase == "ok" and after.level is Level.OK
    return not (seldom and well)
