"""All of Discord's limits on a message, and how a message is cut and split to keep them.

Lengths count code points of the text as sent, escapes included, after the trimming that Discord does. Source: the
Discord API documentation, resources/message (Embed Limits), resources/webhook and reference (Uploading Files).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from reporter.delivery.outlets.discord.markdown import (
    fenced,
    guarded,
    markdown,
    markdown_block,
    markdown_line,
    plain_line,
    table_lines,
    text_line,
)
from reporter.delivery.rate_limits import Limit
from reporter.messages.message import (
    Attachment,
    Block,
    Code,
    Field,
    Line,
    Message,
    Run,
    Severity,
    Table,
    Text,
    plain,
    plain_blocks,
    visible,
)

TITLE = 256
DESCRIPTION = 4096
FIELDS = 25
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
EMBED_TEXT = 6000
"""Titles, descriptions, field names and values and footers of all embeds of one message together."""
EMBEDS = 10
CONTENT = 2000
USERNAME = 80
THREAD_NAME = 100
FILES = 10
ALT = 1024
"""Of the description of a file."""
FILE_BYTES = 10 * 2**20
REQUEST_BYTES = 25 * 2**20

POSTS = Limit(5, 2.0)
"""Of one webhook. Source: thread 367 of discord-api-docs, stated by Discord's staff; its answers say it too."""
CHANNEL_POSTS = Limit(30, 60.0)
"""Of all webhooks of a channel together; not documented. Source: threads 367, 1454 and 4043 of discord-api-docs."""

NOTES = 160
"""Room that a fitted message keeps in its footer for what is only known when it is sent: that it is late, or again."""
PARTS = 10
"""Our own limit: a report never becomes more messages than this. The last footer counts what is beyond, and a file with
all of the text goes along."""
WHOLE = "whole.txt"

_FILES_BYTES = REQUEST_BYTES - 2**20  # what is left of a request beside its JSON and the frames of its parts
_NUMBERING = len(f" · … 1,000,000,000 characters more, in {WHOLE} · … 100,000 files more · 10/10")

Render = Callable[[Line], str]
T = TypeVar("T")


def text_length(message: Message) -> int:
    """What the embed of a message counts towards EMBED_TEXT."""
    texts = markdown_line(message.title), plain_line(message.footer), markdown(message.body)
    return sum(map(len, texts)) + sum(map(_field_length, message.fields))


def fits(message: Message) -> bool:
    """Whether Discord takes it as one message, notes included."""
    return (
        len(message.fields) <= FIELDS
        and _files_fit(message.attachments)
        and len(markdown_line(message.title)) <= TITLE
        and len(plain_line(message.footer)) <= FOOTER - NOTES
        and len(markdown(message.body)) <= DESCRIPTION
        and all(_field_fits(field) for field in message.fields)
        and text_length(message) <= EMBED_TEXT - NOTES
    )


def fit(message: Message) -> list[Message]:
    """The message as one or more that Discord takes, in the order to send them.

    It is split between fields, blocks, lines and words, in this order of preference, and never within a character as
    people see it. Parts are numbered in the footer. What must be shortened ends in `…`; what ten parts do not hold of
    text and of files is counted, and a file with the whole text goes with the last.
    Only the first part keeps the severity, so that nobody is called ten times for one report.
    """
    if fits(message):
        return [message]
    message = _trimmed(message)
    if fits(message):
        return [message]
    pages = _with_files(list(_pages(message)), message.attachments)
    left_out = sum(len(_letters(page)) for page in pages[PARTS:])
    files_left_out = sum(len(page.attachments) for page in pages[PARTS:])
    pages = pages[:PARTS]
    if left_out and _files_fit([*pages[-1].attachments, file := _whole(message)]):
        pages[-1] = replace(pages[-1], attachments=(*pages[-1].attachments, file))
    return list(_numbered(pages, left_out, files_left_out))


def clip(line: Line, limit: int, render: Render = markdown_line) -> Line:
    """The line, or as much of its beginning as leaves room for `…` within `limit` rendered characters."""
    if len(render(line)) <= limit:
        return line
    mark = Run("text", "…")
    head, _ = split_once(line, limit, lambda part: render((*part, mark)))
    return (*head, mark)


def split_once(line: Line, limit: int, render: Render) -> tuple[Line, Line]:
    """The line in two: as much as renders within `limit`, ending between words if it can, and the rest.

    The first part has at least one character, so that repeating it comes to an end.
    """
    text = plain(line)
    at = _stop(text, _longest(line, limit, render))
    while at > 1 and len(render(cut(line, at)[0])) > limit:
        at = _stop(text, at - 1)
    return cut(line, at)


def split_line(line: Line, limit: int, render: Render) -> Iterator[Line]:
    """The line as parts that each render within `limit`."""
    while _too_long(line, limit, render):
        head, line = split_once(line, limit, render)
        yield head
    yield line


def cut(line: Line, at: int) -> tuple[Line, Line]:
    """A line in two at a position of its plain text. A time is one thing: it stays whole, in the second part."""
    head: list[Run] = []
    for position, run in enumerate(line):
        if len(run.text) > at:
            if run.kind == "time":
                start = position if head else position + 1
                return line[:start], line[start:]
            first = (replace(run, text=run.text[:at]),) if at else ()
            return (*head, *first), (replace(run, text=run.text[at:]), *line[position + 1 :])
        head.append(run)
        at -= len(run.text)
    return tuple(head), ()


def pieces(block: Block, limit: int) -> Iterator[Block]:
    """The block as blocks that each render within `limit`."""
    if len(markdown_block(block)) <= limit:
        yield block
        return
    match block:
        case Text():
            yield from _text_pieces(block, limit)
        case Code():
            yield from _code_pieces(block, limit)
        case Table():
            yield from _table_pieces(block, limit)


def joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of a position are seen as one (Unicode TR29, leaning towards yes)."""
    before, after = text[at - 1], text[at]
    if after in "\u200c\u200d" or before == "\u200d" or (before == "\r" and after == "\n"):
        return True
    if unicodedata.category(after) in {"Mn", "Me", "Mc"} or _modifies(after):
        return True
    if _is_regional(before) and _is_regional(after):
        return _regionals_before(text, at) % 2 == 1
    return "\u1160" <= after <= "\u11ff" and ("\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3")


def _field_length(field: Field) -> int:
    """A blank name or value is sent as one character of no width."""
    return max(len(markdown_line(field.name)), 1) + max(len(markdown(field.blocks)), 1)


def _field_fits(field: Field) -> bool:
    return len(markdown_line(field.name)) <= FIELD_NAME and len(markdown(field.blocks)) <= FIELD_VALUE


def _files_fit(files: Sequence[Attachment]) -> bool:
    sizes = [len(file.content) for file in files]
    return len(sizes) <= FILES and max(sizes, default=0) <= FILE_BYTES and sum(sizes) <= _FILES_BYTES


def _trimmed(message: Message) -> Message:
    """The message with its title, names and footer short enough, and without files that no message can carry."""
    large = [file for file in message.attachments if len(file.content) > FILE_BYTES]
    notes = [f"{file.name} is too large for Discord ({len(file.content) / 2**20:.1f} MiB)" for file in large]
    message = message.noted(*notes)
    return replace(
        message,
        title=clip(message.title, TITLE),
        footer=clip(message.footer, FOOTER - NOTES - _NUMBERING, plain_line),
        fields=tuple(replace(field, name=clip(field.name, FIELD_NAME)) for field in message.fields),
        attachments=tuple(file for file in message.attachments if file not in large),
    )


def _pages(message: Message) -> Iterator[Message]:
    """The text of a message over as many as it takes, each with the title and the footer."""
    frame = replace(message, body=(), fields=(), attachments=())
    room = EMBED_TEXT - NOTES - _NUMBERING - text_length(frame)
    page, used = frame, 0
    for part in _parts(message, min(room, DESCRIPTION)):
        size = _size(part)
        limit = room if isinstance(part, Field) else min(room, DESCRIPTION)
        if page is not frame and (used + size > limit or len(page.fields) == FIELDS):
            yield page
            page, used = frame, 0
        page, used = _with(page, part), used + size
    yield page


def _parts(message: Message, room: int) -> Iterator[Block | Field]:
    for block in message.body:
        yield from pieces(block, room)
    for field in message.fields:
        yield from _field_pieces(field)


def _size(part: Block | Field) -> int:
    """What a part takes at most of a page; beside a block there are up to two newlines."""
    if isinstance(part, Field):
        return _field_length(part)
    return len(markdown_block(part)) + 2


def _with(page: Message, part: Block | Field) -> Message:
    if isinstance(part, Field):
        return replace(page, fields=(*page.fields, part))
    return replace(page, body=(*page.body, part))


def _field_pieces(field: Field) -> Iterator[Field]:
    """The field, or several that continue each other: `Trades`, `Trades (2)`, …"""
    if _field_fits(field):
        yield field
        return
    parts = [piece for block in field.blocks for piece in pieces(block, FIELD_VALUE)]
    for number, group in enumerate(_grouped(parts, lambda part: len(markdown_block(part)), FIELD_VALUE, gap=2), 1):
        yield replace(field, name=_counted(field.name, number), blocks=tuple(group))


def _counted(name: Line, number: int) -> Line:
    """The name of a field's second and later parts; one without a name stays so."""
    if number == 1 or not plain(name).strip():
        return name
    count = Run("text", f" ({number})")
    return (*clip(name, FIELD_NAME - len(count.text)), count)


def _text_pieces(block: Text, limit: int) -> Iterator[Text]:
    def render(line: Line) -> str:
        return text_line(line, quote=block.quote)

    lines = [part for line in block.lines for part in split_line(line, limit, render)]
    for group in _grouped(lines, lambda line: len(render(line)), limit):
        yield Text(tuple(group), block.quote)


def _code_pieces(block: Code, limit: int) -> Iterator[Code]:
    room = limit - len(fenced("-", block.language)) + 1
    lines = [
        plain(part)
        for text in visible(block.text, lines=True).split("\n")
        for part in split_line((Run("code", text),), room, lambda line: guarded(plain(line)))
    ]
    for group in _grouped(lines, lambda text: len(guarded(text)), room):
        yield Code("\n".join(group), block.language)


def _table_pieces(table: Table, limit: int) -> Iterator[Block]:
    """Tables that repeat the header; one whose row alone is too long is written cell by cell."""
    header, rule, *rows = [len(guarded(line)) + 1 for line in table_lines(table)]
    room = limit - len(fenced("-")) - header - rule
    if room <= max(rows, default=0):
        yield from _code_pieces(Code("\n".join("\n".join(row) for row in (table.header, *table.rows))), limit)
        return
    for group in _grouped(zip(table.rows, rows, strict=True), lambda sized: sized[1], room, gap=0):
        yield replace(table, rows=tuple(row for row, _ in group))


def _grouped(items: Iterable[T], size: Callable[[T], int], limit: int, gap: int = 1) -> Iterator[list[T]]:
    """Neighbours together as long as their sizes, and a gap between two, stay within a limit."""
    group: list[T] = []
    total = 0
    for item in items:
        if group and total + gap + size(item) > limit:
            yield group
            group, total = [], 0
        total += size(item) + (gap if group else 0)
        group.append(item)
    if group:
        yield group


def _too_long(line: Line, limit: int, render: Render) -> bool:
    """Whether a line must be split. The length of a very long one is not asked for: that would render it whole."""
    length = len(plain(line))
    return length > 2 * limit or (length > 1 and len(render(line)) > limit)


def _longest(line: Line, limit: int, render: Render) -> int:
    """How many characters of a line's beginning render within `limit`; at least one."""
    low, high = 1, min(len(plain(line)), 2 * limit)
    while low < high:
        middle = (low + high + 1) // 2
        if len(render(cut(line, middle)[0])) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _stop(text: str, at: int) -> int:
    """The best place to end at or before a position: after a blank that is not far, else between two characters."""
    if at >= len(text):
        return at
    after_blank = text.rfind(" ", 0, at) + 1
    if after_blank > at // 2:
        return after_blank
    stop = at
    while stop > 0 and joined(text, stop):
        stop -= 1
    return stop or at


def _modifies(character: str) -> bool:
    """Skin tones, and the tags that make a flag of a region."""
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regionals_before(text: str, at: int) -> int:
    start = at
    while start > 0 and _is_regional(text[start - 1]):
        start -= 1
    return at - start


def _with_files(pages: list[Message], files: Sequence[Attachment]) -> list[Message]:
    """The pages with the files shared out, the first ones on the first page; where there are more, more pages."""
    groups: list[list[Attachment]] = [[]]
    for file in files:
        if not _files_fit([*groups[-1], file]):
            groups.append([])
        groups[-1].append(file)
    frame = replace(pages[0], body=(), fields=())
    pages = pages + [frame] * (len(groups) - len(pages))
    return [
        replace(page, attachments=tuple(groups[number] if number < len(groups) else ()))
        for number, page in enumerate(pages)
    ]


def _whole(message: Message) -> Attachment:
    """The text of a message as a file."""
    fields = (text for field in message.fields for text in ("", plain(field.name), *_file_lines(field.blocks)))
    text = "\n".join([plain(message.title), "", *_file_lines(message.body), *fields])
    return Attachment(WHOLE, text.strip().encode(errors="replace") + b"\n")


def _file_lines(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        yield from table_lines(block) if isinstance(block, Table) else plain_blocks((block,))


def _letters(page: Message) -> str:
    parts = (*page.body, *(block for field in page.fields for block in field.blocks))
    return "".join(plain_blocks(parts))


def _numbered(pages: list[Message], left_out: int, files_left_out: int) -> Iterator[Message]:
    for number, page in enumerate(pages, 1):
        more = _more(page, left_out, files_left_out) if number == len(pages) else ()
        severity = page.severity if number == 1 else Severity.INFO
        yield replace(page, severity=severity).noted(*more, f"{number}/{len(pages)}" if len(pages) > 1 else "")


def _more(page: Message, left_out: int, files_left_out: int) -> Iterator[str]:
    """What the last part says of that which no part holds."""
    if left_out:
        place = f", in {WHOLE}" if any(file.name == WHOLE for file in page.attachments) else ""
        yield f"… {left_out:,} characters more{place}"
    if files_left_out:
        yield f"… {files_left_out:,} file{'s' if files_left_out > 1 else ''} more"
