"""A message as HTML that looks like Discord's embed: for previews in a browser and for pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from html import escape
from itertools import groupby
from pathlib import PurePath

from reporter.messages.formats import size_text
from reporter.messages.message import (
    Attachment,
    Block,
    Code,
    Field,
    Line,
    Message,
    Run,
    RunKind,
    Table,
    Text,
    Tone,
    visible,
)

# The bar's colour, on any screen of ours.
COLOURS = {
    Tone.GOOD: "#2ecc71",
    Tone.BAD: "#e74c3c",
    Tone.WARNING: "#f1c40f",
    Tone.CRITICAL: "#c0392b",
    Tone.INFO: "#3498db",
    Tone.NEUTRAL: "#95a5a6",
}
_TAGS: dict[RunKind, str] = {
    "bold": "<strong>{}</strong>",
    "italic": "<em>{}</em>",
    "bold italic": "<strong><em>{}</em></strong>",
    "strike": "<s>{}</s>",
    "code": "<code>{}</code>",
    "time": "<time>{}</time>",
}
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}

STYLE = """
.message { box-sizing: border-box; width: 520px; max-width: 100%; padding: 12px 16px 14px 14px; border-radius: 4px;
  border-left: 4px solid; background: #2b2d31; color: #dbdee1; overflow-wrap: anywhere;
  font: 14px/1.35 "gg sans", "Noto Sans", "Helvetica Neue", Helvetica, Arial, "Noto Color Emoji", sans-serif; }
.message h1 { margin: 0 0 8px; font-size: 16px; font-weight: 600; color: #f2f3f5; }
.message h2 { margin: 0 0 2px; font-size: 14px; font-weight: 600; color: #f2f3f5; }
.message p, .message blockquote, .message pre, .message table, .message figure { margin: 0 0 8px; }
.message p, .message blockquote { white-space: pre-wrap; }
.message a { color: #00a8fc; text-decoration: none; }
.message code { padding: 1px 4px; border-radius: 3px; background: #1e1f22; font: 12.5px monospace; }
.message pre { padding: 8px; border: 1px solid #1e1f22; border-radius: 4px; background: #1e1f22; white-space: pre-wrap;
  font: 12.5px/1.3 monospace; }
.message blockquote { padding-left: 10px; border-left: 4px solid #4e5058; }
.message table { border-collapse: collapse; font: 12.5px/1.5 monospace; }
.message th { border-bottom: 1px solid #4e5058; }
.message th, .message td { padding: 0 12px 0 0; }
.message section { margin-top: 8px; }
.message section > :last-child { margin-bottom: 0; }
.message .grid { display: grid; gap: 8px; margin-top: 8px; }
.message .grid section { margin-top: 0; }
@media (max-width: 480px) { .message .grid { grid-template-columns: minmax(0, 1fr) !important; } }
.message figure { margin-top: 8px; }
.message img { max-width: min(100%, 400px); border-radius: 4px; }
.message footer { margin-top: 10px; font-size: 12px; color: #b5bac1; }
""".strip()


def to_html(message: Message, zone: tzinfo = UTC) -> str:
    """The message as an HTML fragment with its own style sheet; times are shown in `zone`.

    It needs nothing from elsewhere: no script, no font, and pictures stand in it.
    """
    parts = "\n".join(_parts(message, zone))
    return (
        f"<style>\n{STYLE}\n</style>\n"
        f'<article class="message" style="border-color: {COLOURS[message.tone]}">\n{parts}\n</article>\n'
    )


def _parts(message: Message, zone: tzinfo) -> Iterator[str]:
    if message.title:
        yield f"<h1>{_line(message.title)}</h1>"
    yield from map(_block, message.body)
    for inline, group in groupby(message.fields, key=lambda field: field.inline):
        fields = list(group)
        yield _grid(fields) if inline else "\n".join(map(_field, fields))
    yield from map(_attachment, message.attachments)
    if message.footer or message.at:
        yield f"<footer>{_foot(message, zone)}</footer>"


def _foot(message: Message, zone: tzinfo) -> str:
    time = f"{message.at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if message.at else ""
    return " · ".join(filter(None, [_line(message.footer), time]))


def _grid(fields: Sequence[Field]) -> str:
    columns = f"grid-template-columns: repeat({min(3, len(fields))}, minmax(0, 1fr))"
    return f'<div class="grid" style="{columns}">\n' + "\n".join(map(_field, fields)) + "\n</div>"


def _field(field: Field) -> str:
    return "\n".join(["<section>", f"<h2>{_line(field.name)}</h2>", *map(_block, field.blocks), "</section>"])


def _block(block: Block) -> str:
    match block:
        case Text():
            tag = "blockquote" if block.quote else "p"
            return f"<{tag}>{'<br>'.join(map(_line, block.lines))}</{tag}>"
        case Code():
            return f"<pre>{escape(visible(block.text, lines=True))}</pre>"
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    aligned = [_ALIGNED[sign] for sign in table.align.ljust(len(table.header), "<")]
    rows = [_row("th", table.header, aligned), *(_row("td", row, aligned) for row in table.rows)]
    return "<table>\n" + "\n".join(rows) + "\n</table>"


_ALIGNED = {"<": "left", ">": "right", "^": "center"}


def _row(tag: str, cells: Iterable[str], aligned: Iterable[str]) -> str:
    columns = zip(cells, aligned, strict=False)
    written = (f'<{tag} style="text-align: {side}">{escape(visible(cell))}</{tag}>' for cell, side in columns)
    return f"<tr>{''.join(written)}</tr>"


def _attachment(file: Attachment) -> str:
    name, kind = escape(visible(file.name)), _PICTURES.get(PurePath(file.name).suffix.lower())
    if file.shown and kind:
        content = base64.b64encode(file.content).decode()
        alt = escape(visible(file.alt)) or name
        return f'<figure><img alt="{alt}" src="data:{kind};base64,{content}"></figure>'
    return f"<p>📎 {name} ({size_text(len(file.content))})</p>"


def _line(line: Line) -> str:
    return "".join(map(_run, line))


def _run(run: Run) -> str:
    text = escape(visible(run.text))
    if run.kind == "link" and run.url.startswith(("http://", "https://")):
        return f'<a href="{escape(run.url)}">{text}</a>'
    return _TAGS.get(run.kind, "{}").format(text)
