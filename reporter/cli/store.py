"""The command store: backs up the reporter's own database."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reporter.app.app import App
from reporter.cli.terminal import DONE
from reporter.errors import ReporterError
from reporter.whole_file import whole_file


def run_store(app: App, options: argparse.Namespace) -> int:
    """`reporter store backup --out FILE`: a copy that is whole, while others read and write."""
    folder = app.store.folder
    if folder is None:
        raise ReporterError("this store is on PostgreSQL: back it up with `pg_dump`")
    with TemporaryDirectory(prefix=".backup-", dir=folder) as scratch:  # as private as the store itself
        copy = Path(scratch, "copy.sqlite")
        app.store.backup(copy)
        with copy.open("rb") as source:
            if options.out == "-":
                shutil.copyfileobj(source, sys.stdout.buffer)
                return DONE
            try:
                with whole_file(Path(options.out), 0o600) as target:
                    shutil.copyfileobj(source, target)
            except OSError as error:
                raise ReporterError(f"{options.out} cannot be written: {error.strerror}") from None
    print(f"written to {options.out}", file=sys.stderr)
    return DONE
