"""The Jinja environment of Markdown templates: each value becomes an opaque placeholder and cannot act as markup."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from jinja2 import BaseLoader, nodes
from jinja2.exceptions import TemplateSyntaxError

from reporter.messages.formats import Formats
from reporter.messages.markdown_parser import CLOSING, OPENING, placeholder
from reporter.messages.message import time_mark
from reporter.messages.templates.errors import UnsafeTemplateError
from reporter.messages.templates.filters import Timed
from reporter.messages.templates.sandbox import Compiler, Sandbox

# What a template may be made of. All else either captures text that is already written, in which values could no more
# be told from markup (macro, call, filter, block, block set, extends), or hides what it imports.
_STATEMENTS = (nodes.Output, nodes.For, nodes.If, nodes.With, nodes.Include, nodes.Assign, nodes.Scope)
_TAGS: dict[type[nodes.Node], str] = {
    nodes.For: "for … recursive",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set … endset",
    nodes.FromImport: "from",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class _Compiler(Compiler):
    """Jinja's compiler for the part of its language that messages use."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        recursive = isinstance(node, nodes.For) and node.recursive
        if recursive or (isinstance(node, nodes.Stmt) and not isinstance(node, _STATEMENTS)):
            tag = _TAGS.get(type(node), type(node).__name__.lower())
            raise UnsafeTemplateError(
                f"{{% {tag} %}} cannot be used in a message", node.lineno, self.name, self.filename
            )
        return super().visit(node, *args, **kwargs)


class MarkdownEnvironment(Sandbox):
    """The environment of the templates of messages."""

    code_generator_class = _Compiler

    def __init__(self, loader: BaseLoader, formats: Formats) -> None:
        super().__init__(loader, formats, lambda value: _placeholder(value, self.formats))

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Every line ends, that of an included part too; only lines of nothing but tags vanish."""
        lines = super().preprocess(source, name, filename).rstrip("\n").split("\n")
        for number, line in enumerate(lines, 1):
            if OPENING in line or CLOSING in line:
                raise TemplateSyntaxError("U+E000 and U+E001 cannot stand in a template", number, name, filename)
        return "".join(f"{_with_its_break(line.rstrip())}\n" for line in lines)


def _placeholder(value: object, formats: Formats) -> str:
    if isinstance(value, datetime):
        return placeholder(formats.say(value), time_mark(value, "time"))
    return placeholder(value, value.moment) if isinstance(value, Timed) else placeholder(formats.say(value))


_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}")
_TAG_AT_THE_END = re.compile(r"(?<![-+])(?=[%#]\}$)")
_INCLUDE_AT_THE_END = re.compile(r"\{%\s*include\b[^%]*%\}$")


def _with_its_break(line: str) -> str:
    """Jinja drops the break after a tag; `+%}` tells it not to, where the line has text beside its tags.

    An included part brings a break along.
    """
    text = _TAG.sub("", line).strip()
    if not text or text.endswith(("%}", "#}")) or _INCLUDE_AT_THE_END.search(line):
        return line
    return _TAG_AT_THE_END.sub("+", line)
