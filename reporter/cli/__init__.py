"""The command line: `reporter COMMAND`."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `reporter.cli.parser.main`."""
    from reporter.cli.parser import main as run

    return run(arguments)
