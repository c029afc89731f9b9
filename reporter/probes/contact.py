"""Whether a look has reached its target: what fails after that is not the fault of our own network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Contact:
    """What one look knows of the way to its target."""

    made: bool = False


_CURRENT: ContextVar[Contact | None] = ContextVar("contact", default=None)


@contextmanager
def watched() -> Iterator[Contact]:
    """For the length of a look, tells whether `reached` was called in it."""
    contact = Contact()
    token = _CURRENT.set(contact)
    try:
        yield contact
    finally:
        _CURRENT.reset(token)


def reached() -> None:
    """Say, from within a look, that the target has let itself be heard."""
    if contact := _CURRENT.get():
        contact.made = True
