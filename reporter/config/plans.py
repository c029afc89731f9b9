"""The config of plans: who writes them, when they count, and where programs read them."""

from __future__ import annotations

import ipaddress
from datetime import time
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import Name, OrEmpty, TimeOfDay, Timezone, mistake, one_or_many
from reporter.config.web import listen_address


def _user(value: Any) -> tuple[str, ...]:
    """User ids may be written as numbers."""
    given = value if isinstance(value, list | tuple) else [value]
    return tuple(str(user) if isinstance(user, int) else user for user in given)


Spellings = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class PlanAuthorConfig(Settings):
    """Somebody whose plans are kept."""

    users: Annotated[tuple[str, ...], BeforeValidator(_user)] = ()
    """Who writes for the author: a user's id in Discord or Telegram, or one service's, such as `telegram:123`."""
    name: str = Field("", max_length=80)
    """The name that people read; the author's key if left out."""
    timezone: Timezone | None = None
    """Whose today it is; the one of `plans` if left out."""


class PlansConfig(Settings):
    """Trading plans of people; without this section there are none."""

    authors: Annotated[dict[Name, Annotated[PlanAuthorConfig, OrEmpty()]], OrEmpty()] = Field(default_factory=dict)
    """Who plans, by a short name such as `d`."""
    timezone: Timezone | None = None
    """Whose today it is; the one at top level if left out."""
    post_at: TimeOfDay = Field(time(8), json_schema_extra={"default": "08:00"})
    """At what time of day the report `plans_morning` goes out."""
    counts_from: TimeOfDay | None = None
    """The version in force at this time of day is the one that counts; `post_at` if left out."""
    channel: Name | None = None
    """Where `plans_morning` goes; may be left out when there is only one channel."""
    max_charts: int = Field(10, ge=0, le=50)
    """How many pictures a plan holds."""
    agents: Annotated[dict[str, Spellings], OrEmpty()] = Field(default_factory=dict)
    """The agents that a plan may name, each with its other spellings: `{Momentum_BTC_v2: [momentum]}`."""
    markets: Annotated[dict[str, Spellings], OrEmpty()] = Field(default_factory=dict)
    """The markets that a plan may name, as the ledger writes them: `{BTC/USDT: [BTC, bitcoin]}`."""
    listen: Annotated[str, AfterValidator(listen_address)] | None = None
    """A second small address where programs read plans, such as `127.0.0.1:5000`; none if left out."""
    token: SecretText | None = None
    """What programs have to send there; needed beyond this machine."""
    origins: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Web pages elsewhere that may read there, such as `https://desk.example.org`; pages of this machine may anyway."""

    @property
    def schedule(self) -> str:
        """When the morning's report goes out."""
        return f"daily at {self.post_at:%H:%M}"

    @property
    def channels(self) -> tuple[str, ...] | None:
        """Where the morning's report goes."""
        return (self.channel,) if self.channel else None

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        if self.listen and self.token is None and not _is_loopback(self.listen.rpartition(":")[0]):
            raise mistake("listens beyond this machine without a `token`", "write `token: env:PLANS_TOKEN`")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
