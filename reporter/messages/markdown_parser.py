"""Parses the Markdown of a rendered template into a message.

A template's own text is markup; its values are not. Values pass through the parser as opaque placeholders. No rule of
Markdown matches a placeholder; it becomes literal text only after parsing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from reporter.errors import ReporterError
from reporter.messages.message import (
    Block,
    Code,
    Field,
    Line,
    Message,
    Run,
    RunKind,
    Severity,
    Table,
    Text,
    Tone,
    visible,
)

# Two characters of the private use area: no writing has them, no rule of Markdown knows them.
OPENING, CLOSING = "\ue000", "\ue001"
_PLACEHOLDER = re.compile(f"{OPENING}([0-9a-f]*)(?:x([0-9a-f]*))?{CLOSING}")


class MarkdownError(ReporterError):
    """The structure of the Markdown is wrong. `line` counts from 1; `excerpt` is that line, with placeholders."""

    def __init__(self, message: str, line: int | None = None, excerpt: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.excerpt = excerpt


def placeholder(value: str, moment: str = "") -> str:
    """A value as the Markdown carries it. `moment` (ISO 8601) makes it a time, with `value` as its text."""
    return f"{OPENING}{_hex(value)}{'x' + _hex(moment) if moment else ''}{CLOSING}"


def decoded(text: str) -> str:
    """Text with its placeholders read, as it is shown in one line."""
    return _PLACEHOLDER.sub(lambda match: visible(_unhex(match[1])), text)


def parse(
    text: str, *, tone: Tone = Tone.NEUTRAL, severity: Severity = Severity.INFO, at: datetime | None = None
) -> Message:
    """Read Markdown: `#` title, text, `##` full-width fields, `###` fields of the grid, `---` and the footer.

    Raises MarkdownError where the text breaks these rules or is empty.
    """
    source = _Source(text.split("\n"))
    sections = source.sections(SyntaxTreeNode(_MARKDOWN.parse(text)))
    title = next((_head(_joined(source.lines(part.head))) for part in sections if part.kind == "#"), ())
    body = [block for part in sections if part.kind in {"", "#"} for block in source.blocks(part.nodes)]
    fields = tuple(source.field(part) for part in sections if part.kind in {"##", "###"})
    footer = next((source.footer(part) for part in sections if part.kind == "---"), ())
    if not (title or body or fields):
        raise MarkdownError("the message is empty")
    return Message(title, tuple(body), fields, footer, tone, severity, at)


@dataclass(slots=True)
class _Section:
    """A heading or rule with what follows it; the first section has none."""

    head: SyntaxTreeNode | None = None
    nodes: list[SyntaxTreeNode] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """`#`, `##`, `###`, `---`, or nothing for what stands before them."""
        if self.head is None:
            return ""
        return self.head.markup if self.head.type == "heading" else "---"


_ORDER = {"": 0, "#": 1, "##": 2, "###": 2, "---": 3}


@dataclass(frozen=True, slots=True)
class _Source:
    """The lines as written: they say what stood next to what, and where a mistake is."""

    written: list[str]

    def sections(self, root: SyntaxTreeNode) -> list[_Section]:
        sections = [_Section()]
        for node in root.children:
            if node.type in {"heading", "hr"}:
                sections.append(_Section(node))
                self._check(sections)
            else:
                sections[-1].nodes.append(node)
        return sections

    def _check(self, sections: list[_Section]) -> None:
        *before, last = sections
        if last.kind not in _ORDER:
            raise self._error(last.head, "a heading has one, two or three `#`")
        if last.kind in {"#", "---"} and any(part.kind == last.kind for part in before):
            raise self._error(last.head, "a message has one title" if last.kind == "#" else "a message has one footer")
        if _ORDER[last.kind] < _ORDER[before[-1].kind]:
            raise self._error(last.head, "the order is title, text, fields, `---` and the footer")

    def field(self, section: _Section) -> Field:
        name = _head(_joined(self.lines(section.head)))
        return Field(name, tuple(self.blocks(section.nodes)), inline=section.kind == "###")

    def footer(self, section: _Section) -> Line:
        lines = [line for block in self.blocks(section.nodes) for line in self._text_of(block, section)]
        return _head(_joined(lines, " · "))

    def _text_of(self, block: Block, section: _Section) -> tuple[Line, ...]:
        if not isinstance(block, Text):
            raise self._error(section.head, "the footer is text, without tables or code")
        return block.lines

    def blocks(self, nodes: Iterable[SyntaxTreeNode], *, quote: bool = False) -> Iterator[Block]:
        """The blocks of these nodes; text that follows text without an empty line between is one block."""
        pending: Text | None = None
        for node in nodes:
            for block in self._block(node, quote=quote):
                if isinstance(block, Text) and pending and pending.quote == block.quote and self._follows_on(node):
                    pending = Text(pending.lines + block.lines, block.quote)
                    continue
                if pending:
                    yield pending
                pending = block if isinstance(block, Text) else None
                if pending is None:
                    yield block
        if pending:
            yield pending

    def _block(self, node: SyntaxTreeNode, *, quote: bool) -> Iterator[Block]:
        match node.type:
            case "paragraph":
                yield Text(self.lines(node), quote)
            case "bullet_list" | "ordered_list":
                yield Text(tuple(self._items(node)), quote)
            case "blockquote":
                yield from self.blocks(node.children, quote=True)
            case "fence":
                yield Code(_code(node.content), _language(node.info))
            case "table":
                yield _table(node)
            case _:
                raise self._error(node, "headings and rules stand at the left, outside quotes and lists")

    def _follows_on(self, node: SyntaxTreeNode) -> bool:
        start = self._start(node)
        return start > 0 and bool(self.written[start - 1].strip("> \t"))

    def _items(self, items: SyntaxTreeNode, indent: str = "") -> Iterator[Line]:
        for item in items.children:
            marker = f"{item.info}{item.markup} " if items.type == "ordered_list" else "• "
            for node in item.children:
                if node.type in {"bullet_list", "ordered_list"}:
                    yield from self._items(node, indent + "  ")
                elif node.type == "paragraph":
                    for line in self.lines(node):
                        yield _merged((Run("text", indent + marker), *line))
                        marker = " " * len(marker)
                else:
                    raise self._error(node, "a list holds text and lists, nothing else")

    def lines(self, node: SyntaxTreeNode | None) -> tuple[Line, ...]:
        """The lines of a paragraph or heading, as they were broken."""
        runs = [run for inline in (node.children if node else ()) for run in _runs(inline.children, "text", "")]
        parts = (tuple(part) for broken, part in groupby(runs, key=_BREAK.__eq__) if not broken)
        return tuple(_merged(part) for part in parts)

    def _start(self, node: SyntaxTreeNode) -> int:
        return node.map[0] if node.map else 0

    def _error(self, node: SyntaxTreeNode | None, message: str) -> MarkdownError:
        start = self._start(node) if node else 0
        return MarkdownError(message, start + 1, self.written[start])


def _parser() -> MarkdownIt:
    """CommonMark with `~~` and tables; without what messages have no use for or what reads text as something else."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    parser.disable(["html_block", "html_inline", "entity", "code", "lheading", "reference", "image"])
    # Addresses are judged after their placeholders are read, not before.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    return parser


_MARKDOWN = _parser()
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+(?:[/?#]\S*)?", re.IGNORECASE)
_IN_A_PART = re.compile("[A-Za-z0-9._~/-]")
_IN_AN_ADDRESS = re.compile(r"[A-Za-z0-9._~/%:?#@!$&'*+,;=\[\]-]")
_BREAK = Run("text", "\n")


def _runs(nodes: Iterable[SyntaxTreeNode], kind: RunKind, url: str) -> Iterator[Run]:
    for node in nodes:
        match node.type:
            case "text":
                yield from _literal(node.content, kind, url)
            case "code_inline":
                yield from _literal(node.content, _within(kind, "code"), url)
            case "softbreak" | "hardbreak":
                yield _BREAK
            case "strong":
                yield from _runs(node.children, _within(kind, "bold"), url)
            case "em":
                yield from _runs(node.children, _within(kind, "italic"), url)
            case "s":
                yield from _runs(node.children, _within(kind, "strike"), url)
            case "link":
                yield from _link(node, kind)


def _link(node: SyntaxTreeNode, kind: RunKind) -> Iterator[Run]:
    """A link where the address is a web address; otherwise its text with the address after it."""
    written = str(node.attrs["href"])
    address = _address(written)
    if address:
        yield from _runs(node.children, "link", address)
    else:
        yield from _runs(node.children, kind, "")
        yield Run(kind, f" ({decoded(written)})")


def _address(written: str) -> str:
    """The web address that was meant, safe to stand in any markup; empty if it is none.

    A value is the whole address or a part of its path or query, in which nothing of it counts as punctuation.
    """
    whole = _PLACEHOLDER.fullmatch(written)
    url = _unhex(whole[1]) if whole else _PLACEHOLDER.sub(lambda match: _percent(_unhex(match[1]), _IN_A_PART), written)
    return _percent(url, _IN_AN_ADDRESS) if _WEB_ADDRESS.fullmatch(url) and visible(url) == url else ""


def _percent(text: str, kept: re.Pattern[str]) -> str:
    """Percent-encoding of every character that is not to be kept (RFC 3986, section 2.1)."""
    return "".join(
        char if kept.match(char) else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )


def _literal(text: str, kind: RunKind, url: str) -> Iterator[Run]:
    """Text with its values, each as it is; a time counts by itself unless it stands in code or a link."""
    position = 0
    for match in _PLACEHOLDER.finditer(text):
        yield Run(kind, text[position : match.start()], url)
        value = visible(_unhex(match[1]))
        live = match[2] and kind not in {"code", "link"}
        yield Run("time", value, _unhex(match[2])) if live else Run(kind, value, url)
        position = match.end()
    yield Run(kind, text[position:], url)


def _within(outer: RunKind, inner: RunKind) -> RunKind:
    """The one kind that stands for two: a link stays a link, bold and italic add up, otherwise the inner one counts."""
    if outer == "link":
        return outer
    if {outer, inner} <= {"bold", "italic", "bold italic"} and outer != inner:
        return "bold italic"
    return inner


def _merged(runs: Iterable[Run]) -> Line:
    """Neighbours of the same kind as one run, without empty ones."""
    alike = groupby((run for run in runs if run.text), key=lambda run: (run.kind, run.url))
    return tuple(
        part
        for (kind, url), group in alike
        for part in (group if kind == "time" else (Run(kind, "".join(run.text for run in group), url),))
    )


def _head(line: Line) -> Line:
    """A line of a place in which no service shows a time by itself: its times are text."""
    return _merged(Run("text", run.text) if run.kind == "time" else run for run in line)


def _joined(lines: Iterable[Line], joint: str = " ") -> Line:
    runs: list[Run] = []
    for line in lines:
        runs += [Run("text", joint), *line] if runs else line
    return _merged(runs)


def _code(content: str) -> str:
    text = _PLACEHOLDER.sub(lambda match: visible(_unhex(match[1]), lines=True), content)
    return text.removesuffix("\n")


def _language(info: str) -> str:
    return re.sub("[^a-z0-9+#-]", "", decoded(info).partition(" ")[0].lower())


def _table(node: SyntaxTreeNode) -> Table:
    rows = [row for part in node.children for row in part.children]
    header, *body = [tuple(_cell(cell) for cell in row.children) for row in rows]
    return Table(header, tuple(body), "".join(_alignment(cell) for cell in rows[0].children))


def _cell(node: SyntaxTreeNode) -> str:
    return "".join(run.text for inline in node.children for run in _runs(inline.children, "text", ""))


def _alignment(cell: SyntaxTreeNode) -> str:
    style = str(cell.attrs.get("style", ""))
    return ">" if "right" in style else "^" if "center" in style else "<"


def _hex(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


def _unhex(text: str) -> str:
    return bytes.fromhex(text).decode("utf-8", "surrogatepass")
