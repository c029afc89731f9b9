"""Turns pydantic's errors into sentences at their place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reporter.config.types import did_you_mean
from reporter.config.yaml_document import Data, Document, KeyPath, dotted, shown
from reporter.errors import Problem

_SENTENCES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_type": "must be `true` or `false`",
    "bool_parsing": "must be `true` or `false`",
    "string_type": "must be text",
    "string_pattern_mismatch": "is not of the form that is needed",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys of its own",
    "model_type": "must hold keys of its own",
    "model_attributes_type": "must hold keys of its own",
}
_CHOICES = {"literal_error", "enum", "union_tag_invalid"}


def explain(error: ValidationError, model: type[BaseModel], document: Document, at: KeyPath = ()) -> list[Problem]:
    """Each mistake once, at its line. `at` is where in the document the model's data stands."""
    shape = _shape(model)
    found = [_Mistake(details, document, at, shape) for details in error.errors(include_url=False, include_input=False)]
    return [_joined(list(same)) for _, same in groupby(found, key=lambda one: one.path)]


def sentence_of(details: ErrorDetails) -> str:
    """What is wrong with a value that stands in no file, such as `must be a whole number`."""
    context = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "is missing"
        case "mistake":
            return f"{context['message']}: {context['hint']}"
        case kind if kind in _CHOICES:
            return f"must be {_known_words(context)}"
        case kind:
            return _SENTENCES.get(kind) or _sentence(details["msg"])


def _known_words(context: dict[str, Any]) -> str:
    return " or ".join(f"`{word}`" for word in _words_expected(context))


def _words_expected(context: dict[str, Any]) -> list[str]:
    expected: str = context.get("expected") or context["expected_tags"]
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]


def faults(error: ValidationError, document: Document) -> list[KeyPath]:
    """Where in the document each mistake stands; of what is missing, where it should."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [_in_file(document, (), one["loc"], missing=one["type"] == "missing") for one in found]


@lru_cache(maxsize=32)
def _shape(model: type[BaseModel]) -> Shape:
    return Shape(model)


class Shape:
    """A model's JSON Schema, walked along an error's location to find which keys and examples belong there."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.root = model.model_json_schema()

    def keys(self, location: Iterable[str | int]) -> list[str]:
        return list(self._at(location).get("properties", {}))

    def example(self, location: Iterable[str | int]) -> str:
        examples = self._at(location).get("examples", [])
        return str(examples[0]) if examples else ""

    def _at(self, location: Iterable[str | int]) -> dict[str, Any]:
        part = self.root
        for step in location:
            part = self._step(part, step)
        return self._plain(part)

    def _step(self, part: dict[str, Any], step: str | int) -> dict[str, Any]:
        part = self._plain(part)
        for variant in map(self._plain, part.get("oneOf", ())):
            if step == self._kind(variant):
                return variant
        named = next(iter(part.get("patternProperties", {}).values()), None) or part.get("additionalProperties")
        below = part.get("properties", {}).get(step) or named or part.get("items")
        return below if isinstance(below, dict) else {}

    def _plain(self, part: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference, and look through `… or null`."""
        if "$ref" in part:
            target = self.root["$defs"][part["$ref"].rpartition("/")[2]]
            return self._plain({**target, **{key: value for key, value in part.items() if key != "$ref"}})
        filled = [variant for variant in part.get("anyOf", ()) if variant.get("type") != "null"]
        return self._plain({**filled[0], **part, "anyOf": []}) if filled else part

    @staticmethod
    def _kind(variant: dict[str, Any]) -> object:
        return variant.get("properties", {}).get("kind", {}).get("const")


class _Mistake:
    """One of pydantic's errors, seen in the document."""

    def __init__(self, details: ErrorDetails, document: Document, at: KeyPath, shape: Shape) -> None:
        self.type, self.said, self.context = details["type"], details["msg"], details.get("ctx", {})
        self.location, self.shape, self.document = details["loc"], shape, document
        self.path = _in_file(document, at, self.location, missing=self.type == "missing")
        if self.type == "union_tag_invalid":
            self.path = (*self.path, "kind")
        self.value: Data = document.get(self.path)

    def problem(self) -> Problem:
        last = self.path[-1] if self.path else ""
        match self.type:
            case "extra_forbidden":
                return self._about_key(f"unknown key `{shown(str(last))}`", self._known_key(str(last)))
            case "missing":
                return self._about_key(f"`{last}` is missing", self._write())
            case _ if self.value is None and self.type != "mistake":
                return self._report("has no value", self._write() or "write one, or delete the line", at="key")
            case "mistake":
                at: Literal["key", "value"] = "key" if self.location[-1:] == ("[key]",) else "value"
                return self._report(self.context["message"], self.context["hint"], at=at)
            case _ if self.type in _CHOICES:
                return self._report(*self._choice())
        return self._report(_SENTENCES.get(self.type) or _sentence(self.said), self._remedy())

    def _report(self, message: str, hint: str, *, at: Literal["key", "value"] = "value") -> Problem:
        return self.document.problem(self.path, message, hint, at=at)

    def _about_key(self, message: str, hint: str) -> Problem:
        """The message names the key, so the path before it is that of its parent."""
        return replace(self._report(message, hint, at="key"), path=dotted(self.path[:-1]))

    def _known_key(self, wrong: str) -> str:
        known = self.shape.keys(self.location[:-1])
        hint = did_you_mean(wrong, known)
        if "params" in known and not hint.startswith("did"):
            return "a job's own parameters stand under `params:`; " + hint
        return hint

    def _choice(self) -> tuple[str, str]:
        message = f"must be {_known_words(self.context)}"
        hint = did_you_mean(str(self.value), _words_expected(self.context))
        return message, hint if hint.startswith("did") else ""

    def _remedy(self) -> str:
        if self.type == "string_type" and not isinstance(self.value, list | dict):
            return "put it in quotes"
        if self.type.startswith(("int", "float", "decimal")) and isinstance(self.value, str):
            return "write a number, without quotes"
        if self.type in {"dict_type", "model_type", "model_attributes_type"} and isinstance(self.value, list):
            return "write `key: value` lines, not a list with `-`"
        if self.type == "string_pattern_mismatch":
            return self._write()
        if self.type.startswith("bool") and isinstance(self.value, str):
            return {"on": "write `true`", "yes": "write `true`", "off": "write `false`", "no": "write `false`"}.get(
                self.value.lower(), ""
            )
        return ""

    def _write(self) -> str:
        example = self.shape.example(self.location)
        return f"write `{self.path[-1]}: {example}`" if example else ""


def _in_file(document: Document, at: KeyPath, location: KeyPath, *, missing: bool) -> KeyPath:
    """The path in the file: pydantic's location also names the branches of unions, which no file holds."""
    path = at
    for step in location:
        value = document.get(path)
        held = step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int)
        if held:
            path = (*path, step)
    return (*path, location[-1]) if missing and location else path


def _joined(same: list[_Mistake]) -> Problem:
    """The branches of a union fail together at one place: `must be a whole number or text`."""
    problems = [one.problem() for one in same]
    first = problems[0]
    others = [p.message.removeprefix("must be ") for p in problems[1:] if p.message.startswith("must be ")]
    if not others or not first.message.startswith("must be "):
        return first
    return replace(first, message=" or ".join(dict.fromkeys([first.message, *others])))


def _sentence(said: str) -> str:
    text = said.removeprefix("Value error, ").removeprefix("Assertion failed, ").replace("Input should", "must", 1)
    return text[:1].lower() + text[1:]
