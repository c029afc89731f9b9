"""The one line that says what a message is: for a phone's notification, and where a service shows no embeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reporter.messages.message import Block, Message, Table, plain, plain_blocks, visible

# Characters, of which a phone shows about so many.
LONGEST = 150
# Of a table.
ROWS = 3
# A line that only says which days a report covers.
_DATES = re.compile(r"(?:\d{4}-\d{2}-\d{2}|to|until|[–\s-])+")


def headline(message: Message) -> str:
    """The title and the main figure: `Daily Performance Report – 2026-11-28 · Daily P&L: +24.64 USDT (+0.24%)`."""
    title, figure = plain(message.title).strip(), _main_figure(message)
    return _cut(visible(" · ".join(part for part in (title, figure) if part)))


def _main_figure(message: Message) -> str:
    """What stands first under the title: a line of the body, else the first field with its name."""
    if line := _first(_lines(message.body)):
        return line
    for field in message.fields:
        if line := _first(_lines(field.blocks)):
            name = plain(field.name).strip()
            return f"{name}: {line}" if name else line
    return ""


def _lines(blocks: Iterable[Block]) -> Iterator[str]:
    """The lines of a text; of a table its first rows, each as a name and a figure: a header says nothing."""
    for block in blocks:
        if isinstance(block, Table):
            yield ", ".join(": ".join(map(visible, row[:2])) for row in block.rows[:ROWS])
        else:
            yield from plain_blocks([block])


def _first(lines: Iterable[str]) -> str:
    return next((line.strip() for line in lines if line.strip() and not _DATES.fullmatch(line)), "")


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1].rstrip() + "…"
