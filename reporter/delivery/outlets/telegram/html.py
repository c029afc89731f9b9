"""Writes a message in Telegram's HTML, so that literal text appears as exactly that text.

Telegram makes links, mentions, hashtags and commands of plain text by itself, in HTML too. A word joiner, which is not
seen, keeps it from that. Source: core.telegram.org/bots/api#html-style; the matchers of tdlib's MessageEntity.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from html import escape
from itertools import pairwise

from reporter.delivery.outlets.links import looks_like_a_link, web_address
from reporter.delivery.outlets.text_table import table_lines
from reporter.messages.message import Block, Code, Field, Line, Message, Run, RunKind, Table, Text, plain, visible

JOINER = "\u2060"
"""Shows nothing, allows no break, and ends every word that Telegram looks for."""
SEPARATION = "\n\n\n"
"""Between messages that travel together."""
NOTHING = "–"
"""What a message without any text says: Telegram takes no empty one."""

_TURNED_INTO_LINKS = re.compile(
    r"@(?=\w|$)"  # a mention, which calls somebody, and an address of mail
    r"|(?<!\w)#(?=\w*[^\W\d])"  # a hashtag; #1 is none
    r"|(?<!\w)\$(?=[A-Z])"  # a cashtag; $18.80 is none
    r"|(?<![\w/<>])/(?=\w)"  # a command of a bot; BTC/USDT is none
    r"|:(?=//)"  # an address with its scheme
    r"|(?<=\w)\.(?=[^\W\d_]{2})"  # a bare domain
)
_LANGUAGE = re.compile(r"[a-z0-9_+.#-]+")
_TAGS: dict[RunKind, tuple[str, ...]] = {
    "bold": ("b",),
    "italic": ("i",),
    "bold italic": ("b", "i"),
    "strike": ("s",),
    "code": ("code",),
}
_STRONG: dict[RunKind, RunKind] = {"text": "bold", "italic": "bold italic", "time": "bold"}


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML, the text that is seen of it, and how many entities it has."""

    html: str = ""
    seen: str = ""
    entities: int = 0

    @property
    def length(self) -> int:
        """As Telegram counts: UTF-16 units of the text that is seen."""
        return len(self.seen) if self.seen.isascii() else len(self.seen.encode("utf-16-le")) // 2

    @property
    def blank(self) -> bool:
        return not self.seen.strip()

    def within(self, *tags: str) -> Markup:
        """The same between tags, the first one outside; nothing is put around blanks."""
        if self.blank:
            return self
        html = self.html
        for tag in reversed(tags):
            html = f"<{tag}>{html}</{tag.split()[0]}>"
        return Markup(html, self.seen, self.entities + len(tags))


def literal(text: str) -> Markup:
    """Text of one line that Telegram makes nothing of."""
    seen = _TURNED_INTO_LINKS.sub(rf"\g<0>{JOINER}", visible(text))
    return Markup(escape(seen, quote=False), seen)


def line_markup(line: Line) -> Markup:
    return _together(map(_run, line))


def strong(line: Line) -> Markup:
    """A line in bold, as titles and names of fields are."""
    return line_markup(tuple(replace(run, kind=_STRONG.get(run.kind, run.kind)) for run in line))


def blocks_markup(blocks: Sequence[Block]) -> Markup:
    """Blocks below each other, a blank line between two of prose."""
    pieces = [_block(block) for block in blocks]
    gaps = ["\n\n" if isinstance(a, Text) and isinstance(b, Text) else "\n" for a, b in pairwise(blocks)]
    return _joined(pieces, gaps)


def field_markup(field: Field) -> Markup:
    """A field's name above its value; beside it where both are short enough to be one line of a list."""
    name, value = strong(field.name), blocks_markup(field.blocks)
    if name.blank or value.blank:
        return value if name.blank else name
    if field.inline and _is_one_line(field):
        colon = "" if name.seen.rstrip().endswith((":", "?", "!")) else ":"
        return _together([strong((*field.name, Run("text", colon))), Markup(" ", " "), value])
    return _joined([name, value], ["\n"])


def message_markup(message: Message, zone: tzinfo) -> Markup:
    """A whole message: title, text, fields, and a last line in italics with its notes and the time in `zone`."""
    parts = [strong(message.title), blocks_markup(message.body), *_fields(message.fields), _foot(message, zone)]
    shown = [part for part in parts if not part.blank]
    return _joined(shown, ["\n\n"] * (len(shown) - 1)) if shown else Markup(NOTHING, NOTHING)


def several(messages: Iterable[Message], zone: tzinfo) -> Markup:
    """Several messages as one text."""
    parts = [message_markup(message, zone) for message in messages]
    return _joined(parts, [SEPARATION] * (len(parts) - 1))


def _fields(fields: Sequence[Field]) -> Iterator[Markup]:
    """Fields, of which inline ones that follow each other make a list."""
    rows: list[Markup] = []
    for field in fields:
        if field.inline and _is_one_line(field):
            rows.append(field_markup(field))
            continue
        if rows:
            yield _rows(rows)
            rows = []
        yield field_markup(field)
    if rows:
        yield _rows(rows)


def _rows(rows: Sequence[Markup]) -> Markup:
    shown = [row for row in rows if not row.blank]
    return _joined(shown, ["\n"] * (len(shown) - 1))


def _is_one_line(field: Field) -> bool:
    blocks = field.blocks
    return len(blocks) == 1 and isinstance(blocks[0], Text) and len(blocks[0].lines) == 1 and not blocks[0].quote


def _foot(message: Message, zone: tzinfo) -> Markup:
    notes = plain(message.footer).strip()
    time = f"{message.at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if message.at else ""
    return literal(" · ".join(filter(None, (notes, time)))).within("i")


def _block(block: Block) -> Markup:
    match block:
        case Text():
            lines = [line_markup(line) for line in block.lines]
            prose = _joined(lines, ["\n"] * (len(lines) - 1))
            return prose.within("blockquote") if block.quote else prose
        case Code():
            return _code(visible(block.text, lines=True), block.language)
        case Table():
            return _code("\n".join(table_lines(block)))


def _code(text: str, language: str = "") -> Markup:
    tag = language.lower() if _LANGUAGE.fullmatch(language.lower()) else ""
    written = Markup(escape(text, quote=False), text)
    if tag and not written.blank:
        html = f'<pre><code class="language-{tag}">{written.html}</code></pre>'
        return Markup(html, text, 1)
    return written.within("pre")


def _run(run: Run) -> Markup:
    match run.kind:
        case "text" | "time":
            return literal(run.text)
        case "link":
            return _link(run)
        case "code":
            shown = visible(run.text)
            return Markup(escape(shown, quote=False), shown).within("code")
        case kind:
            return literal(run.text).within(*_TAGS[kind])


def _link(run: Run) -> Markup:
    target = web_address(run.url)
    if target is None:
        return literal(run.text)
    tag = f'a href="{escape(target)}"'
    text = run.text if run.text.strip() else run.url
    if text != run.url and looks_like_a_link(text):  # it would lead elsewhere than it says
        return _together([literal(text), Markup(" (", " ("), literal(run.url).within(tag), Markup(")", ")")])
    return literal(text).within(tag)


def _together(parts: Iterable[Markup]) -> Markup:
    return _joined(parts := list(parts), [""] * (len(parts) - 1))


def _joined(parts: Sequence[Markup], gaps: Sequence[str]) -> Markup:
    gaps = ["", *gaps]
    return Markup(
        "".join(gap + part.html for gap, part in zip(gaps, parts, strict=False)),
        "".join(gap + part.seen for gap, part in zip(gaps, parts, strict=False)),
        sum(part.entities for part in parts),
    )
