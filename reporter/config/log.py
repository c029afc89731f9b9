"""The config of the log: its form, its levels, and a file that is kept within bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reporter.config.base import Settings
from reporter.config.types import OrEmpty, Size

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
MEGABYTE = 10**6
SMALLEST = 10_000
"""Bytes: a file that is put aside sooner holds next to nothing."""


class LogConfig(Settings):
    """How the daemon logs. What is left out is read from the environment, and is else the default."""

    format: Literal["text", "json"] = "text"
    """`text` is for people, `json` is one object a line for programs."""
    level: LevelName | None = None
    """From which level on lines are logged; `$LOG_LEVEL`, or `INFO`, if left out."""
    levels: Annotated[dict[str, LevelName], OrEmpty()] = Field(default_factory=dict)
    """Levels of single packages, such as `{delivery: DEBUG}`."""
    file: str | None = Field(None, min_length=1)
    """A file, seen from the home, instead of standard error; `$LOG_FILE` if left out."""
    max_size: Annotated[Size, Field(ge=SMALLEST)] = Field(10 * MEGABYTE, json_schema_extra={"default": "10 MB"})
    """How large the file becomes before it is put aside; `$LOG_MAX_SIZE_MB` if left out."""
    keep: int = Field(5, ge=1, le=100)
    """How many files that were put aside are kept; `$LOG_BACKUP_COUNT` if left out."""
