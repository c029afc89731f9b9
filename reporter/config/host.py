"""The config's `host:` and `heartbeat:` sections."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address, HomePath
from reporter.config.types import Duration, Names, mistake


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/"):
            raise mistake(f"`{path}` is no path from the root", "write such as `/data`")
    return paths


class HostConfig(Settings):
    """The machine that the reporter runs on."""

    name: str | None = Field(None, min_length=1, max_length=60, examples=["floor-1"])
    """Its name in reports and alerts; default: its host name."""
    disks: Annotated[Names, AfterValidator(_absolute)] | None = None
    """The disks to measure, each by a path on it: one or a list; default: every real disk."""
    sensors: Names = ()
    """The temperature sensors that count, one or a list of patterns such as `coretemp` or `nct6775/SYSTIN`; a pattern
    that begins with `!` leaves sensors out. All count if left out."""


class HeartbeatConfig(Settings):
    """An external service that the daemon pings, and that raises an alarm when the pings stop."""

    url: Annotated[Address, AfterValidator(web_address)] = Field(examples=["env:HEARTBEAT_URL"])
    """The address of the check, such as one at healthchecks.io; it is a secret."""
    every: Duration = Field(timedelta(minutes=1), json_schema_extra={"default": "1m"})
    """The interval; at most one ping per run of a job that looks at the present."""
    fail: str | None = Field("/fail", pattern="^[/?]")
    """Appended to the address when the reporter itself fails: `/fail`, or for example `?state=fail`; `null` sends no
    ping then."""
    proxy: Annotated[Address, AfterValidator(web_address)] | None = None
    """The HTTP proxy to go through, instead of the environment's."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""
