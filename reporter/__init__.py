"""The words of a job file: `from reporter import Context, Report, job`. The first use loads them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reporter.version import __version__ as __version__

if TYPE_CHECKING:
    from reporter.jobs.api import *

# `reporter.jobs.api` lists the public words once. Older job files find the words of the kit here too, and renamed ones.
_FACES = ("reporter.jobs.api", "reporter.jobs.kit")


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        word = import_module("reporter.jobs.old_words").OLD_WORDS.get(name, name)
        for face in map(import_module, _FACES):
            if hasattr(face, word):
                return getattr(face, word)
    raise AttributeError(f"module 'reporter' has no attribute {name!r}")
