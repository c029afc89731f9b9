"""A value that never shows itself."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A webhook URL, token or password. Only `reveal()` gives it away; `str`, `repr` and formats give `***`.

    `origin` says where it came from (`env:DISCORD_WEBHOOK`), which is no secret and helps to mend a wrong one.
    """

    value: str = field(repr=False)
    origin: str = ""

    def reveal(self) -> str:
        return self.value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return f"Secret(*** from {self.origin})" if self.origin else "Secret(***)"
