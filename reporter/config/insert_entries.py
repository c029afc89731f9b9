"""Inserts entries, such as channels, into a section of a config file and keeps every other line, comments too."""

from __future__ import annotations

from collections.abc import Mapping

from reporter.config.yaml_document import Document
from reporter.errors import ReporterError


def with_entries(document: Document, section: str, entries: Mapping[str, str]) -> str:
    """The text of a config with further entries at the beginning of a section, each a name and a YAML value.

    Raises ReporterError where that key holds no block of lines.
    """
    lines = document.text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if not document.holds((section,)):
        return "".join([*lines, f"\n{section}:\n", *_written(entries, 2)])
    line, _ = document.places[section,].key
    if lines[line - 1].split("#")[0].strip() != f"{section}:":
        one = section.removesuffix("s")
        raise ReporterError(f"{document.file}:{line}: `{section}:` is written in one line; put each {one} on its own")
    return "".join([*lines[:line], *_written(entries, _indent(document, section)), *lines[line:]])


def _indent(document: Document, section: str) -> int:
    columns = [place.key[1] for path, place in document.places.items() if len(path) == 2 and path[0] == section]
    return min(columns) - 1 if columns else 2


def _written(entries: Mapping[str, str], indent: int) -> list[str]:
    return [f"{' ' * indent}{name}: {value}\n" for name, value in entries.items()]
