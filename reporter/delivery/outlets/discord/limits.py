"""All of Discord's limits on a message. How a message is cut and split to keep them is in `outlets/message_splitting`.

Lengths count code points of the text as sent, escapes included, after the trimming that Discord does. Source: the
Discord API documentation, resources/message (Embed Limits), resources/webhook and reference (Uploading Files).
"""

from __future__ import annotations

from collections.abc import Sequence

from reporter.delivery.outlets import message_splitting
from reporter.delivery.outlets.discord.markdown import (
    fenced,
    guarded,
    markdown,
    markdown_line,
    plain_line,
    text_line,
)
from reporter.delivery.rate_limits import Limit
from reporter.messages.message import Attachment, Block, Field, Line, Message

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

_FILES_BYTES = REQUEST_BYTES - 2**20  # what is left of a request beside its JSON and the frames of its parts


class DiscordLimits(message_splitting.MessageLimits):
    """What one embed holds."""

    service = "Discord"
    title = TITLE
    body = DESCRIPTION
    fields = FIELDS
    field_name = FIELD_NAME
    field_value = FIELD_VALUE
    footer = FOOTER
    text = EMBED_TEXT
    file_bytes = FILE_BYTES

    def line(self, line: Line) -> int:
        return len(markdown_line(line))

    def note(self, line: Line) -> int:
        return len(plain_line(line))

    def prose(self, line: Line, *, quote: bool) -> int:
        return len(text_line(line, quote=quote))

    def code_line(self, text: str) -> int:
        return len(guarded(text))

    def fence(self, language: str = "") -> int:
        return len(fenced("-", language)) - 1

    def blocks(self, blocks: Sequence[Block]) -> int:
        return len(markdown(blocks))

    def message_text(self, message: Message) -> int:
        parts = self.line(message.title) + self.note(message.footer) + self.blocks(message.body)
        return parts + sum(map(self.field_text, message.fields))

    def field_text(self, field: Field) -> int:
        """A blank name or value is sent as one character of no width."""
        return max(self.line(field.name), 1) + max(self.blocks(field.blocks), 1)

    def files_fit(self, files: Sequence[Attachment]) -> bool:
        sizes = [len(file.content) for file in files]
        return len(sizes) <= FILES and max(sizes, default=0) <= FILE_BYTES and sum(sizes) <= _FILES_BYTES


LIMITS = DiscordLimits()


def text_length(message: Message) -> int:
    """What the embed of a message counts towards EMBED_TEXT."""
    return LIMITS.message_text(message)


def fits(message: Message) -> bool:
    """Whether Discord takes it as one message, notes included."""
    return message_splitting.fits(message, LIMITS)


def fit(message: Message) -> list[Message]:
    """The message as one or more that Discord takes, in the order to send them."""
    return message_splitting.fit(message, LIMITS)
