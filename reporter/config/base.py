"""The base class of every config model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every part: an unknown key is an error, nothing is changed later, no error shows what was given."""

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


@runtime_checkable
class JobSection(Protocol):
    """A section of the config that switches a job on and says when and where it reports; see `@job(section=…)`."""

    @property
    def schedule(self) -> str: ...

    @property
    def channels(self) -> tuple[str, ...] | None: ...

    @property
    def timezone(self) -> str | None: ...
