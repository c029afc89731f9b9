"""Adds a ledger to the config of a home, with its mapping in a file of its own. Nothing is ever overwritten."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from reporter.app.home import CONFIG, find_home
from reporter.config import yaml_document as documents
from reporter.config.insert_entries import with_entries
from reporter.config.secrets import has_password
from reporter.config.yaml_document import Document
from reporter.errors import ReporterError
from reporter.paths import expanded
from reporter.secret import Secret
from reporter.trading.ledger.files import file_kind
from reporter.trading.ledger.mapping_text import scalar
from reporter.whole_file import write_whole


def config_to_extend(options: argparse.Namespace, name: str) -> Document:
    """The config of the home, which has no such ledger yet. Raises ReporterError."""
    path = (find_home(options.home) / CONFIG).resolve()
    document = documents.read(str(path), path.read_bytes())
    if document.problems:
        raise ReporterError(str(document.problems[0]))
    if document.holds(("ledgers", name)):
        raise ReporterError(f"{path} has a ledger {name}: write another name after --write")
    if _mapping_file(path, name).exists():
        raise ReporterError(f"{_mapping_file(path, name)} is there already, and is not overwritten: write another name")
    return document


def write_ledger(options: argparse.Namespace, name: str, kind: str, url: Secret, mapping: str | None) -> Iterator[str]:
    """Write the files; yields what was done. Raises ReporterError, and then no file has changed."""
    document = config_to_extend(options, name)
    path = Path(document.file)
    text = _config(document, name, kind, config_address(options.url, url), mapping is not None)
    if mapping is not None:
        with _mapping_file(path, name).open("x", encoding="utf-8") as file:
            file.write(mapping)
        yield f"Written: {_mapping_file(path, name)}"
    write_whole(path, text, path.stat().st_mode & 0o777)
    command = f"reporter --home {options.home}" if options.home else "reporter"
    yield f"Added to {path}: ledger {name}. `{command} ledger check {name}` checks it."
    yield f"See a report with `{command} preview daily_summary`, or the trades with `{command} export trades`."


def _mapping_file(config: Path, name: str) -> Path:
    return config.with_name(f"{name}.yaml")


def _config(document: Document, name: str, kind: str, address: str, mapped: bool) -> str:
    keys = f"kind: {kind}, url: {scalar(address, inside=True)}"
    if mapped:
        keys += f", mapping: config/{name}.yaml"
    text = with_entries(document, "ledgers", {name: f"{{{keys}}}"})
    anew = documents.read(document.file, text.encode())
    if anew.problems or not anew.holds(("ledgers", name)):
        raise ReporterError(f"{document.file} has a form that nothing can be added to; add by hand: {name}: {{{keys}}}")
    return text


def config_address(given: str, url: Secret) -> str:
    """How the config names the database: a reference as it was given, a file by its whole path."""
    if given.partition(":")[0] in {"env", "file", "credential"}:
        return given
    if found := file_kind(given):
        kind, path = found
        absolute = str(expanded(path).absolute())
        return absolute if file_kind(absolute) == (kind, absolute) else f"{kind}:{absolute}"
    if "://" in given:
        return given if not has_password(given) else "env:DATABASE_URL"
    return str(expanded(url.reveal()).absolute())
