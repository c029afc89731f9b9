"""Builds a digest: many held messages as one, a line each with its bold text, and all of them in full in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reporter.messages.message import Attachment, Block, Line, Message, Run, Severity, Text, Tone, plain, plain_blocks
from reporter.periods.time_text import moment_text

# In characters. So many lines of that width fit into one embed, most often.
WIDTH, TITLE_WIDTH = 150, 80
# Up to so many messages are shown with figures, more of them by their titles; what is beyond stands in the file alone.
WITH_FIGURES, WITH_TITLE = 20, 35

_SIGNS = {Severity.CRITICAL: "🚨", Severity.WARNING: "⚠️", Severity.INFO: ""}
_GRAVITY = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that was held back, and when it was written."""

    at: datetime
    message: Message


def digest(held: Sequence[HeldMessage], zone: ZoneInfo, now: datetime) -> Message:
    """One message for several, oldest first, what is urgent before the rest. Nothing is lost: a file has their text.

    It is as urgent as the most urgent of them, and takes their own files along.
    """
    severity = max((one.message.severity for one in held), key=_GRAVITY.index)
    in_order = sorted(held, key=lambda one: (-_GRAVITY.index(one.message.severity), one.at))
    since = min(one.at for one in held).astimezone(zone)
    return Message(
        title=(Run("text", f"🗞️ Digest – {len(held)} messages"),),
        body=(Text(tuple(_lines(in_order, zone, now))),),
        footer=(Run("text", f"held back since {since:%Y-%m-%d %H:%M}"),),
        tone=Tone.WARNING if severity is Severity.WARNING else Tone.NEUTRAL,
        severity=severity,
        at=now,
        attachments=(_in_full(held, zone, now), *(file for one in held for file in one.message.attachments)),
    )


def _lines(held: Sequence[HeldMessage], zone: ZoneInfo, now: datetime) -> Iterator[Line]:
    for one in held[:WITH_TITLE]:
        clock = _clock(one.at, zone, now)
        title = _clipped(_title(one.message), TITLE_WIDTH)
        figures = key_figures(one.message) if len(held) <= WITH_FIGURES else ""
        told = f" — {_clipped(figures, WIDTH - len(title))}" if figures else ""
        yield Run("code", clock), Run("text", " "), Run("bold", title), Run("text", told)
    if len(held) > WITH_TITLE:
        yield (Run("italic", f"… and {len(held) - WITH_TITLE} more, in the file"),)


def _clock(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """The time of day; with the weekday where it was not in the last day."""
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if (now - at).days < 1 else f"{local:%a %H:%M}"


def key_figures(message: Message) -> str:
    """What a letter says in bold is what it holds important: its first lines with a bold word, or else its first."""
    parts = [message.body, *(field.blocks for field in message.fields)]
    for part in parts:
        if strong := [plain(line) for line in _prose(part) if any("bold" in run.kind for run in line)]:
            return " · ".join(strong[:2])
    lines = (line for part in parts for line in plain_blocks(part) if line.strip())
    return next(lines, "")


def _prose(blocks: Iterable[Block]) -> Iterator[Line]:
    return (line for block in blocks if isinstance(block, Text) for line in block.lines)


def _title(message: Message) -> str:
    """The title, under the sign of its severity where it does not bear that already."""
    title, sign = plain(message.title) or "Untitled", _SIGNS[message.severity]
    return title if sign in title else f"{sign} {title}"


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)].rstrip()}…"


def _in_full(held: Sequence[HeldMessage], zone: ZoneInfo, now: datetime) -> Attachment:
    local = now.astimezone(zone)
    text = "\n\n\n".join("\n".join(_told(one, zone)) for one in held)
    return Attachment(f"digest-{local:%Y-%m-%d-%H%M}.txt", f"{text}\n".encode())


def _told(held: HeldMessage, zone: ZoneInfo) -> Iterator[str]:
    message = held.message
    yield f"{moment_text(held.at, zone)}  {_title(message)}"
    yield from plain_blocks(message.body)
    for field in message.fields:
        yield f"\n{plain(field.name)}"
        yield from plain_blocks(field.blocks)
    if message.footer:
        yield f"\n{plain(message.footer)}"
