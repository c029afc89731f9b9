"""The config of control: what may be done outside, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import Duration, OrEmpty, mistake, one_or_many


class ActionConfig(Settings):
    """What one command does: it runs a program, or sends an HTTP request. Each wants a confirmation."""

    run: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """The program and its arguments; there is no shell. An argument `{agent}`, `{service}` or `{mode}` is filled in."""
    url: SecretText | None = None
    """Instead of `run`: the address of a request, or a reference to it."""
    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    """The method of the request."""
    headers: Annotated[dict[str, SecretText], OrEmpty()] = Field(default_factory=dict)
    """Headers of the request; each value is a reference to a secret."""
    body: dict[str, str] | None = None
    """Texts that are sent as a JSON object; a value `{agent}`, `{service}` or `{mode}` is filled in."""
    names: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """The agents or services that it may be asked for; agents are all that the ledgers know if left out."""
    timeout: Duration = Field(timedelta(seconds=30), json_schema_extra={"default": "30s"})
    """How long it may take."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.run) == (self.url is not None):
            raise mistake("needs either `run` or `url`", "write such as `run: [systemctl, restart, '{service}']`")
        return self


Actions = Annotated[
    dict[Literal["pause", "resume", "switch", "restart", "deploy"], ActionConfig],
    OrEmpty(),
]
