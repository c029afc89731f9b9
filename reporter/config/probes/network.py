"""What the config may say of probes that ask over a network."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.jsonpath import steps
from reporter.config.probes.common import AS_USUAL, AskedProbe, LowNumbers, Numbers, Otherwise
from reporter.config.secrets import Address, HomePath, SecretOrText, SecretText
from reporter.config.types import Names, OneOrMany, Statuses, mistake
from reporter.secret import Secret

DaysLeft = Annotated[LowNumbers, Otherwise(14, 3)]


def web_address(url: Secret) -> Secret:
    if not re.match(r"https?://([^/?#@]*@)?[^/?#@:]", url.reveal(), re.IGNORECASE) or not _readable(url):
        raise mistake("must be an http or https address", "write such as `https://example.org/health`")
    return url


def _readable(url: Secret) -> bool:
    """Whether host and port can be told; the error of an address where they cannot would show parts of it."""
    with suppress(ValueError):
        parts = urlsplit(url.reveal())
        return bool(parts.hostname) and parts.port != 0
    return False


def _pattern(text: str) -> str:
    import regex

    try:
        regex.compile(text)
    except regex.error as error:
        raise mistake(f"is no regular expression: {error}", "put text with `\\` in single quotes") from None
    return text


def _json_path(path: str) -> str:
    try:
        steps(path)
    except ValueError:
        hint = "write such as `data.items[0].status`"
        raise mistake("is no path into JSON", hint) from None
    return path


class JsonConfig(Settings):
    """What one place in the JSON of an answer must hold: a value, or a number within limits."""

    path: Annotated[str, AfterValidator(_json_path)] = Field(min_length=1, examples=["data.items[0].status"])
    """Where it stands, such as `data.items[0].status`."""
    name: str | None = Field(None, min_length=1, max_length=60)
    """What people call it; its path if left out."""
    equals: str | int | float | bool | None = None
    """The value that it must have; if neither this nor limits are given, it must be there."""
    above: Numbers | None = None
    """From where on a large number is trouble."""
    below: LowNumbers | None = None
    """From where on a small number is trouble."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum(given is not None for given in (self.equals, self.above, self.below)) > 1:
            raise mistake("`equals`, `above` and `below` exclude each other", "write one entry for each")
        return self


JsonChecks = Annotated[tuple[JsonConfig, ...], OneOrMany()]


class HttpProbeConfig(AskedProbe):
    """Asks a web address."""

    kind: Literal["http"] = "http"
    """`http` is what a probe with a `url` is."""
    url: Annotated[Address, AfterValidator(web_address)]
    """The http or https address to ask."""
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = "GET"
    """How to ask."""
    body: SecretOrText | None = None
    """What to send along: text, or a reference to a secret that holds it."""
    headers: dict[str, SecretText] = Field(default_factory=dict)
    """HTTP headers to send; their values are secrets."""
    follow_redirects: bool = False
    """`true` asks where a redirect leads to, up to five times; without it a redirect is an answer like any other."""
    expect_status: Statuses = (200,)
    """The HTTP status that means healthy, one or a list."""
    expect_text: str | None = Field(None, min_length=1)
    """Text that the answer must contain."""
    expect_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """A regular expression that the answer must match somewhere; half a second is spent on it at most."""
    expect_json: JsonChecks = ()
    """What the JSON of the answer must hold, one entry or a list."""
    certificate_days: DaysLeft = AS_USUAL
    """From how many days on that its certificate is still valid: a warning, and critical."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""
    verify: bool = True
    """`false` takes any certificate, also an expired one of somebody else."""


def _with_a_port(address: str) -> str:
    if not 1 <= int(address.rpartition(":")[2]) <= 65535:
        raise mistake("a port is a number from 1 to 65535", "write such as `db.example.org:5432`")
    return address


HostAndPort = Annotated[
    str,
    Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+):\d{1,5}$", examples=["db.example.org:5432"]),
    AfterValidator(_with_a_port),
]


class Endpoint(AskedProbe):
    """What is reached by host and port."""

    address: HostAndPort
    """`host:port`; an IPv6 host in brackets."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


Referees = Annotated[
    tuple[HostAndPort, ...],
    OneOrMany(),
]


class OwnNetworkConfig(Settings):
    """How our own network is told from the targets' trouble."""

    guard: bool = True
    """`false` calls each target down that is silent, also where all are."""
    referees: Referees | None = None
    """Who is asked when most targets are silent at once, as `host:port`, one or a list: what is always there. The
    Discord of the channels if left out; `[]` asks nobody."""


class TcpProbeConfig(Endpoint):
    """Opens a connection and closes it."""

    kind: Literal["tcp"] = "tcp"
    """`tcp` is what a probe with an `address` is."""
    send: SecretOrText | None = None
    """What to say when connected: text, or a reference to a secret. A line needs its end: `"PING\\r\\n"`."""
    expect_text: str | None = Field(None, min_length=1)
    """Text that the answer must contain."""


class TlsProbeConfig(Endpoint):
    """Looks at the certificate of a port that speaks TLS."""

    kind: Literal["tls"]
    """`tls`."""
    certificate_days: DaysLeft = AS_USUAL
    """From how many days on that its certificate is still valid: a warning, and critical."""
    server_name: str | None = Field(None, min_length=1, max_length=253)
    """The name that the certificate must be for, if that is not the host."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""


def _nameserver(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise mistake("must be an IP address", "write such as `1.1.1.1`") from None


class DnsProbeConfig(AskedProbe):
    """Asks a name server."""

    kind: Literal["dns"]
    """`dns`."""
    name: str = Field(min_length=1, max_length=255, examples=["example.org"])
    """The name to ask for."""
    record: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    """The kind of record."""
    expect: Names = ()
    """What the answers may be, one or a list; any answer is good if left out."""
    nameserver: Annotated[str, AfterValidator(_nameserver)] | None = None
    """The name server's IP address; this machine's own if left out."""
    nameserver_port: int = Field(53, ge=1, le=65535)
    """Its port."""


class IcmpProbeConfig(AskedProbe):
    """Pings a machine."""

    kind: Literal["icmp"]
    """`icmp`."""
    host: str = Field(min_length=1, max_length=253, pattern=r"^[^\s/@]+$", examples=["gateway.example.org"])
    """The machine's name or IP address."""
    packets: int = Field(3, ge=1, le=20)
    """How many packets each look sends, five a second."""
    packet_loss: Annotated[Numbers, Otherwise(30, 70)] = AS_USUAL
    """How many percent of them may stay without answer; when all do, it is critical."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.packets * 0.2 >= self.timeout.total_seconds():
            raise mistake("so many packets take longer than `timeout`", "write fewer `packets`, or a longer `timeout`")
        return self
