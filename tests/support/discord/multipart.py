"""Forms with files (RFC 7578), as far as webhooks use them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    name: str
    filename: str | None
    content: bytes


def parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a form. Raises ValueError when it is none."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        raise ValueError("no boundary")
    frame = b"\r\n--" + found[1].encode()
    first, *rest = (b"\r\n" + body).split(frame)
    if first or not rest or not rest[-1].startswith(b"--"):
        raise ValueError("no form")
    return [_part(piece) for piece in rest[:-1]]


def _part(piece: bytes) -> Part:
    head, _, content = piece.partition(b"\r\n\r\n")
    names = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
    return Part(names["name"], names.get("filename"), content)
