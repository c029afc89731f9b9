"""All of Telegram's limits on a message. How a message is cut and split to keep them is in `outlets/message_splitting`.

Lengths count UTF-16 units of what is seen, after the tags are read. Source: core.telegram.org/bots/api (sendMessage,
sendPhoto, sendDocument, sendMediaGroup), core.telegram.org/bots/faq (pace), tdlib (entities, size of the raw text).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo

from reporter.delivery.outlets import message_splitting
from reporter.delivery.outlets.telegram.html import (
    Markup,
    blocks_markup,
    field_markup,
    line_markup,
    literal,
    message_markup,
    strong,
)
from reporter.delivery.rate_limits import Limit
from reporter.messages.message import Attachment, Block, Field, Line, Message, plain, visible

TEXT = 4096
CAPTION = 1024
"""Of the text beside files."""
ENTITIES = 100
"""What is bold, a link or code beyond so many is shown as plain text."""
RAW_BYTES = 1 << 15
"""Of the HTML."""
ALBUM = 10
"""Files of one message."""
PHOTO_BYTES = 10 * 2**20
FILE_BYTES = 50 * 2**20
REQUEST_BYTES = 50 * 2**20
PHOTO_SIDES, PHOTO_RATIO = 10_000, 20
"""Of a picture: width and height together in pixels, and the longer side by the shorter one."""
KEPT = 48 * 3600.0
"""Seconds for which a bot may delete what it sent."""

POSTS = Limit(1, 1.0)
"""In one chat."""
GROUP_POSTS = Limit(20, 60.0)
"""In one group or channel, by one bot."""
REQUESTS = Limit(25, 1.0)
"""Of one bot in all chats; the limit is 30."""

_TITLE, _FOOTER = 256, 600  # our own: more would leave no room for text beside a picture
_FILES_BYTES = REQUEST_BYTES - 2**20  # what is left of a request beside its text and the frames of its parts


class TelegramLimits(message_splitting.MessageLimits):
    """What one message holds; times are shown in `zone`."""

    service = "Telegram"
    title = _TITLE
    body = TEXT
    fields = 1000
    field_name = 256
    field_value = 3000
    footer = _FOOTER
    text = TEXT
    file_bytes = FILE_BYTES

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone

    def line(self, line: Line) -> int:
        return strong(line).length

    def note(self, line: Line) -> int:
        return literal(plain(line)).length

    def prose(self, line: Line, *, quote: bool) -> int:  # noqa: ARG002 - a quote's mark is not counted
        return line_markup(line).length

    def code_line(self, text: str) -> int:
        return Markup("", visible(text)).length

    def fence(self, language: str = "") -> int:  # noqa: ARG002 - tags are not counted
        return 0

    def blocks(self, blocks: Sequence[Block]) -> int:
        return blocks_markup(blocks).length

    def message_text(self, message: Message) -> int:
        return message_markup(message, self._zone).length

    def field_text(self, field: Field) -> int:
        return field_markup(field).length + 2  # and the blank line above it

    def files_fit(self, files: Sequence[Attachment]) -> bool:
        """Pictures or documents, not both; each as large as Telegram takes, and together as one request may be."""
        sizes = [len(file.content) for file in files]
        return (
            len(files) <= ALBUM
            and len({is_photo(file) for file in files}) <= 1
            and all(sizes)
            and max(sizes, default=0) <= FILE_BYTES
            and sum(sizes) <= _FILES_BYTES
        )

    def unfit(self, file: Attachment) -> str:
        return f"{file.name} is empty" if not file.content else super().unfit(file)

    def whole(self, message: Message) -> bool:
        """Files with little text; and what else counts besides its length, the footer aside: that may still grow."""
        if message.attachments and self.message_text(message) > CAPTION - message_splitting.NOTES:
            return False
        written = message_markup(replace(message, footer=(), at=None), self._zone)
        return written.entities < ENTITIES and len(written.html.encode()) <= RAW_BYTES - 6 * _FOOTER

    def placed(self, page: Message, files: Sequence[Attachment]) -> list[Message]:
        """Beside files stand at most 1024 characters: longer text goes ahead, and the files follow with the title and
        without a sound."""
        together = replace(page, attachments=tuple(files))
        if not files or self._is_caption(together):
            return [together]
        files_only = replace(together, body=(), fields=(), footer=(), at=None, silent=True, incident="", members=())
        return [replace(page, attachments=()), files_only]

    def _is_caption(self, page: Message) -> bool:
        room = CAPTION - message_splitting.NOTES - message_splitting.NUMBERING
        return message_markup(page, self._zone).length <= room


def is_photo(file: Attachment) -> bool:
    """Whether a file is to be shown, and is a picture that Telegram shows: PNG or JPEG, of moderate size and shape."""
    if not file.shown or len(file.content) > PHOTO_BYTES:
        return False
    if file.content.startswith(b"\xff\xd8\xff"):
        return True
    if not file.content.startswith(b"\x89PNG\r\n\x1a\n") or len(file.content) < 33:
        return False
    width, height = (int.from_bytes(file.content[start : start + 4], "big") for start in (16, 20))
    return 0 < width + height <= PHOTO_SIDES and max(width, height) <= PHOTO_RATIO * min(width, height)
