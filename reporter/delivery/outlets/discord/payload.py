"""What a request to Discord carries: a message as embeds, the people whom it may call, its files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from reporter.delivery.outlets.discord import limits
from reporter.delivery.outlets.discord.markdown import BLANK, escaped, is_blank, markdown, markdown_line, plain_line
from reporter.delivery.outlets.links import file_names
from reporter.errors import ReporterError
from reporter.messages.headline import headline as headline_of
from reporter.messages.message import Attachment, Field, Message, Tone, visible

COLOURS = {
    Tone.GOOD: 0x2ECC71,
    Tone.BAD: 0xE74C3C,
    Tone.WARNING: 0xF1C40F,
    Tone.CRITICAL: 0xC0392B,
    Tone.INFO: 0x3498DB,
    Tone.NEUTRAL: 0x95A5A6,
}
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")

_MENTION = re.compile(r"everyone|(?P<kind>role|user):(?P<id>\d+)")


def embeds(message: Message) -> list[dict[str, Any]]:
    """The message as an embed, followed by one for each further picture: an embed shows only one."""
    pictures = [{"image": {"url": f"attachment://{name}"}} for name in _pictures(message.attachments)]
    return [_embed(message) | (pictures[0] if pictures else {}), *pictures[1:]]


def allowed_mentions(calls: Sequence[str]) -> dict[str, list[str]]:
    """Who may be called, and nobody else: Discord's own default would let any user be."""
    allowed: dict[str, list[str]] = {"parse": []}
    for call in calls:
        kind, _, id_ = call.partition(":")
        allowed.setdefault("parse" if kind == "everyone" else f"{kind}s", []).append(id_ or kind)
    return allowed


def checked_mention(call: str) -> str:
    """The entry itself, when it is one. Raises ReporterError."""
    if not _MENTION.fullmatch(call):
        raise ReporterError(f"{call!r} mentions nobody; write everyone, role:ID or user:ID")
    return call


def checked_username(name: str | None) -> str | None:
    """The name itself, when Discord lets a webhook bear it. Raises ReporterError."""
    if name is None:
        return None
    if not 1 <= len(name.strip()) <= limits.USERNAME:
        raise ReporterError(f"a username has 1 to {limits.USERNAME} characters, not {len(name.strip())}")
    if any(word in name.lower() for word in ("clyde", "discord")) or name.strip().lower() in {"everyone", "here"}:
        raise ReporterError(f"Discord takes no username such as {name!r}: leave out discord, clyde, everyone and here")
    return name


def listed_files(files: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The files as the message names them; a description is what is read to those who cannot see the picture."""
    named = zip(file_names(files), files, strict=True)
    return [
        {"id": number, "filename": name}
        | ({"description": visible(file.alt)[: limits.ALT]} if file.alt.strip() else {})
        for number, (name, file) in enumerate(named)
    ]


def _embed(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {"color": COLOURS[message.tone]}
    if not is_blank(title := markdown_line(message.title)):
        embed["title"] = title
    if not is_blank(description := markdown(message.body)):
        embed["description"] = description
    if message.fields:
        embed["fields"] = [_field(field) for field in message.fields]
    if not is_blank(footer := plain_line(message.footer)):
        embed["footer"] = {"text": footer}
    if message.at:
        embed["timestamp"] = message.at.isoformat()
    return embed if {"title", "description", "fields"} & set(embed) else embed | {"description": BLANK}


def _field(field: Field) -> dict[str, Any]:
    name, value = markdown_line(field.name), markdown(field.blocks)
    return {
        "name": BLANK if is_blank(name) else name,
        "value": BLANK if is_blank(value) else value,
        "inline": field.inline,
    }


def _pictures(files: Sequence[Attachment]) -> list[str]:
    """The names of the files to be shown that Discord can show."""
    named = zip(files, file_names(files), strict=True)
    return [name for file, name in named if file.shown and name.lower().endswith(PICTURES)]


def written_mention(call: str) -> str:
    kind, _, id_ = call.partition(":")
    return {"everyone": "@everyone", "role": f"<@&{id_}>", "user": f"<@{id_}>"}[kind]


def content_line(message: Message, along: Sequence[Message]) -> str:
    """What a notification shows of a message, above its embed: nothing in it is a link or calls anybody."""
    more = f" (and {len(along)} more)" if along else ""
    return escaped(headline_of(message) + more).replace("//", f"/{BLANK}/")


def request_content(body: Mapping[str, Any], files: Sequence[Attachment]) -> dict[str, Any]:
    """The body as httpx takes it: plain JSON, or, with files, a form that has the JSON as one of its parts."""
    text = json.dumps(body)
    if not files:
        return {"content": text, "headers": {"Content-Type": "application/json"}}
    named = zip(file_names(files), files, strict=True)
    parts = [(f"files[{number}]", (name, file.content)) for number, (name, file) in enumerate(named)]
    return {"data": {"payload_json": text}, "files": parts}
