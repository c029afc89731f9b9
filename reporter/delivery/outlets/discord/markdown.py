"""Escapes text for Discord's markdown, so that literal text appears as exactly that text.

Discord publishes no grammar. These rules follow the ones that its client is known to use (simple-markdown with
Discord's own additions): a backslash makes any punctuation literal, except inside code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from reporter.delivery.outlets.links import looks_like_a_link, web_address
from reporter.delivery.outlets.text_table import table_lines
from reporter.messages.message import Block, Code, Line, Run, Table, Text, plain, visible

BLANK = "\u200b"
"""Shows nothing, yet Discord does not trim it away: it stands where Discord wants text and there is none."""

# A colon before a blank opens neither an emoji nor a link, and reports are full of those.
_INLINE = re.compile(r"[\\*_~|`<@\[\]]|:(?! )")
# What begins a heading, quote, list or small print, wherever a line could begin.
_OPENING = re.compile(r"^(\s*(?:\d+(?=\.(?:\s|$))|(?=[#>]|[-+](?:[\s#]|$))))")
_LANGUAGE = re.compile(r"[a-z0-9_+.#-]+")
_MARKS = {"bold": "**", "italic": "*", "bold italic": "***", "strike": "~~"}


def is_blank(text: str) -> bool:
    """Whether Discord, which trims, would see nothing in it."""
    return not text.strip()


def escaped(text: str) -> str:
    """Literal text of one line in markdown."""
    return _escaped(visible(text))


def markdown_line(line: Iterable[Run]) -> str:
    """A line of runs in markdown."""
    written = before = ""
    for run in _merged(line):
        piece = _run(run)
        # `**a***b*` would be read as one: a space of no width keeps two marks apart.
        if before and piece and before[-1] == piece[0] and piece[0] in "*~`":
            written += BLANK
        written += piece
        before = piece if run.kind != "text" else ""
    return written


def plain_line(line: Iterable[Run]) -> str:
    """A line where Discord reads no markdown: footers and names of authors."""
    return visible(plain(line))


def markdown(blocks: Iterable[Block]) -> str:
    """Blocks in markdown, a blank line between two of prose."""
    written = ""
    previous: Block | None = None
    for block in blocks:
        piece = markdown_block(block)
        if previous is not None:
            written += "\n\n" if isinstance(previous, Text) and isinstance(block, Text) else "\n"
        written, previous = written + piece, block
    return written


def markdown_block(block: Block) -> str:
    match block:
        case Text():
            return "\n".join(text_line(line, quote=block.quote) for line in block.lines)
        case Code():
            return fenced(block.text, block.language)
        case Table():
            return fenced("\n".join(table_lines(block)))


def text_line(line: Line, *, quote: bool = False) -> str:
    """One line of prose; in a quote, with its mark."""
    written = markdown_line(line)
    return f"> {written or BLANK}" if quote else written


def fenced(text: str, language: str = "") -> str:
    """A code block. Nothing can be escaped in one, so a space of no width parts backticks that would end it."""
    tag = language.lower() if _LANGUAGE.fullmatch(language.lower()) else ""
    return f"```{tag}\n{guarded(text) or BLANK}\n```"


def guarded(text: str) -> str:
    """Text for the inside of a code block."""
    return visible(text, lines=True).replace("``", f"`{BLANK}`").replace("``", f"`{BLANK}`")


def _merged(line: Iterable[Run]) -> Iterator[Run]:
    """Neighbours of one kind as one run: `**a****b**` would not be bold."""
    for (kind, url), runs in groupby(line, key=lambda run: (run.kind, run.url)):
        if kind == "time":
            yield from runs
        elif text := "".join(run.text for run in runs):
            yield Run(kind, visible(text), url)


def _escaped(text: str) -> str:
    return _OPENING.sub(r"\1\\", _INLINE.sub(r"\\\g<0>", text))


def _run(run: Run) -> str:
    match run.kind:
        case "text":
            return _escaped(run.text)
        case "code":
            return _code(run.text)
        case "link":
            return _link(run.text, run.url)
        case "time":
            return _time(run)
        case kind:
            return _styled(_MARKS[kind], run.text)


def _styled(mark: str, text: str) -> str:
    inner = text.strip()
    if not inner:
        return text
    # Discord reads `* a*` as text, so blanks stay outside the marks.
    lead, trail = text[: text.index(inner)], text[text.index(inner) + len(inner) :]
    # Of all marks only `~~` is closed by an escaped twin: `\~~~`.
    guard = BLANK if mark == "~~" and inner.endswith("~") else ""
    return f"{lead}{mark}{_escaped(inner)}{guard}{mark}{trail}"


def _code(text: str) -> str:
    if is_blank(text) or "``" in text:
        return _escaped(text)  # no fence of one line holds it: three backticks open a block
    if "`" not in text:
        return f"`{text}`"
    return f"`` {text} ``"


def _link(text: str, url: str) -> str:
    target = web_address(url)
    if target is None:
        return _escaped(text)
    if is_blank(text) or text == url:
        return f"<{target}>"
    # Discord masks no link whose text looks like another, and its rule for the text knows no escaped bracket.
    if looks_like_a_link(text) or set(text) & set("[]"):
        return f"{_escaped(text)} (<{target}>)"
    return f"[{_escaped(text)}]({target})"


# Discord's marks of a day with its time, and of a time of day with its seconds; otherwise it says how long ago.
_TIME_STYLES = {"time": "f", "clock": "T"}


def _time(run: Run) -> str:
    moment, _, style = run.url.partition(" ")
    try:
        return f"<t:{int(datetime.fromisoformat(moment).timestamp())}:{_TIME_STYLES.get(style, 'R')}>"
    except (ValueError, OverflowError):
        return _escaped(run.text)
