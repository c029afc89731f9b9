"""Answer a question: find the operation, check the role, read the arguments, carry it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reporter.app.app import App
from reporter.errors import nearest
from reporter.messages.message import Message
from reporter.operations.arguments import Word, choices, read_arguments, validated, words_of
from reporter.operations.operation import Actor, Arguments, Invocation, NotAllowedError, NotUnderstoodError, Operation
from reporter.operations.table import BY_NAME, OPERATIONS


@dataclass(frozen=True, slots=True)
class Door:
    """Where questions come in. `deliver` is told the run whose messages wait; `drawn`: the door can show pictures."""

    app: App
    deliver: Callable[[str], object]
    drawn: bool = True

    def answer(
        self, text: str, actor: Actor, files: Sequence[tuple[str, bytes]] = (), said_at: datetime | None = None
    ) -> Sequence[Message]:
        """The answer to a text such as `pnl weekly`; `files` are the names and contents of what came with it.

        `said_at` is when the chat service says that it was asked.
        Raises NotUnderstoodError, NotAllowedError, or another ReporterError where it fails.
        """
        operation, words = understood(text)
        _check_role(operation, actor)
        return self._carried_out(operation, read_arguments(operation, words), actor, files, said_at)

    def invoke(
        self,
        name: str,
        values: Mapping[str, Any],
        actor: Actor,
        files: Sequence[tuple[str, bytes]] = (),
        said_at: datetime | None = None,
    ) -> Sequence[Message]:
        """The same for forms and programs: an operation by its name, and its arguments by theirs."""
        operation = found(name)
        _check_role(operation, actor)
        return self._carried_out(operation, validated(operation, values), actor, files, said_at)

    def _carried_out(
        self,
        operation: Operation,
        arguments: Arguments,
        actor: Actor,
        files: Sequence[tuple[str, bytes]],
        said_at: datetime | None,
    ) -> Sequence[Message]:
        asked = Invocation(self.app, actor, arguments, self.deliver, self.drawn, tuple(files), said_at)
        return tuple(operation.handler(asked))


def understood(text: str) -> tuple[Operation, list[Word]]:
    """The operation that a text names, and its other words. Raises NotUnderstoodError with the nearest one."""
    words = words_of(text.strip().removeprefix("/").removeprefix("!"))
    name = words[0] if words else ""
    if name.casefold() not in BY_NAME and (meant := _turned_round(words)):
        raise NotUnderstoodError(f"a question begins with its command: did you mean `{meant}`?")
    return found(name), words[1:]


def _turned_round(words: list[Word]) -> str:
    """`pnl weekly` for `weekly pnl`: the command among some words, with those of the others that it takes."""
    commands = [word for word in words[1:] if word.casefold() in BY_NAME and len(word) > 2]
    if not commands:
        return ""
    operation, taken = BY_NAME[commands[0].casefold()], list[Word]()
    for word in words:
        if word is not commands[0] and _fits(operation, [*taken, word]):
            taken.append(word)
    return " ".join([operation.name, *taken])[:60]


def _fits(operation: Operation, words: list[Word]) -> bool:
    """Whether an operation takes these words as numbers and as words that it knows; any text could be a name."""
    try:
        read = read_arguments(operation, words)
    except NotUnderstoodError:
        return False
    fields = operation.arguments.model_fields
    return all(choices(fields[name]) or isinstance(getattr(read, name), int) for name in read.model_fields_set)


def found(name: str) -> Operation:
    """An operation by its name or an alias. Raises NotUnderstoodError with the nearest one."""
    if operation := BY_NAME.get(name.casefold()):
        return operation
    near = nearest(name, BY_NAME)
    hint = f"did you mean `{near}`?" if near else "`help` lists them, such as `status` or `pnl yesterday`"
    raise NotUnderstoodError(f"there is no command {name[:40]}: {hint}" if name else f"nothing was asked: {hint}")


def allowed(actor: Actor) -> list[Operation]:
    """What an actor may do."""
    return [operation for operation in OPERATIONS if operation.role <= actor.role]


def _check_role(operation: Operation, actor: Actor) -> None:
    if actor.role < operation.role:
        raise NotAllowedError(f"`{operation.name}` needs the role {operation.role}, and yours is {actor.role}")
