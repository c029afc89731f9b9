"""Resolves secrets by reference: `env:NAME`, `file:/path`, `credential:NAME`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from reporter.config.types import mistake
from reporter.config.yaml_document import shown
from reporter.paths import expanded
from reporter.secret import Secret, is_telling, learn_keys_of
from reporter.trusted_files import read_bounded

LITERAL = "the config file itself"
LARGEST = 64 * 1024
"""Bytes of a file that holds a secret; a certificate's key has some thousands."""

FEW = 8
"""Different characters; a secret of 128 bits that chance made has more of them."""
_KINDS = {"[0-9]": 10, "[a-z]": 26, "[A-Z]": 26, "[^0-9A-Za-z]": 32}
_HEX = re.compile("[0-9a-f]+|[0-9A-F]+")
_CHAT = re.compile(r"-?[1-9]\d{0,19}|@[A-Za-z]\w{3,31}")
_SHELL_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def bits_of(text: str) -> int:
    """How many bits a secret of this length and these kinds of characters has at most, if chance made it.

    A text that repeats itself counts once, and one of few different characters has no others to choose from.
    """
    once = text[: (text + text).find(text, 1)] if text else ""
    different = len(set(once))
    kinds = min(_characters(once), different) if different < FEW else _characters(once)
    return int(len(once) * log2(kinds)) if kinds > 1 else 0


def _characters(text: str) -> int:
    """From how many characters a text was made."""
    if _HEX.fullmatch(text) and not text.isdigit():
        return 16
    found = {kind for kind in _KINDS if re.search(kind, text)}
    both = {"[a-z]", "[A-Z]"}
    return sum(_KINDS[kind] for kind in (found | {"[0-9]"} if both <= found else found))


@dataclass(frozen=True, slots=True)
class Sources:
    """Where references lead. Literals may stand in the config `file` if it is `private`: nobody else can read it.

    With `lenient` a reference that leads nowhere gives a Secret that says why it is missing. `files` collects the files
    that references led to.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    home: Path = field(default_factory=Path)
    file: Path = field(default_factory=Path)
    private: bool = False
    lenient: bool = False
    files: set[Path] = field(default_factory=set)

    def fetch(self, text: str) -> Secret | None:
        """What a reference leads to; None if the text is none. Raises PydanticCustomError."""
        kind, _, name = text.partition(":")
        if kind in {"env", "file", "credential"}:
            try:
                return Secret(self._value(kind, name), text)
            except PydanticCustomError as error:
                if self.lenient:
                    told = error.context or {}
                    return Secret("", text, missing=": ".join(filter(None, (told.get("message"), told.get("hint")))))
                raise
        if shell := _SHELL_VARIABLE.fullmatch(text):
            raise mistake("shell variables are not read here", f"write `env:{shell[1]}`")
        return None

    def literal(self, text: str) -> Secret:
        """A secret that stands in the config itself. Raises PydanticCustomError if others can read it there."""
        if not self.private:
            hint = f"write `env:NAME`, `file:/path` or `credential:NAME`; or keep others out: chmod 600 {self.file}"
            raise mistake("a secret may not stand in a file that others can read", hint)
        return Secret(text, LITERAL)

    def _value(self, kind: str, name: str) -> str:
        match kind:
            case "env":
                return self._variable(name)
            case "file":
                return self._file(self.home / expanded(name), name)
        return self._credential(name)

    def _variable(self, name: str) -> str:
        if name not in self.environ:
            raise mistake(f"the environment has no variable `{shown(name)}`", "set it where reporter is started")
        return _filled(self.environ[name], f"the variable `{shown(name)}`")

    def _credential(self, name: str) -> str:
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            hint = "in the systemd unit, write `LoadCredential=NAME:/path`; elsewhere use `file:/path`"
            raise mistake("there are no credentials: CREDENTIALS_DIRECTORY is not set", hint)
        if Path(name).name != name:
            raise mistake("a credential is a bare name", "write `credential:NAME`, without folders")
        return self._file(Path(folder, name), name, guarded=True)  # systemd itself keeps others out

    def _file(self, path: Path, name: str, *, guarded: bool = False) -> str:
        self.files.add(path)
        return _file(path, shown(name), guarded=guarded)


def _file(path: Path, name: str, *, guarded: bool = False) -> str:
    """What a file of secrets holds. `guarded` says that others are kept out by more than the file's mode."""
    try:
        content, info = read_bounded(path, LARGEST)
    except OSError as error:
        raise mistake(f"the file `{name}` cannot be read: {error.strerror}") from None
    if not guarded and info.st_mode & 0o077:
        raise mistake(f"others can read the file `{name}`", f"chmod 600 {name}")
    if len(content) > LARGEST:
        raise mistake(f"the file `{name}` is larger than a secret: it has more than {LARGEST:,} bytes")
    try:
        return _filled(content.decode("utf-8"), f"the file `{name}`")
    except UnicodeDecodeError:
        raise mistake(f"the file `{name}` is not UTF-8 text") from None


def _filled(text: str, source: str) -> str:
    if not text.strip():
        raise mistake(f"{source} is empty")
    return text.strip()


def _sources(info: ValidationInfo) -> Sources:
    return info.context if isinstance(info.context, Sources) else Sources()


def _secret(value: object, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    text = _text(value)
    sources = _sources(info)
    return sources.fetch(text) or sources.literal(text)


def _secret_or_text(value: object, info: ValidationInfo) -> Secret:
    """Text that may be public, such as what is sent along with a question; a reference is fetched."""
    if isinstance(value, Secret):
        return value
    return _sources(info).fetch(_text(value)) or Secret(str(value))


def _chat(value: object, info: ValidationInfo) -> Secret:
    """A chat of Telegram: its id, the name of a public channel, or a reference to either."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = (_sources(info).fetch(value) if isinstance(value, str) else None) or Secret(str(value).strip())
    if not found.missing and not _CHAT.fullmatch(found.value):
        hint = "write its id, such as `-1001234567890`, or `@name` of a public channel; `reporter setup telegram` lists"
        raise mistake("this is no chat of Telegram", f"{hint} the chats that wrote to the bot")
    return Secret(found.value, missing=found.missing)


def _address(value: object, info: ValidationInfo) -> Secret:
    """A URL that is a secret only if a password stands in it; a key in its path is masked all the same."""
    if isinstance(value, Secret):
        return value
    text = _text(value)
    sources = _sources(info)
    if found := sources.fetch(text):
        return found
    if has_password(text):
        return sources.literal(text)
    learn_keys_of(text)
    return Secret(text)


def _database(value: object, info: ValidationInfo) -> Secret:
    """A database's SQLAlchemy URL; the path of a SQLite file becomes one, seen from the home."""
    found = _address(value, info)
    if found.missing:
        return found
    return Secret(_database_url(found.value, _sources(info).home), found.origin)


def _path(value: object, info: ValidationInfo) -> Path:
    """A path on this machine; a relative one is seen from the home."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise mistake("must be a path", "write such as `/var/lib/bot/alive`")
    return (_sources(info).home / expanded(value)).absolute()


def _inline_or_path(value: object, info: ValidationInfo) -> object:
    """What stands in the config itself, or the path of a file, seen from the home."""
    return str(_path(value, info)) if isinstance(value, str) else value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise mistake("must be text", "write `env:NAME`, `file:/path` or `credential:NAME`")
    return value.strip()


def _database_url(text: str, home: Path) -> str:
    kind, mark, path = text.partition(":")
    if mark and kind in _FILES:
        path = path.removeprefix("///") if not path.startswith("////") else path[3:]
        return f"{kind}:{_absolute(path, home)}"
    scheme, separator, rest = text.partition(":///")
    if separator and scheme.startswith("sqlite"):
        path, mark, query = rest.partition("?")
        return f"{scheme}:///{_absolute(path, home)}{mark}{query}"
    return text if "://" in text else f"sqlite:///{_absolute(text, home)}"


def _absolute(path: str, home: Path) -> str:
    return path if path == ":memory:" else str((home / expanded(path)).absolute())


def has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.password) or any(is_telling(key) for key, _ in parse_qsl(parts.query))
    except ValueError:  # what cannot be read may hold one
        return True


_SCHEMA = WithJsonSchema(
    {"type": "string", "examples": ["env:NAME", "file:/etc/reporter/secrets/name", "credential:name"]}
)
_URL_SCHEMA = WithJsonSchema({"type": "string", "examples": ["env:DATABASE_URL", "/var/lib/bot/trades.sqlite"]})
_FILES = {"csv", "tsv", "jsonl", "ndjson", "parquet", "duckdb"}  # files that a mapping reads, by their schemes
_HIDDEN = PlainSerializer(str, return_type=str)

HomePath = Annotated[
    Path,
    PlainValidator(_path),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["/var/lib/bot/alive"]}),
]
InlineOrPath = Annotated[str | dict[str, Any] | None, BeforeValidator(_inline_or_path)]
SecretText = Annotated[Secret, PlainValidator(_secret), _HIDDEN, _SCHEMA]
ChatId = Annotated[
    Secret,
    PlainValidator(_chat),
    _HIDDEN,
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string"}], "examples": [-1001234567890, "@channel", "env:CHAT"]}
    ),
]
SecretOrText = Annotated[Secret, PlainValidator(_secret_or_text), _HIDDEN, WithJsonSchema({"type": "string"})]
Address = Annotated[
    Secret,
    PlainValidator(_address),
    _HIDDEN,
    WithJsonSchema({"type": "string", "examples": ["https://example.org/health"]}),
]
DatabaseUrl = Annotated[Secret, PlainValidator(_database), _HIDDEN, _URL_SCHEMA]
