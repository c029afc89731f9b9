"""Makes Discord's slash commands of the table of operations, and reads back what a person filled in.

Limits are those of the Discord documentation, interactions/application-commands and
interactions/receiving-and-responding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo

from reporter.app.app import App
from reporter.operations.answering import found
from reporter.operations.arguments import choices, words_in
from reporter.operations.operation import Actor, Operation
from reporter.operations.table import OPERATIONS

STRING, INTEGER, ATTACHMENT = 3, 4, 11
"""Types of options."""
DESCRIPTION, CHOICES, VALUE = 100, 25, 100
"""Characters of a description, choices of an option, characters of a choice."""
PICTURES = 10
"""How many pictures a command takes as options; a written command takes as many as a message holds."""
PICTURE = "picture"
NOBODY = "0"
"""The permissions that show a command to a server's administrators alone, until a server says otherwise."""
FORM_TEXT = 4000
"""Characters that a field of a form takes."""

_HINTS = {
    "SPAN": "how long, such as 2h or 30m",
    "DATE": "a day, such as 2026-11-28 or yesterday",
    "TIME": "a time, such as 14:30 or 2026-11-28 14:30",
    "REASON": "why; people read it",
    "AUTHOR": "whose plan, by its short name",
    "TEXT": "the text; leave it out for a form with room for 4,000 characters",
    "[DATE] TEXT": "the new text, a day may stand before it; leave it out for a form",
    "N": "how many",
    "CODE": "the six digits of the question",
}

Json = dict[str, Any]


def slash_commands() -> list[Json]:
    """Every operation as a command of a server."""
    return [_command(operation) for operation in OPERATIONS]


def same_commands(ours: Sequence[Json], known: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Discord knows these commands already: it allows 200 new ones in a day."""
    return sorted(map(_essence, ours)) == sorted(map(_essence, known))


def values_of(options: Iterable[Mapping[str, Any]]) -> Json:
    """The arguments that a person filled in, without pictures."""
    return {str(option["name"]): option.get("value") for option in options if option.get("type") != ATTACHMENT}


def pictures_of(options: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids of the pictures among the options."""
    return [str(option.get("value")) for option in options if option.get("type") == ATTACHMENT]


def suggestions(app: App, name: str, options: Sequence[Mapping[str, Any]], actor: Actor) -> list[Json]:
    """What may stand in the option that is being typed, for somebody who may use the command."""
    operation = found(name)
    focused = next((option for option in options if option.get("focused")), None)
    info = operation.arguments.model_fields.get(str(focused["name"])) if focused else None
    known = words_in(info).known if info else None
    if focused is None or known is None or actor.role < operation.role:
        return []
    typed = str(focused.get("value", "")).casefold()
    fitting = [one for one in dict.fromkeys(known(app)) if typed in one.casefold() and len(one) <= VALUE]
    fitting.sort(key=lambda one: not one.casefold().startswith(typed))
    return [{"name": one, "value": one} for one in fitting[:CHOICES]]


def form_for(operation: Operation, custom_id: str, values: Mapping[str, Any]) -> Json | None:
    """The form for a text that was left out; None where nothing is left out."""
    missing = _text_field(operation)
    if not operation.pictures or missing is None or values.get(missing):
        return None
    fields = [
        _field(name, str(values.get(name) or ""), long=name == missing) for name in operation.arguments.model_fields
    ]
    return {"custom_id": custom_id, "title": f"{operation.name}: {operation.help}"[:45], "components": fields}


def _field(name: str, value: str, *, long: bool) -> Json:
    field: Json = {
        "type": 4,
        "custom_id": name,
        "label": name.capitalize(),
        "style": 2 if long else 1,
        "required": True,
    }
    if value:
        field["value"] = value
    return {"type": 1, "components": [field | {"max_length": FORM_TEXT if long else VALUE}]}


def _command(operation: Operation) -> Json:
    fields = [_option(operation, name, info) for name, info in operation.arguments.model_fields.items()]
    options = sorted(fields, key=lambda one: not one["required"])
    if operation.pictures:
        options += [_picture(number) for number in range(1, PICTURES + 1)]
    return {
        "name": operation.name,
        "description": _cut(operation.help),
        "type": 1,
        "options": options,
        "default_member_permissions": NOBODY if operation.group == "Control" else None,
    }


def _option(operation: Operation, name: str, info: FieldInfo) -> Json:
    words = words_in(info)
    numbers = any(kind is int for kind in (info.annotation, *get_args(info.annotation)))
    required = info.is_required() and not (operation.pictures and name == _text_field(operation))
    shown = words.shown or name.upper()
    option: Json = {
        "name": name,
        "description": _cut(_HINTS.get(shown, shown.lower())),
        "type": INTEGER if numbers else STRING,
        "required": required,
    }
    if few := choices(info):
        option["choices"] = [{"name": one, "value": one} for one in few]
    elif words.known:
        option["autocomplete"] = True
    return option


def _text_field(operation: Operation) -> str | None:
    """The field that takes the rest of a text."""
    return next((name for name, info in operation.arguments.model_fields.items() if words_in(info).rest), None)


def _picture(number: int) -> Json:
    name = PICTURE if number == 1 else f"{PICTURE}_{number}"
    return {"name": name, "description": "a picture that belongs to it", "type": ATTACHMENT, "required": False}


def _cut(text: str) -> str:
    return text if len(text) <= DESCRIPTION else f"{text[: DESCRIPTION - 1]}…"


def _essence(command: Mapping[str, Any]) -> str:
    """What makes a command, whatever the server adds to it."""
    options = [
        (
            one.get("name"),
            one.get("description"),
            one.get("type"),
            bool(one.get("required")),
            bool(one.get("autocomplete")),
            [(choice.get("name"), choice.get("value")) for choice in one.get("choices") or ()],
        )
        for one in command.get("options") or ()
    ]
    return repr((command.get("name"), command.get("description"), command.get("default_member_permissions"), options))
