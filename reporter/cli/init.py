"""The commands init and schema: what a new home needs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from reporter.app.home import CONFIG, FLOOR, make_home
from reporter.config import loading


def run_init(options: argparse.Namespace) -> int:
    """`reporter init DIR`: guided in a terminal and with `--yes`; else, and with `--floor`, a home to be edited."""
    folder = Path(options.dir)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not options.yes
    if (asks or options.yes) and not (options.floor or options.plain):
        return _guided(folder, options, asks=asks)
    created = make_home(folder, config=FLOOR if options.floor else CONFIG)
    for path in created:
        print(f"created {path}")
    if not created:
        print(f"{folder} is a home already; nothing was changed")
    if options.floor and created:
        print(f"Now name your database in {folder / CONFIG}, then: reporter --home {folder} setup discord --all")
        return 0
    print(f"Now edit {folder / CONFIG}, then: reporter --home {folder} check")
    return 0


def _guided(folder: Path, options: argparse.Namespace, *, asks: bool) -> int:
    from reporter.cli.guided_init import run_guided

    if (folder / CONFIG).exists():
        print(f"{folder} is a home already; nothing was changed. `reporter --home {folder} doctor` looks at it.")
        return 0
    return run_guided(options, asks=asks)


def print_schema(_options: argparse.Namespace) -> int:
    """`reporter schema`."""
    print(json.dumps(loading.schema(), indent=2, ensure_ascii=False))
    return 0
