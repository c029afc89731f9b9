"""Writes a mapping as a person would: YAML in the order in which one reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

Rule = str | dict[str, Any]

# A text that YAML reads as the same text: it begins as a word, and has no sign in it that begins something else.
_PLAIN = re.compile(r"[A-Za-z_(/](?!.*(?:: | #)).*(?<![:\s])")
_BRACKETS = re.compile(r"[,\[\]{}]")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def flags(if_set: str, if_not: str) -> dict[str, str]:
    """What a column of yes and no means, however it is stored."""
    return {"1": if_set, "true": if_set, "0": if_not, "false": if_not}


def scaled(expression: str, scale: Decimal | None) -> Rule:
    return expression if scale is None else {"from": expression, "scale": f"{scale:f}"}


def quoted(word: str) -> str:
    """A text as an expression has it."""
    return json.dumps(word, ensure_ascii=False)


def listed(words: Sequence[str]) -> str:
    """Texts in brackets, as `in` of an expression wants them."""
    return f"({', '.join(map(quoted, sorted(words)))}{',' * (len(words) == 1)})"


def sql_name(name: str) -> str:
    """A name as SQL has it."""
    parts = name.split(".")
    return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else f'"{part}"' for part in parts)


def as_yaml(mapping: Mapping[str, Any], indent: str = "") -> str:
    """The text of a mapping, a line for each key and column."""
    return "".join(f"{indent}{line}\n" for line in _lines(mapping))


def _lines(mapping: Mapping[str, Any]) -> Iterator[str]:
    for key, value in mapping.items():
        if key == "columns":
            yield "columns:"
            yield from (f"  {name}: {_rule(rule)}" for name, rule in value.items())
        elif isinstance(value, dict):
            pairs = (f"{scalar(name, inside=True)}: {scalar(kind, inside=True)}" for name, kind in value.items())
            yield f"{key}: {{{', '.join(pairs)}}}"
        else:
            yield f"{key}: {scalar(value)}"


def _rule(rule: Rule) -> str:
    if isinstance(rule, str):
        return scalar(rule)
    parts = []
    for key, value in rule.items():
        if isinstance(value, dict):
            pairs = [f"{scalar(word, inside=True)}: {scalar(meaning, inside=True)}" for word, meaning in value.items()]
            parts.append(f"{key}: {{{', '.join(pairs)}}}")
        else:
            parts.append(f"{key}: {value if key == 'scale' else scalar(value, inside=True)}")
    return f"{{{', '.join(parts)}}}"


def scalar(value: object, *, inside: bool = False) -> str:
    """A value as YAML has it, in quotes where it needs them; `inside` of brackets a comma would end it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    plain = text.isprintable() and _PLAIN.fullmatch(text) and text.casefold() not in _WORDS
    if plain and not (inside and _BRACKETS.search(text)):
        return text
    return json.dumps(text, ensure_ascii=False)
