"""From the words of a text to the arguments of an operation, and from the arguments to a line that explains them.

What `2h` comes to, `config/types` says; what `until morning` comes to, `incidents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from reporter.config.error_messages import sentence_of
from reporter.operations.operation import Arguments, NotUnderstoodError, Operation, Words

LONGEST_TEXT = 10_000
"""Characters of a question; a plan may have 8,000."""
_DATES = {"yesterday", "last", "this"}
_UNITS = {
    name: letter
    for letter, names in {
        "s": "s sec second",
        "m": "m min minute",
        "h": "h hr hour",
        "d": "d day",
        "w": "w week",
    }.items()
    for name in (*names.split(), *(f"{one}s" for one in names.split()))
}
_WORD = re.compile(r'"([^"]*)"|(\S+)')


class Word(str):
    """A word of a text, and where it stands there; what stands in double quotes is one word."""

    __slots__ = ("end", "start", "text")
    text: str
    start: int
    end: int

    @classmethod
    def of(cls, text: str, found: re.Match[str]) -> Word:
        word = cls(found[1] if found[1] is not None else found[2])
        word.text, word.start, word.end = text, found.start(), found.end()
        return word


def words_of(text: str) -> list[Word]:
    """The words of a text. Raises NotUnderstoodError for a text too long."""
    if len(text) > LONGEST_TEXT:
        raise NotUnderstoodError(f"a question has at most {LONGEST_TEXT} characters")
    return [Word.of(text, found) for found in _WORD.finditer(text)]


def read_arguments(operation: Operation, words: list[Word]) -> Arguments:
    """The arguments that these words are. Raises NotUnderstoodError with the usage."""
    return validated(operation, _assigned(operation, words))


def validated(operation: Operation, values: Mapping[str, Any]) -> Arguments:
    """The arguments from values by name, as doors with forms give them. Raises NotUnderstoodError with the usage."""
    try:
        return operation.arguments.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        info = operation.arguments.model_fields.get(field)
        name = _shown(field, info) if info and not choices(info) else field
        hint = f"write `{usage(operation)}`"
        if info is None:
            known = ", ".join(operation.arguments.model_fields) or "none"
            raise NotUnderstoodError(f"{operation.name} has no argument {field[:40]}: it has {known}") from None
        raise NotUnderstoodError(f"{operation.name}: {name} {sentence_of(first)}; {hint}") from None


def usage(operation: Operation) -> str:
    """`silence SUBJECT [for SPAN] [because REASON]`; what takes all words that follow stands last."""
    fields = sorted(operation.arguments.model_fields.items(), key=lambda item: words_in(item[1]).rest)
    return " ".join([operation.name, *(_usage(*item) for item in fields)])


def choices(info: FieldInfo) -> tuple[str, ...]:
    """The values that a field may have, where they are few."""
    kinds = [info.annotation, *get_args(info.annotation)]
    return next((tuple(map(str, get_args(kind))) for kind in kinds if get_origin(kind) is Literal), ())


def words_in(info: FieldInfo) -> Words:
    """How a field stands in a text."""
    return next((one for one in info.metadata if isinstance(one, Words)), Words())


def _assigned(operation: Operation, words: list[Word]) -> dict[str, str]:
    infos = operation.arguments.model_fields
    fields = {name: words_in(info) for name, info in infos.items()}
    if any(_holds(info.annotation, timedelta) for info in infos.values()):
        words = list(_with_units(words))
    named = {one.after: name for name, one in fields.items() if one.after}
    found: dict[str, list[Word]] = {}
    current: str | None = None
    for word in words:
        ended = current is not None and fields[current].rest  # what follows is its text, whatever the words
        if not ended and (name := named.get(word.casefold())) and name not in found:
            current, found[name] = name, []
            continue
        if current is None or (found[current] and not fields[current].rest):
            current = _place(word, infos, found)
            if current is None:
                raise NotUnderstoodError(f"{operation.name}: `{word}` is too much; write `{usage(operation)}`")
            found[current] = []
        found[current].append(word)
    return {name: _value(infos[name], _joined(words)) for name, words in found.items() if words}


def _place(word: Word, infos: Mapping[str, FieldInfo], found: Mapping[str, object]) -> str | None:
    """The field that a word is for: the next one, or one behind it where the word cannot be meant for that."""
    free = [name for name in infos if name not in found]
    fitting = [name for name in free if not _is_beside(word, infos[name])]
    return next(iter(fitting or free), None)


def _is_beside(word: Word, info: FieldInfo) -> bool:
    """Whether a word is none of a field that may be left out: a name where a number is wanted, or a date where one of
    a few words is."""
    if info.is_required():
        return False
    if _holds(info.annotation, int):
        return not re.match(r"[-+]?\d", word)
    is_date = bool(re.match(r"\d", word)) or word.casefold() in _DATES
    return bool(choices(info)) and is_date and _value(info, word) not in choices(info)


def _holds(annotation: Any, kind: type) -> bool:
    """Whether a field's values may be of a kind."""
    return annotation is kind or any(_holds(part, kind) for part in get_args(annotation))


def _value(info: FieldInfo, text: str) -> str:
    """A value of few, in any case of letters and by its other words; any other text as it is."""
    if not (few := choices(info)):
        return text
    same = {**dict(words_in(info).also), **{one.casefold(): one for one in few}}
    return same.get(text.casefold(), text)


def _with_units(words: list[Word]) -> Iterator[Word]:
    """Words in which a number and its unit of time are one: `2 hours` is `2h`."""
    rest = iter(words)
    for word in rest:
        following = next(rest, None) if re.fullmatch(r"\d+", word) else None
        if following is None:
            yield word
        elif following.casefold() in _UNITS:
            whole = Word(f"{word}{_UNITS[following.casefold()]}")
            whole.text, whole.start, whole.end = word.text, word.start, following.end
            yield whole
        else:
            yield word
            yield following


def _joined(words: list[Word]) -> str:
    """Several words as they stand in the text, with its line breaks."""
    first, last = words[0], words[-1]
    return str(first) if first is last else first.text[first.start : last.end]


def _usage(name: str, info: FieldInfo) -> str:
    found = words_in(info)
    text = f"{found.after} {_shown(name, info)}".strip()
    return text if info.is_required() else f"[{text}]"


def _shown(name: str, info: FieldInfo) -> str:
    return words_in(info).shown or "|".join(choices(info)) or name.upper()
