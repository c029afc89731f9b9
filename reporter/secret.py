"""A value that never shows itself, and the mask for text that may hold one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Up to the next key of a `{…}` in one line, or the line's end.
_AFTER_A_TELLING_KEY = re.compile(
    r"""(?ix) ( \b \w* (?: webhook | token | password | secret ) \w* ["']? \s* [:=] \s* ["']? )
        (?! env: | file: | credential: | \{ ) ( \S .*? ) (?= , \s* \w+ \s* : | \s* \} | \s* $ )"""
)
# A password may hold spaces, so an address goes on to its last `@`.
_ADDRESS = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)(\S*(?:.*@\S*)?)")
_LONG_TOKEN = re.compile(r"()((?=[\w.+=-]*\d)(?=[\w.+=-]*[A-Za-z])[\w.+=-]{20,})")


@dataclass(frozen=True, slots=True)
class Secret:
    """A webhook URL, token or password. Only `reveal()` gives it away; `str`, `repr` and formats give `***`.

    `origin` says where it came from (`env:DISCORD_WEBHOOK`), which is no secret and helps to mend a wrong one.
    """

    value: str = field(repr=False)
    origin: str = ""

    def reveal(self) -> str:
        return self.value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return f"Secret(*** from {self.origin})" if self.origin else "Secret(***)"


def masked(text: str) -> str:
    """The text with whatever may be a secret turned into `*`: addresses, long tokens, values of telling keys.

    Its length stays, so that a caret below it still points at the right place.
    """
    for pattern in (_AFTER_A_TELLING_KEY, _ADDRESS, _LONG_TOKEN):
        text = pattern.sub(lambda found: found[1] + "*" * len(found[2]), text)
    return text
