"""Errors in a template: the file and line, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jinja2.exceptions import SecurityError, TemplateAssertionError, TemplateSyntaxError, UndefinedError

from reporter.errors import nearest
from reporter.secret import masked

LONGEST_REASON = 500
_PLAINLY: dict[type[Exception], tuple[str, str]] = {
    MemoryError: ("it takes too much memory", "let it go through fewer things, or shorten them in the job"),
    RecursionError: ("it is nested too deep", "write it flatter; a template cannot include itself"),
}


class UnsafeTemplateError(TemplateAssertionError):
    """A statement that the templates of messages do not have."""


def explained(error: Exception, names: Iterable[str], filters: Iterable[str]) -> tuple[str, str]:
    """What went wrong, and what to write instead."""
    match error:
        case UnsafeTemplateError():
            return str(error.message), 'put the lines in templates/_row.md.j2 and write {% include "_row.md.j2" %}'
        case TemplateSyntaxError():
            wrong = re.match(r"No filter named '(\w+)'", error.message or "")
            return str(error.message), instead(wrong[1], filters) if wrong else ""
        case SecurityError():
            return str(error), "a template reads figures and names; it opens and changes nothing"
        case UndefinedError():
            message, _, hint = str(error).partition("; ")
            wrong = re.fullmatch(r"unknown name '(\w+)'", message)
            return message, instead(wrong[1], names) if wrong else hint
        case _ if "NoneType" in str(error):
            return str(error), "a figure that is not known is None: ask `{% if … is not none %}` first"
        case _:
            return _PLAINLY.get(type(error)) or (masked(f"{type(error).__name__}: {error}", LONGEST_REASON), "")


_SHOWN_NAMES = 20


def instead(wrong: str, known: Iterable[str]) -> str:
    names = sorted(known)
    more = " …" if len(names) > _SHOWN_NAMES else ""
    return did_you_mean(wrong, names) or f"there is {', '.join(names[:_SHOWN_NAMES])}{more}"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    near = nearest(wrong, known)
    return f"did you mean {near!r}?" if near else ""


def names_of(thing: object) -> list[str]:
    """What a template may ask of a thing."""
    names = thing if isinstance(thing, Mapping) else dir(thing)
    return [name for name in map(str, names) if not name.startswith("_")]
