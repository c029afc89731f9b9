"""Reads CSV, JSON-lines and Parquet files and DuckDB databases, as a process of its own that can do nothing else.

It runs as a script, imports nothing of the program, takes one request as JSON on standard input, and writes JSON lines:
first the columns, then a row each, at last what could not be read. DuckDB may open the files that were named and no
other, and the system lets this process write no file at all.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEMORY = "512MB"
ADDRESSES = 4 << 30  # bytes of address space
BATCH = 1000
SNIFFED = 1 << 20  # bytes from which the encoding of a CSV file is told

# In the order that holds: which files may be opened is set while that can still be set, and then all is locked.
_GUARD = (
    "SET allowed_paths = {paths}",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    f"SET memory_limit = '{MEMORY}'",
    "SET temp_directory = ''",
    "SET TimeZone = 'UTC'",
)
_REJECTED = (
    "SELECT s.file_path, e.line, e.csv_line, e.error_message FROM reject_errors e "
    "JOIN reject_scans s USING (scan_id, file_id)"
)
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")


def main() -> int:
    """Answer one request; returns 0, and 1 with a sentence as `error`."""
    request = json.load(sys.stdin)
    seconds = max(1, round(request["timeout"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    import duckdb  # noqa: PLC0415 - heavy, and of an extra

    try:
        for line in answers(duckdb, request):
            print(json.dumps(line, default=stored, ensure_ascii=False))
    except (duckdb.Error, ValueError, MemoryError) as error:
        print(json.dumps({"error": " ".join(str(error).split())[:300]}))
        return 1
    return 0


def answers(duckdb: Any, request: dict[str, Any]) -> Iterator[Any]:
    """The columns, the rows, and what was left out."""
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    files, kind = request["files"], request["kind"]
    beside = [f"{file}.wal" for file in files] if kind == "duckdb" else []
    for statement in _GUARD:
        connection.execute(statement.format(paths=listed([*files, *beside])))
    if kind == "duckdb":
        connection.execute(f"ATTACH {quoted(files[0])} AS ledger (READ_ONLY)")
        connection.execute("USE ledger")
    for statement in _LOCKS:
        connection.execute(statement)
    if kind != "duckdb":
        connection.execute(f"CREATE TEMP VIEW file AS {view(kind, files)}")
    wanted = request["sql"]
    kinds = [statement.type.name for statement in duckdb.extract_statements(wanted)]
    if kinds != ["SELECT"]:
        raise ValueError("write one SELECT statement")
    found = connection.execute(wanted)
    yield {"columns": [(name, str(kind)) for name, kind, *_ in found.description]}
    while rows := found.fetchmany(BATCH):
        yield from rows
    yield {"rejected": list(rejected(connection)) if kind == "csv" else []}


def view(kind: str, files: list[str]) -> str:
    """The rows of all files, each with its number and the name of its file."""
    parts = " UNION ALL BY NAME ".join(part(kind, file) for file in files)
    return f"SELECT *, row_number() OVER () AS row_number FROM ({parts})"  # noqa: S608 - our own words


def part(kind: str, file: str) -> str:
    name = quoted(Path(file).name.partition(".")[0])
    return f"SELECT *, {name} AS file_name FROM {read(kind, file)}"  # noqa: S608 - our own words, and quoted


def read(kind: str, file: str) -> str:
    """One file. Of CSV every value is the text that it is; a line of another length is left out, and told."""
    if kind == "parquet":
        return f"read_parquet({quoted(file)})"
    if kind == "jsonl":
        return f"read_json({quoted(file)}, format = 'newline_delimited', sample_size = -1)"
    return (
        f"read_csv({quoted(file)}, all_varchar = true, header = true, store_rejects = true, "
        f"encoding = '{encoding(Path(file))}')"
    )


def encoding(file: Path) -> str:
    """UTF-8, or else the Western one that spreadsheets of old write."""
    with file.open("rb") as opened:
        begin = opened.read(SNIFFED)
    try:
        begin.decode()
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(begin) - 4 and len(begin) == SNIFFED else "latin-1"
    return "utf-8"


def rejected(connection: Any) -> Iterator[tuple[str, int, str]]:
    """Lines that could not be read, but for a last one that is still being written."""
    for file, number, line, message in connection.execute(_REJECTED).fetchall():
        if not torn(Path(file), line or ""):
            yield file, number, message


def torn(file: Path, line: str) -> bool:
    """Whether this line is the last one of a file, and has no end yet."""
    with file.open("rb") as opened:
        opened.seek(0, 2)
        opened.seek(max(0, opened.tell() - len(line.encode()) - 2))
        end = opened.read()
    return not end.endswith((b"\n", b"\r")) and end.endswith(line.encode()[-20:])


def stored(value: Any) -> Any:
    """A value of DuckDB as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value.hex() if isinstance(value, bytes) else str(value)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def listed(texts: list[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


if __name__ == "__main__":
    sys.exit(main())
