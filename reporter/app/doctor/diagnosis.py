"""One thing that was looked at, how it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`remedy` is a sentence or a command for whoever mends it; empty where all is well or `text` says it."""

    about: str
    verdict: Verdict
    text: str
    remedy: str = ""
