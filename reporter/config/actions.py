"""The config of control: what may be done outside, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address, SecretText
from reporter.config.types import Duration, OrEmpty, mistake, one_or_many


class FreqtradeConfig(Settings):
    """The REST API of one freqtrade bot."""

    url: Annotated[Address, AfterValidator(web_address)] = Field(examples=["http://127.0.0.1:8080"])
    """Its address."""
    username: str
    """The user of its `api_server`."""
    password: SecretText
    """The password of its `api_server`, a reference to a secret."""


class ActionConfig(Settings):
    """What one command does: it runs a program, sends an HTTP request, or asks freqtrade. Each wants a confirmation."""

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
    freqtrade: Annotated[dict[str, FreqtradeConfig], OrEmpty()] = Field(default_factory=dict)
    """Instead of `run`: freqtrade bots by the names of their agents; for pause, resume, stop, exit and reload."""
    names: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """The agents or services that it may be asked for; agents are all that the ledgers know if left out."""
    timeout: Duration = Field(timedelta(seconds=30), json_schema_extra={"default": "30s"})
    """How long it may take."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (bool(self.run), self.url is not None, bool(self.freqtrade))
        if ways.count(True) != 1:
            raise mistake(
                "needs one of `run`, `url` and `freqtrade`", "write such as `run: [systemctl, restart, '{service}']`"
            )
        return self


def _can(actions: dict[str, ActionConfig]) -> dict[str, ActionConfig]:
    wrong = next((name for name, one in actions.items() if one.freqtrade and name not in OF_FREQTRADE), None)
    if wrong:
        raise mistake(f"freqtrade cannot {wrong}", f"it can {', '.join(OF_FREQTRADE)}")
    return actions


OF_FREQTRADE = ("pause", "resume", "stop", "exit", "reload")
Command = Literal["pause", "resume", "stop", "exit", "reload", "switch", "restart", "deploy"]
Actions = dict[Command, ActionConfig]
CheckedActions = Annotated[Actions, AfterValidator(_can)]
