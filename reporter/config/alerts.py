"""What the config may say of alerts."""

from __future__ import annotations

from typing import Annotated

from reporter.config.settings import Settings
from reporter.config.values import Names, OrEmpty


class RoutesConfig(Settings):
    """Where alerts go. Without routes, each goes to the channel of the job that saw it."""

    critical: Names | None = None
    """Critical alerts: a channel's name or a list."""
    warning: Names | None = None
    """Warnings."""
    all: Names | None = None
    """Every alert, beside its other routes."""
    fallback: Names | None = None
    """What its own channel cannot take, and what has no other route."""


class AlertsConfig(Settings):
    """What happens to alerts."""

    routes: Annotated[RoutesConfig, OrEmpty()] = RoutesConfig()
    """Where they go."""
