"""Messages compared with the ones that a person has read and found good.

After a change that is meant to show, `REPORTER_GOLDEN=write pytest tests/jobs` writes them anew; read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from reporter.messages.message import Block, Field, Line, Message, Text, plain_blocks
from tests.support.paths import GOLDEN

MARKS = {"bold": "**", "italic": "*", "bold italic": "***", "strike": "~~", "code": "`"}


def agrees(name: str, message: Message) -> bool:
    """Whether the message reads like `tests/golden/NAME.txt`; both are shown by the assertion that fails."""
    return reads(name, "\n".join(_prose(message)) + "\n")


def reads(name: str, text: str) -> bool:
    """Whether a text reads like `tests/golden/NAME.txt`."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("REPORTER_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    return True


def _prose(message: Message) -> Iterator[str]:
    yield f"# {_line(message.title)}   [{message.tone}]"
    yield from _blocks(message.body)
    for field in message.fields:
        yield from _field(field)
    if message.footer:
        yield f"--- {_line(message.footer)}"


def _field(field: Field) -> Iterator[str]:
    yield ""
    yield f"{'###' if field.inline else '##'} {_line(field.name)}"
    yield from _blocks(field.blocks)


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Text):
            yield from (_line(line) for line in block.lines)
        else:
            yield from plain_blocks([block])


def _line(line: Line) -> str:
    return "".join(f"{MARKS.get(run.kind, '')}{run.text}{MARKS.get(run.kind, '')}" for run in line)
