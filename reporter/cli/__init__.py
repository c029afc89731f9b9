"""The command line: `reporter COMMAND`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `reporter.cli.parser.main`."""
    # pydantic looks for plug-ins in every installed package; we have none, and would run nobody's beside secrets.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # httpx loads its own command line where click and rich are installed: 4 MB, and nobody calls it here.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # Python's way to say: not to be had
    from reporter.cli.parser import main as run

    return run(arguments)
