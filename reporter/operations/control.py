"""Control with confirmation: pause, resume, stop, exit, reload, switch, restart, deploy, confirm; and its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from reporter.actions.action import Action, ActionRefusedError
from reporter.app.app import App
from reporter.errors import ReporterError, nearest
from reporter.inbox.event import read_event
from reporter.inbox.submit import submit
from reporter.messages.formats import plural
from reporter.messages.message import Message
from reporter.operations.operation import Arguments, Invocation, Role, Words
from reporter.operations.trading import agents_of, known_agents, named
from reporter.store import confirmations
from reporter.store.confirmations import AuditEntry, Confirmation

ROLES = {"pause": Role.OPERATOR, "resume": Role.OPERATOR}
"""Which role an operation needs, where it is not the owner's."""
ON_AGENTS = ("pause", "resume", "stop", "exit", "reload")
MOST = 20
ENDS = {True: "done", False: "failed", None: "not known"}
"""What became of an action, as the audit log and the answers say it."""


def agents(app: App) -> list[str]:
    """The agents that control may be asked for: those of the ledgers, and those that the config names."""
    return sorted({*known_agents(app), *(name for one in ON_AGENTS for name in _names(app, one))})


def services(app: App) -> list[str]:
    """The services that the config names."""
    return sorted({name for one in ("restart", "deploy") for name in _names(app, one)})


def _names(app: App, operation: str) -> Sequence[str]:
    action = app.runtime.actions.get(operation)
    return action.names if action else ()


class AgentArguments(Arguments):
    agent: Annotated[str, Words("NAME", after="agent", known=agents)]


class SwitchArguments(Arguments):
    mode: Literal["live", "paper"]


class ServiceArguments(Arguments):
    service: Annotated[str, Words("SERVICE", known=services)]


class ConfirmArguments(Arguments):
    code: Annotated[str, Field(pattern=r"^\d{6}$"), Words("CODE")]


def pause(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "pause", {"agent": asked.arguments.agent})


def resume(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "resume", {"agent": asked.arguments.agent})


def stop(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "stop", {"agent": asked.arguments.agent})


def exit_trades(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "exit", {"agent": asked.arguments.agent})


def reload(asked: Invocation[AgentArguments]) -> Iterator[Message]:
    yield _proposed(asked, "reload", {"agent": asked.arguments.agent})


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
        wanted = confirmations.take(connection, asked.arguments.code, actor.who, actor.place, asked.now)
    if wanted is None:
        raise ReporterError(
            "nothing waits for this code: it is good once, for a minute, where and by whom it was asked"
        )
    asked.require(ROLES.get(wanted.operation, Role.OWNER))
    action = _action(app, wanted.operation, wanted.values)
    seen = _looked(asked, action, wanted)
    if seen != wanted.seen:
        _note(asked, "refused", wanted, f"was {wanted.seen or 'unknown'} when asked, is {seen or 'unknown'} now")
        raise ReporterError(
            f"it was {wanted.seen or 'unknown'} when you asked and is {seen or 'unknown'} now: ask anew"
        )
    outcome = action.perform(wanted.values)
    ended = ENDS[outcome.done]
    _note(asked, ended, wanted, outcome.words)
    _tell(asked, wanted, outcome.words, ended)
    yield asked.answer(
        "confirmed",
        operation=wanted.operation,
        target=_target(wanted.values),
        ended=ended,
        words=outcome.words,
        before=seen,
        after=_after(app, action, wanted.values),
    )


def actions(asked: Invocation[Arguments]) -> Iterator[Message]:
    """What was asked, done and refused, the newest first."""
    with asked.app.store.read() as connection:
        found = confirmations.entries(connection, MOST)
    yield asked.answer("actions", entries=[(_target(one.values), one) for one in found])


def _proposed(asked: Invocation[Any], operation: str, values: dict[str, str]) -> Message:
    """Say what will be done, and give the code that does it."""
    app, actor = asked.app, asked.actor
    values = _as_known(app, operation, values)
    action = _action(app, operation, values)
    wanted = replace(unseen := Confirmation(operation, values, ""), seen=_looked(asked, action, unseen))
    with app.store.begin() as connection:
        code = confirmations.ask(connection, wanted, actor.who, actor.place, asked.now)
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


def _as_known(app: App, operation: str, values: dict[str, str]) -> dict[str, str]:
    """The target by its own name, whatever the case of letters in which somebody has written it."""
    action = app.runtime.actions.get(operation)
    known = action and (action.names or (known_agents(app) if "agent" in values else ()))
    return {key: named(text, list(known or ())) or text for key, text in values.items()}


def _looked(asked: Invocation[Any], action: Action, wanted: Confirmation) -> str:
    """How the target stands now. Raises ActionRefusedError, once that is noted."""
    try:
        return action.look(wanted.values) or _seen(asked.app, wanted.values)
    except ActionRefusedError as error:
        _note(asked, "refused", wanted, str(error))
        raise


def _after(app: App, action: Action, values: Mapping[str, str]) -> str:
    try:
        return action.look(values) or _seen(app, values)
    except ActionRefusedError as error:
        return f"not known: {error}"


def _seen(app: App, values: Mapping[str, str]) -> str:
    """The status of the agent that is asked about, or how all agents trade, as ledgers say; empty if none does."""
    try:
        known = agents_of(app)
    except ReporterError:
        return ""
    if "mode" in values:
        modes = Counter(str(one.mode) for one in known)
        return ", ".join(f"{plural(count, 'agent')} {mode}" for mode, count in sorted(modes.items()))
    name = values.get("agent") or values.get("service")
    return ", ".join(one.status for one in known if one.name == name and one.status)


def _target(values: Mapping[str, str]) -> str:
    return " ".join(values.values())


def _note(asked: Invocation[Any], act: str, wanted: Confirmation, detail: str) -> None:
    actor = asked.actor
    entry = AuditEntry(
        asked.now, actor.signature, str(actor.role), actor.place, act, wanted.operation, wanted.values, detail
    )
    with asked.app.store.begin() as connection:
        confirmations.note(connection, entry)


def _tell(asked: Invocation[Any], wanted: Confirmation, words: str, ended: str) -> None:
    """Others learn of it as of an event of the kind `control`."""
    event = read_event(
        {
            "kind": "control",
            "title": f"{wanted.operation} {_target(wanted.values)}: {ended}"[:200],
            "text": words[:1000],
            "severity": "info" if ended == "done" else "warning",
            "fields": {"by": asked.actor.name, "where": asked.actor.place},
        }
    )
    with asked.app.store.begin() as connection:
        submit(connection, [event], asked.now, source="reporter")
