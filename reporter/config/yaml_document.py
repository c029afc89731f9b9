"""Parses YAML 1.2 into plain data and keeps the line and column of each value.

PyYAML implements YAML 1.1, in which `10:30` is 630, `on` is true, `2026-01-01` a date, `010` is 8, and the second of
two equal keys silently wins. This module resolves plain text by the core schema of YAML 1.2 (§10.3.2: `010` is ten),
and refuses equal keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from reporter.errors import Problem
from reporter.secret import redacted

KeyPath = tuple[str | int, ...]
Data = None | bool | int | float | str | list["Data"] | dict[str, "Data"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_EXCERPT = 100
# So much of a long line is searched for secrets before it is cut to an excerpt: one at the edge is seen whole.
_WINDOW = 1000

# What YAML 1.2 allows in a stream (§5.1), without the byte order mark.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_CORE_SCHEMA: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,40}"), int),
    (re.compile(r"0o[0-7]{1,40}"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,40}"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", "", 1))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: float("nan")),
)

# PyYAML's words, ours, and what to write instead.
_SYNTAX: tuple[tuple[str, str, str], ...] = (
    (r"character '\t'", "a tab stands here", "indent with spaces"),
    ("character '@'", "text may not begin with `@`", "put it in quotes"),
    ("character '`'", "text may not begin with a backtick", "put it in quotes"),
    ("character '%'", "text may not begin with `%`", "put it in quotes"),
    (
        "mapping values are not allowed",
        "a second `:` in one line, or a line indented too far",
        "put the text in quotes",
    ),
    ("could not find expected ':'", "this line has no `:` after its key", "write `key: value`"),
    ("expected <block end>", "this line's indentation does not fit the lines above it", "align it with its neighbours"),
    ("expected ',' or ']'", "the list is not closed, or a `,` is missing", "end it with `]`"),
    ("expected ',' or '}'", "the braces are not closed, or a `,` is missing", "end them with `}`"),
    ("unexpected end of stream", "a quote is opened here and never closed", "close it"),
    ("unknown escape character", "an unknown escape after `\\`", "use 'single quotes', which take `\\` as it is"),
    ("undefined alias", "this alias has no anchor above it", "put text that begins with `*` in quotes"),
    ("but found another document", "a second document begins here", "keep one document a file; remove the `---`"),
    ("found duplicate anchor", "this anchor's name is taken", "give it another name"),
    (
        TOO_DEEP := "nested too deep",
        f"nested deeper than {MAX_DEPTH} levels, or repeated too often",
        "write it flatter",
    ),
)

_UNENDED = ("end of stream", "expected ','", "expected ':'")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value and its key stand: line and column, from 1. An item of a list has its value's place for key."""

    key: tuple[int, int]
    value: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where it says it."""

    file: str
    text: str
    data: Data = None
    places: Mapping[KeyPath, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: KeyPath, message: str, hint: str = "", *, at: Literal["key", "value"] = "value") -> Problem:
        """A mistake at the value (or the key) of `path`, or at the nearest one above it that the file holds."""
        place = self._place(path)
        line, column = (place.key if at == "key" else place.value) if place else (None, None)
        return self.problem_at(line, column, message, hint, path=dotted(path))

    def problem_at(
        self, line: int | None, column: int | None, message: str, hint: str = "", *, path: str = ""
    ) -> Problem:
        """A mistake at a line and column that are known."""
        excerpt = _excerpt(self.text, line) if line and (column or 1) <= MAX_EXCERPT else ""
        return Problem(self.file, message, line, column, path=path, hint=hint, excerpt=excerpt)

    def get(self, path: KeyPath) -> Data:
        """The value at `path`; None where there is none."""
        value = self.data
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def each(self, path: KeyPath, names: Iterable[str]) -> Iterator[tuple[KeyPath, str]]:
        """Where each of the names stands that the key at `path` gives: one alone, or a list of them."""
        several = isinstance(self.get(path), list)
        for index, name in enumerate(names):
            yield ((*path, index) if several else path), name

    def holds(self, path: KeyPath) -> bool:
        """Whether the key at `path` stands in the file, with a value or without."""
        return path in self.places

    def _place(self, path: KeyPath) -> Place | None:
        return next((self.places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.places), None)


def dotted(path: KeyPath) -> str:
    """`("probes", "api", "expect_status", 1)` as `probes.api.expect_status[1]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path).removeprefix(".")


def read(file: str, content: bytes) -> Document:
    """Read a file's content. Mistakes in its YAML are in the document's `problems`; what could be read is there."""
    if len(content) > MAX_BYTES:
        return Document(file, "", problems=(Problem(file, f"larger than {MAX_BYTES:,} bytes"),))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _not_utf8(file, content, error.start)
    if found := _FORBIDDEN.search(text):
        return _forbidden(file, text, found.start())
    return _Reading(file, text).document()


class _Loader(yaml.SafeLoader):
    """Composes nodes; every untagged scalar stays text, and nesting has an end."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reading:
    """One pass over one file's nodes."""

    def __init__(self, file: str, text: str) -> None:
        self.bare = Document(file, text)
        self.places: dict[KeyPath, Place] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def document(self) -> Document:
        data: Data = None
        try:
            root = _Loader(self.bare.text).get_single_node()
            data = self.value(root, ()) if root else None
        except yaml.MarkedYAMLError as error:
            self.problems.append(self.syntax(error))
        return Document(self.bare.file, self.bare.text, data, self.places, tuple(self.problems))

    def value(self, node: yaml.Node, path: KeyPath) -> Data:
        self.nodes += 1
        if len(path) > MAX_DEPTH or self.nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=node.start_mark)
        self.places.setdefault(path, Place(_position(node), _position(node)))
        self.refuse_tag(node, path)
        match node:
            case yaml.MappingNode():
                return dict(self.entries(node, path))
            case yaml.SequenceNode():
                return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
            case yaml.ScalarNode(style=None):
                return _plain(node.value)
        return self.text(node, path)  # quoted, or a block

    def entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, Data]]:
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.report(key, path, "a key must be plain text", "put text that begins with `{` or `[` in quotes")
                continue
            name = self.text(key, path)
            if name == "<<":
                self.report(key, path, "merge keys are not read here", "write the keys out")
            elif name in lines:
                hint = f"it already stands in line {lines[name]}; keep one of the two"
                self.report(key, path, f"the key `{shown(name)}` is given twice", hint)
            else:
                lines[name], _ = _position(key)
                self.places[*path, name] = Place(_position(key), _position(value))
                yield name, self.value(value, (*path, name))

    def text(self, node: yaml.Node, path: KeyPath) -> str:
        """A scalar's text. Quoted text can name by an escape what may not stand in a file."""
        text: str = node.value
        if found := _FORBIDDEN.search(text):
            self.report(node, path, f"the character U+{ord(found[0]):04X} is not allowed", "remove its escape")
        return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)

    def refuse_tag(self, node: yaml.Node, path: KeyPath) -> None:
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.rpartition(":")[2] not in {"str", "seq", "map"}:
            self.report(node, path, "YAML tags are not read here", "put text that begins with `!` in quotes")

    def report(self, node: yaml.Node, path: KeyPath, message: str, hint: str) -> None:
        self.problems.append(self.bare.problem_at(*_position(node), message, hint, path=dotted(path)))

    def syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        said = error.problem or error.context or "this is not YAML"
        message, hint = next((rest for words, *rest in _SYNTAX if words in said), (redacted(said[:_WINDOW]), ""))
        # What was opened and not ended is of more use than the place where its end was missed.
        begun = error.context_mark if any(words in said for words in _UNENDED) else None
        mark = begun or error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return self.bare.problem_at(line, column, message, hint)


def shown(text: str) -> str:
    """A short piece of the file, fit to stand in an error."""
    return redacted(text) if len(text) <= 40 else redacted(text[:_WINDOW])[:39] + "…"


def _plain(text: str) -> Data:
    """What text means that stands without quotes."""
    value: Data = next((make(text) for pattern, make in _CORE_SCHEMA if pattern.fullmatch(text)), text)
    return value


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _excerpt(text: str, line: int) -> str:
    lines = text.splitlines()
    wanted = lines[line - 1][:_WINDOW] if line <= len(lines) else ""
    return _FORBIDDEN.sub("?", redacted(wanted.rstrip())[:MAX_EXCERPT]).replace("\t", " ")


def _not_utf8(file: str, content: bytes, start: int) -> Document:
    before = content[:start]
    line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
    problem = Problem(file, "this byte is not UTF-8", line, column, hint="save the file in UTF-8")
    return Document(file, "", problems=(problem,))


def _forbidden(file: str, text: str, start: int) -> Document:
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    bare = Document(file, text)
    message = f"the control character U+{ord(text[start]):04X} is not allowed"
    return Document(file, text, problems=(bare.problem_at(line, column, message, "delete it"),))
