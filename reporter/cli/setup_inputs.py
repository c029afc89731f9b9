"""What every setup reads: the config as it is written, and a bot's token by its reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic_core import PydanticCustomError

from reporter.config import yaml_document as documents
from reporter.config.loading import home_of
from reporter.config.secrets import Sources
from reporter.config.yaml_document import Document
from reporter.errors import ConfigError, Problem, ReporterError
from reporter.secret import Secret
from reporter.trusted_files import distrust


def read_config(config: Path) -> Document:
    """The config as it is written: what it refers to need not be there yet. Raises ConfigError."""
    if reason := distrust(config.absolute(), home_of(config)):  # it says where the bot's token is sent
        raise ConfigError([Problem(str(config), reason[0], hint=reason[1])])
    try:
        document = documents.read(str(config), config.read_bytes())
    except OSError as error:
        raise ConfigError([Problem(str(config), f"cannot be read: {error.strerror}")]) from None
    if document.problems:
        raise ConfigError(list(document.problems))
    return document


def bot_token(reference: str, config: Path, environ: Mapping[str, str]) -> Secret:
    """The bot's token by its reference. Raises ReporterError, which shows no secret."""
    try:
        found = Sources(environ, Path.cwd(), config).fetch(reference)
    except PydanticCustomError as error:
        raise ReporterError(f"--bot-token: {error.message()}") from None
    if found is None:
        raise ReporterError(
            "--bot-token takes no token, which others could see in the list of processes: write env:NAME or file:/path"
        )
    return found
