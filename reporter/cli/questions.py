"""Questions in the terminal, each with an answer that is taken when nothing is typed."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from reporter.errors import ReporterError


def ask(question: str, otherwise: str = "") -> str:
    """What was typed, else `otherwise`. Raises ReporterError where nobody can answer any more."""
    try:
        return input(f"{question}{f' [{otherwise}]' if otherwise else ''}: ").strip() or otherwise
    except EOFError:
        raise _gone() from None


def agree(question: str) -> bool:
    """Whether the answer is not no."""
    return not ask(f"{question} [Y/n]").lower().startswith("n")


def ask_secret(question: str) -> str:
    """What was typed or pasted and is not shown. Raises ReporterError where nobody can answer any more."""
    try:
        return getpass.getpass(f"{question}: ").strip()
    except EOFError:
        raise _gone() from None


def choose(question: str, number: int) -> Sequence[int]:
    """Which of so many things, counted from 0: `all`, `none`, or numbers from 1 such as `1 3`."""
    while True:
        words = ask(question, "all").replace(",", " ").lower().split()
        if words in (["all"], ["none"]):
            return range(number) if words == ["all"] else []
        if all(word.isdecimal() and 1 <= int(word) <= number for word in words):
            return [int(word) - 1 for word in dict.fromkeys(words)]
        print(f"Write numbers from 1 to {number}, `all` or `none`.")


def pick(question: str, number: int) -> int:
    """Which one of so many things, counted from 0; the first where nothing is typed."""
    while True:
        given = ask(question, "1")
        if given.isdecimal() and 1 <= int(given) <= number:
            return int(given) - 1
        print(f"Write a number from 1 to {number}.")


def _gone() -> ReporterError:
    return ReporterError("the answers have ended, so nothing was made")
