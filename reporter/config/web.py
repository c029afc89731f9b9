"""The config of the HTTP listener: its address, and who may call it."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.pings import PingKey
from reporter.config.secrets import SecretText
from reporter.config.types import Name, OrEmpty, mistake, one_or_many

_ORIGIN = re.compile(r"https?://[\w.-]+(:\d{1,5})?", re.ASCII)

Right = Literal["events", "read", "operate", "own"]


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
    ping_key: PingKey | None = Field(None, examples=["env:PING_KEY"])
    """The key of `/ping/KEY/NAME`, an address of each entry of `pings`: 16 letters, digits, `-` or `_`, or more."""
    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(one_or_many)] = ()
    """Web pages elsewhere that may call REST with a token (CORS), such as `https://desk.example.org`."""
