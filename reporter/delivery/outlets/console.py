"""Posts to a terminal or a log: each message as the embed that it would be."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from io import StringIO
from itertools import groupby
from pathlib import Path, PurePath
from threading import Lock
from typing import Any, Literal, TextIO, cast
from uuid import uuid4

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Styled

from reporter.delivery.outlets.html_preview import COLOURS
from reporter.delivery.outlets.outlet import Delivered, Found, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import RateWindow
from reporter.messages.formats import size_text
from reporter.messages.message import Attachment, Block, Code, Field, Line, Message, RunKind, Table, Text, visible
from reporter.whole_file import whole_file

WIDTH = 100  # of what is piped, and the most that reads well on a wide screen
NARROWEST = 20  # the least width that $COLUMNS can ask for
COLUMN = 22  # the least width of a column in the grid of fields
REMEMBERED = 100  # messages that an edit can be compared with

STYLES: dict[RunKind, str] = {
    "text": "",
    "bold": "bold",
    "italic": "italic",
    "bold italic": "bold italic",
    "strike": "strike",
    "code": "cyan",
    "link": "underline",
    "time": "",
}
_CLOSED = "nobody reads this output any more"
_Colours = Literal["standard", "256", "truecolor", "windows"] | None


class ConsoleOutlet:
    """One stream of text. Safe to use from several threads.

    `colour` and `width` (in cells) are the terminal's own unless given: none and 100 where the stream is no terminal.
    `$COLUMNS` and `$NO_COLOR` count.
    Times are shown in `zone`. Pictures are put into the folder `pictures`, and named with their path. A `label`
    stands above each message.
    """

    kind = "console"
    pace = RateWindow()

    def __init__(
        self,
        stream: TextIO,
        colour: bool | None = None,
        width: int | None = None,
        zone: tzinfo = UTC,
        pictures: Path | None = None,
        label: str = "",
    ) -> None:
        self._label = f"#{label}\n" if label else ""
        self._stream = stream
        self._pictures = pictures
        self._zone = zone
        self._shown: dict[str, Message] = {}
        self._lock = Lock()
        terminal = Console(file=stream, force_terminal=colour)
        self._colour = terminal.is_terminal
        self._colours = cast("_Colours", "truecolor" if colour else terminal.color_system)
        self._no_colour = terminal.no_color and not colour
        self._width = width or _columns() or (min(terminal.width, WIDTH) if stream.isatty() else WIDTH)

    def fit(self, message: Message) -> list[Message]:
        """The message itself: a terminal has no limits."""
        return [message]

    def pause(self) -> float:
        """Nobody hurries a terminal, and it hurries nobody."""
        return 0.0

    def together(self, messages: Sequence[Message]) -> int:  # noqa: ARG002 - the contract's
        """Each message stands for itself."""
        return 1

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:
        """The text without colours, one string a line."""
        return {"text": [text for one in (message, *along) for text in self._drawn(one, colour=False).splitlines()]}

    def post(self, message: Message, *along: Message) -> Verdict:
        with self._lock:
            verdicts = [self._show(uuid4().hex, one, one) for one in (message, *along)]
        return verdicts[0]

    def find(self, reference: str, known: Collection[str]) -> Found:  # noqa: ARG002 - the contract's
        """What was printed cannot be read back."""
        return Unclear("what was printed cannot be read back")

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002 - the contract's name
        """Print the message again, marked, if it is another one now: what was printed stays as it is."""
        with self._lock:
            if self._shown.get(id) == message:
                return Delivered(id)
            return self._show(id, message, message.noted("edited"))

    def delete(self, id: str) -> Verdict:  # noqa: A002
        """Forget the message; nothing takes back what was printed."""
        with self._lock:
            self._shown.pop(id, None)
        return Delivered(id)

    def look(self) -> Verdict:
        """A terminal is there as long as its stream is open."""
        return Never(_CLOSED, gone=True) if self._stream.closed else Delivered("")

    def reopen(self) -> None:
        """A stream that has failed once is tried at each message anyway."""

    def close(self) -> None:
        """Nothing to do: the stream belongs to whoever opened it."""

    def _show(self, name: str, message: Message, printed: Message) -> Verdict:
        try:
            self._stream.write(
                self._label + self._encodable(self._drawn(self._placed(printed), colour=self._colour)) + "\n"
            )
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            return Never(_CLOSED, gone=True)
        except OSError as error:
            return Later(60, f"the output cannot be written: {error.strerror}")
        self._shown[name] = message
        if len(self._shown) > REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return Delivered(name)

    def _placed(self, message: Message) -> Message:
        """The message with its pictures named by the files that they were put into."""
        if self._pictures is None:
            return message
        stamp = f"{message.at.astimezone(self._zone):%Y-%m-%d-%H%M%S}-" if message.at else ""
        files = (_put(self._pictures, f"{stamp}{file.name}", file) for file in message.attachments)
        return replace(message, attachments=tuple(files))

    def _drawn(self, message: Message, *, colour: bool) -> str:
        paper = StringIO()
        console = Console(
            file=paper,
            force_terminal=colour,
            color_system=self._colours if colour else None,
            no_color=self._no_colour,
            width=self._width,
            legacy_windows=False,
        )
        console.print(_Barred(_embed(message, self._zone, links=colour), "▌", COLOURS[message.tone]))
        return "".join(f"{line.rstrip()}\n" for line in paper.getvalue().splitlines())

    def _encodable(self, text: str) -> str:
        """A stream that cannot write an emoji gets a question mark, not an error."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return text.encode(encoding, "replace").decode(encoding)


def _columns() -> int | None:
    """The width that $COLUMNS asks for, also of output that goes to a pager or a file."""
    asked = os.environ.get("COLUMNS", "")
    return max(int(asked), NARROWEST) if asked.isdecimal() and int(asked) else None


def _put(folder: Path, name: str, file: Attachment) -> Attachment:
    """The picture under the path where it lies now; where it cannot be put there, it is only named."""
    if not file.shown:
        return file
    path = folder / PurePath(name).name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as target:
            target.write(file.content)
    except OSError:
        return file
    return replace(file, name=str(path))


def _named(file: Attachment) -> str:
    named = f"{'🖼️' if file.shown else '📎'} {visible(file.name)} ({size_text(len(file.content))})"
    return f"{named}\n{visible(file.alt)}" if file.alt else named


@dataclass(frozen=True, slots=True)
class _Barred:
    """Something with a bar along its left side."""

    inner: RenderableType
    bar: str
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update(width=max(1, options.max_width - 2))
        for line in console.render_lines(self.inner, inner, pad=False):
            yield Segment(f"{self.bar} ", Style.parse(self.style))
            yield from line
            yield Segment.line()


def _embed(message: Message, zone: tzinfo, *, links: bool) -> RenderableType:
    """The parts of a message from top to bottom, an empty line between them."""
    parts: list[RenderableType] = []
    if message.title:
        parts.append(_styled([message.title], links=links, style="bold"))
    parts += (_block(block, links=links) for block in message.body)
    for inline, group in groupby(message.fields, key=lambda field: field.inline):
        fields = [_field(field, links=links) for field in group]
        parts += [_Columns(fields)] if inline else fields
    if message.attachments:
        parts.append(Styled("\n".join(map(_named, message.attachments))))
    foot = _foot(message, zone, links=links)
    return _spaced([*parts, foot] if foot else parts)


def _spaced(parts: Sequence[RenderableType]) -> Group:
    return Group(*(part for index, each in enumerate(parts) for part in ((Styled(), each) if index else (each,))))


def _foot(message: Message, zone: tzinfo, *, links: bool) -> Styled | None:
    time = f"{message.at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if message.at else ""
    foot = _styled([message.footer], links=links)
    foot.append((" · " if foot and time else "") + time)
    foot.stylize("dim")
    return foot or None


def _field(field: Field, *, links: bool) -> RenderableType:
    name = _styled([field.name], links=links, style="bold")
    return Group(name, _spaced([_block(block, links=links) for block in field.blocks]))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Fields beside each other, at most three, fewer where the terminal is narrow."""

    fields: Sequence[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        count = max(1, min(3, len(self.fields), options.max_width // COLUMN))
        rows = [self.fields[start : start + count] for start in range(0, len(self.fields), count)]
        yield _spaced([_row(row, count) for row in rows])


def _row(fields: Sequence[RenderableType], count: int) -> Grid:
    grid = Grid.grid(padding=(0, 2, 0, 0), expand=True)
    for _ in range(count):
        grid.add_column(ratio=1, overflow="fold")
    grid.add_row(*fields)
    return grid


def _block(block: Block, *, links: bool) -> RenderableType:
    match block:
        case Text():
            text = _styled(block.lines, links=links)
            return _Barred(text, "│", "dim") if block.quote else text
        case Code():
            code = Styled(visible(block.text, lines=True), overflow="fold")
            return Padding(code, (0, 2), style="#dbdee1 on #2b2d31")
        case Table():
            return _table(block)


def _table(table: Table) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name, align in zip(table.header, table.align.ljust(len(table.header), "<"), strict=True):
        grid.add_column(Styled(visible(name)), justify=_JUSTIFY[align], overflow="fold")
    for row in table.rows:
        grid.add_row(*(Styled(visible(cell)) for cell in row))
    return grid


_JUSTIFY: dict[str, JustifyMethod] = {"<": "left", ">": "right", "^": "center"}


def _styled(lines: Iterable[Line], *, links: bool, style: str = "") -> Styled:
    """Lines of runs. Where the terminal knows no links their address stands beside them."""
    return Styled("\n", overflow="fold").join(_line(line, links=links, style=style) for line in lines)


def _line(line: Line, *, links: bool, style: str) -> Styled:
    text = Styled(style=style, overflow="fold")
    for run in line:
        address = visible(run.url) if run.kind == "link" else ""
        look = Style.parse(STYLES[run.kind]) + Style(link=address if links and address else None)
        text.append(visible(run.text), look)
        if address and not links and address != run.text:
            text.append(f" ({address})")
    return text
