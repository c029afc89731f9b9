"""Reads Telegram's HTML as its server does: visible text and entities, or the refusal.

Names of tags and errors, the length of a text in UTF-16 units, the hundred entities and the trimming are written here
again on purpose: a wrong one in the program is then found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "blockquote": "blockquote", "tg-spoiler": "spoiler",
}  # fmt: skip
ENTITIES = 100
RAW_BYTES = 1 << 15
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(lt|gt|amp|quot));")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[a-z]+=\"[^\"<>]*\")*)\s*>")
_ATTRIBUTE = re.compile(r"([a-z]+)=\"([^\"]*)\"")
_DROPPED = re.compile("[\u2028-\u202e\r]")
_BLANKED = re.compile("[\x00-\x08\x0b-\x1f]")
_FOUND = {
    "mention": re.compile(r"(?<![\w@])@[a-zA-Z0-9_]{4,32}\b"),
    "hashtag": re.compile(r"(?<![\w#])#\w*[^\W\d]\w*"),
    "cashtag": re.compile(r"(?<![\w$])\$[A-Z]{1,8}\b"),
    "bot_command": re.compile(r"(?<![\w/<>])/[a-zA-Z0-9_]{1,32}(?![\w/])"),
    "url": re.compile(
        r"(?:https?|tg|ton|ftp)://[^\s\u2000-\u200b\u2060]+|(?<![\w@.])[\w-]+(?:\.[\w-]+)*\.[a-z]{2,8}\b"
    ),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,8}\b"),
}


class MarkupError(Exception):
    """Why Telegram cannot parse a text."""


@dataclass(frozen=True)
class Entity:
    """A stretch of the visible text; `start` and `end` count its characters."""

    kind: str
    start: int
    end: int
    url: str = ""
    language: str = ""


@dataclass(frozen=True)
class Parsed:
    text: str
    entities: tuple[Entity, ...] = ()
    dropped: int = 0

    @property
    def length(self) -> int:
        """In UTF-16 units."""
        return len(self.text.encode("utf-16-le")) // 2

    def kinds(self) -> set[str]:
        return {entity.kind for entity in self.entities}


def parse(text: str, mode: str | None) -> Parsed:
    """What a reader sees. Raises MarkupError."""
    if len(text.encode("utf-8", "surrogatepass")) > RAW_BYTES:
        raise MarkupError("text is too long")
    if mode not in {None, "HTML"}:
        raise MarkupError("unsupported parse_mode")
    parsed = _html(text) if mode else Parsed(text)
    cleaned = _trimmed(_detected(_cleaned(parsed)))
    kept = sorted(cleaned.entities, key=lambda entity: (entity.start, -entity.end))
    return replace(cleaned, entities=tuple(kept[:ENTITIES]), dropped=max(0, len(kept) - ENTITIES))


def _html(text: str) -> Parsed:
    seen, found, opened, at = "", [], list[tuple[str, str, int, str]](), 0
    while at < len(text):
        if text[at] == "&" and (reference := _REFERENCE.match(text, at)):
            seen, at = seen + _meant(reference), reference.end()
        elif text[at] == "<":
            tag = _TAG.match(text, at)
            offset = len(text[:at].encode())
            if tag is None:
                raise MarkupError(f"Unclosed start tag at byte offset {offset}")
            name, at = tag[2].lower(), tag.end()
            if tag[1]:
                found += _closed(opened, name, seen, offset)
            elif name not in TAGS:
                raise MarkupError(f'Unsupported start tag "{name}" at byte offset {offset}')
            else:
                opened.append((name, TAGS[name], len(seen), tag[3]))
        else:
            seen, at = seen + text[at], at + 1
    if opened:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{opened[-1][0]}"')
    return Parsed(seen, tuple(found))


def _meant(reference: re.Match[str]) -> str:
    if reference[3]:
        return _NAMED[reference[3]]
    return chr(int(reference[1], 16) if reference[1] else int(reference[2]))


def _closed(opened: list[tuple[str, str, int, str]], name: str, seen: str, offset: int) -> list[Entity]:
    if not opened:
        raise MarkupError(f"Unexpected end tag at byte offset {offset}")
    was, kind, start, attributes = opened.pop()
    if was != name:
        raise MarkupError(f'Unmatched end tag at byte offset {offset}, expected "</{was}>", found "</{name}>"')
    given = dict(_ATTRIBUTE.findall(attributes))
    if kind == "code" and opened and opened[-1][1] == "pre":
        return []  # the language of a block
    if any(other[1] in {"code", "pre"} for other in opened):
        raise MarkupError(f"entity {kind} within code at byte offset {offset}")
    if kind == "blockquote" and any(other[1] == "blockquote" for other in opened):
        raise MarkupError(f"nested blockquote at byte offset {offset}")
    url = given.get("href", "").replace("&amp;", "&").replace("&quot;", '"')
    if kind == "text_link" and not re.match(r"(https?://[^\s/.]|tg://user\?id=\d+$)", url):
        return []  # Telegram shows such a link as text
    return [Entity(kind, start, len(seen), url)] if len(seen) > start else []


def _cleaned(parsed: Parsed) -> Parsed:
    """Controls become blanks; direction marks are dropped, and the program must not rely on that."""
    if _DROPPED.search(parsed.text):
        raise MarkupError("the text holds marks that Telegram drops: its entities would shift")
    return replace(parsed, text=_BLANKED.sub(" ", parsed.text))


def _detected(parsed: Parsed) -> Parsed:
    """What Telegram makes links and mentions of by itself, outside of code and links."""
    taken = [e for e in parsed.entities if e.kind in {"code", "pre", "text_link"}]
    found = [
        Entity(kind, match.start(), match.end())
        for kind, pattern in _FOUND.items()
        for match in pattern.finditer(parsed.text)
        if not any(e.start < match.end() and match.start() < e.end for e in taken)
    ]
    return replace(parsed, entities=(*parsed.entities, *found))


def _trimmed(parsed: Parsed) -> Parsed:
    lead = len(parsed.text) - len(parsed.text.lstrip())
    text = parsed.text.strip()
    moved = (replace(e, start=max(0, e.start - lead), end=min(len(text), e.end - lead)) for e in parsed.entities)
    return replace(parsed, text=text, entities=tuple(e for e in moved if e.end > e.start))
