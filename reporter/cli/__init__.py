"""The command line: `reporter COMMAND`."""

from __future__ import annotations

import os
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `reporter.cli.parser.main`."""
    # pydantic looks for plug-ins in every installed package; we have none, and would run nobody's beside secrets.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from reporter.cli.parser import main as run

    return run(arguments)
