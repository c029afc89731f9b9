"""What the config says of every probe, and where the kinds of probes are found."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, TypeAdapter, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from reporter.config.addresses import HostAndPort
from reporter.config.alerts import AlertOptions
from reporter.config.base import Settings
from reporter.config.types import Duration, Names, OneOrMany, OrEmpty

# The kinds of probes. The module `reporter.probes.kinds.KIND` holds the model and the probe; the name here is that of
# the model. A module is loaded when a config names its kind, and not before.
KINDS = {
    "http": "HttpProbeConfig",
    "tcp": "TcpProbeConfig",
    "tls": "TlsProbeConfig",
    "dns": "DnsProbeConfig",
    "icmp": "IcmpProbeConfig",
    "file": "FileProbeConfig",
    "process": "ProcessProbeConfig",
    "unit": "UnitProbeConfig",
    "postgres": "PostgresProbeConfig",
    "sqlite": "SqliteProbeConfig",
    "sql": "SqlProbeConfig",
    "redis": "RedisProbeConfig",
    "trades": "TradesProbeConfig",
}


class ProbeSettings(Settings):
    """Keys of every probe."""

    if TYPE_CHECKING:  # each kind declares its own

        @property
        def kind(self) -> str: ...

    every: Duration | None = None
    """The interval; default: each round of the health probe."""
    timeout: Duration = Field(timedelta(seconds=5), json_schema_extra={"default": "5s"})
    """How long a response may take."""
    depends_on: Names = ()
    """Probes that this one depends on, one or a list: while one of them is down, this one sends no alert."""
    alert: Annotated[AlertOptions, OrEmpty()] = AlertOptions()
    """Alert settings of this probe: the keys of `alerts.policies`."""


def model_of(kind: str) -> type[ProbeSettings]:
    """The model of a kind of probe."""
    found: type[ProbeSettings] = getattr(import_module(f"reporter.probes.kinds.{kind}"), KINDS[kind])
    return found


def _kind(value: object) -> str:
    """The `kind`; an address of the web and one with a port need not say it."""
    if not isinstance(value, dict):
        return str(getattr(value, "kind", "http"))
    return str(value.get("kind", "tcp" if "address" in value else "http"))


@cache
def _adapter(kind: str) -> TypeAdapter[dict[str, ProbeSettings]]:
    model: Any = model_of(kind)
    return TypeAdapter(dict[str, model])


class _ByKind:
    """Validates a probe by the model of its kind, and shows all kinds in the JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(_validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        models = tuple(Annotated[model_of(kind), Tag(kind)] for kind in KINDS)
        every_kind: Any = Annotated[Union[models], Discriminator(_kind)]  # noqa: UP007 - a union made while running
        return handler(TypeAdapter(every_kind).core_schema)


def _validated(value: object, info: ValidationInfo) -> ProbeSettings:
    kind = _kind(value)
    if kind not in KINDS:
        known = ", ".join(f"'{name}'" for name in KINDS)
        raise PydanticKnownError("union_tag_invalid", {"discriminator": "kind", "tag": kind, "expected_tags": known})
    # As the value of a key, so that the place of an error names the kind, as in a union of models.
    return _adapter(kind).validate_python({kind: value}, context=info.context)[kind]


Probe = Annotated[ProbeSettings, _ByKind()]


Referees = Annotated[
    tuple[HostAndPort, ...],
    OneOrMany(),
]


class OwnNetworkConfig(Settings):
    """How a failure of our own network is distinguished from failures of targets."""

    guard: bool = True
    """`false` sends an alert for each target, even when all fail at once."""
    referees: Referees | None = None
    """Addresses to ask when most targets are silent at once, as `host:port`, one or a list. They must always be
    reachable. Default: the Discord of the channels; `[]` asks none."""
