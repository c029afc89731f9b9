"""What the config may say of probes: every kind, its keys and their defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from reporter.config.secrets import Address, SecretText
from reporter.config.settings import Settings
from reporter.config.values import Duration, Statuses, mistake
from reporter.secret import Secret


def _web_address(url: Secret) -> Secret:
    if not url.reveal().lower().startswith(("http://", "https://")):
        raise mistake("must be an http or https address", "write such as `https://example.org/health`")
    return url


class HttpProbeConfig(Settings):
    """Asks a web address."""

    kind: Literal["http"] = "http"
    """`http` is what a probe with a `url` is."""
    url: Annotated[Address, AfterValidator(_web_address)]
    """The http or https address to ask."""
    every: Duration | None = None
    """How often to ask; each round of the health probe if left out."""
    timeout: Duration = Field(timedelta(seconds=5), json_schema_extra={"default": "5s"})
    """How long an answer may take."""
    expect_status: Statuses = (200,)
    """The HTTP status that means healthy, one or a list."""
    warn_above: Duration | None = None
    """An answer slower than this is a warning."""
    headers: dict[str, SecretText] = Field(default_factory=dict)
    """HTTP headers to send; their values are secrets."""


def _with_a_port(address: str) -> str:
    if not 1 <= int(address.rpartition(":")[2]) <= 65535:
        raise mistake("a port is a number from 1 to 65535", "write such as `db.example.org:5432`")
    return address


class TcpProbeConfig(Settings):
    """Opens a connection and closes it."""

    kind: Literal["tcp"] = "tcp"
    """`tcp` is what a probe with an `address` is."""
    address: Annotated[str, AfterValidator(_with_a_port)] = Field(
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+):\d{1,5}$",
        examples=["db.example.org:5432"],
    )
    """`host:port`; an IPv6 host in brackets."""
    every: Duration | None = None
    """How often to try; each round of the health probe if left out."""
    timeout: Duration = Field(timedelta(seconds=5), json_schema_extra={"default": "5s"})
    """How long connecting may take."""
    warn_above: Duration | None = None
    """Connecting slower than this is a warning."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def _probe_kind(value: object) -> object:
    if not isinstance(value, dict):
        return getattr(value, "kind", "http")
    return value.get("kind", "tcp" if "address" in value else "http")


Probe = Annotated[
    Annotated[HttpProbeConfig, Tag("http")] | Annotated[TcpProbeConfig, Tag("tcp")], Discriminator(_probe_kind)
]
