"""The errors of the program, in sentences for the person who corrects them; hints such as "did you mean …"."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass


class ReporterError(Exception):
    """Any failure that a user is meant to read: its text is a complete sentence and carries no secret."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: where it is, what is wrong, and what to write instead.

    `line` and `column` count from 1; `excerpt` is the line concerned, with secrets masked.
    """

    file: str
    message: str
    line: int | None = None
    column: int | None = None
    path: str = ""
    hint: str = ""
    excerpt: str = ""

    @property
    def where(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        lines = [f"{self.where}: {subject}{self.message}"]
        if self.excerpt:
            lines.append(f"    {self.excerpt}")
            if self.column:
                lines.append("    " + " " * (self.column - 1) + "^")
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class ConfigError(ReporterError):
    """The config, or what it names, cannot be used. Holds every problem found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class JobError(ReporterError):
    """A job file cannot be loaded, or a job raised while it ran."""


class TemplateError(ReporterError):
    """A template cannot be compiled or rendered; the text says file and line."""


class LedgerError(ReporterError):
    """A trading database cannot be read, or not in time."""


class StoreError(ReporterError):
    """Our own store cannot be opened, read or committed to."""


class StoreLockedError(StoreError):
    """Something else writes to our store, and was waited for in vain."""


class StoreBusyError(StoreError):
    """Another daemon holds this store."""


class StoreLostError(StoreError):
    """Our store was replaced under us by something that we cannot use: the daemon cannot go on."""


class ScarceError(ReporterError):
    """The machine gives no more memory or threads."""


def is_scarce(error: BaseException) -> bool:
    """Whether something failed because the machine gives no more memory or threads."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and "can't start new thread" in said)
        or (isinstance(error, ImportError) and ("failed to map segment" in said or "allocate memory" in said))
    )


class DeadlineError(ReporterError):
    """A run did not finish in its time; whatever it still returns is refused."""


class ClaimLostError(ReporterError):
    """Another daemon took the period over during the run; the result must not be sent."""


class CurrencyMismatchError(ReporterError):
    """Two amounts of different currencies were about to be added or compared."""


class ChartError(ReporterError):
    """A picture cannot be drawn; the report goes out without it."""


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a wrong one, in any case of letters; None when none is near."""
    from difflib import get_close_matches

    folded = {word.casefold(): word for word in reversed(list(known))}
    near = get_close_matches(wrong.casefold(), list(folded), n=1)
    return folded[near[0]] if near else None
