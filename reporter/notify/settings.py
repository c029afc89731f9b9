"""The part of the config that the alert pipeline uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from reporter.alerts.policies import Rules
from reporter.delivery.channels import Channel, Routes
from reporter.messages.templates.renderer import Renderer


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """The settings that decide what people are notified of, in which channels and in which words.

    `zone` is the time zone of every time in a message. `rules` holds all that the config says of alerts, except the
    `routes`.
    """

    channels: Mapping[str, Channel]
    renderer: Renderer
    zone: ZoneInfo
    routes: Routes = field(default_factory=Routes)
    rules: Rules = field(default_factory=Rules)
