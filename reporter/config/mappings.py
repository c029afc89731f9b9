"""Reads the mapping of a ledger, which stands in the config or in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reporter.config import yaml_document
from reporter.errors import LedgerError
from reporter.trusted_files import distrust, read_bounded


def mapping_of(given: str | dict[str, Any] | None) -> dict[str, Any]:
    """A mapping as it is written; a text is the path of its file. Raises LedgerError."""
    if not isinstance(given, str):
        return given or {}
    path = Path(given).absolute()
    if reason := distrust(path, path.parent):
        raise LedgerError(f"mapping: {': '.join(reason)}")
    try:
        document = yaml_document.read(str(path), read_bounded(path, yaml_document.MAX_BYTES)[0])
    except OSError as error:
        raise LedgerError(f"mapping: {path} cannot be read: {error.strerror}") from None
    if document.problems:
        raise LedgerError(f"mapping: {document.problems[0]}")
    if not isinstance(document.data, dict):
        raise LedgerError(f"mapping: {path} holds no keys: write `table:` and `columns:`")
    return document.data
