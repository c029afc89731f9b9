"""What the config may say of probes: the kinds there are, and how they are told apart."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag

from reporter.config.probes.databases import (
    PostgresProbeConfig,
    RedisProbeConfig,
    SqliteProbeConfig,
    SqlProbeConfig,
    TradesProbeConfig,
)
from reporter.config.probes.host import FileProbeConfig, ProcessProbeConfig, UnitProbeConfig
from reporter.config.probes.network import (
    DnsProbeConfig,
    HttpProbeConfig,
    IcmpProbeConfig,
    TcpProbeConfig,
    TlsProbeConfig,
)


def _probe_kind(value: object) -> object:
    """Its `kind`; an address of the web and one with a port need not say it."""
    if not isinstance(value, dict):
        return getattr(value, "kind", "http")
    return value.get("kind", "tcp" if "address" in value else "http")


# A kind is a model with `kind: Literal["NAME"]`, and a line here and in `reporter/probing.py`.
Probe = Annotated[
    Annotated[HttpProbeConfig, Tag("http")]
    | Annotated[TcpProbeConfig, Tag("tcp")]
    | Annotated[TlsProbeConfig, Tag("tls")]
    | Annotated[DnsProbeConfig, Tag("dns")]
    | Annotated[IcmpProbeConfig, Tag("icmp")]
    | Annotated[FileProbeConfig, Tag("file")]
    | Annotated[ProcessProbeConfig, Tag("process")]
    | Annotated[UnitProbeConfig, Tag("unit")]
    | Annotated[PostgresProbeConfig, Tag("postgres")]
    | Annotated[SqliteProbeConfig, Tag("sqlite")]
    | Annotated[SqlProbeConfig, Tag("sql")]
    | Annotated[RedisProbeConfig, Tag("redis")]
    | Annotated[TradesProbeConfig, Tag("trades")],
    Discriminator(_probe_kind),
]  # fmt: skip
