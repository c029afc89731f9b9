"""Loads the config: read, validated, its secrets resolved. Every mistake names its file, line and remedy."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from reporter.config import yaml_document as documents
from reporter.config.checks import check, guessable_hooks
from reporter.config.error_messages import explain
from reporter.config.models import Config
from reporter.config.partial import valid_part
from reporter.config.secrets import LITERAL, Sources
from reporter.config.yaml_document import Document
from reporter.errors import ConfigError, Problem
from reporter.messages.formats import plural
from reporter.secret import Secret, learn_environment
from reporter.trusted_files import distrust, read_bounded


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that can be used, and the document it came from.

    `digest` is the SHA-256 of the file's bytes. `store` is the URL of our own database. `warnings` are no errors but
    should be mended. `problems` are errors: what they are about is left out of the config. `referred` are the files
    that secrets and mappings come from, whether they are there or not.
    """

    path: Path
    home: Path
    config: Config
    document: Document
    digest: str
    store: Secret
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    referred: frozenset[Path] = frozenset()

    def problem(self, path: documents.KeyPath, message: str, hint: str = "") -> Problem:
        """A mistake that was found later, such as a job's name that no file has, at its line."""
        return self.document.problem(path, message, hint)

    def missing(self, *path: str | int) -> list[Problem]:
        """The secrets at or below a place of the config that cannot be had here."""
        return _missing(self.config, self.document, path)

    def explain(self, error: ValidationError, model: type[BaseModel], at: documents.KeyPath) -> list[Problem]:
        """What a model found wrong in the part of the config at `at`, each at its line."""
        return explain(error, model, self.document, at)


def load(path: Path, environ: Mapping[str, str] = os.environ, uses: Collection[str] | None = None) -> Loaded:
    """Read the config of a home. Raises ConfigError with all problems."""
    loaded = look_through(path, environ, uses)
    if loaded.problems:
        raise ConfigError(list(loaded.problems))
    return loaded


def look_through(path: Path, environ: Mapping[str, str] = os.environ, uses: Collection[str] | None = None) -> Loaded:
    """As `load`, but what is wrong stands in `problems` and the rest is there to be looked at.

    A secret that cannot be had is a problem only in the sections that the caller `uses`, such as `ledgers`, and in
    `store`; None is all sections. Raises ConfigError where nothing of the file can be read.
    """
    learn_environment(environ)
    home = home_of(path)
    if reason := distrust(path.absolute(), home):
        raise ConfigError([Problem(str(path), reason[0], hint=reason[1])])
    content, private = _content(path)
    document = documents.read(str(path), content)
    sources = Sources(environ, home, path, private, lenient=uses is not None)
    config, problems = examined(document, sources)
    for section in ("store", *(uses or ())):
        problems += _missing(config, document, (section,))
    store = config.store or Secret(f"sqlite:///{default_state(home, environ) / 'reporter.sqlite'}")
    digest = hashlib.sha256(content).hexdigest()
    warnings = tuple(_warnings(config, document))
    mappings = {home / entry.mapping for entry in config.ledgers.values() if isinstance(entry.mapping, str)}
    referred = frozenset(sources.files | mappings)
    return Loaded(path, home, config, document, digest, store, warnings, tuple(problems), referred)


def home_of(path: Path) -> Path:
    """The home that a config belongs to: the folder around `config/`, which relative paths are seen from."""
    folder = path.absolute().parent
    return folder.parent if folder.name == "config" else folder


def default_state(home: Path, environ: Mapping[str, str]) -> Path:
    """Where the store of a home is: systemd's $STATE_DIRECTORY, /var/lib/NAME for /etc/NAME, else the home itself.

    It depends on nothing but the home, so that a command and the daemon see the same store.
    """
    if given := environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(given)
    return Path("/var/lib", home.name) if home.parent == Path("/etc") else home / "state"


def schema() -> dict[str, Any]:
    """The config's JSON Schema, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(schema_generator=_UntitledFields),
        "title": "The config of reporter",
    }


class _UntitledFields(GenerateJsonSchema):
    """A field's title only repeats its key."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


def _content(path: Path) -> tuple[bytes, bool]:
    """The file's bytes, and whether nobody but its owner may read it."""
    try:
        content, info = read_bounded(path, documents.MAX_BYTES)
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), "there is no config here", hint=_INIT)]) from None
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}", hint=_remedy(error))]) from None
    return content, not info.st_mode & 0o077


def _remedy(error: OSError) -> str:
    return "run reporter as the user whose file it is" if isinstance(error, PermissionError) else ""


_INIT = "`reporter init DIR` makes a home with one; `reporter --home DIR` says where it is"


def validated(document: Document, sources: Sources) -> Config:
    """The config that a document holds. Raises ConfigError with all problems, in the order of the lines."""
    config, problems = examined(document, sources)
    if problems:
        raise ConfigError(problems)
    return config


def examined(document: Document, sources: Sources) -> tuple[Config, list[Problem]]:
    """What is sound in a document, and what is wrong with the rest, in the order of the lines.

    Raises ConfigError where nothing of it can be read.
    """
    problems = list(document.problems)
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise ConfigError([*problems, Problem(document.file, "must hold keys, such as `jobs:`")])
    if problems and not data:
        raise ConfigError(problems)
    found = valid_part(document, sources)
    told = {(problem.line, problem.column) for problem in problems}
    if found.error:
        problems += _together([p for p in explain(found.error, Config, document) if (p.line, p.column) not in told])
    problems += check(found.config, document, found.gone)
    return found.config, sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


# The files that `reporter setup discord` writes, one a channel.
_SET_UP = re.compile(r"the file `secrets/discord/.* cannot be read: No such file or directory")


def _together(problems: list[Problem]) -> list[Problem]:
    """One mistake for all channels that nobody has set up in Discord yet: a new floor has 37 of them."""
    absent = [p for p in problems if p.path.startswith("channels.") and _SET_UP.fullmatch(p.message)]
    if not absent:
        return problems
    message, others = absent[0].message, len(absent) - 1
    if others:
        message += f", nor can {'that' if others == 1 else 'those'} of {plural(others, 'more channel')}"
    hint = "`reporter setup discord --all` creates the channels and writes these files"
    first = replace(absent[0], message=message, hint=hint)
    return [first if p is absent[0] else p for p in problems if p is absent[0] or p not in absent]


def _missing(config: Config, document: Document, place: documents.KeyPath) -> list[Problem]:
    """The secrets at or below a place that cannot be had."""
    found = [(path, secret.missing) for path, secret in _secrets(config, ()) if secret.missing]
    return [document.problem(path, why) for path, why in found if path[: len(place)] == place]


def _warnings(config: Config, document: Document) -> Iterator[Problem]:
    yield from guessable_hooks(config, document, in_address=False)
    for path, secret in _secrets(config, ()):
        if secret.origin == LITERAL:
            name = documents.dotted(path).upper().replace(".", "_").replace("-", "_")
            hint = f"move it out and write `env:{name}`, or `file:/path` for a file that only you can read (chmod 600)"
            yield document.problem(path, "a secret stands in the config itself", hint)


def _secrets(value: object, path: documents.KeyPath) -> Iterator[tuple[documents.KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _secrets(part, (*path, name))
