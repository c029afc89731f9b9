"""The valid part of a config with mistakes, so that one check finds most mistakes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from reporter.config.error_messages import faults
from reporter.config.models import Config
from reporter.config.secrets import Sources
from reporter.config.yaml_document import Document, KeyPath


@dataclass(frozen=True, slots=True)
class PartialConfig:
    """A config without its faults: `error` is what is wrong with the whole, `gone` the keys left out for that."""

    config: Config
    error: ValidationError | None = None
    gone: tuple[KeyPath, ...] = ()


def valid_part(document: Document, sources: Sources) -> PartialConfig:
    """Leave out what is wrong until the rest is a config. Only the first look counts as mistakes: what is missing
    afterwards may be missing because we left it out."""
    left: Any = deepcopy(document.data) if isinstance(document.data, dict) else {}
    first: ValidationError | None = None
    gone: list[KeyPath] = []
    while True:
        try:
            return PartialConfig(Config.model_validate(left, context=sources), first, tuple(gone))
        except ValidationError as error:
            first = first or error
            found = _left_out(left, faults(error, replace(document, data=left)))
            gone += found
            if not found:
                left = {}


def _left_out(data: Any, wrong: list[KeyPath]) -> list[KeyPath]:
    """Take the keys out that these places are of; returns them. An item of a list goes with the list."""
    keys = {key for path in wrong if (key := _key(data, path))}
    for key in sorted(keys, key=len):
        if _holds(data, key):
            del _at(data, key[:-1])[key[-1]]
    return list(keys)


def _key(data: Any, path: KeyPath) -> KeyPath:
    """The nearest key at or above a place that is there."""
    while path and not (isinstance(path[-1], str) and _holds(data, path)):
        path = path[:-1]
    return path


def _holds(data: Any, path: KeyPath) -> bool:
    above = _at(data, path[:-1])
    return path[-1] in above if isinstance(above, dict) else isinstance(above, list)


def _at(data: Any, path: KeyPath) -> Any:
    """What stands at a place; None where there is none."""
    for part in path:
        inside = isinstance(data, dict) and part in data
        inside = inside or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        data = data[part] if inside else None
    return data
