"""The config of events: which kinds go where, which hooks other programs call, and the HTTP listener."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import Duration, Name, Names, OrEmpty, mistake, one_or_many
from reporter.messages.quiet_hours import Noise

_PACE = re.compile(r"(\d{1,5}) (?:per|in) (\d+ ?(?:s|m|h|d)|second|minute|hour|day)")
_ORIGIN = re.compile(r"https?://[\w.-]+(:\d{1,5})?", re.ASCII)
_SPANS = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Strength = Literal["weak", "moderate", "strong"]
Right = Literal["events", "read", "operate", "own"]
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


class TokenConfig(Settings):
    """A program that may call us."""

    secret: SecretText
    """The bearer token, or a reference to it."""
    may: Annotated[tuple[Right, ...], BeforeValidator(one_or_many)] = ("events",)
    """What it may do: `events` (hand in), `read`, `operate`, `own`."""


class UserConfig(Settings):
    """A person who may log in on the pages."""

    password: SecretText
    """The hash that `reporter web password` prints, or a reference to it."""
    role: Literal["viewer", "operator", "owner"] = "viewer"
    """What the person may do."""

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if not self.password.missing and not self.password.reveal().startswith("scrypt$"):
            raise mistake("`password` is no hash", "write what `reporter web password` prints")
        return self


def _token(value: Any) -> Any:
    return value if isinstance(value, dict | TokenConfig) else {"secret": value}


def listen_address(text: str) -> str:
    """`127.0.0.1:8787`. Raises PydanticCustomError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) < 65536:
        raise mistake("is no address to listen on", "write such as `127.0.0.1:8787`")
    return text


def _proxy(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise mistake("is no address of a proxy", "write such as `127.0.0.1` or `10.0.0.0/24`") from None
    if network.prefixlen == 0:
        raise mistake("would believe everybody", "name the proxy's own address, such as `127.0.0.1`")
    return text


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise mistake("is no origin", "write scheme and host alone, such as `https://desk.example.org`")
    return text


class WebConfig(Settings):
    """The HTTP listener; without this section there is none."""

    listen: Annotated[str, AfterValidator(listen_address)] = "127.0.0.1:8787"
    """Address and port. Beyond this machine only with `tokens`, `users`, `hooks` or `pings`, which keep others out."""
    tokens: Annotated[dict[Name, Annotated[TokenConfig, BeforeValidator(_token)]], OrEmpty()] = Field(
        default_factory=dict
    )
    """Programs that may call, by a name of your choice; a bare reference may only hand in events."""
    users: Annotated[dict[Name, UserConfig], OrEmpty()] = Field(default_factory=dict)
    """People who may log in on the pages, by a name of your choice."""
    hosts: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Names that a browser or program may call us by, besides the address itself."""
    public: Literal["nothing", "status", "all"] = "nothing"
    """What a stranger may see: `nothing`, the `status` page, or `all` that a viewer sees."""
    base_path: str = Field("", pattern=r"^(/[\w.-]+)*$")
    """The path behind which a proxy publishes us, such as `/reporter`."""
    forwarded: Annotated[tuple[Annotated[str, AfterValidator(_proxy)], ...], BeforeValidator(one_or_many)] = ()
    """Proxies that say truly who calls (`X-Forwarded-For`) and how (`X-Forwarded-Proto`): addresses or networks."""
    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(one_or_many)] = ()
    """Web pages elsewhere that may call REST with a token (CORS), such as `https://desk.example.org`."""


Events = dict[Name, Annotated[EventConfig, OrEmpty()]]
Hooks = dict[Name, HookConfig]
