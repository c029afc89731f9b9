"""The config of events: which kinds go where, and which hooks other programs call."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import Duration, Name, Names, OrEmpty, mistake, one_or_many
from reporter.messages.quiet_hours import Noise

_PACE = re.compile(r"(\d{1,5}) (?:per|in) (\d+ ?(?:s|m|h|d)|second|minute|hour|day)")
_SPANS = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Strength = Literal["weak", "moderate", "strong"]
Preset = Literal[
    "freqtrade", "tradingview", "github", "gitlab", "alertmanager", "grafana", "uptime_kuma", "healthchecks"
]


def pace_of(text: str) -> tuple[int, timedelta]:
    """`20 per minute` as a number and a span."""
    found = _PACE.fullmatch(text.strip())
    if not found:
        raise mistake("is no pace", "write such as `20 per minute` or `5 in 10s`")
    span = _SPANS.get(found[2], found[2]).replace(" ", "")
    return int(found[1]), timedelta(seconds=int(span[:-1]) * _UNITS[span[-1]])


def _pace(text: str) -> str:
    pace_of(text)
    return text


class EventConfig(Settings):
    """What becomes of events of one kind."""

    channel: Names | None = None
    """One channel's name or a list; the channel of `default` if left out."""
    noise: Annotated[Noise, Field(strict=False)] | None = None
    """`now`, `silent`, `digest` or `off`; as the channel says if left out."""
    template: str | None = Field(None, pattern=r"^[\w/-]{1,100}$")
    """Another template than `events/KIND`."""
    pace: Annotated[str, AfterValidator(_pace)] | None = Field(None, examples=["20 per minute"])
    """At most so many single messages; what comes beyond is sent together. A critical event never waits."""
    per: str | None = Field(None, min_length=1, max_length=64, examples=["asset"])
    """A field, such as `asset`: the pace counts for each of its values by itself."""
    expect: Duration | None = Field(None, examples=["15m"])
    """The longest pause between two of one source; a longer silence is told, once."""
    least: Annotated[dict[str, float | int | Strength], OrEmpty()] = Field(default_factory=dict)
    """Leave out events whose field is below a number or a strength, such as `{confidence: 0.6, strength: moderate}`."""
    only: Annotated[dict[str, Annotated[tuple[str, ...], BeforeValidator(one_or_many)]], OrEmpty()] = Field(
        default_factory=dict
    )
    """Leave out events whose field is none of these, such as `{asset: [bitcoin, ethereum]}`."""
    hide: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Fields that a message does not show; `risk` and `volatility` stand for these parts of a signal."""

    @model_validator(mode="after")
    def _paced(self) -> Self:
        if self.per and not self.pace:
            raise mistake("`per` needs a `pace`", "write such as `pace: 1 in 60s`")
        return self


class HookConfig(Settings):
    """What another program sends to `/hooks/NAME`, and how it proves who it is."""

    preset: Preset | None = None
    """Whose format it is."""
    map: Annotated[dict[str, str], OrEmpty()] = Field(default_factory=dict)
    """Without a preset: a JMESPath expression for each part of an event, such as `{title: app.name}`."""
    secret: SecretText
    """The token of the sender, the key of its signature, or the last part of the address."""
    kind: str | None = Field(None, pattern="^[a-z][a-z0-9_]{0,63}$")
    """The kind of every event of this hook, instead of the one that the preset finds."""

    @model_validator(mode="after")
    def _one_format(self) -> Self:
        if bool(self.preset) == bool(self.map):
            raise mistake("needs either a `preset` or a `map`", "write such as `preset: github`")
        return self


Events = dict[Name, Annotated[EventConfig, OrEmpty()]]
Hooks = dict[Name, HookConfig]
