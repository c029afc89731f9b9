"""The daemon's end of the control socket: runs commands for those who may use the socket, with what the daemon has.

The mode of the socket decides who may: root, the service's user and its group. Each command is a process of its own,
in the daemon's sandbox and with the daemon's secrets, state and groups; it writes straight into the pipes of whoever
asked. The process refuses commands and files that are not meant for others (`reporter.cli.forwarded`).
"""

from __future__ import annotations

import array
import json
import logging
import os
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from reporter.control.request import LARGEST, Request, RequestError, read_request
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.trusted_files import name_of

log = logging.getLogger(__name__)

AT_ONCE = 4
"""So many commands run at once; each takes about as much memory as the daemon."""
PATIENCE = 5.0
"""Seconds for a request to arrive, and for a command to end when whoever gave it has gone."""
_OF_SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID")
_USER = re.compile(r"[\w.@-]{1,32}")


class ControlServer:
    """Listens at `path` until it is stopped. `command` is what starts a forwarded command of the home `home`."""

    def __init__(self, path: Path, home: Path, command: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._home = str(home.absolute())
        self._command = (*command, "--home", self._home)
        self._environ = {name: value for name, value in environ.items() if name not in _OF_SYSTEMD}
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Raises ReporterError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            if self._path.exists() and stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()  # that of a daemon which was killed
            listener.bind(str(self._path))
            self._path.chmod(0o660)
            listener.listen(16)
        except OSError as error:
            listener.close()
            raise ReporterError(f"the control socket {self._path} cannot be opened: {error.strerror}") from None
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="control", daemon=True).start()

    def stop(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it was closed
                return
            try:
                threading.Thread(target=self._serve, args=(connection,), name="command", daemon=True).start()
            except RuntimeError as error:  # the machine gives no more threads
                connection.close()
                log.warning("a command could not be run: %s", error)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            files: list[int] = []
            try:
                request = self._receive(connection, files)
                answer = self._run(request, files, connection)
            except RequestError as error:
                answer = {"error": str(error)}
            except OSError as error:
                log.warning("a command could not be run: %s", error)
                answer = {"error": f"the daemon cannot run it: {error.strerror}"}
            finally:
                for file in files:
                    os.close(file)
            with suppress(OSError):  # whoever asked has gone
                connection.send(json.dumps(answer).encode())

    def _receive(self, connection: socket.socket, files: list[int]) -> Request:
        """The request; the files that came with it are put into `files`, whatever is wrong."""
        found = array.array("i")
        data, extra, flags, _ = connection.recvmsg(
            LARGEST, socket.CMSG_LEN(8 * found.itemsize), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, content in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found.frombytes(content[: len(content) - len(content) % found.itemsize])
        files += found
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(files) != 3:
            raise RequestError("this is no request of a command")
        request = read_request(data)
        if request.home != self._home:
            raise RequestError(f"this daemon serves the home {self._home}")
        return request

    def _run(self, request: Request, files: list[int], connection: socket.socket) -> dict[str, object]:
        if not self._places.acquire(blocking=False):
            raise RequestError(f"{AT_ONCE} commands run already: try again when one of them has ended")
        try:
            who = _peer(connection)
            log.info("command of %s: %s", visible(request.user or who), visible(" ".join(request.arguments))[:500])
            process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
                [*self._command, *request.arguments],
                stdin=files[0],
                stdout=files[1],
                stderr=files[2],
                env=self._environ | _wishes(request, who),
                cwd="/",
                start_new_session=True,
            )
            while files:  # the pipes end when the command does
                os.close(files.pop())
            return {"exit": _awaited(process, connection)}
        finally:
            self._places.release()


def _wishes(request: Request, who: str) -> dict[str, str]:
    """What of the caller's surroundings counts: how wide the terminal is, and the name that is noted."""
    user = request.user if _USER.fullmatch(request.user) else who
    width = {"COLUMNS": str(request.columns)} if 20 <= request.columns <= 1000 else {}
    return {"LOGNAME": user, "PYTHONIOENCODING": "utf-8", **width}


def _peer(connection: socket.socket) -> str:
    """Who is at the other end, as the kernel knows; in a sandbox with users of its own most are `nobody`."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return name_of(uid)


def _awaited(process: subprocess.Popen[bytes], connection: socket.socket) -> int:
    """The exit code of a command, which is ended when whoever gave it has gone."""
    ended = os.pidfd_open(process.pid)
    try:
        ready, _, _ = select.select([ended, connection.fileno()], [], [])
        if ended not in ready:
            _end(process)
        return process.wait()
    finally:
        os.close(ended)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return
