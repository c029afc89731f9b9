"""Has a command run by the service whose home it names, so that it has the service's secrets, state and rights.

The daemon runs it while it is up. Without a daemon root becomes the service's user for the command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from reporter.app.service_files import ServiceFiles, service_of
from reporter.cli.commands import Command
from reporter.cli.terminal import DONE, user_name
from reporter.control.client import ClosedSocketError, NoDaemonError, forward, to_stream
from reporter.control.request import Request
from reporter.errors import ReporterError
from reporter.whole_file import whole_file


def run_by_service(
    command: Command, options: argparse.Namespace, home: Path, environ: Mapping[str, str] = os.environ
) -> int | None:
    """The exit code of the command, run by the service of this home; None where there is no such service, or where we
    are it. Raises ReporterError.
    """
    if environ.get("STATE_DIRECTORY"):
        return None
    service = service_of(home.absolute())
    arguments = _from_the_command_on(options.words, command.name)
    try:
        return _by_daemon(service, command, options, arguments)
    except NoDaemonError as error:
        if not _is_service(service):
            return None
        if os.geteuid() != 0:
            raise ReporterError(f"{error}: `systemctl start {service.name}`, or run this as root") from None
        return _as_service(service, command, options, arguments)
    except ClosedSocketError as error:
        hint = f"root and the group {service.name} may use it: `usermod --append --groups {service.name} USER`"
        raise ReporterError(f"{error}; {hint}, and log in again") from None


def _as_service(service: ServiceFiles, command: Command, options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Where the daemon is down: root opens a copy of the store, and the service's user need not be able to."""
    from reporter.cli.as_service import run_as_service

    words, path = list(arguments), getattr(options, "file", None)
    if command.name != "store" or path in {None, "-"}:
        return run_as_service(service, words)
    words[len(words) - 1 - words[::-1].index(path)] = "-"
    with Path(path).open("rb") as source:
        return run_as_service(service, words, source)


def _from_the_command_on(words: Sequence[str], name: str) -> list[str]:
    """The arguments without those before the command, which name the home."""
    places = [place for place, word in enumerate(words) if word == name and words[max(0, place - 1)] != "--home"]
    return list(words[places[0] :])


def _is_service(service: ServiceFiles) -> bool:
    """Whether a unit runs on this home, or its state is somebody else's."""
    if service.unit_file():
        return True
    try:
        return service.state.stat().st_uid != os.geteuid()
    except OSError:
        return False


def _by_daemon(service: ServiceFiles, command: Command, options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Files that the command names are opened here, with the rights of whoever gave it."""
    words = list(arguments)
    given = {name: path for name in command.files if (path := getattr(options, name, None)) not in (None, "-", [])}
    if "pictures" in given:
        raise ReporterError("the daemon writes into no folder of others: take `--format html`, which has the pictures")
    if any(isinstance(path, list) for path in given.values()):
        raise ReporterError(f"the daemon takes no files for `{command.name}`: attach them in the chat")
    with ExitStack() as stack:
        source = sys.stdin.fileno() if _reads_input(command, options) else _opened(stack, os.devnull)
        if path := given.get("file"):
            source = _opened(stack, path)
            words[len(words) - 1 - words[::-1].index(path)] = "-"
        if path := given.get("attach"):
            source = _opened(stack, path)
            words += ["--attach", "-", "--attach-name", options.attach_name or Path(path).name]
        if "out" in given:
            words += ["--out", "-"]
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        request = Request(f"/etc/{service.name}", tuple(words), user_name(), columns)
        if "out" not in given:
            return forward(service.socket, request, source, to_stream(sys.stdout), to_stream(sys.stderr))
        mode = 0o600 if command.name in {"store", "doctor"} else None
        return _into_file(service, request, source, Path(given["out"]), mode)


def _into_file(service: ServiceFiles, request: Request, source: int, path: Path, mode: int | None) -> int:
    """What a command that fails has written so far gets no name."""
    code = DONE
    with suppress(_FailedError), whole_file(path, mode) as target:
        code = forward(service.socket, request, source, target.write, to_stream(sys.stderr))
        _raise_if_failed(code)
        print(f"written to {path}", file=sys.stderr)
    return code


class _FailedError(Exception):
    """The command failed, and has said so."""


def _raise_if_failed(code: int) -> None:
    if code != DONE:
        raise _FailedError


def _reads_input(command: Command, options: argparse.Namespace) -> bool:
    return any(getattr(options, name, None) == "-" for name in command.files if name != "out")


def _opened(stack: ExitStack, path: str) -> int:
    return stack.enter_context(Path(path).open("rb")).fileno()
