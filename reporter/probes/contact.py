"""Records whether a probe reached its target: a later failure is then not the fault of our own network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Contact:
    """What one look knows of the way to its target: whether it was reached, and at which address, where that is known.

    `here` says that this is one of this machine's own, for which no network is needed; `answering` that an answer has
    begun.
    """

    made: bool = False
    address: str | None = None
    here: bool = False
    answering: bool = False


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


def reached(line: socket.socket | None = None) -> None:
    """Say, from within a look, that the target has let itself be heard, over this connection."""
    if contact := _CURRENT.get():
        contact.made = True
        with suppress(OSError):
            if line and line.family in {socket.AF_INET, socket.AF_INET6}:
                contact.address = line.getpeername()[0]
                contact.here = contact.address == line.getsockname()[0]


def is_reached() -> bool:
    """Whether this look has reached anybody."""
    contact = _CURRENT.get()
    return contact is not None and contact.made


def answering() -> None:
    """Say, from within a look, that the target has begun to answer."""
    if contact := _CURRENT.get():
        contact.answering = True
