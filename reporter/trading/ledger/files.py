"""CSV, JSON-lines and Parquet files, and DuckDB databases, as sources of rows; a worker process reads them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

from reporter.errors import LedgerError
from reporter.paths import expanded
from reporter.trading.ledger import file_worker
from reporter.trading.ledger.catalog import SAMPLED, ColumnShape, Sample, TableShape
from reporter.trading.ledger.connection import SourceVersion

# The one table that files make, whatever their names are.
TABLE = "file"
KINDS = {"csv": "csv", "tsv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "duckdb": "duckdb"}
_WORDS = 40


def file_kind(url: str) -> tuple[str, str] | None:
    """The kind of file and its path, by a scheme such as `csv:` or by the name's end; None for what is no such file."""
    scheme, mark, rest = url.partition(":")
    if mark and scheme in KINDS:
        return KINDS[scheme], "/" + rest.lstrip("/") if rest.startswith("////") else rest.removeprefix("///")
    path = url.removeprefix("sqlite:///") if scheme == "sqlite" else url
    if "://" in path:
        return None
    ends = path.lower().removesuffix(".gz").rpartition(".")[2]
    return (KINDS[ends], path) if ends in KINDS else None


class Files:
    """One or more files of one kind as a ledger's database. `timeout` is in seconds, for each look.

    `path` may have `*` in it, for many files of one form. Each look is a process of its own, which ends with it.
    """

    dialect = "duckdb"
    file: Path | None = None

    def __init__(self, name: str, kind: str, path: str, timeout: float) -> None:
        self.name = name
        self._kind, self._path, self._timeout = kind, expanded(path), timeout

    def __repr__(self) -> str:
        return f"Files({self.name!r}, {self._kind})"

    @property
    def address(self) -> str:
        """Where the files are."""
        return f"{self._kind}:{self._path}"

    @contextmanager
    def snapshot(self) -> Iterator[FileLook]:
        """A look at the files that there are now. Raises LedgerError."""
        try:
            yield FileLook(self._kind, self._found(), self._timeout)
        except LedgerError as error:
            raise LedgerError(f"{self.name}: {error}") from None

    def version(self, look: FileLook, _tables: object) -> SourceVersion:
        """What differs once a file has been written to."""
        return SourceVersion(look.stamp())

    def _found(self) -> list[Path]:
        is_pattern = any(mark in self._path.name for mark in "*?[")
        try:
            found = sorted(self._path.parent.glob(self._path.name)) if is_pattern else [self._path]
            missing = [path for path in found if not path.is_file()]
        except OSError as error:
            raise LedgerError(f"{self._path} cannot be reached: {error.strerror}") from None
        if missing or not found:
            raise LedgerError(f"there is no file {missing[0] if missing else self._path}")
        return found


class FileLook:
    """Files at one moment; every question is asked of a process of its own."""

    def __init__(self, kind: str, files: list[Path], timeout: float) -> None:
        self._kind, self._files, self._timeout = kind, [path.resolve() for path in files], timeout

    def stamp(self) -> object:
        """What differs once a file has been written to, has come or gone."""
        try:
            found = [(str(path), path.stat()) for path in self._files]
        except OSError as error:
            raise LedgerError(f"{error.filename} cannot be reached: {error.strerror}") from None
        return tuple((path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found)

    def columns(self, sql: str) -> list[ColumnShape]:
        """The columns of what a statement gives."""
        rows = self._asked(f"SELECT * FROM ({sql}) LIMIT 0")  # noqa: S608 - the worker takes one SELECT and can only read
        return [ColumnShape(name, kind) for name, kind in next(rows)["columns"]]

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """The rows that a statement gives. Raises LedgerError, also at their end where lines could not be read."""
        rows = self._asked(sql)
        names = [name for name, _ in next(rows)["columns"]]
        for row in rows:
            if isinstance(row, dict):
                _expect_all(row["rejected"])
                return
            yield dict(zip(names, row, strict=True))

    def _asked(self, sql: str) -> Iterator[Any]:
        if find_spec("duckdb") is None:
            raise LedgerError("reading such files needs DuckDB: pip install 'reporter[duckdb]'")
        request = {"kind": self._kind, "files": list(map(str, self._files)), "sql": sql, "timeout": self._timeout}
        with _worker(request, self._timeout) as answer:
            for line in answer:
                found = json.loads(line)
                if isinstance(found, dict) and "error" in found:
                    raise LedgerError(_sentence(found["error"]))
                yield found
                if isinstance(found, dict) and "rejected" in found:
                    return
            raise LedgerError("it did not answer in time, or needed too much memory")


@contextmanager
def _worker(request: Mapping[str, Any], timeout: float) -> Iterator[IO[str]]:
    """The answer of a worker, which is gone after `timeout` seconds however it ends."""
    command = [sys.executable, "-I", "-X", "utf8", str(Path(file_worker.__file__))]
    with subprocess.Popen(  # noqa: S603 - our own script
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", env={}
    ) as worker:
        end = threading.Timer(timeout, worker.kill)
        end.start()
        try:
            assert worker.stdin is not None  # noqa: S101 - both are pipes
            assert worker.stdout is not None  # noqa: S101
            worker.stdin.write(json.dumps(request))
            worker.stdin.close()
            yield worker.stdout
        finally:
            end.cancel()
            worker.kill()


def _expect_all(rejected: list[tuple[str, int, str]]) -> None:
    if rejected:
        file, line, message = rejected[0]
        more = f", and {len(rejected) - 1} more" if len(rejected) > 1 else ""
        raise LedgerError(f"{file}:{line}: this line cannot be read{more}: {message}")


def _sentence(error: str) -> str:
    """What an error of DuckDB means to somebody who can mend it."""
    if "Could not set lock" in error or "Conflicting lock" in error:
        return "another program has this DuckDB database open, which lets nobody else read it then"
    if "Permission Error" in error:
        return "a statement that reads or writes other files was refused"
    if "Binder Error" in error or "Catalog Error" in error:
        return f"a column or table is missing ({error.partition('LINE ')[0].strip()})"
    return error


class Rows(Protocol):
    """What is asked for rows in looks: files, or a server of another kind."""

    @property
    def address(self) -> str: ...
    def snapshot(self) -> AbstractContextManager[Any]: ...


class FileCatalog:
    """What stands in files: one table for files of rows, the tables of a DuckDB database."""

    def __init__(self, database: Rows) -> None:
        self._database = database

    def tables(self) -> list[TableShape]:
        with self._database.snapshot() as look:
            if self._database.address.startswith("duckdb:"):
                listed = look.rows("SELECT table_name, column_name, data_type FROM duckdb_columns() "
                                   "WHERE database_name = 'ledger' ORDER BY table_name, column_index")  # fmt: skip
                tables: dict[str, list[ColumnShape]] = {}
                for row in listed:
                    tables.setdefault(row["table_name"], []).append(ColumnShape(row["column_name"], row["data_type"]))
                return [TableShape(name, tuple(columns)) for name, columns in tables.items()]
            own = tuple(column for column in look.columns("SELECT * FROM file") if column.name != "row_number")
            return [TableShape(TABLE, own)]

    def count(self, shape: TableShape) -> int:
        with self._database.snapshot() as look:
            return int(next(look.rows(f"SELECT count(*) AS n FROM {named(shape.name)}"))["n"])  # noqa: S608 - quoted

    def sample(self, shape: TableShape) -> list[Sample]:
        with self._database.snapshot() as look:
            return list(look.rows(f"SELECT * FROM {named(shape.name)} LIMIT {SAMPLED}"))  # noqa: S608 - quoted

    def words(self, shape: TableShape, name: str) -> dict[str, int]:
        chosen = f"SELECT {named(name)} AS word, count(*) AS n FROM {named(shape.name)}"  # noqa: S608 - quoted
        with self._database.snapshot() as look:
            return {
                str(row["word"]): row["n"]
                for row in look.rows(f"{chosen} GROUP BY 1 LIMIT {_WORDS}")
                if row["word"] is not None
            }

    def row_number(self, shape: TableShape) -> str | None:
        return "row_number" if shape.name == TABLE else None


def named(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
