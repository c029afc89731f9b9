"""Which addresses may become links, and file names that every service keeps as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from reporter.messages.message import Attachment, visible

_LINK_LIKE = re.compile(r"^\s*(?:https?:|www\.|discord\.|t\.me)", re.IGNORECASE)


def web_address(url: str) -> str | None:
    """The address as it may be linked to; None if it is none of the web."""
    if not url.lower().startswith(("http://", "https://")):
        return None
    return quote(visible(url), safe=":/?#@!$&'*+,;=%~-._")


def looks_like_a_link(text: str) -> bool:
    """Whether a text could be taken for an address, and so lead elsewhere than it says."""
    return _LINK_LIKE.match(text) is not None


def file_names(files: Sequence[Attachment]) -> list[str]:
    """The names as services keep them, no two the same: what one would change, a message could not point at."""
    names: list[str] = []
    for file in files:
        stem, dot, ending = (re.sub(r"[^A-Za-z0-9._-]+", "_", file.name).strip("._") or "file").rpartition(".")
        name, number = f"{stem}{dot}{ending}", 1
        while name in names:
            number += 1
            name = f"{stem}-{number}.{ending}" if dot else f"{ending}-{number}"
        names.append(name)
    return names
