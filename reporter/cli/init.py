"""The commands init and schema: what a new home needs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from reporter.app.home import CONFIG, FLOOR, make_home
from reporter.config import loading


def run_init(options: argparse.Namespace) -> int:
    """`reporter init [--floor] DIR`."""
    folder = Path(options.dir)
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


def print_schema(_options: argparse.Namespace) -> int:
    """`reporter schema`."""
    print(json.dumps(loading.schema(), indent=2, ensure_ascii=False))
    return 0
