"""Sends to Slack, e-mail, ntfy, Matrix and a hundred other services through the library Apprise, by one URL each."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import apprise
from apprise.attachment.memory import AttachMemory

from reporter.delivery.outlets import message_splitting
from reporter.delivery.outlets.html_preview import to_html
from reporter.delivery.outlets.links import file_names
from reporter.delivery.outlets.outlet import Delivered, Found, Unclear, Verdict
from reporter.delivery.outlets.text_table import table_lines
from reporter.delivery.rate_limits import Limit, RateWindow
from reporter.errors import ReporterError
from reporter.messages.message import (
    Attachment,
    Block,
    Code,
    Field,
    Line,
    Message,
    Severity,
    Table,
    Text,
    Tone,
    plain,
    visible,
)
from reporter.secret import MASK, Secret, masked

SENDS = Limit(20, 60.0)
"""Our own limit: services differ, and few say theirs."""
TOGETHER = 10
FILES_BYTES = 20 * 2**20
"""Our own limit for the files of one message: mail servers take about that much."""
SECONDS = 60.0
"""For one message; less than a lease, so that two processes never send at once."""
LEAST = 700
"""Characters: what is shorter, such as an SMS, is split by Apprise."""
_PIECES = re.compile(r"[\w.+-]+")
_log = logging.getLogger(apprise.LOGGER_NAME)
_log.propagate = False
_log.addHandler(logging.NullHandler())
_SEPARATION = "\n\n――――――――――\n\n"
_TYPES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning"}


class AppriseOutlet:
    """One URL of Apprise. It may be used from several threads. Times are shown in `zone`.

    A message goes out as text, as HTML where the service wants that (e-mail does), and with its files where the service
    takes any. What was sent can neither be edited nor taken back. Raises ReporterError for a URL that no service has;
    the error never shows it.
    """

    kind = "apprise"

    def __init__(self, url: Secret, *, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._closed = False
        self._service = _service(url)
        self._pieces = sorted({piece for piece in _PIECES.findall(unquote(url.reveal())) if len(piece) > 3})
        self._limits = AppriseLimits(self._service, zone)
        # The plugin would sleep between two messages; the worker waits instead, and holds nothing up.
        rate, self._service.request_rate_per_sec = float(self._service.request_rate_per_sec), 0.0
        self.pace = RateWindow(own=Limit(1, rate) if rate > SENDS.seconds / SENDS.requests else SENDS)

    def fit(self, message: Message) -> list[Message]:
        return message_splitting.fit(message, self._limits)

    def pause(self) -> float:
        return 0.0

    def together(self, messages: Sequence[Message]) -> int:
        """As many as the service's length allows, at most ten. One with files stands for itself."""
        count, length = 0, 0
        for message in messages[:TOGETHER]:
            length += self._limits.message_text(message) + len(_SEPARATION)
            if count and (message.attachments or length > self._limits.most or messages[0].attachments):
                break
            count += 1
        return max(1, count)

    def payload(self, message: Message, *along: Message) -> dict[str, Any]:
        """What is given to Apprise; of files there are the names."""
        several = (message, *along)
        title = plain_title(message) if not along else f"{len(several)} messages"
        as_html = self._wants_html
        return {
            "title": title,
            "body": "\n<hr>\n".join(_page(one, self._zone, titled=bool(along)) for one in several)
            if as_html
            else _SEPARATION.join(written(one, self._zone, titled=bool(along)) for one in several),
            "body_format": "html" if as_html else "text",
            "notify_type": _TYPES.get(message.severity, "success" if message.tone is Tone.GOOD else "info"),
            "attach": file_names(message.attachments),
        }

    def post(self, message: Message, *along: Message) -> Verdict:
        """Its yes is a delivery. Its no says nothing about why, so the message may be there: a repeat says so."""
        payload = self.payload(message, *along)
        named = zip(payload.pop("attach"), message.attachments, strict=True)
        files = [_in_memory(name, file.content) for name, file in named]
        receiver = apprise.Apprise(asset=self._service.asset)
        receiver.add(self._service)
        with self._lock, _Overheard() as said:
            try:
                taken = receiver.notify(**payload, attach=files or None, interpret_escapes=False)
            except Exception as error:  # noqa: BLE001 - a hundred plugins raise what they like
                return Unclear(f"the library Apprise failed: {type(error).__name__}")
        if not taken:
            why = f": {self._hushed(said.first)}" if said.first else ""
            return Unclear(f"{self._service.service_name} did not take it, or its answer was lost{why}")
        return Delivered(uuid4().hex)

    def find(self, reference: str, known: Collection[str]) -> Found:  # noqa: ARG002 - the contract's
        return Unclear("what was sent by Apprise cannot be read back")

    def edit(self, id: str, message: Message) -> Verdict:  # noqa: A002, ARG002 - the contract's
        """Nothing: a board that is sent again at each change would be a flood."""
        return Delivered(id)

    def delete(self, id: str) -> Verdict:  # noqa: A002
        """Nothing takes back what was sent."""
        return Delivered(id)

    def look(self) -> Verdict:
        """That the service knows the URL's form; it cannot be asked without sending."""
        return Delivered("")

    def reopen(self) -> None:
        """A service is tried at each message anyway."""

    def close(self) -> None:
        self._closed = True

    def _hushed(self, text: str) -> str:
        """What Apprise says, without any piece of its URL: it quotes tokens as they are."""
        text = masked(text, 300)
        for piece in sorted(self._pieces, key=len, reverse=True):
            text = text.replace(piece, MASK)
        return text

    @property
    def _wants_html(self) -> bool:
        """Where a service takes several formats, the first is its own."""
        wanted: Any = self._service.notify_format
        first = wanted[0] if isinstance(wanted, tuple) else wanted
        return bool(first is apprise.NotifyFormat.HTML)


class _Overheard(logging.Handler):
    """What Apprise logs meanwhile; it goes nowhere else, for it quotes what is secret."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            self.first = self.first or record.getMessage()

    def __enter__(self) -> Self:
        _log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _log.removeHandler(self)


class AppriseLimits(message_splitting.MessageLimits):
    """What one message of a service holds, by what its plugin says."""

    service = "the service"
    body = 1 << 20
    fields = 1000
    field_name = 256
    field_value = 1 << 20
    footer = 600
    text = 1 << 20
    file_bytes = FILES_BYTES
    title = 250

    def __init__(self, service: apprise.NotifyBase, zone: tzinfo) -> None:
        self._zone = zone
        self._takes_files = bool(service.attachment_support)
        self.most = max(LEAST, int(service.body_maxlen or 0) - int(service.title_maxlen == 0) * 256)
        self.text = self.body = self.field_value = min(1 << 20, self.most)
        self.title = min(250, int(service.title_maxlen or 250))
        self.footer = min(600, max(message_splitting.NOTES + message_splitting.NUMBERING + 20, self.most // 4))

    def line(self, line: Line) -> int:
        return len(visible(plain(line)))

    def note(self, line: Line) -> int:
        return len(visible(plain(line)))

    def prose(self, line: Line, *, quote: bool) -> int:
        return len(_line(line)) + 2 * quote

    def code_line(self, text: str) -> int:
        return len(visible(text))

    def fence(self, language: str = "") -> int:  # noqa: ARG002 - plain text has none
        return 0

    def blocks(self, blocks: Sequence[Block]) -> int:
        return len(_blocks(blocks))

    def message_text(self, message: Message) -> int:
        return len(written(message, self._zone, titled=False))

    def field_text(self, field: Field) -> int:
        return len(_field(field)) + 2

    def files_fit(self, files: Sequence[Attachment]) -> bool:
        return not files or (self._takes_files and sum(len(file.content) for file in files) <= FILES_BYTES)

    def unfit(self, file: Attachment) -> str:
        return super().unfit(file) if self._takes_files else f"{file.name} is not sent: the service takes no files"


def plain_title(message: Message) -> str:
    return visible(plain(message.title))


def written(message: Message, zone: tzinfo, *, titled: bool) -> str:
    """A message as plain text."""
    parts = [_blocks(message.body), *map(_field, message.fields), _foot(message, zone)]
    head = [plain_title(message)] if titled else []
    return "\n\n".join(part for part in (*head, *parts) if part.strip()) or plain_title(message) or "–"


def _page(message: Message, zone: tzinfo, *, titled: bool) -> str:
    """A message as HTML; its title is the subject, and its pictures go as files."""
    bare = replace(message, attachments=())
    return to_html(bare if titled else replace(bare, title=()), zone)


def _foot(message: Message, zone: tzinfo) -> str:
    time_ = f"{message.at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if message.at else ""
    return " · ".join(filter(None, (visible(plain(message.footer)).strip(), time_)))


def _field(field: Field) -> str:
    name, value = visible(plain(field.name)).strip(), _blocks(field.blocks)
    if field.inline and "\n" not in value and name:
        return f"{name}: {value}"
    return "\n".join(filter(None, (name, value)))


def _blocks(blocks: Sequence[Block]) -> str:
    return "\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Text():
            return "\n".join(f"> {_line(line)}" if block.quote else _line(line) for line in block.lines)
        case Code():
            return visible(block.text, lines=True)
        case Table():
            return "\n".join(table_lines(block))


def _line(line: Line) -> str:
    return "".join(
        f"{visible(run.text)} ({visible(run.url)})"
        if run.kind == "link" and run.url and run.url != run.text
        else visible(run.text)
        for run in line
    )


def _service(url: Secret) -> apprise.NotifyBase:
    """The plugin of a URL. Raises ReporterError, which shows no more of it than the schema."""
    asset = apprise.AppriseAsset(
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,  # nothing is written to the disk
        service_timeout=SECONDS,
        secure_logging=True,
    )
    asset.app_id = asset.app_desc = "reporter"
    asset.async_mode = False
    asset.image_url_mask = asset.image_url_logo = ""
    made = None
    with suppress(Exception):  # what a plugin makes of a mistaken URL may quote it
        made = apprise.Apprise.instantiate(url.reveal(), asset=asset)
    if made is None:
        schema = masked(urlsplit(url.reveal()).scheme)
        raise ReporterError(f"Apprise does not know what to do with this URL of `{schema}`: see its wiki for the form")
    made.overflow_mode = apprise.OverflowMode.SPLIT  # should a service take even less than our least
    return made


def _in_memory(name: str, content: bytes) -> apprise.AttachBase:
    """A file by its bytes: no path and no address of a message is ever opened."""
    make = cast("Callable[..., apprise.AttachBase]", AttachMemory)
    return make(content=content, name=name)
