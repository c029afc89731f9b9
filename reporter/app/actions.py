"""From the config's `actions` to what operations carry out."""

from __future__ import annotations

from reporter.actions.action import Action
from reporter.config.actions import ActionConfig
from reporter.config.models import Config


def actions_of(config: Config) -> dict[str, Action]:
    """The actions by the command that asks for them."""
    return {name: _action(entry) for name, entry in config.actions.items()}


def _action(entry: ActionConfig) -> Action:
    return Action(entry.run, entry.url, entry.method, dict(entry.headers), entry.body, entry.names, entry.timeout)
