"""What the config may say of probes that look at this machine."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reporter.config.probes.common import AS_USUAL, LowSizes, LowSpans, Numbers, Otherwise, ProbeSettings, Sizes, Spans
from reporter.config.secrets import HomePath
from reporter.config.types import Names, mistake


class FileProbeConfig(ProbeSettings):
    """Looks at a file, or at the newest of several."""

    kind: Literal["file"]
    """`file`."""
    path: HomePath
    """The file, seen from the home; with `*`, `?` or `[…]` the newest of those that fit."""
    age: Spans = Spans()
    """How long ago it may have been written last."""
    size: Sizes = Sizes()
    """How large it may be."""
    min_size: LowSizes = LowSizes()
    """How small it may be."""
    absent: bool = False
    """`true` for a file that should not be there."""


class ProcessProbeConfig(ProbeSettings):
    """Counts processes of this machine. Which ones, by all that is given."""

    kind: Literal["process"]
    """`process`."""
    program: str | None = Field(None, min_length=1)
    """The program's name, as `ps -e` shows it."""
    command: str | None = Field(None, min_length=1)
    """Part of its command line."""
    owner: str | None = Field(None, min_length=1)
    """The user that it runs as."""
    pidfile: HomePath | None = None
    """The file that holds its process id."""
    at_least: int = Field(1, ge=0)
    """How many must run."""
    at_most: int | None = Field(None, ge=0)
    """How many may run."""
    memory: Sizes = Sizes()
    """How much memory they may use together (RSS)."""
    cpu: Numbers = Numbers()
    """How many percent of one core they may use together."""
    running_for: LowSpans = LowSpans()
    """How short a time ago the youngest of them may have started: what is started again and again is always young."""

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if not (self.program or self.command or self.owner or self.pidfile):
            raise mistake("it is not said which process is meant", "write `program`, `command`, `owner` or `pidfile`")
        if self.at_most is not None and self.at_most < self.at_least:
            raise mistake("`at_most` is less than `at_least`", "no number fits both")
        return self


class UnitProbeConfig(ProbeSettings):
    """Asks systemd for the state of a unit."""

    kind: Literal["unit"]
    """`unit`."""
    unit: str = Field(min_length=1, max_length=255, pattern=r"^[^\s/-][^\s/]*$", examples=["freqtrade.service"])
    """The unit's name."""
    expect_state: Names = ("active",)
    """The states that are well, one or a list; a service that runs now and then is also `inactive`."""
    restarts: Annotated[Numbers, Otherwise(1, 5)] = AS_USUAL
    """How often systemd may restart it within an hour."""
    memory: Sizes = Sizes()
    """How much memory it may use."""
    user_unit: bool = False
    """`true` for a unit of the user that the reporter runs as."""
