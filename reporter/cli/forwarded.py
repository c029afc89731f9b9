"""Runs a command that came over the control socket: `python -m reporter.cli.forwarded --home DIR COMMAND …`.

Whoever is in the service's group gives such a command. The process has the service's rights and not those of the group,
so it opens no file that the command names.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from reporter.cli.parser import main

if __name__ == "__main__":
    with suppress(OSError):  # when memory is short, the command ends and not the daemon
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    sys.exit(main(forwarded=True))
