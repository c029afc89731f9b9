"""Control with confirmation: pause, resume, switch, restart, deploy, confirm; and the audit log of all that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from reporter.actions.action import Action
from reporter.app.app import App
from reporter.errors import ReporterError, nearest
from reporter.inbox.event import read_event
from reporter.inbox.submit import submit
from reporter.messages.message import Message
from reporter.operations.operation import Arguments, Invocation, Role, Words
from reporter.operations.trading import agents_of, known_agents
from reporter.store import controls
from reporter.store.controls import AuditEntry, Confirmation

ROLES = {"pause": Role.OPERATOR, "resume": Role.OPERATOR}
MOST = 20


class AgentArguments(Arguments):
    agent: Annotated[str, Words("NAME", after="agent", known=known_agents)]


class SwitchArguments(Arguments):
    mode: Literal["live", "paper"]


class ServiceArguments(Arguments):
    service: Annotated[str, Words("SERVICE")]


class ConfirmArguments(Arguments):
    code: Annotated[str, Field(pattern=r"^\d{6}$"), Words("CODE")]


def pause(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "pause", {"agent": asked.arguments.agent})


def resume(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "resume", {"agent": asked.arguments.agent})


def switch(asked: Invocation[SwitchArguments]) -> Iterator[Message]:
    yield _proposed(asked, "switch", {"mode": asked.arguments.mode})


def restart(asked: Invocation[ServiceArguments]) -> Iterator[Message]:
    yield _proposed(asked, "restart", {"service": asked.arguments.service})


def deploy(asked: Invocation[ServiceArguments]) -> Iterator[Message]:
    yield _proposed(asked, "deploy", {"service": asked.arguments.service})


def confirm(asked: Invocation[ConfirmArguments]) -> Iterator[Message]:
    """Do what a code confirms, if everything still is as it was when it was asked."""
    app, actor = asked.app, asked.actor
    with app.store.begin() as connection:
        wanted = controls.take(connection, asked.arguments.code, actor.who, actor.place, asked.now)
    if wanted is None:
        raise ReporterError(
            "nothing waits for this code: it is good once, for a minute, where and by whom it was asked"
        )
    asked.require(ROLES.get(wanted.operation, Role.OWNER))
    action = _action(app, wanted.operation, wanted.values)
    seen = _seen(app, wanted.values)
    if seen != wanted.seen:
        _note(asked, "refused", wanted, f"was {wanted.seen or 'unknown'} when asked, is {seen or 'unknown'} now")
        raise ReporterError(
            f"it was {wanted.seen or 'unknown'} when you asked and is {seen or 'unknown'} now: ask anew"
        )
    outcome = action.perform(wanted.values)
    _note(asked, "done" if outcome.done else "failed", wanted, outcome.words)
    _tell(asked, wanted, outcome.words, done=outcome.done)
    yield asked.answer(
        "confirmed",
        operation=wanted.operation,
        target=_target(wanted.values),
        done=outcome.done,
        words=outcome.words,
        before=seen,
        after=_seen(app, wanted.values),
    )


def actions(asked: Invocation[Arguments]) -> Iterator[Message]:
    """What was asked, done and refused, the newest first."""
    with asked.app.store.read() as connection:
        found = controls.entries(connection, MOST)
    yield asked.answer("actions", entries=[(_target(one.values), one) for one in found])


def _proposed(asked: Invocation[Any], operation: str, values: dict[str, str]) -> Message:
    """Say what will be done, and give the code that does it."""
    app, actor = asked.app, asked.actor
    action = _action(app, operation, values)
    wanted = Confirmation(operation, values, _seen(app, values))
    with app.store.begin() as connection:
        code = controls.ask(connection, wanted, actor.who, actor.place, asked.now)
    _note(asked, "asked", wanted, action.describe(values))
    return asked.answer(
        "confirm",
        operation=operation,
        target=_target(values),
        does=action.describe(values),
        seen=wanted.seen,
        code=code,
        live=values.get("mode") == "live",
    )


def _action(app: App, operation: str, values: Mapping[str, str]) -> Action:
    """The configured action, for a target that it may be asked for. Raises ReporterError."""
    action = app.runtime.actions.get(operation)
    if action is None:
        raise ReporterError(f"the config has no action for {operation}: write `{operation}:` under `actions:`")
    target = values.get("agent") or values.get("service")
    known = action.names or (known_agents(app) if "agent" in values else ())
    if target and target.startswith("-"):
        raise ReporterError(f"{target} begins like an option of a program: it is not passed on")
    if target and target not in known:
        near = nearest(target, known)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known) or 'none: list them under `names:`'}"
        raise ReporterError(f"{operation} knows no {'agent' if 'agent' in values else 'service'} {target}: {hint}")
    return action


def _seen(app: App, values: Mapping[str, str]) -> str:
    """The status of the agent that is asked about, as its ledger says it; empty where none does."""
    if "agent" not in values:
        return ""
    try:
        return ", ".join(one.status for one in agents_of(app) if one.name == values["agent"] and one.status)
    except ReporterError:
        return ""


def _target(values: Mapping[str, str]) -> str:
    return " ".join(values.values())


def _note(asked: Invocation[Any], act: str, wanted: Confirmation, detail: str) -> None:
    actor = asked.actor
    entry = AuditEntry(
        asked.now, actor.signature, str(actor.role), actor.place, act, wanted.operation, wanted.values, detail
    )
    with asked.app.store.begin() as connection:
        controls.note(connection, entry)


def _tell(asked: Invocation[Any], wanted: Confirmation, words: str, *, done: bool) -> None:
    """Others learn of it as of an event of the kind `control`."""
    event = read_event(
        {
            "kind": "control",
            "title": f"{wanted.operation} {_target(wanted.values)}: {'done' if done else 'failed'}"[:200],
            "text": words[:1000],
            "severity": "info" if done else "warning",
            "fields": {"by": asked.actor.name, "where": asked.actor.place},
        }
    )
    with asked.app.store.begin() as connection:
        submit(connection, [event], asked.now, source="reporter")
