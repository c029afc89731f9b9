"""A value that never shows itself, and the masks for text that may hold one.

`masked` is for any text that leaves the program or enters the store: it knows every secret of this process. `redacted`
is for excerpts of files whose secrets are not known yet: it covers everything that looks like one.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from reporter.errors import ReporterError

MASK = "***"

SHORTEST = 4
"""Characters. A shorter secret is not masked: it would cover half of every text."""
SHORTEST_INSIDE_WORDS = 8
"""From this length on a secret is masked anywhere, below it only where it stands as a word of its own."""
LONG = 16
"""From this length on a secret is nobody's name: it is masked in names and in the structure of a text as well."""

# What stands before a secret in a header (RFC 9110, section 11).
_SCHEMES = {"bearer", "basic", "bot", "token", "apikey"}
_ANCHORS = re.compile("[A-Za-z0-9]+")
_ENTITIES = {"&": ("amp",), "<": ("lt",), ">": ("gt",), '"': ("quot",), "'": ("apos",)}
_BACKSLASH = r"(?:\\|%(?:25){0,2}5[cC])"
_AMPERSAND = "(?:&|%26)(?:amp(?:;|%3[bB]))?"
_SEMICOLON = "(?:;|%3[bB])"
_ESCAPES = {
    " ": (r"\+", "%2[bB]"),
    "\n": (f"{_BACKSLASH}{{1,4}}n",),
    "\t": (f"{_BACKSLASH}{{1,4}}t",),
    "\r": (f"{_BACKSLASH}{{1,4}}r",),
}
# A noncharacter of Unicode: no text has it.
_BLANK = "\ufdd0"
_BLANKS = re.compile(f"{_BLANK}+")

_TELLING = re.compile(r"(?i)passw|passphrase|token|secret|api[_-]?key|private[_-]?key|webhook")

# Secrets that we do not know, by the shape of what holds them. Each runs in linear time: its repetitions are bounded.
_SHAPES = (
    (("://",), re.compile(r"(?<=://)([^\s/@\"'<>]{0,256}:)([^\s/@\"'<>]{1,256})(?=@)")),
    (("/webhooks/",), re.compile(r"(/webhooks/[0-9]{1,20}/)([\w-]{20,100})")),
    (
        ("=",),
        re.compile(r"(?i)((?:passw(?:or)?d|passphrase|token|secret|api[_-]?key)=)([^\s&\"'*]{1,256})"),
    ),
    (
        ("uthorization", "earer "),
        re.compile(
            r"(?i)(authorization['\"]{0,1}[:=,] {0,3}['\"]{0,1}(?:(?:bearer|bot|basic) )?|bearer )"
            r"([\w.+/=~-]{16,256})"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A webhook URL, token or password. Only `reveal()` gives it away; `str`, `repr` and formats give `***`.

    `origin` says where it came from (`env:DISCORD_WEBHOOK`), which is no secret and helps to mend a wrong one. A value
    with an origin is known to `masked` from here on; one without is public, such as a URL without a password.
    `missing` says why its value cannot be had here; a command that does not use it runs all the same.
    """

    value: str = field(repr=False)
    origin: str = ""
    missing: str = ""

    def __post_init__(self) -> None:
        if self.origin and self.value:
            learn(self.value)

    def reveal(self) -> str:
        """The value. Raises ReporterError if it is missing."""
        if self.missing:
            raise ReporterError(self.missing)
        return self.value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK} from {self.origin})" if self.origin else f"Secret({MASK})"


@dataclass(frozen=True, slots=True)
class _Form:
    """One way in which a secret may stand in a text. `anchor` is a piece that it has in any case, to be fast."""

    length: int
    anchor: str
    pattern: re.Pattern[str] | None = None

    def blanked(self, text: str) -> str:
        if self.anchor not in text:
            return text
        if self.pattern is None:
            return text.replace(self.anchor, _BLANK * len(self.anchor))
        return self.pattern.sub(lambda found: _BLANK * len(found[0]), text)


class _Known:
    """The secrets of this process, in every form in which a library or a service may give them back."""

    def __init__(self) -> None:
        self._forms: dict[str, _Form] = {}
        self._sorted: tuple[_Form, ...] = ()

    @property
    def longest(self) -> int:
        """Characters that a secret takes at most, with all of it encoded."""
        return max((form.length for form in self._forms.values()), default=0) * 16

    def learn(self, value: str) -> None:
        for part in set(_parts(value)):
            if len(part) >= SHORTEST:
                self._forms.update({form.anchor if form.pattern is None else part: form for form in _forms(part)})

    def blanked(self, text: str, shortest: int) -> str:
        """The text with each known secret of that length or more as so many blanks."""
        if len(self._sorted) != len(self._forms):  # forms are only ever added
            self._sorted = tuple(sorted(self._forms.values(), key=lambda form: -form.length))
        for form in self._sorted:
            if form.length < shortest:
                break
            text = form.blanked(text)
        return text


_known = _Known()


def learn(value: str) -> None:
    """Let `masked` know a secret. The URL of a SQLite file is none: it names a path."""
    if not value.startswith("sqlite"):
        _known.learn(value)


def learn_environment(environ: Mapping[str, str]) -> None:
    """Let `masked` know the variables whose names say that they hold a secret: jobs may read them."""
    for name, value in environ.items():
        if is_telling(name) and len(value) >= SHORTEST_INSIDE_WORDS and not value.startswith("/"):
            learn(value)


def learn_keys_of(url: str) -> None:
    """Let `masked` know what in the path of a web address looks like a key, as the UUID of a ping does: whoever has it
    can send. Other addresses have no such thing."""
    if url.startswith(("http://", "https://")):
        with suppress(ValueError):
            for part in filter(_is_long_token, urlsplit(url).path.split("/")):
                _known.learn(part)


_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Text that can be written in UTF-8. Names of files that are no UTF-8 come with lone surrogates (PEP 383)."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def is_telling(name: str) -> bool:
    """Whether the name of a variable, a key or a parameter says that its value is a secret."""
    return _TELLING.search(name) is not None


def masked(text: str, limit: int | None = None, *, shortest: int = SHORTEST) -> str:
    """Text fit for any sink: no secret of this process stands in it, nothing that is a secret by its shape, and no
    character that cannot be written in UTF-8.

    At most `limit` characters of the text are kept. Secrets shorter than `shortest` are left. Linear in the length of
    the text.
    """
    shown = text = without_surrogates(text)
    if len(text) < SHORTEST:
        return text
    if limit is not None and len(text) > limit:
        shown = text[: limit + _known.longest]  # so that a secret at the edge is seen whole
    blanked = _known.blanked(shown, shortest)
    for signs, shape in _SHAPES:
        if any(sign in blanked for sign in signs):
            blanked = shape.sub(lambda found: found[1] + _BLANK * len(found[2]), blanked)
    if limit is not None and len(text) > limit:
        blanked = blanked[:limit] + "…"
    return _BLANKS.sub(MASK, blanked) if _BLANK in blanked else blanked


def redacted(text: str) -> str:
    """The text with whatever may be a secret turned into `*`: addresses, long tokens, values of telling keys.

    Its length stays, so that a caret below it still points at the right place. Linear in the length of the text.
    """
    return "\n".join(_without_long_tokens(_without_addresses(_without_values(line))) for line in text.split("\n"))


def _parts(value: str) -> Iterator[str]:
    """A secret, and what of it is secret by itself."""
    yield value
    if "\n" in value:
        yield from (line for line in value.splitlines() if len(line) >= LONG)
    scheme, _, given = value.partition(" ")
    if scheme.casefold() in _SCHEMES:
        yield given
        with suppress(ValueError):
            yield base64.b64decode(given, validate=True).decode().partition(":")[2]
    if "://" not in value:
        return
    try:
        parts = urlsplit(value)
        password, query = parts.password, parse_qsl(parts.query)
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))
    yield from (given for key, given in query if is_telling(key))
    yield from (part for part in parts.path.split("/") if len(part) >= LONG and not part.isdecimal())


def _forms(value: str) -> Iterator[_Form]:
    """How a value may be written by what quotes, escapes, encodes or shows it."""
    plain, short = value.isascii() and value.isalnum(), len(value) < SHORTEST_INSIDE_WORDS
    if plain and not short:
        yield _Form(len(value), value)
    else:
        written = "".join(map(_written, value))
        anchor = max(_ANCHORS.findall(value), key=len, default="")
        yield _Form(len(value), anchor, re.compile(rf"(?<![^\W_]){written}(?![^\W_])" if short else written))
    if not short:
        raw = value.encode("utf-8", "surrogatepass")
        for encoded in (raw.hex(), *_in_base64(raw)):
            yield _Form(len(encoded), encoded)


def _written(char: str) -> str:
    """A pattern of how a character is written: as it is, with backslashes, in a URL, JSON, Python or HTML; or in one
    of them and then in another."""
    if char.isascii() and char.isalnum():
        return char
    raw, point = char.encode("utf-8", "surrogatepass"), ord(char)
    in_url = "".join(f"%(?:25){{0,2}}(?i:{byte:02x})" for byte in raw)
    named = "|".join([rf"(?:#|%23)(?:0?{point}|x(?i:{point:x}))", *_ENTITIES.get(char, ())])
    ways = [
        f"{_BACKSLASH}{{0,4}}(?:{re.escape(char)}|{in_url}|{_AMPERSAND}(?:{named}){_SEMICOLON})",
        "".join(f"{_BACKSLASH}{{1,4}}x(?i:{byte:02x})" for byte in raw),
        f"{_BACKSLASH}{{1,4}}(?:x(?i:{point:02x})|U(?i:{point:08x}))",
        "".join(f"{_BACKSLASH}{{1,4}}u(?i:{unit:04x})" for unit in _utf_16(char)),
        *_ESCAPES.get(char, ()),
        *([_written("⏎")] if char == "\n" else ()),  # so it stands in one line
    ]
    return f"(?:{'|'.join(ways)})"


def _utf_16(char: str) -> tuple[int, ...]:
    return struct.unpack(
        f">{len(char.encode('utf-16-be', 'surrogatepass')) // 2}H", char.encode("utf-16-be", "surrogatepass")
    )


def _in_base64(raw: bytes) -> Iterator[str]:
    """What is always the same of a value in Base64, whatever stands before and after it, such as a user's name."""
    for shift in range(3):
        first, behind = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        text = base64.b64encode(bytes(shift) + raw).decode()[first:behind]
        if len(text) >= SHORTEST_INSIDE_WORDS:
            yield from (text, text.replace("+", "-").replace("/", "_"))


_KEY = re.compile("(?i)webhook|token|password|secret")
_REST_OF_KEY = re.compile(r"""\w*+["']?\s*+(?P<is>[:=])?\s*+["']?""")
_REFERENCE = re.compile(r"(?i)env:|file:|credential:|\{")
# Up to the next key of a `{…}` in one line, or the line's end.
_END_OF_VALUE = re.compile(r",\s*+\w++\s*+:|\}|$")
_LONG_TOKEN = re.compile(r"[\w.+=-]{20,}+")
_DIGIT, _LETTER = re.compile("[0-9]"), re.compile("[A-Za-z]")
_WORD = re.compile(r"\S*")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*$")


def _without_values(line: str) -> str:
    """A line without the values of its telling keys, such as `bot_token: …`."""
    kept, at = [], 0
    while key := _KEY.search(line, at):
        rest = _REST_OF_KEY.match(line, key.end())
        start = rest.end() if rest else key.end()
        kept.append(line[at:start])
        at = start
        if rest and rest["is"] and not _REFERENCE.match(line, start):
            ends = _END_OF_VALUE.search(line, start)
            value = line[start : ends.start() if ends else None].rstrip()
            kept.append("*" * len(value))
            at = start + len(value)
    return "".join([*kept, line[at:]])


def _without_addresses(line: str) -> str:
    """A line with only the schemes of its addresses. A password may hold spaces, so one goes on to the last `@`."""
    kept, at = [], 0
    while (found := line.find("://", at)) >= 0:
        start = found + 3
        kept.append(line[at:start])
        at = start
        if _SCHEME.search(line[max(0, found - 20) : found]):
            word = _WORD.match(line, max(start, line.rfind("@", start)))
            at = word.end() if word else start
            kept.append("*" * (at - start))
    return "".join([*kept, line[at:]])


def _without_long_tokens(line: str) -> str:
    return _LONG_TOKEN.sub(lambda found: "*" * len(found[0]) if _is_long_token(found[0]) else found[0], line)


def _is_long_token(word: str) -> bool:
    return bool(_LONG_TOKEN.fullmatch(word) and _DIGIT.search(word) and _LETTER.search(word))
