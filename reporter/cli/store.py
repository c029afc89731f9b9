"""The command store: shows, backs up, restores and compacts the reporter's own database."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.cli.terminal import DONE, FAILED, progress
from reporter.errors import ReporterError
from reporter.messages.formats import size_text
from reporter.messages.message import visible
from reporter.store.contents import StoreContents, contents
from reporter.store.database import Store, store_as_it_is, store_file
from reporter.store.restore import compact, restore
from reporter.store.tables import HEAD
from reporter.whole_file import whole_file


def run_store(app: App, options: argparse.Namespace) -> int:
    """`reporter store backup --out FILE`: a copy that is whole, while others read and write."""
    file = app.store.file
    if file is None:
        raise ReporterError("this store is on PostgreSQL: back it up with `pg_dump`")
    with TemporaryDirectory(prefix=".backup-", dir=file.parent) as scratch:  # as private as the store itself
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


def show_store(home: FolderHome, _options: argparse.Namespace) -> int:
    """`reporter store info`: 0 for a store that is sound; it stays of the version that it is of."""
    with closing(store_as_it_is(_url(home))) as store:
        with progress("looking"):
            found = contents(store)
        print("\n".join(visible(line) for line in _lines(store, found)))
    return FAILED if found.damage else DONE


def _url(home: FolderHome) -> str:
    return home.read().loaded.store.reveal()


def _lines(store: Store, found: StoreContents) -> Iterator[str]:
    yield f"store     {store.file or 'on PostgreSQL'}"
    yield f"version   {found.version or 'none, it is empty'}{_beside_ours(found.version)}"
    unused = f", of which {size_text(found.unused)} hold nothing (`reporter store compact`)" if found.unused else ""
    yield f"size      {size_text(found.size)}{unused}"
    daemon = {True: "runs on it", False: "does not run"}.get(store.has_daemon() or False) if store.file else None
    if daemon:
        yield f"daemon    {daemon}"
    if store.file:
        yield f"sound     {f'no: {found.damage}. `reporter store restore FILE`' if found.damage else 'yes'}"
    yield ""
    width = max((len(table.name) for table in found.tables), default=5)
    yield f"{'table':{width}}  {'rows':>10}  {'size':>10}  {'oldest (UTC)':16}  newest (UTC)"
    for table in found.tables:
        size = size_text(table.size) or "-"
        moments = f"{_moment(table.oldest):16}  {_moment(table.newest)}"
        yield f"{table.name:{width}}  {table.rows:>10,}  {size:>10}  {moments}".rstrip()


def _beside_ours(version: str | None) -> str:
    if version == HEAD:
        return ", that of this program"
    return f"; this program's is {HEAD}, and its first start upgrades the store" if (version or "") < HEAD else ""


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def restore_store(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter store restore FILE`: refused while a daemon runs."""
    file = store_file(_url(home))
    if file is None:
        raise ReporterError("this store is on PostgreSQL: restore it with `pg_restore` or `psql`")
    if options.file == "-":
        return _restored(file, sys.stdin.buffer)
    try:
        with Path(options.file).open("rb") as source:
            return _restored(file, source)
    except OSError as error:
        raise ReporterError(f"{options.file} cannot be read: {error.strerror}") from None


def _restored(file: Path, source: BinaryIO) -> int:
    with progress("checking the copy"):
        version, kept = restore(file, source)
    print(f"✓ {file} is the copy now, of version {version}")
    if kept:
        print(f"The store of before is {kept}: delete it when you are sure.")
    print("Reports that were sent after the copy was made count as not sent, and are sent again.")
    return DONE


def compact_store(home: FolderHome, _options: argparse.Namespace) -> int:
    """`reporter store compact`, also while a daemon runs, which saves what it has afterwards."""
    file = store_file(_url(home))
    if file is None:
        raise ReporterError(
            "this store is on PostgreSQL, which reuses room by itself. `VACUUM FULL` there gives it back to the disk, "
            "and locks each table meanwhile"
        )
    if not file.exists():
        raise ReporterError(f"this home has no store yet: {file} is not there")
    with progress(f"compacting {size_text(file.stat().st_size)}"):
        before, after = compact(file)
    print(f"✓ {size_text(before)} before, {size_text(after)} now")
    return DONE
