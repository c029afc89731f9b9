"""The command's end of the control socket: has the daemon run a command, and passes on what it writes."""

from __future__ import annotations

import codecs
import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from reporter.control.request import LARGEST, Request
from reporter.errors import ReporterError

Write = Callable[[bytes], object]


class NoDaemonError(ReporterError):
    """Nobody listens at the control socket."""


class ClosedSocketError(ReporterError):
    """The control socket is not for us."""


def is_reached(path: Path) -> bool:
    """Whether a daemon listens at this socket and we may use it."""
    try:
        _connected(path).close()
    except ReporterError:
        return False
    return True


def forward(path: Path, request: Request, given: int, out: Write, error: Write) -> int:
    """Have the daemon run a command that reads from the file `given`; returns its exit code.

    Raises NoDaemonError and ClosedSocketError before anything was done, ReporterError with what the daemon says, and
    OSError where what it writes cannot be passed on: nobody reads it any more, or the disk is full.
    """
    failed: list[OSError] = []
    with _connected(path) as connection:
        (read_out, write_out), (read_error, write_error) = os.pipe(), os.pipe()
        copying = [
            threading.Thread(target=_copied, args=(read_out, out, connection, failed), daemon=True),
            threading.Thread(target=_copied, args=(read_error, error, connection, failed), daemon=True),
        ]
        try:
            socket.send_fds(connection, [request.encode()], [given, write_out, write_error])
        except OSError as failure:
            for file in (read_out, read_error):
                os.close(file)
            raise ReporterError(f"the daemon does not take this command: {failure.strerror}") from None
        finally:
            for file in (write_out, write_error):
                os.close(file)
        for thread in copying:
            thread.start()
        try:
            answer = connection.recv(LARGEST)
        except OSError:
            answer = b""
        for thread in copying:
            thread.join()
    if failed:
        raise failed[0]
    if not answer:
        raise ReporterError("the daemon ended while the command ran")
    found = json.loads(answer)
    if "error" in found:
        raise ReporterError(str(found["error"]))
    code = int(found["exit"])
    return code if code >= 0 else 128 - code


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        raise NoDaemonError(f"no daemon answers at {path}") from None
    except OSError as error:
        connection.close()
        raise ClosedSocketError(f"{path}: {error.strerror}") from None
    return connection


def to_stream(stream: TextIO) -> Write:
    """Writes UTF-8 to a text stream, as it comes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(chunk: bytes) -> None:
        stream.write(decoder.decode(chunk))
        stream.flush()

    return write


def _copied(source: int, write: Write, connection: socket.socket, failed: list[OSError]) -> None:
    """Pass on until the end. Where that fails, as nobody reads any more, the command is ended by hanging up."""
    with os.fdopen(source, "rb", buffering=0) as pipe:
        try:
            while chunk := pipe.read(65536):
                write(chunk)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError):
                failed.append(error)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
