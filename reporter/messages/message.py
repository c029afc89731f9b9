"""The neutral message, before any chat service's limits and syntax: versioned, safe to store."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from reporter.secret import masked

VERSION = 1


class Tone(StrEnum):
    """What a message feels like; each outlet has its own colours for it."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    CRITICAL = "critical"
    INFO = "info"
    NEUTRAL = "neutral"


class Severity(StrEnum):
    """How urgent a message is: decides routes, mentions and the order after an outage."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


RunKind = Literal["text", "bold", "italic", "bold italic", "strike", "code", "link", "time"]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text of one kind. The text is literal: no outlet may read markup in it.

    A `link` has its `url`; a `time` has a `time_mark` in `url`, and its text is what to show where a service does not
    show each reader his own zone.
    """

    kind: RunKind
    text: str
    url: str = ""

    def __post_init__(self) -> None:
        _mask(self, "text", "url")


# How a moment reads: the day and time, the time of day, or how long ago it is, which goes on by itself.
TimeStyle = Literal["time", "clock", "ago"]


def time_mark(moment: datetime, style: TimeStyle) -> str:
    """A moment and how it reads, for the `url` of a `time`: ISO 8601 and the style; without one it counts by itself."""
    return moment.isoformat() if style == "ago" else f"{moment.isoformat()} {style}"


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of prose; a list is lines that begin with their marker."""

    lines: tuple[Line, ...]
    quote: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """A block whose spacing counts."""

    text: str
    language: str = ""

    def __post_init__(self) -> None:
        _mask(self, "text")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of plain text. `align` holds one of `<`, `>`, `^` a column."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", tuple(map(masked, self.header)))
        object.__setattr__(self, "rows", tuple(tuple(map(masked, row)) for row in self.rows))


Block = Text | Code | Table


@dataclass(frozen=True, slots=True)
class Field:
    """A named part; those marked `inline` stand beside each other in a grid of three."""

    name: Line
    blocks: tuple[Block, ...]
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the message. `shown` places it as the message's picture; `alt` says what is seen there."""

    name: str
    """The file's name."""
    content: bytes
    """Its content."""
    shown: bool = False
    """Whether it is the message's picture."""
    alt: str = ""
    """What is seen in the picture."""

    def __post_init__(self) -> None:
        _mask(self, "name", "alt")
        with suppress(UnicodeDecodeError):  # a picture is no text
            object.__setattr__(self, "content", masked(self.content.decode()).encode())


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent. `at` is the moment it is about; a `silent` one makes no sound and mentions nobody.

    `mention` names who is called besides those whom its channel calls anyway: `everyone`, `role:ID`, `user:ID`.
    `incident` is the open incident that the message is about, or the group of several, for buttons that act on it.
    `members` are the open incidents of a message about several, each with its id and its subject, to choose one of.
    `refreshes` is the job that brings a board up to date, for a button.
    """

    title: Line = ()
    body: tuple[Block, ...] = ()
    fields: tuple[Field, ...] = ()
    footer: Line = ()
    tone: Tone = Tone.NEUTRAL
    severity: Severity = Severity.INFO
    at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    silent: bool = False
    mention: tuple[str, ...] = ()
    incident: str = ""
    refreshes: str = ""
    members: tuple[tuple[str, str], ...] = ()

    def noted(self, *notes: str) -> Message:
        """The same message with notes added to its footer, such as `delivered 14m late`."""
        extra = [text for text in notes if text]
        if not extra:
            return self
        joint = (*self.footer, Run("text", " · ")) if self.footer else ()
        return replace(self, footer=(*joint, Run("text", " · ".join(extra))))


def _mask(part: Run | Code | Attachment, *names: str) -> None:
    """Let no secret stand in a part of a message, whoever wrote it there."""
    for name in names:
        if text := getattr(part, name):
            object.__setattr__(part, name, masked(text))


_BREAK = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Unicode's Default_Ignorable_Code_Point and Bidi_Control, without what emoji are made with: their selectors U+FE0E and
# U+FE0F, and the joiner U+200D between two of them.
_EMOJI = "[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
    f"|(?<!{_EMOJI})\u200d|\u200d(?!{_EMOJI})"
)
_UNSHOWABLE = re.compile("[\x80-\x9f\ud800-\udfff]")
_PICTURES = {**{code: 0x2400 + code for code in range(0x20) if code != 0x0A}, 0x7F: 0x2421}


def visible(text: str, *, lines: bool = False) -> str:
    """Foreign text as it may be shown: nothing in it can hide, turn the writing round or steer a terminal.

    Invisible and direction-changing characters are dropped, controls become pictures (`␛`), and a line break becomes
    `⏎`, so that a name cannot fake a line. With `lines` breaks stay, as in a block of code.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _BREAK.sub("\n" if lines else "⏎", text).replace("\t", "    " if lines else " ")
    return _UNSHOWABLE.sub("\ufffd", _INVISIBLE.sub("", text)).translate(_PICTURES)


def plain(line: Iterable[Run]) -> str:
    """The bare text of a line."""
    return "".join(run.text for run in line)


def plain_blocks(blocks: Iterable[Block]) -> Iterator[str]:
    """The bare text of blocks, a string a line."""
    for block in blocks:
        match block:
            case Text():
                yield from (plain(line) for line in block.lines)
            case Code():
                yield from block.text.split("\n")
            case Table():
                yield " | ".join(block.header)
                yield from (" | ".join(row) for row in block.rows)


def to_dict(message: Message) -> dict[str, Any]:
    """The message as JSON data, for the outbox. `from_dict` gives an equal message back."""
    return {
        "version": VERSION,
        "title": _line_out(message.title),
        "body": [_block_out(block) for block in message.body],
        "fields": [
            {"name": _line_out(field.name), "blocks": [_block_out(b) for b in field.blocks], "inline": field.inline}
            for field in message.fields
        ],
        "footer": _line_out(message.footer),
        "tone": message.tone.value,
        "severity": message.severity.value,
        "at": message.at.isoformat() if message.at else None,
        "attachments": [
            {"name": a.name, "content": base64.b64encode(a.content).decode(), "shown": a.shown, "alt": a.alt}
            for a in message.attachments
        ],
        "silent": message.silent,
        "mention": list(message.mention),
    } | {name: text for name in ("incident", "refreshes", "members") if (text := getattr(message, name))}


def from_dict(data: dict[str, Any]) -> Message:
    """Read what `to_dict` wrote. Raises ValueError for a version that this program does not know."""
    if data.get("version") != VERSION:
        raise ValueError(f"a message of version {data.get('version')!r} cannot be read, only version {VERSION}")
    return Message(
        title=_line_in(data["title"]),
        body=tuple(_block_in(block) for block in data["body"]),
        fields=tuple(
            Field(_line_in(field["name"]), tuple(_block_in(b) for b in field["blocks"]), field["inline"])
            for field in data["fields"]
        ),
        footer=_line_in(data["footer"]),
        tone=Tone(data["tone"]),
        severity=Severity(data["severity"]),
        at=datetime.fromisoformat(data["at"]) if data["at"] else None,
        attachments=tuple(
            Attachment(a["name"], base64.b64decode(a["content"]), a["shown"], a.get("alt", ""))
            for a in data["attachments"]
        ),
        silent=data.get("silent", False),
        mention=tuple(data.get("mention", ())),
        incident=data.get("incident", ""),
        refreshes=data.get("refreshes", ""),
        members=tuple((id_, subject) for id_, subject in data.get("members", ())),
    )


def _line_out(line: Line) -> list[list[str]]:
    return [[run.kind, run.text, run.url] if run.url else [run.kind, run.text] for run in line]


def _line_in(data: list[list[Any]]) -> Line:
    return tuple(Run(*parts) for parts in data)


def _block_out(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"text": [_line_out(line) for line in block.lines], "quote": block.quote}
        case Code():
            return {"code": block.text, "language": block.language}
        case Table():
            return {"table": [list(block.header), *(list(row) for row in block.rows)], "align": block.align}


def _block_in(data: dict[str, Any]) -> Block:
    if "text" in data:
        return Text(tuple(_line_in(line) for line in data["text"]), data["quote"])
    if "code" in data:
        return Code(data["code"], data["language"])
    header, *rows = data["table"]
    return Table(tuple(header), tuple(tuple(row) for row in rows), data["align"])
