"""The config's `host:` and `heartbeat:` sections."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address
from reporter.config.types import Duration, Names, mistake


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/"):
            raise mistake(f"`{path}` is no path from the root", "write such as `/data`")
    return paths


class HostConfig(Settings):
    """The machine that we run on."""

    name: str | None = Field(None, min_length=1, max_length=60, examples=["floor-1"])
    """What it is called in reports and alerts; its host name if left out."""
    disks: Annotated[Names, AfterValidator(_absolute)] | None = None
    """The disks to measure, by a path on each: one or a list; every real one if left out."""
    sensors: Names = ()
    """The temperature sensors that count, one or a list of patterns such as `coretemp` or `nct6775/SYSTIN`; a pattern
    that begins with `!` leaves sensors out. All count if left out."""


class HeartbeatConfig(Settings):
    """A service elsewhere that hears from us regularly, and raises the alarm when it does not."""

    url: Annotated[Address, AfterValidator(web_address)] = Field(examples=["env:HEARTBEAT_URL"])
    """The address to ask, such as that of a check at healthchecks.io; it is a secret."""
    every: Duration = Field(timedelta(minutes=1), json_schema_extra={"default": "1m"})
    """How often; at each run of a job that looks at the present at most."""
    fail: str | None = Field("/fail", pattern="^[/?]")
    """What is put behind the address when something is wrong with us: `/fail`, or such as `?state=fail`; `null` keeps
    silent then."""
