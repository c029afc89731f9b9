"""What the config says of events: where each kind goes, how loud, at what pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from reporter.delivery.channels import Channel
from reporter.messages.quiet_hours import Noise
from reporter.messages.templates.renderer import Renderer

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many messages in a span; what comes beyond is told together at its end."""

    most: int
    span: timedelta


@dataclass(frozen=True, slots=True)
class KindRule:
    """What becomes of events of one kind. A filter leaves out events whose field is below its limit or not listed."""

    channels: tuple[str, ...]
    noise: Noise | None = None
    template: str | None = None
    pace: Pace | None = None
    least: Mapping[str, float] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventSettings:
    """All that is needed to send events: `rules` by kind, `default` among them."""

    channels: Mapping[str, Channel]
    renderer: Renderer
    rules: Mapping[str, KindRule]

    def rule(self, kind: str) -> KindRule | None:
        return self.rules.get(kind) or self.rules.get(DEFAULT)
