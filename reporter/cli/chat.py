"""The command chat: a code that pairs somebody with the bot, and who is paired."""

from __future__ import annotations

import argparse

from reporter.app.app import App
from reporter.cli.alerts import signed
from reporter.cli.terminal import DONE, complain
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.operations import people
from reporter.operations.operation import Role
from reporter.periods.time_text import duration_text, moment_text
from reporter.store import chat_people


def run_chat(app: App, options: argparse.Namespace) -> int:
    """`reporter chat pair [--role owner] | people | remove IDENTITY`."""
    return {"pair": _pair, "people": _people, "remove": _remove}[options.action](app, options)


def _pair(app: App, options: argparse.Namespace) -> int:
    chat = app.runtime.chat
    if chat is None:
        raise ReporterError("the config has no `chat:`: write `chat: {telegram: {token: env:TELEGRAM_TOKEN}}`")
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
