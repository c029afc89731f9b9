"""Keeps every read of a user's MySQL or MariaDB database read-only: limits, refused statements, what errors mean."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from reporter.errors import LedgerError
from reporter.trading.ledger.postgres_readonly import reads
from reporter.trading.ledger.sessions import BriefPool
from reporter.trading.ledger.sqlite_file import LOCK_WAIT

# Texts, names and comments, in which no word is code. A comment that MySQL executes is code that looks like none.
_NO_CODE = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"]|"")*" | `[^`]*` | --[ \t\n][^\n]* | \#[^\n]* | (?P<runs>/\*M?!) | /\*.*?\*/""",
    re.VERBOSE | re.DOTALL,
)
# A SELECT that writes a file or a variable, locks rows or names, waits, or reads a file of the server.
_ACTS = re.compile(
    r"\b(INTO|FOR\s+UPDATE|FOR\s+SHARE|LOCK\s+IN\s+SHARE|GET_LOCK|RELEASE_LOCK|RELEASE_ALL_LOCKS|SLEEP|BENCHMARK|LOAD_FILE"
    r"|NEXTVAL|SETVAL|LASTVAL|NEXT\s+VALUE|MASTER_POS_WAIT|MASTER_GTID_WAIT|SOURCE_POS_WAIT|WAIT_FOR_EXECUTED_GTID_SET"
    r"|LAST_INSERT_ID)\b",
    re.IGNORECASE,
)
# What is no more than reading, as SHOW GRANTS names it.
_READING = {"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT"}
_REASONS = {
    1044: "the account may not use this database: GRANT SELECT on it",
    1045: "the account or its password is refused",
    1049: "there is no such database",
    1054: "a column is missing",
    1142: "the account may not read it: GRANT SELECT on its tables",
    1146: "a table is missing",
    1205: f"it is locked, and after {LOCK_WAIT} s we do not wait any longer",
    1792: "a statement that would have written was refused",
    1969: "it did not answer in time",
    2003: "the server cannot be reached",
    2013: "it did not answer in time, or the connection broke",
    3024: "it did not answer in time",
}


def acting(statement: str) -> str | None:
    """The first word in a statement for MySQL that does more than read, where one is known to."""
    code, runs = code_of(statement)
    word = _ACTS.search(code)
    return runs or (" ".join(word[1].upper().split()) if word else None)


def code_of(statement: str) -> tuple[str, str | None]:
    """A statement without its texts, names and comments; and the comment in it that MySQL executes, if there is one."""
    code = []
    end = 0
    for found in _NO_CODE.finditer(statement):
        if found["runs"]:
            return "", found["runs"]
        code.append(statement[end : found.start()])
        end = found.end()
    return " ".join([*code, statement[end:]]), None


def engine(url: URL, timeout: float) -> Engine:
    """An engine of which every connection only reads, and waits `timeout` seconds at most. Raises LedgerError."""
    try:
        import pymysql  # noqa: F401, PLC0415 - an optional extra
    except ImportError:
        raise LedgerError("reading MySQL or MariaDB needs PyMySQL: pip install 'reporter[mysql]'") from None
    seconds = max(1, round(timeout))
    made = create_engine(
        url,
        poolclass=BriefPool,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": seconds,
            "read_timeout": seconds + 1,
            "write_timeout": seconds + 1,
            "local_infile": False,
            "charset": "utf8mb4",
            "program_name": "reporter",
            "autocommit": True,  # each look begins its transaction itself, and no look keeps one
        },
    )
    event.listen(made, "connect", lambda connection, _: _limit(connection, timeout))
    event.listen(made, "before_cursor_execute", _only_reads)
    event.listen(made, "begin", _begin)
    return made


def _limit(connection: Any, timeout: float) -> None:
    """What the session is bound by. Texts end where our own check sees them end, and times are UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version()")
        is_mariadb = "mariadb" in cursor.fetchone()[0].lower()
        longest = f"max_statement_time = {timeout}" if is_mariadb else f"max_execution_time = {round(timeout * 1000)}"
        cursor.execute(
            f"SET SESSION {longest}, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, "
            "sql_mode = 'ANSI_QUOTES', time_zone = '+00:00', wait_timeout = 60"
        )
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _begin(connection: Connection) -> None:
    cursor = connection.connection.cursor()
    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    cursor.close()


def _only_reads(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if not reads(statement) or acting(statement):
        raise LedgerError("a statement that would have written was refused")


def legible(value: Any) -> Any:
    """Flags and binary ids, which come as bytes, as a number and a text."""
    if not isinstance(value, bytes):
        return value
    return int.from_bytes(value) if len(value) == 1 else value.hex()


def reason(error: Any) -> str:
    """What an error of the server means, in the words of somebody who can mend it; empty for one that is not known."""
    code = error.args[0] if getattr(error, "args", None) else None
    return _REASONS.get(code, "") if isinstance(code, int) else ""


def wide_rights(grants: list[str]) -> list[str]:
    """What an account may do beside reading, by the lines of SHOW GRANTS."""
    found = [re.match(r"GRANT (.*?) ON ", line) for line in grants]
    rights = [right.strip() for one in found if one for right in re.sub(r"\([^)]*\)", "", one[1]).split(",")]
    return sorted({right for right in rights if right not in _READING})
