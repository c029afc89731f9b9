"""What Discord takes as a webhook's message, and how it says what it does not.

Numbers are written here again on purpose: a wrong one in the program is then found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

FILE_BYTES = 10 * 1024 * 1024
REQUEST_BYTES = 25 * 1024 * 1024
POSTED_FLAGS = 4 | 4096 | 32768
EDITED_FLAGS = 4 | 32768
ANSWERED_FLAGS = 64
"""Seen by one person alone: of answers to interactions."""
KNOWN = {
    "content", "username", "avatar_url", "tts", "embeds", "allowed_mentions", "components", "attachments", "flags",
    "thread_name", "applied_tags", "poll", "message_reference", "nonce", "enforce_nonce",
}  # fmt: skip
EMBED_KEYS = {
    "title", "type", "description", "url", "timestamp", "color", "footer", "image", "thumbnail", "video", "provider",
    "author", "fields",
}  # fmt: skip

Json = dict[str, Any]


class RefusedError(Exception):
    """An answer of the 400s: Discord's code and sentence, and for a form its tree of mistakes."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"message": message, "code": code} | ({"errors": errors} if errors else {})


@dataclass
class Form:
    """The body of a request while it is looked at: mistakes by their place, oddities that Discord takes in silence."""

    mistakes: list[tuple[tuple[str | int, ...], str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        self.mistakes.append((path, code, message))

    def check(self) -> None:
        """Raise what was found wrong, nested as Discord nests it."""
        if not self.mistakes:
            return
        tree: Json = {}
        for path, code, message in self.mistakes:
            node = tree
            for key in path:
                node = node.setdefault(str(key), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise RefusedError(400, 50035, "Invalid Form Body", tree)


def message(
    body: object,
    files: Mapping[int, str],
    *,
    editing: bool = False,
    interactive: bool | None = None,
    answering: bool = False,
) -> tuple[Json, list[str]]:
    """The message as Discord would keep it, and what is odd about it. `files` are names by their number.

    `interactive` says whether it may have buttons that act; None drops all components in silence. `answering`: it
    answers an interaction. Raises RefusedError.
    """
    from tests.support.discord.commands import components  # noqa: PLC0415 - which knows this module

    form = Form()
    if not isinstance(body, dict):
        raise RefusedError(
            400, 50035, "Invalid Form Body", _error("DICT_TYPE_CONVERT", "Only dictionaries may be used.")
        )
    if _has_surrogate(body):
        raise RefusedError(400, 50109, "The request body contains invalid JSON.")
    kept = {key: value for key, value in body.items() if key in KNOWN}
    form.warnings += [f"ignored_field {key}" for key in body.keys() - KNOWN]
    _content(form, kept)
    _shown_as(form, kept)
    _embeds(form, kept)
    _allowed_mentions(form, kept)
    _flags(form, kept, (EDITED_FLAGS if editing else POSTED_FLAGS) | (ANSWERED_FLAGS if answering else 0))
    if interactive is None:
        form.warnings += ["dropped_components"] if kept.pop("components", None) else []
    else:
        components(form, kept.get("components"), interactive=interactive)
    _attachments(form, kept, files)
    form.check()
    if not editing and not (kept.get("content") or kept.get("embeds") or files or kept.get("components")):
        raise RefusedError(400, 50006, "Cannot send an empty message")
    return kept, form.warnings + _dangling(kept, files)


def _content(form: Form, body: Json) -> None:
    text(form, body, "content", 2000, ())


def _shown_as(form: Form, body: Json) -> None:
    text(form, body, "username", 80, (), least=1)
    name_of_webhook(form, body, "username")
    _url(form, body, "avatar_url", ())
    text(form, body, "thread_name", 100, (), least=1)


def name_of_webhook(form: Form, body: Json, key: str) -> None:
    """A name under which a webhook may post."""
    name = str(body.get(key) or "").lower()
    for word in ("clyde", "discord"):
        if word in name:
            form.wrong((key,), "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')
    if name in {"everyone", "here"}:
        form.wrong((key,), "USERNAME_INVALID", f'Username cannot be "{name}"')


def _embeds(form: Form, body: Json) -> None:
    embeds = body.get("embeds")
    if embeds is None:
        return
    if not isinstance(embeds, list):
        form.wrong(("embeds",), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType.")
        return
    if len(embeds) > 10:
        form.wrong(("embeds",), "BASE_TYPE_BAD_LENGTH", "Must be 10 or fewer in length.")
    for number, embed in enumerate(embeds):
        if isinstance(embed, dict):
            _embed(form, embed, ("embeds", number))
        else:
            form.wrong(("embeds", number), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    if sum(len(text) for embed in embeds if isinstance(embed, dict) for text in _counted(embed)) > 6000:
        form.wrong(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _embed(form: Form, embed: Json, path: tuple[str | int, ...]) -> None:
    form.warnings.extend(f"ignored_field embed.{key}" for key in embed.keys() - EMBED_KEYS)
    text(form, embed, "title", 256, path)
    text(form, embed, "description", 4096, path)
    _part(form, embed, "footer", "text", 2048, path)
    _part(form, embed, "author", "name", 256, path)
    _url(form, embed, "url", path)
    for picture in ("image", "thumbnail"):
        if isinstance(part := embed.get(picture), dict):
            _url(form, part, "url", (*path, picture), schemes=("http", "https", "attachment"), needed=True)
    _colour(form, embed, path)
    _timestamp(form, embed, path)
    _fields(form, embed, path)
    if not any(embed.get(key) for key in ("title", "description", "fields", "author", "footer", "image", "thumbnail")):
        form.wrong((*path, "description"), "BASE_TYPE_REQUIRED", "This field is required")


def _fields(form: Form, embed: Json, path: tuple[str | int, ...]) -> None:
    fields = embed.get("fields")
    if not isinstance(fields, list):
        return
    if len(fields) > 25:
        form.wrong((*path, "fields"), "BASE_TYPE_BAD_LENGTH", "Must be 25 or fewer in length.")
    for number, part in enumerate(fields):
        place = (*path, "fields", number)
        text(form, part, "name", 256, place, needed=True)
        text(form, part, "value", 1024, place, needed=True)
        if not isinstance(part.get("inline", False), bool):
            form.wrong((*place, "inline"), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")


def _part(form: Form, embed: Json, key: str, member: str, most: int, path: tuple[str | int, ...]) -> None:
    if isinstance(part := embed.get(key), dict):
        text(form, part, member, most, (*path, key), needed=bool(part))


def _colour(form: Form, embed: Json, path: tuple[str | int, ...]) -> None:
    colour = embed.get("color", 0)
    if colour is None:
        return
    if isinstance(colour, bool) or not isinstance(colour, int):
        form.wrong((*path, "color"), "NUMBER_TYPE_COERCE", f'Value "{colour}" is not int.')
    elif not 0 <= colour <= 0xFFFFFF:
        least = ("NUMBER_TYPE_MIN", "int value should be greater than or equal to 0.")
        most = ("NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
        form.wrong((*path, "color"), *(least if colour < 0 else most))


def _timestamp(form: Form, embed: Json, path: tuple[str | int, ...]) -> None:
    value = embed.get("timestamp")
    if value is None:
        return
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        form.wrong((*path, "timestamp"), "DATE_TIME_TYPE_PARSE", f"Could not parse {value}. Should be ISO8601.")
        return
    if moment.tzinfo is None:
        form.warnings.append("naive_timestamp")


def _allowed_mentions(form: Form, body: Json) -> None:
    allowed = body.get("allowed_mentions")
    if not isinstance(allowed, dict):
        form.warnings.append("no_allowed_mentions")
        return
    parse = allowed.get("parse") or []
    for number, kind in enumerate(parse):
        if kind not in {"users", "roles", "everyone"}:
            place = ("allowed_mentions", "parse", number)
            form.wrong(place, "BASE_TYPE_CHOICES", "Value must be one of ('users', 'roles', 'everyone').")
    for kind in ("users", "roles"):
        _ids(form, allowed.get(kind) or [], kind)
        if kind in parse and allowed.get(kind):
            sentence = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            form.wrong(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", sentence)


def _ids(form: Form, ids: list[Any], kind: str) -> None:
    if len(ids) > 100:
        form.wrong(("allowed_mentions", kind), "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
    for number, id_ in enumerate(ids):
        if not re.fullmatch(r"\d{1,20}", str(id_)):
            place = ("allowed_mentions", kind, number)
            form.wrong(place, "NUMBER_TYPE_COERCE", f'Value "{id_}" is not snowflake.')


def _flags(form: Form, body: Json, known: int) -> None:
    flags = body.get("flags") or 0
    if isinstance(flags, bool) or not isinstance(flags, int) or flags & ~known:
        form.wrong(("flags",), "BITFIELD_INVALID_FLAGS", "Invalid flags.")


def _attachments(form: Form, body: Json, files: Mapping[int, str]) -> None:
    listed = body.get("attachments") or []
    if len(listed) > 10 or len(files) > 10:
        raise RefusedError(400, 30015, "Maximum number of attachments in a message reached (10)")
    for number, attachment in enumerate(listed):
        id_ = str(attachment.get("id", ""))
        if not id_.isdigit() or (int(id_) < 100 and int(id_) not in files):
            form.wrong(("attachments", number, "id"), "ATTACHMENT_NOT_FOUND", f"Attachment {id_} not found.")
        text(form, attachment, "description", 1024, ("attachments", number))


def text(
    form: Form, body: Json, key: str, most: int, path: tuple[str | int, ...], *, least: int = 0, needed: bool = False
) -> None:
    """A text, which is trimmed first; blank is missing where one is needed."""
    value = body.get(key)
    place = (*path, key)
    if value is not None and not isinstance(value, str):
        form.wrong(place, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
        return
    trimmed = (value or "").strip().strip("\ufeff").strip()
    if value is not None:
        body[key] = trimmed
    if needed and not trimmed:
        form.wrong(place, "BASE_TYPE_REQUIRED", "This field is required")
    elif len(trimmed) > most:
        form.wrong(place, "BASE_TYPE_BAD_LENGTH", f"Must be {most} or fewer in length.")
    elif value is not None and len(trimmed) < least:
        form.wrong(place, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def _url(
    form: Form,
    body: Json,
    key: str,
    path: tuple[str | int, ...],
    *,
    schemes: tuple[str, ...] = ("http", "https"),
    needed: bool = False,
) -> None:
    value = body.get(key)
    place = (*path, key)
    if value is None:
        if needed:
            form.wrong(place, "BASE_TYPE_REQUIRED", "This field is required")
        return
    parts = urlsplit(str(value))
    if parts.scheme not in schemes:
        form.wrong(place, "URL_TYPE_INVALID_SCHEME", f'Scheme "{parts.scheme}" must be one of {schemes}.')
    elif not parts.netloc or re.search(r"\s", str(value)):
        form.wrong(place, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
    elif len(str(value)) > 2048:
        form.wrong(place, "BASE_TYPE_BAD_LENGTH", "Must be 2048 or fewer in length.")


def _counted(embed: Json) -> Iterable[str]:
    yield from (str(embed.get(key) or "") for key in ("title", "description"))
    yield str((embed.get("footer") or {}).get("text") or "")
    yield str((embed.get("author") or {}).get("name") or "")
    for part in embed.get("fields") or []:
        yield from (str(part.get("name") or ""), str(part.get("value") or ""))


def _dangling(body: Json, files: Mapping[int, str]) -> list[str]:
    """Pictures that point at no file: Discord takes the message and shows none."""
    urls = [
        str((embed.get(kind) or {}).get("url"))
        for embed in body.get("embeds") or []
        for kind in ("image", "thumbnail")
        if embed.get(kind)
    ]
    named = [url.removeprefix("attachment://") for url in urls if url.startswith("attachment://")]
    return [f"dangling_attachment_ref {name}" for name in named if name not in files.values()]


def _has_surrogate(value: object) -> bool:
    match value:
        case str():
            return any("\ud800" <= character <= "\udfff" for character in value)
        case list():
            return any(map(_has_surrogate, value))
        case dict():
            return any(_has_surrogate(part) for item in value.items() for part in item)
    return False


def _error(code: str, sentence: str) -> Json:
    return {"_errors": [{"code": code, "message": sentence}]}


def clean_file_name(name: str) -> str:
    """The name under which Discord keeps a file."""
    return re.sub(r"[^A-Za-z0-9._-]", "", re.sub(r"\s+", "_", name)).lstrip("._") or "file"
