"""The parser of the command line, built from the table of commands; runs the command that was asked for."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from reporter.cli.commands import COMMANDS, Command, Needs
from reporter.cli.masked_output import mask_output
from reporter.cli.terminal import BAD_CONFIG, FAILED, INTERRUPTED, NOT_READ, USAGE, complain, silence_output
from reporter.errors import ConfigError, ReporterError, ScarceError, is_scarce, nearest
from reporter.version import __version__

ABOUT = """\
Reports on automated trading in Discord: machines, agents and P&L, on time, once, and without loss.

  reporter demo                        see it at work on an invented trading desk, in this terminal
  reporter init DIR                    create a home (config, jobs, templates) that is ready to edit
  reporter --home DIR check            find mistakes before anything runs
  reporter --home DIR run              run the daemon
"""


# So many bytes a machine that has memory gives at any time.
_SPARE = 16 * 1024 * 1024
# It is bytes already: a sentence that has to be searched for secrets takes memory.
_NO_MEMORY = (
    b"reporter: this machine gives no more memory or threads, so reporter ends; nothing is lost: raise the limit "
    b"(`ulimit -v`, or MemoryMax= and TasksMax= of the service)\n"
)


def main(arguments: Sequence[str] | None = None, *, forwarded: bool = False) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage, 75 queued, 78 unusable config, 141 when
    the reader of our output has gone.

    `forwarded` is a command that others gave to the service: what is meant for its owner alone is refused.
    """
    mask_output()
    os.umask(os.umask(0o077) | 0o002)  # nothing that we make can be written to by everybody
    parser = _parser()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parser.parse_args(words)
        options.words, options.forwarded = words, forwarded
        return _guarded(parser, options)
    except BrokenPipeError:  # the reader of our output has seen enough
        silence_output()
        return NOT_READ
    except MemoryError:  # there was none for a sentence either
        _end_for_want_of_memory()


class _Parser(argparse.ArgumentParser):
    """Answers a word that is no command with the nearest one. Its subparsers do so too."""

    def error(self, message: str) -> NoReturn:
        found = re.fullmatch(r"argument ([\w-]+): invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
        if found is None:
            super().error(message)
        what, given, known = found[1].lower(), found[2], re.findall(r"[\w-]+", found[3])
        near = nearest(given, known)
        whole = near if what.startswith("-") else f"{self.prog} {near}"
        advice = f"did you mean `{whole}`?" if near else f"there is {', '.join(known)}"
        complain(f"there is no {what} {given}: {advice}")
        self.exit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="reporter",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="`reporter COMMAND --help` says more about each command.",
    )
    parser.add_argument("--home", metavar="DIR", help="where config/, jobs/ and templates/ are (or $REPORTER_HOME)")
    parser.add_argument("--version", action="version", version=f"reporter {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        added = commands.add_parser(command.name, help=command.help)
        added.set_defaults(declared=command)
        command.arguments(added)
    return parser


def _guarded(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run the command; a failure becomes a sentence on standard error and an exit code."""
    try:
        code = _run(options.declared, options) if options.command else _suggest(parser, options)
        sys.stdout.flush()  # here, where a reader who has gone can be handled, and not when Python exits
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - what is no fault of the user is raised again
        if isinstance(error, ScarceError) or is_scarce(error) or not _gives_memory():
            _end_for_want_of_memory()
        return _explained(error)
    return code


def _explained(error: Exception) -> int:
    """Say what went wrong, where a user can mend it; the exit code. Raises what is a defect of ours."""
    match error:
        case ConfigError():
            complain(str(error))
            return BAD_CONFIG
        case ReporterError():
            complain(str(error))
        case OSError():  # a disk that is full, or that cannot be written to
            complain(f"{error.filename or 'the output'}: {error.strerror}")
            silence_output()
        case _:
            raise error
    return FAILED


def _gives_memory() -> bool:
    """Whether the machine still gives some. Where it does not, Python and its libraries raise errors of any kind."""
    try:
        return bool(bytearray(_SPARE))
    except MemoryError:
        return False


def _end_for_want_of_memory() -> NoReturn:
    """End at once: a thread that waits for memory would keep Python from ending. What is owed is in the store."""
    os.write(2, _NO_MEMORY)
    logging.shutdown()
    os._exit(FAILED)


def _run(command: Command, options: argparse.Namespace) -> int:
    needs: Needs = getattr(options, "needs", command.needs)
    module, _, function = getattr(options, "handler", command.handler).partition(".")
    handler: Any = getattr(import_module(f"reporter.cli.{module}"), function)
    if options.forwarded:
        _refuse_what_is_not_for_others(command, needs, options)
    if needs is Needs.NOTHING:
        return int(handler(options))
    from reporter.app.app import opened
    from reporter.app.home import FolderHome, find_home
    from reporter.periods.clock import SystemClock
    from reporter.scheduler import logs

    logs.start("CRITICAL")  # a command speaks for itself; the daemon sets its own level
    folder = find_home(options.home)
    if command.remote and not options.forwarded and folder.absolute().parent == Path("/etc"):
        from reporter.cli.service_door import run_by_service

        code = run_by_service(command, options, folder)
        if code is not None:
            return code
    home = FolderHome(folder, clock=SystemClock(), uses=command.uses)
    if needs is Needs.HOME:
        return int(handler(home, options))
    with opened(home, existing=needs is Needs.PAST) as app:
        return int(handler(app, options))


def _refuse_what_is_not_for_others(command: Command, needs: Needs, options: argparse.Namespace) -> None:
    """Raises ReporterError for what whoever may use the service's socket may not do with the service's rights."""
    if not command.remote or needs is Needs.NOTHING:
        raise ReporterError(f"`reporter {command.name}` is not run by the daemon")
    if any(getattr(options, name, None) not in (None, "-", []) for name in command.files):
        raise ReporterError("the daemon opens no file for a command: give its content, as `reporter` does by itself")


def _suggest(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """`reporter` alone: say what to do next."""
    from reporter.app.home import CONFIG, find_home

    try:
        home = find_home(options.home)
    except ConfigError:
        parser.print_help()
        print("\nThere is no home here yet. To look around: reporter demo. To begin: reporter init DIR")
        return USAGE
    parser.print_usage()
    print(f"\nThe home is {home.resolve()}, its config {home / CONFIG}.")
    print("Find mistakes with `reporter check`, see a report with `reporter preview daily_summary`,")
    print("and start the daemon with `reporter run`.")
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
