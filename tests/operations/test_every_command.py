"""Every command of the table × every role × every way to confirm: done or refused, as docs/commands.md says.

The questions are made of the table itself, so a new command is among them without a line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from pydantic.fields import FieldInfo

from reporter.alerts.model import Level, Observation
from reporter.config.actions import Command
from reporter.errors import ReporterError
from reporter.operations.announcements import begin
from reporter.operations.arguments import choices, words_in
from reporter.operations.incidents import begin_silence
from reporter.operations.operation import Actor, NotAllowedError, Operation, Role
from reporter.operations.table import OPERATIONS
from tests.operations.floors import CONFIG, ask, floor
from tests.operations.test_control import acts, code_of
from tests.support.paths import ROOT
from tests.support.stage import Stage

RUN = """  {name}: {{run: [sh, -c, 'echo "$@" >> acts', x, {name}, "{{agent}}"], names: [Momentum_BTC_v1]}}\n"""
HOME = CONFIG + "  agents_status:\nplans: {authors: {d: {users: ['telegram:1']}}}\nactions:\n"
PEOPLE = {role: Actor("anna", role, "telegram:5", "telegram:1") for role in Role}
BY_DOCUMENT = dict(
    re.findall(r"^\| `(\w+)[^|]*(?:\\\|[^|]*)*\| (\w+) \|", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
)
CONTROL = [one for one in OPERATIONS if one.name in get_args(Command)]
REFUSED = {
    "twice": "nothing waits for this code",
    "late": "nothing waits for this code",
    "another person": "nothing waits for this code",
    "another channel": "nothing waits for this code",
    "another door": "nothing waits for this code",
    "no longer allowed": "needs the role",
}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(tmp_path)
    found = floor(tmp_path, HOME + "".join(RUN.format(name=name) for name in get_args(Command)))
    found.app.runner.observe(found.app.runtime, [Observation("limit/daily_loss", Level.CRITICAL, "it is passed")])
    begin_silence(found.app, "nowhere", timedelta(hours=1), "a test", "anna")
    begin(found.app, "The exchange is slow", "info", None, "anna")
    yield found
    found.close()


def question(stage: Stage, operation: Operation, unknown: str = "") -> str:
    """The shortest line that is complete; with `unknown` in the place of every name that has to be known."""
    fields = operation.arguments.model_fields.values()
    wanted = [one for one in fields if one.is_required() or (unknown and words_in(one).known)]
    return " ".join([operation.name, *(_words(stage, one, unknown) for one in wanted)])


def _words(stage: Stage, info: FieldInfo, unknown: str) -> str:
    known = words_in(info).known
    if known:
        return f"{words_in(info).after} {unknown or next(iter(known(stage.app)))}"
    if found := choices(info):
        return found[0]
    return "123456" if any(getattr(one, "pattern", None) for one in info.metadata) else "daily_summary"


def outcome(stage: Stage, text: str, actor: Actor) -> str:
    """What becomes of a question: an answer, or why there is none."""
    try:
        return ask(stage, text, actor)
    except ReporterError as error:
        return f"{type(error).__name__}: {error}"


def test_the_document_gives_each_command_the_role_of_the_table() -> None:
    assert {one.name: str(one.role) for one in OPERATIONS} == BY_DOCUMENT


@pytest.mark.parametrize("role", Role, ids=str)
def test_each_command_is_answered_from_its_role_on(stage: Stage, role: Role) -> None:
    told = {one.name: outcome(stage, question(stage, one), PEOPLE[role]) for one in OPERATIONS}
    refused = {name for name, said in told.items() if said.startswith("NotAllowedError")}
    assert refused == {name for name, needed in BY_DOCUMENT.items() if Role[needed.upper()] > role}
    failed = {name: said for name, said in told.items() if re.match(r"\w+Error:", said) and name not in refused}
    assert set(failed) <= {"confirm", "login"}  # no code was given; a group sees the answer
    asked = {name for name, said in told.items() if "confirm " in said and name in {one.name for one in CONTROL}}
    assert asked == {one.name for one in CONTROL} - refused
    assert acts(stage) == ""


def test_what_nobody_knows_is_refused_with_a_sentence(stage: Stage) -> None:
    names = [one for one in OPERATIONS if _takes_a_name(one)]
    told = {one.name: outcome(stage, question(stage, one, "no_such_thing"), PEOPLE[Role.OWNER]) for one in names}
    answered = {name for name, said in told.items() if not re.match(r"\w+Error: \S", said)}
    # A pattern may fit what comes later, which the answer says; the silence of it is there to be ended.
    assert answered == {"silence", "unsilence"}
    assert {one.name for one in CONTROL} - {"switch"} <= told.keys()


def _takes_a_name(operation: Operation) -> bool:
    return any(words_in(info).known for info in operation.arguments.model_fields.values())


@pytest.mark.parametrize("operation", CONTROL, ids=lambda one: one.name)
def test_a_confirmation_is_good_once_in_time_for_the_same_person_there(stage: Stage, operation: Operation) -> None:
    told = dict(_confirmed(stage, operation))
    assert told.pop("confirmed").count("exit code 0") == 1
    assert {case: REFUSED[case] in said for case, said in told.items()} == dict.fromkeys(REFUSED, True)
    assert len(acts(stage).splitlines()) == 1


def _confirmed(stage: Stage, operation: Operation) -> Iterable[tuple[str, str]]:
    """Each case with what was said; only the first one does anything."""
    mine = PEOPLE[operation.role]
    others = {
        "another person": replace(mine, identity="telegram:2"),
        "another channel": replace(mine, place="telegram:6"),
        "another door": replace(mine, place="discord/5", identity="discord:1"),
        "no longer allowed": replace(mine, role=Role.VIEWER),
    }
    code = code_of(ask(stage, question(stage, operation), mine))
    yield "confirmed", outcome(stage, f"confirm {code}", mine)
    yield "twice", outcome(stage, f"confirm {code}", mine)
    for case, other in others.items():
        code = code_of(ask(stage, question(stage, operation), mine))
        yield case, outcome(stage, f"confirm {code}", other)
    code = code_of(ask(stage, question(stage, operation), mine))
    stage.clock.forward(seconds=61)
    yield "late", outcome(stage, f"confirm {code}", mine)


def test_a_command_that_is_not_there_is_nobodys(stage: Stage) -> None:
    for actor in PEOPLE.values():
        with pytest.raises(ReporterError, match="there is no command nothing") as refused:
            ask(stage, "nothing at all", actor)
        assert not isinstance(refused.value, NotAllowedError)
