"""The command chat: how the bots stand, a code that pairs somebody with the bot, and who is paired."""

from __future__ import annotations

import argparse

from reporter.app.app import App
from reporter.chat.discord.identifies import MOST, IdentifyBudget
from reporter.cli.alerts import signed
from reporter.cli.terminal import DONE, complain
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.operations import people
from reporter.operations.operation import Role
from reporter.periods.time_text import duration_text, moment_text
from reporter.scheduler.chat_settings import ChatSettings, DoorState
from reporter.secret import masked
from reporter.store import chat_people


def run_chat(app: App, options: argparse.Namespace) -> int:
    """`reporter chat [state] | pair [--role owner] | people | remove IDENTITY`."""
    actions = {"state": _state, "pair": _pair, "people": _people, "remove": _remove}
    return actions[options.action or "state"](app, options)


def _state(app: App, _options: argparse.Namespace) -> int:
    """How each door of the config stands, as the daemon has written it."""
    chat = _chat(app)
    services = [name for name, bot in (("telegram", chat.telegram), ("discord", chat.discord)) if bot is not None]
    known = {state.service: state for state in app.door_log.states()} if app.store.has_daemon() else {}
    for service in services:
        state = known.get(service)
        if state is None:
            print(f"{service}: nobody is answered, for no daemon runs" if not known else f"{service}: not begun yet")
            continue
        print(visible(f"{service}: {_stands(state, app)}"))
        if state.error and state.error_at:
            print(visible(f"  last trouble: {moment_text(state.error_at, app.runtime.zone)}: {masked(state.error)}"))
        if state.commands is not None:
            print(f"  {state.commands} commands are shown")
        if service == "discord" and chat.discord is not None:
            left = IdentifyBudget(app.store, app.clock, chat.discord.token).left()
            print(f"  {left} of {MOST} connections are left within 24 h")
    return DONE


def _stands(state: DoorState, app: App) -> str:
    since = moment_text(state.since, app.runtime.zone)
    bot = f" as {state.bot}" if state.bot else ""
    return f"connected{bot} since {since}" if state.connected else f"not connected since {since}: {state.why}"


def _chat(app: App) -> ChatSettings:
    """Raises ReporterError where nobody can ask."""
    chat = app.runtime.chat
    if chat is None:
        raise ReporterError("the config has no `chat:`: write `chat: {telegram: {token: env:TELEGRAM_TOKEN}}`")
    return chat


def _pair(app: App, options: argparse.Namespace) -> int:
    _chat(app)
    print(people.pairing_code(app, Role[options.role.upper()], signed(None)))
    span = duration_text(people.GOOD_FOR)
    complain(
        f"write `{people.WORD} CODE` to the bot in a private chat within {span}: who does so first is {options.role}"
    )
    return DONE


def _people(app: App, _options: argparse.Namespace) -> int:
    said = app.runtime.chat.roles if app.runtime.chat else {}
    for identity, role in said.items():
        print(f"{identity}: {role}, of the config")
    with app.store.read() as connection:
        found = chat_people.everybody(connection)
    for one in found:
        counts = "; the config says otherwise" if one.identity in said else ""
        at = moment_text(one.paired_at, app.runtime.zone)
        print(visible(f"{one.identity}: {one.role}, {one.name}, paired {at}{counts}"))
    return DONE


def _remove(app: App, options: argparse.Namespace) -> int:
    with app.store.begin() as connection:
        gone = chat_people.forget(connection, options.identity)
    if not gone:
        raise ReporterError(f"{options.identity} is not paired: `reporter chat people` lists who is")
    print(f"{options.identity} may do no more than the config says")
    return DONE
