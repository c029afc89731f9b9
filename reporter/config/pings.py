"""The config of pings: jobs elsewhere that report themselves, when each should, and under which id."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import Duration, Name, ScheduleText, Timezone, mistake
from reporter.secret import Secret

_KEY = re.compile(r"[\w-]{16,100}")


def _unguessable(found: Secret) -> Secret:
    if not found.missing and not _KEY.fullmatch(found.reveal()):
        raise mistake("is no id", "make one of 16 letters or more, such as by `openssl rand -hex 16`")
    return found


PingKey = Annotated[SecretText, AfterValidator(_unguessable)]


class PingConfig(Settings):
    """A job that reports itself."""

    id: PingKey | None = Field(None, examples=["env:BACKUP_PING"])
    """The last part of its address `/ping/ID`: 16 letters, digits, `-` or `_`, or more. Whoever knows it can ping.
    With `web.ping_key` it may be left out: `/ping/KEY/NAME` is an address of every ping."""
    schedule: ScheduleText = Field(examples=["daily at 03:00"])
    """When a ping is expected, such as `every 10m`, `daily at 03:00` or `cron "0 3 * * 1-5"`."""
    timezone: Timezone | None = None
    """By whose clock; the zone at top level if left out."""
    grace: Duration = Field(timedelta(hours=1), json_schema_extra={"default": "1h"})
    """How late a ping may be, and how long a run may take that said it began."""
    get: bool = False
    """Whether a `GET` counts too. A link preview in a chat would count then as well."""


Pings = dict[Name, PingConfig]
