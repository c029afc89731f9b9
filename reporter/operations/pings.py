"""The operation on jobs that report themselves: how each stands; `pings pause NAME` and `pings resume NAME`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from reporter.alerts.pings import PingRule, awaited, observed, paused, resumed
from reporter.app.app import App
from reporter.errors import ReporterError, nearest
from reporter.jobs.kit.status_board import LEVEL_MARKS
from reporter.messages.message import Message
from reporter.operations.operation import Arguments, Invocation, NotUnderstoodError, Role, Words
from reporter.store import pings as kept

MOST = 25
"""Jobs that one answer shows."""


def names(app: App) -> list[str]:
    return list(app.runtime.pings)


class PingsArguments(Arguments):
    act: Literal["pause", "resume"] | None = None
    name: Annotated[str | None, Words(known=names)] = None


def pings(asked: Invocation[PingsArguments]) -> Iterator[Message]:
    """How each stands; `pause` lets one be silent until its next ping or until `resume`."""
    app, given = asked.app, asked.arguments
    if given.act:
        asked.require(Role.OPERATOR)
        if given.name is None:
            raise NotUnderstoodError(f"which one? write such as `pings {given.act} backup`; `pings` lists them")
        _change(app, given.name, given.act)
    rules, now = app.runtime.pings, asked.now
    chosen = {given.name: _rule(app, given.name)} if given.name else rules
    with app.store.read() as connection:
        states = kept.states(connection)
    local = now.astimezone(app.runtime.zone)
    rows = [observed(rule, states.get(name) or awaited(rule, now), local) for name, rule in chosen.items()]
    shown = [(LEVEL_MARKS[one.level], name, one.detail) for name, one in zip(chosen, rows, strict=True)]
    yield asked.answer("pings", rows=shown[:MOST], more=len(shown) - MOST, act=given.act)


def _change(app: App, name: str, act: Literal["pause", "resume"]) -> None:
    rule, now = _rule(app, name), app.clock.wall()
    with app.store.begin() as connection:
        state = kept.state_of(connection, rule.name)
        if state is None or state.schedule != str(rule.schedule):
            state = awaited(rule, now, state)
        kept.put(connection, paused(state, now) if act == "pause" else resumed(rule, state, now))


def _rule(app: App, name: str) -> PingRule:
    if rule := app.runtime.pings.get(name.removeprefix("ping/")):
        return rule
    near = nearest(name, names(app))
    hint = f"did you mean {near}?" if near else f"there is {', '.join(names(app)) or 'none'}"
    raise ReporterError(f"there is no ping {name[:40]}: {hint}")
