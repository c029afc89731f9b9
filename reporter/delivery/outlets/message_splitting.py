"""Cuts and splits a message to what a service takes; each service says its limits and how long a text is there."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from reporter.delivery.outlets.text_table import table_lines
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

NOTES = 160
"""Room that a fitted message keeps in its footer for what is only known when it is sent: that it is late, or again."""
PARTS = 10
"""Our own limit: a report never becomes more messages than this. The last footer counts what is beyond, and a file with
all of the text goes along."""
WHOLE = "whole.txt"

NUMBERING = len(f" · … 1,000,000,000 characters more, in {WHOLE} · … 100,000 files more · 10/10")
"""Room for what the last part says of the others."""

Measure = Callable[[Line], int]
T = TypeVar("T")


class MessageLimits(ABC):
    """What one message of a service holds. Lengths count as the service counts them."""

    service: str
    title: int
    body: int
    fields: int
    """How many there may be."""
    field_name: int
    field_value: int
    footer: int
    text: int
    """All of it together."""
    file_bytes: int

    @abstractmethod
    def line(self, line: Line) -> int:
        """The length of a title or of a field's name."""

    @abstractmethod
    def note(self, line: Line) -> int:
        """The length of a footer."""

    @abstractmethod
    def prose(self, line: Line, *, quote: bool) -> int:
        """The length of a line of prose."""

    @abstractmethod
    def code_line(self, text: str) -> int:
        """The length of a line within a block of code."""

    @abstractmethod
    def fence(self, language: str = "") -> int:
        """What a block of code takes besides its lines and the breaks between them."""

    @abstractmethod
    def blocks(self, blocks: Sequence[Block]) -> int:
        """The length of blocks that follow each other."""

    @abstractmethod
    def message_text(self, message: Message) -> int:
        """What a message counts towards `text`."""

    @abstractmethod
    def field_text(self, field: Field) -> int:
        """What a field counts towards `text`."""

    @abstractmethod
    def files_fit(self, files: Sequence[Attachment]) -> bool:
        """Whether one message takes these files."""

    def unfit(self, file: Attachment) -> str:
        """Why no message can carry a file; empty if one can."""
        size = len(file.content)
        return f"{file.name} is too large for {self.service} ({size / 2**20:.1f} MiB)" if size > self.file_bytes else ""

    def whole(self, message: Message) -> bool:  # noqa: ARG002 - for services that count more
        """Whether the service takes all of it together, where more counts than its lengths."""
        return True

    def placed(self, page: Message, files: Sequence[Attachment]) -> list[Message]:
        """A page with files, as one message or as two where the service takes less text beside files."""
        return [replace(page, attachments=tuple(files))]


def fits(message: Message, limits: MessageLimits) -> bool:
    """Whether the service takes it as one message, notes included."""
    return (
        len(message.fields) <= limits.fields
        and limits.files_fit(message.attachments)
        and limits.line(message.title) <= limits.title
        and limits.note(message.footer) <= limits.footer - NOTES
        and limits.blocks(message.body) <= limits.body
        and all(_field_fits(field, limits) for field in message.fields)
        and limits.message_text(message) <= limits.text - NOTES
        and limits.whole(message)
    )


def fit(message: Message, limits: MessageLimits) -> list[Message]:
    """The message as one or more that the service takes, in the order to send them.

    It is split between fields, blocks, lines and words, in this order of preference, and never within a character as
    people see it. Parts are numbered in the footer. What must be shortened ends in `…`; what ten parts do not hold of
    text and of files is counted, and a file with the whole text goes with the last.
    Only the first part keeps the severity, so that nobody is called ten times for one report.
    """
    if fits(message, limits):
        return [message]
    message = _trimmed(message, limits)
    if fits(message, limits):
        return [message]
    pages = _with_files(list(_pages(message, limits)), message.attachments, limits)
    left_out = sum(len(_letters(page)) for page in pages[PARTS:])
    files_left_out = sum(len(page.attachments) for page in pages[PARTS:])
    pages = pages[:PARTS]
    if left_out:
        with_whole = limits.placed(pages[-1], [*pages[-1].attachments, file := whole_text(message)])
        if len(with_whole) == 1 and limits.files_fit(with_whole[0].attachments):
            pages[-1] = with_whole[0]
        elif len(with_whole) > 1:  # the text of the last part and a file are too much: the file has it as well
            left_out += len(_letters(pages[-1]))
            files_left_out += len(pages[-1].attachments)
            pages[-1] = replace(pages[-1], body=(), fields=(), attachments=(file,))
    return list(_numbered(pages, left_out, files_left_out))


def clip(line: Line, limit: int, measure: Measure) -> Line:
    """The line, or as much of its beginning as leaves room for `…` within `limit`."""
    if measure(line) <= limit:
        return line
    mark = Run("text", "…")
    head, _ = split_once(line, limit, lambda part: measure((*part, mark)))
    return (*head, mark)


def split_once(line: Line, limit: int, measure: Measure) -> tuple[Line, Line]:
    """The line in two: as much as measures up to `limit`, ending between words if it can, and the rest.

    The first part has at least one character, so that repeating it comes to an end.
    """
    text = plain(line)
    at = _stop(text, _longest(line, limit, measure))
    while at > 1 and measure(cut(line, at)[0]) > limit:
        at = _stop(text, at - 1)
    return cut(line, at)


def split_line(line: Line, limit: int, measure: Measure) -> Iterator[Line]:
    """The line as parts that each measure up to `limit`."""
    while _too_long(line, limit, measure):
        head, line = split_once(line, limit, measure)
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


def pieces(block: Block, limit: int, limits: MessageLimits) -> Iterator[Block]:
    """The block as blocks that each measure up to `limit`."""
    if limits.blocks((block,)) <= limit:
        yield block
        return
    match block:
        case Text():
            yield from _text_pieces(block, limit, limits)
        case Code():
            yield from _code_pieces(block, limit, limits)
        case Table():
            yield from _table_pieces(block, limit, limits)


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


def whole_text(message: Message) -> Attachment:
    """The text of a message as a file."""
    fields = (text for field in message.fields for text in ("", plain(field.name), *_file_lines(field.blocks)))
    text = "\n".join([plain(message.title), "", *_file_lines(message.body), *fields])
    return Attachment(WHOLE, text.strip().encode(errors="replace") + b"\n")


def _field_fits(field: Field, limits: MessageLimits) -> bool:
    return limits.line(field.name) <= limits.field_name and limits.blocks(field.blocks) <= limits.field_value


def _trimmed(message: Message, limits: MessageLimits) -> Message:
    """The message with its title, names and footer short enough, and without files that no message can carry."""
    unfit = {id(file): why for file in message.attachments if (why := limits.unfit(file))}
    message = message.noted(*unfit.values())
    return replace(
        message,
        title=clip(message.title, limits.title, limits.line),
        footer=clip(message.footer, limits.footer - NOTES - NUMBERING, limits.note),
        fields=tuple(replace(field, name=clip(field.name, limits.field_name, limits.line)) for field in message.fields),
        attachments=tuple(file for file in message.attachments if id(file) not in unfit),
    )


def _pages(message: Message, limits: MessageLimits) -> Iterator[Message]:
    """The text of a message over as many as it takes, each with the title and the footer."""
    frame = replace(message, body=(), fields=(), attachments=())
    room = limits.text - NOTES - NUMBERING - limits.message_text(frame)
    page, used = frame, 0
    for part in _parts(message, min(room, limits.body), limits):
        size = _size(part, limits)
        limit = room if isinstance(part, Field) else min(room, limits.body)
        longer = _with(page, part)
        full = used + size > limit or len(page.fields) == limits.fields or not limits.whole(longer)
        if page is not frame and full:
            yield page
            longer, used = _with(frame, part), 0
        page, used = longer, used + size
    yield page


def _parts(message: Message, room: int, limits: MessageLimits) -> Iterator[Block | Field]:
    for block in message.body:
        yield from pieces(block, room, limits)
    for field in message.fields:
        yield from _field_pieces(field, limits)


def _size(part: Block | Field, limits: MessageLimits) -> int:
    """What a part takes at most of a page; beside a block there are up to two newlines."""
    if isinstance(part, Field):
        return limits.field_text(part)
    return limits.blocks((part,)) + 2


def _with(page: Message, part: Block | Field) -> Message:
    if isinstance(part, Field):
        return replace(page, fields=(*page.fields, part))
    return replace(page, body=(*page.body, part))


def _field_pieces(field: Field, limits: MessageLimits) -> Iterator[Field]:
    """The field, or several that continue each other: `Trades`, `Trades (2)`, …"""
    if _field_fits(field, limits):
        yield field
        return
    parts = [piece for block in field.blocks for piece in pieces(block, limits.field_value, limits)]
    groups = _grouped(parts, lambda part: limits.blocks((part,)), limits.field_value, gap=2)
    for number, group in enumerate(groups, 1):
        yield replace(field, name=_counted(field.name, number, limits), blocks=tuple(group))


def _counted(name: Line, number: int, limits: MessageLimits) -> Line:
    """The name of a field's second and later parts; one without a name stays so."""
    if number == 1 or not plain(name).strip():
        return name
    count = Run("text", f" ({number})")
    return (*clip(name, limits.field_name - len(count.text), limits.line), count)


def _text_pieces(block: Text, limit: int, limits: MessageLimits) -> Iterator[Text]:
    def measure(line: Line) -> int:
        return limits.prose(line, quote=block.quote)

    lines = [part for line in block.lines for part in split_line(line, limit, measure)]
    for group in _grouped(lines, measure, limit):
        yield Text(tuple(group), block.quote)


def _code_pieces(block: Code, limit: int, limits: MessageLimits) -> Iterator[Code]:
    room = limit - limits.fence(block.language)
    lines = [
        plain(part)
        for text in visible(block.text, lines=True).split("\n")
        for part in split_line((Run("code", text),), room, lambda line: limits.code_line(plain(line)))
    ]
    for group in _grouped(lines, limits.code_line, room):
        yield Code("\n".join(group), block.language)


def _table_pieces(table: Table, limit: int, limits: MessageLimits) -> Iterator[Block]:
    """Tables that repeat the header; one whose row alone is too long is written cell by cell."""
    header, rule, *rows = [limits.code_line(line) + 1 for line in table_lines(table)]
    room = limit - limits.fence() - 1 - header - rule
    if room <= max(rows, default=0):
        code = Code("\n".join("\n".join(row) for row in (table.header, *table.rows)))
        yield from _code_pieces(code, limit, limits)
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


def _too_long(line: Line, limit: int, measure: Measure) -> bool:
    """Whether a line must be split. The length of a very long one is not asked for: that would render it whole."""
    length = len(plain(line))
    return length > 2 * limit or (length > 1 and measure(line) > limit)


def _longest(line: Line, limit: int, measure: Measure) -> int:
    """How many characters of a line's beginning measure up to `limit`; at least one."""
    low, high = 1, min(len(plain(line)), 2 * limit)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(cut(line, middle)[0]) <= limit:
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


def _with_files(pages: list[Message], files: Sequence[Attachment], limits: MessageLimits) -> list[Message]:
    """The pages with the files shared out, the first ones on the first page; where there are more, more pages."""
    groups: list[list[Attachment]] = [[]]
    for file in files:
        if not limits.files_fit([*groups[-1], file]):
            groups.append([])
        groups[-1].append(file)
    frame = replace(pages[0], body=(), fields=())
    pages = pages + [frame] * (len(groups) - len(pages))
    placed = [limits.placed(page, groups[number] if number < len(groups) else ()) for number, page in enumerate(pages)]
    # Where text and files part, the text comes first and without a gap.
    return [each[0] for each in placed] + [more for each in placed for more in each[1:]]


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
        incident, refreshes = (page.incident, page.refreshes) if number == 1 else ("", "")  # its buttons
        members = page.members if number == 1 else ()
        yield replace(page, severity=severity, incident=incident, refreshes=refreshes, members=members).noted(
            *more, f"{number}/{len(pages)}" if len(pages) > 1 else ""
        )


def _more(page: Message, left_out: int, files_left_out: int) -> Iterator[str]:
    """What the last part says of that which no part holds."""
    if left_out:
        place = f", in {WHOLE}" if any(file.name == WHOLE for file in page.attachments) else ""
        yield f"… {left_out:,} characters more{place}"
    if files_left_out:
        yield f"… {files_left_out:,} file{'s' if files_left_out > 1 else ''} more"
