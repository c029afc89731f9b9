"""Addresses of the web and of ports, as the config says them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from reporter.config.types import mistake
from reporter.secret import Secret


def web_address(url: Secret) -> Secret:
    """An http or https address. Raises PydanticCustomError."""
    if url.missing:
        return url
    if not re.match(r"https?://([^/?#@]*@)?[^/?#@:]", url.reveal(), re.IGNORECASE) or not _readable(url):
        raise mistake("must be an http or https address", "write such as `https://example.org/health`")
    return url


def _readable(url: Secret) -> bool:
    """Whether host and port can be told; the error of an address where they cannot would show parts of it."""
    with suppress(ValueError):
        parts = urlsplit(url.reveal())
        return bool(parts.hostname) and parts.port != 0
    return False


def _with_a_port(address: str) -> str:
    if not 1 <= int(address.rpartition(":")[2]) <= 65535:
        raise mistake("a port is a number from 1 to 65535", "write such as `db.example.org:5432`")
    return address


HostAndPort = Annotated[
    str,
    Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+):\d{1,5}$", examples=["db.example.org:5432"]),
    AfterValidator(_with_a_port),
]
