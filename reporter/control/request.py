"""What a command sends over the control socket: its arguments, and three open files as its input and output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SOCKET = "control.sock"
LARGEST = 64 * 1024
"""Bytes of one request."""
MOST_ARGUMENTS = 200


class RequestError(ValueError):
    """A request that is none of ours; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command line for the home `home`. `user` is who gave it, and `columns` the width of the terminal."""

    home: str
    arguments: tuple[str, ...]
    user: str = ""
    columns: int = 0

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def read_request(data: bytes) -> Request:
    """Raises RequestError."""
    try:
        given = json.loads(data)
        request = Request(given["home"], tuple(given["arguments"]), given["user"], given["columns"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RequestError("this is no request of a command") from None
    texts = (request.home, request.user, *request.arguments)
    if not all(isinstance(text, str) and "\0" not in text for text in texts) or type(request.columns) is not int:
        raise RequestError("this is no request of a command")
    if len(request.arguments) > MOST_ARGUMENTS:
        raise RequestError(f"a command has at most {MOST_ARGUMENTS} arguments")
    return request


def socket_of(home: Path) -> Path | None:
    """Where the daemon of a home in /etc listens; None for any other home, whose commands need no daemon."""
    folder = home.absolute()
    return Path("/run", folder.name, SOCKET) if folder.parent == Path("/etc") else None
