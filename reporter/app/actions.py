"""From the config's `actions` to what operations carry out."""

from __future__ import annotations

from reporter.actions.action import Action
from reporter.actions.freqtrade import VERBS, FreqtradeAction, FreqtradeBot
from reporter.actions.program import ProgramAction
from reporter.actions.request import RequestAction
from reporter.config.actions import ActionConfig
from reporter.config.models import Config


def actions_of(config: Config) -> dict[str, Action]:
    """The actions by the command that asks for them."""
    return {name: _action(name, entry) for name, entry in config.actions.items()}


def _action(name: str, entry: ActionConfig) -> Action:
    if entry.freqtrade:
        bots = {agent: FreqtradeBot(one.url, one.username, one.password) for agent, one in entry.freqtrade.items()}
        return FreqtradeAction(VERBS[name], bots, entry.timeout)
    if entry.url is not None:
        headers, body = dict(entry.headers), dict(entry.body or {})
        return RequestAction(entry.url, entry.method, headers, body, entry.names, entry.timeout)
    return ProgramAction(entry.run, entry.names, entry.timeout)
