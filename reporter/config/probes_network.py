"""What the config may say of probes that ask over a network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from reporter.config.probes_common import AskedProbe
from reporter.config.secrets import Address, SecretText
from reporter.config.values import Statuses, mistake
from reporter.secret import Secret


def _web_address(url: Secret) -> Secret:
    if not url.reveal().lower().startswith(("http://", "https://")):
        raise mistake("must be an http or https address", "write such as `https://example.org/health`")
    return url


class HttpProbeConfig(AskedProbe):
    """Asks a web address."""

    kind: Literal["http"] = "http"
    """`http` is what a probe with a `url` is."""
    url: Annotated[Address, AfterValidator(_web_address)]
    """The http or https address to ask."""
    expect_status: Statuses = (200,)
    """The HTTP status that means healthy, one or a list."""
    headers: dict[str, SecretText] = Field(default_factory=dict)
    """HTTP headers to send; their values are secrets."""


def _with_a_port(address: str) -> str:
    if not 1 <= int(address.rpartition(":")[2]) <= 65535:
        raise mistake("a port is a number from 1 to 65535", "write such as `db.example.org:5432`")
    return address


HostAndPort = Annotated[
    str,
    Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+):\d{1,5}$", examples=["db.example.org:5432"]),
    AfterValidator(_with_a_port),
]


class TcpProbeConfig(AskedProbe):
    """Opens a connection and closes it."""

    kind: Literal["tcp"] = "tcp"
    """`tcp` is what a probe with an `address` is."""
    address: HostAndPort
    """`host:port`; an IPv6 host in brackets."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])
