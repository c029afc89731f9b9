"""A path as people write it."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(text: str) -> Path:
    """The path with `~` and `~name` as folders; the name of nobody stays as it is, and is then not found."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for the name of nobody
