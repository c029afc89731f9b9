"""Posts a test message to a channel, past the outbox, and says in words what came of it."""

from __future__ import annotations

from datetime import datetime

from reporter.delivery.channels import Channel
from reporter.delivery.outlets.outlet import Delivered, Later, Never, Verdict
from reporter.messages.message import Message, Run, Severity, Text, Tone


def post_test(channel: Channel, severity: Severity, now: datetime) -> Verdict:
    """Post a real message where the channel can be posted to at all."""
    verdict = channel.outlet.look()
    if isinstance(verdict, Delivered):
        [message] = channel.outlet.fit(_test_message(channel, severity, now))
        verdict = channel.outlet.post(message)
    return verdict


def _test_message(channel: Channel, severity: Severity, now: datetime) -> Message:
    line = (Run("text", "Sent by hand, to see whether "), Run("bold", channel.name), Run("text", " can be posted to."))
    title = (Run("text", "🔔 A test message"),)
    return Message(title=title, body=(Text((line,)),), tone=Tone.INFO, severity=severity, at=now)


def in_words(verdict: Verdict) -> str:
    match verdict:
        case Delivered():
            return "delivered"
        case Later():
            return f"not delivered: {verdict.why}; it may be tried again in {verdict.after:.0f} s"
        case Never():
            return f"refused: {verdict.why}"
    return f"unclear, look into the channel: {verdict.why}"
