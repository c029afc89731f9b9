"""What Discord takes as an application command, as the options of one, and as the components of a message or a modal.

Numbers are written here again on purpose: a wrong one in the program is then found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support.discord.rules import Form, RefusedError, text

Json = dict[str, Any]
Path = tuple[str | int, ...]

COMMANDS, OPTIONS, CHOICES, CHARACTERS = 100, 25, 25, 8000
NAME = re.compile(r"[-_'\w]{1,32}")
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
ROW, BUTTON, STRING_SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
LINK = 5


def commands(body: object) -> list[Json]:
    """The commands of a bulk overwrite. Raises RefusedError."""
    if not isinstance(body, list):
        raise RefusedError(400, 50035, "Invalid Form Body")
    if len(body) > COMMANDS:
        raise RefusedError(400, 30032, f"Maximum number of application commands reached ({COMMANDS})")
    form = Form()
    names = [one.get("name") for one in body]
    for number, one in enumerate(body):
        _command(form, one, (number,))
        if names.index(one.get("name")) != number:
            form.wrong((number, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Command name is not unique.")
    form.check()
    return list(body)


def _command(form: Form, one: Json, path: Path) -> None:
    _named(form, one, path)
    options = one.get("options") or []
    _options(form, options, path)
    permissions = one.get("default_member_permissions")
    if permissions is not None and not re.fullmatch(r"\d+", str(permissions)):
        form.wrong((*path, "default_member_permissions"), "NUMBER_TYPE_COERCE", "Not a permission set.")
    if _characters(one) > CHARACTERS:
        form.wrong(path, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({CHARACTERS})")


def _named(form: Form, one: Json, path: Path) -> None:
    name = one.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name) or name != name.lower():
        form.wrong((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    text(form, one, "description", 100, path, least=1, needed=True)


def _options(form: Form, options: list[Json], path: Path) -> None:
    if len(options) > OPTIONS:
        form.wrong((*path, "options"), "BASE_TYPE_MAX_LENGTH", f"Must be {OPTIONS} or fewer in length.")
    optional = False
    names = [one.get("name") for one in options]
    for number, one in enumerate(options):
        place = (*path, "options", number)
        _named(form, one, place)
        if one.get("type") not in range(1, 12):
            form.wrong((*place, "type"), "BASE_TYPE_CHOICES", "Value must be one of {1, …, 11}.")
        if names.index(one.get("name")) != number:
            form.wrong(place, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name is not unique")
        if one.get("required") and optional:
            sentence = "Required options must be placed before non-required options"
            form.wrong(place, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", sentence)
        optional = optional or not one.get("required")
        _choices(form, one, place)


def _choices(form: Form, option: Json, path: Path) -> None:
    choices = option.get("choices") or []
    if choices and option.get("autocomplete"):
        form.wrong((*path, "autocomplete"), "APPLICATION_COMMAND_OPTION_AUTOCOMPLETE_CHOICES", "Not with choices")
    if option.get("autocomplete") and option.get("type") not in {STRING, INTEGER, NUMBER}:
        form.wrong((*path, "autocomplete"), "APPLICATION_COMMAND_OPTION_AUTOCOMPLETE_INVALID_TYPE", "Not for this type")
    if len(choices) > CHOICES:
        form.wrong((*path, "choices"), "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
    for number, one in enumerate(choices):
        text(form, one, "name", 100, (*path, "choices", number), least=1, needed=True)
        text(form, one, "value", 100, (*path, "choices", number))


def _characters(one: Json) -> int:
    own = len(str(one.get("name", ""))) + len(str(one.get("description", "")))
    own += sum(
        len(str(choice.get("name", ""))) + len(str(choice.get("value", ""))) for choice in one.get("choices", ())
    )
    return own + sum(_characters(option) for option in one.get("options") or ())


def suggestions(data: Mapping[str, Any]) -> list[Json]:
    """The choices of an autocomplete answer. Raises RefusedError."""
    form = Form()
    _choices(form, {"type": STRING, "choices": data.get("choices", [])}, ("data",))
    form.check()
    return list(data.get("choices", []))


def modal(data: Json) -> Json:
    """A modal. Raises RefusedError."""
    form = Form()
    text(form, data, "custom_id", 100, ("data",), least=1, needed=True)
    text(form, data, "title", 45, ("data",), least=1, needed=True)
    rows = data.get("components") or []
    if not 1 <= len(rows) <= 5:
        form.wrong(("data", "components"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for number, row in enumerate(rows):
        inner = [row.get("component")] if row.get("type") == LABEL else row.get("components") or []
        for part in inner:
            _text_input(form, part or {}, ("data", "components", number))
    form.check()
    return data


def _text_input(form: Form, part: Json, path: Path) -> None:
    if part.get("type") != TEXT_INPUT:
        form.wrong(path, "COMPONENT_TYPE_INVALID", "The component type is not valid here")
    text(form, part, "custom_id", 100, path, least=1, needed=True)
    text(form, part, "label", 45, path)
    text(form, part, "placeholder", 100, path)
    text(form, part, "value", 4000, path)
    if part.get("style") not in {1, 2}:
        form.wrong((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of {1, 2}.")
    if not 1 <= (part.get("max_length") or 4000) <= 4000:
        form.wrong((*path, "max_length"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 4000.")


def components(form: Form, rows: object, *, interactive: bool) -> None:
    """The rows of a message: at most 5 of 5 buttons or a menu, each custom id once."""
    if rows is None:
        return
    if not isinstance(rows, list) or len(rows) > 5:
        form.wrong(("components",), "BASE_TYPE_BAD_LENGTH", "Must be 5 or fewer in length.")
        return
    ids: list[str] = []
    for number, row in enumerate(rows):
        path: Path = ("components", number)
        inner = row.get("components") if isinstance(row, dict) else None
        if not isinstance(inner, list) or row.get("type") != ROW or not 1 <= len(inner) <= 5:
            form.wrong((*path, "components"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
            continue
        for place, button in enumerate(inner):
            below = (*path, "components", place)
            if button.get("type") == STRING_SELECT:
                _menu(form, button, below, inner, interactive=interactive)
            else:
                _button(form, button, below, interactive=interactive)
            ids.append(str(button.get("custom_id", "")))
    known = [one for one in ids if one]
    if len(set(known)) < len(known):
        form.wrong(("components",), "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")


def _menu(form: Form, menu: Json, path: Path, row: list[Json], *, interactive: bool) -> None:
    """A menu of words stands alone in its row: 1 to 25 options, each value once."""
    options = menu.get("options")
    if len(row) > 1:
        form.wrong(path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")
    if not isinstance(options, list) or not 1 <= len(options) <= 25:
        form.wrong((*path, "options"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
        return
    for number, option in enumerate(options):
        for name in ("label", "value"):
            text(form, option, name, 100, (*path, "options", number), least=1, needed=True)
    values = [option.get("value") for option in options]
    if len(set(values)) < len(values):
        form.wrong((*path, "options"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified value is used twice")
    text(form, menu, "placeholder", 150, path)
    _acts(form, menu, path, interactive=interactive)


def _button(form: Form, button: Json, path: Path, *, interactive: bool) -> None:
    if button.get("type") != BUTTON:
        form.wrong((*path, "type"), "UNION_TYPE_CHOICES", "Only buttons are known here")
    style = button.get("style")
    if style not in {1, 2, 3, 4, LINK}:
        form.wrong((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5}.")
    text(form, button, "label", 80, path)
    if not button.get("label") and not button.get("emoji"):
        form.wrong(path, "BUTTON_COMPONENT_LABEL_REQUIRED", "A label or emoji is required")
    if style == LINK:
        if not button.get("url") or button.get("custom_id"):
            form.wrong((*path, "url"), "BUTTON_COMPONENT_URL_REQUIRED", "A url button must have a url")
        return
    _acts(form, button, path, interactive=interactive)


def _acts(form: Form, part: Json, path: Path, *, interactive: bool) -> None:
    text(form, part, "custom_id", 100, path, least=1, needed=True)
    if not interactive:
        sentence = "Interactive components cannot be sent by a webhook that no application owns"
        form.wrong(path, "COMPONENT_INTERACTIVE_NOT_ALLOWED", sentence)
