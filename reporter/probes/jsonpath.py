"""Paths into JSON: `data.items[0].status`. Without filters and wildcards, a path is one value or none."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# Stands for nothing, where None may be what stands there.
NOTHING: Any = object()

_STEP = re.compile(r"\.?([^.\[\]\"]+)|\[(\d{1,6})\]|\[\"([^\"]+)\"\]")


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[str | int, ...]:
    """The keys and indexes that a path goes through. Raises ValueError for what is no path.

    A leading `$` is the whole, as in JSONPath (RFC 9535); `["a.b"]` names a key with a dot.
    """
    text, walked, at = path.removeprefix("$"), list[str | int](), 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise ValueError(f"{path} is no path into JSON")
        key, index, quoted = step.groups()
        walked.append(int(index) if index else key or quoted)
        at = step.end()
    return tuple(walked)


def found(data: Any, path: str) -> Any:
    """What stands at a path, or NOTHING."""
    for step in steps(path):
        if isinstance(step, int):
            held = isinstance(data, list) and step < len(data)
        else:
            held = isinstance(data, dict) and step in data
        if not held:
            return NOTHING
        data = data[step]
    return data
