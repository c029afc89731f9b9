"""Keeps every read of a user's database read-only: SQLite authorizer, read-only transactions, refused SQL functions."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

LOCK_WAIT = 0.5  # seconds: rather fail than stand in a queue before the bot's own writes
# So long, in seconds, is a SQLite file read at most that keeps no WAL: its bot cannot write meanwhile, and by default
# gives up after five.
BRIEF = 2.0
_OPCODES_BETWEEN_LOOKS = 10_000  # how often a SQLite query looks at its deadline
# A value and a row may have so many bytes: functions such as `hex` and `printf` know no deadline, only this.
_LONGEST = 64 * 1024 * 1024

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
# What SQLAlchemy asks when it connects and when it looks for a table; neither can change anything without a value.
_ALLOWED_PRAGMAS = {("read_uncommitted", False), ("table_info", True)}

_LOADING = threading.Lock()

# Functions that a SELECT may call, also where only reading is allowed, and that stop others, send, lock, or leave
# something behind. PostgreSQL calls all of its own volatile but those that take a transaction id; it is asked for the
# rest, and this list is what can be refused before.
_ACTS = re.compile(
    r"pg_(?:terminate|cancel)_backend|pg_(?:try_)?advisory_\w+|pg_notify|pg_sleep\w*|pg_reload_conf|pg_promote"
    r"|pg_switch_wal|pg_create_\w+|pg_drop_\w+|pg_copy_\w+|pg_stat_(?:\w+_)?reset\w*|pg_rotate_logfile|pg_log\w+"
    r"|pg_wal_replay_\w+|pg_export_snapshot|pg_backup_\w+|pg_read_\w*file|pg_file_\w+|lo(?:_\w+|read|write)"
    r"|dblink\w*|set_config|setseed|nextval|setval|query_to_xml\w*|txid_current|pg_current_xact_id"
)
# Volatile because they answer otherwise each time, and not because they do anything; those of PostgreSQL itself, and of
# extensions that are asked for sizes.
_LOOKS = re.compile(
    r"random\w*|clock_timestamp|timeofday|gen_random_uuid|uuid\w+|currval|lastval|array_(?:sample|shuffle)"
    r"|pg_\w+_size|pg_is_\w+|pg_last_\w+|pg_current_(?:wal\w+|logfile)|pg_(?:safe_snapshot_)?blocking_pids"
    r"|pg_stat_(?:get_\w+|have_stats|statements(?:_info)?)|pg_lock_status|pg_partition_\w+|pg_xact_\w+|txid_status"
    r"|hypertable\w*_size|approximate_row_count|pgstat(?:tuple|\w*index)|pg_control_\w+|pg_get_wal_\w+"
    r"|pg_prepared_xact|pg_sequence_last_value|pg_notification_queue_usage|current_query"
)
# What a statement for PostgreSQL is made of, as far as it matters here: what is no code, names, and brackets.
_PIECES = re.compile(
    r"""(?P<no_code>\s+ | --[^\n]* | /\*(?:(?!/\*|\*/).)*\*/ | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
      | (?P<strange>/\* | [uU]&"(?:[^"]|"")*" )
      | (?P<quoted>"(?:[^"]|"")*" )
      | (?P<name>[^\W\d][\w$]* )
      | (?P<other>. )""",
    re.VERBOSE | re.DOTALL,
)
_STRANGE = {"/*", "U&"}
_TOO_LONG = (
    f"it did not answer in time; a file that is not in WAL mode is read for {BRIEF:g} s at most, since its bot cannot "
    "write meanwhile: `PRAGMA journal_mode = WAL` lets both work"
)
_READS = re.compile(r"\s*(SELECT|WITH|SHOW)\b", re.IGNORECASE)

SQLSTATES = {
    "3D000": "there is no such database",
    "28P01": "the password is refused",
    "42P01": "a table is missing",
    "42703": "a column is missing",
    "42501": "the role may not read it: GRANT SELECT on its tables",
    "55P03": f"it is locked, and after {LOCK_WAIT} s we do not wait any longer",
    "57014": "it did not answer in time",
    "25006": "a statement that would have written was refused",
}


def open_sqlite(path: Path, timeout: float, *, pragmas: Collection[str] = ()) -> sqlite3.Connection:
    """Open a SQLite file for reading, with a deadline of `timeout` seconds for all that is asked; of `BRIEF` seconds at
    most where the file keeps no WAL.

    All but reading is denied, since `mode=ro` alone still allows ATTACH and VACUUM INTO to make files. `pragmas` are
    allowed besides, without a value. Raises sqlite3.Error.
    """
    if _is_missing(path):
        raise sqlite3.OperationalError(f"there is no file {path}")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT, isolation_level=None
    )
    allowed = _ALLOWED_PRAGMAS | {(name, False) for name in pragmas}

    def authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        pragma = action == sqlite3.SQLITE_PRAGMA and (first, second is not None) in allowed
        return sqlite3.SQLITE_OK if pragma or action in _ALLOWED else sqlite3.SQLITE_DENY

    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.set_authorizer(authorise)
    hurry(connection, timeout if keeps_wal(path) else min(timeout, BRIEF))
    return connection


def keeps_wal(path: Path) -> bool:
    """Whether others can write to a SQLite file while we read: its header tells (sqlite.org/fileformat2.html)."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] == b"\x02\x02"
    except OSError:
        return False  # SQLite will say that it cannot be opened


def hurry(connection: sqlite3.Connection, seconds: float) -> None:
    """Give the connection no more than so many seconds from now on."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _OPCODES_BETWEEN_LOOKS)


def _is_missing(path: Path) -> bool:
    try:
        return not path.is_file()
    except PermissionError:
        return False  # it may be there: SQLite will say that it cannot be opened


def sqlite_reason(words: str, path: Path) -> str:
    """What an error of SQLite means, in the words of somebody who can mend it."""
    folder = path.absolute().parent
    reasons = {
        "not a database": f"{path} is not a SQLite database",
        "locked": f"{path} is locked, and after {LOCK_WAIT} s we do not wait any longer",
        "interrupted": "it did not answer in time" if keeps_wal(path) else _TOO_LONG,
        "unable to open": f"{path} cannot be opened: may this user read it, and enter {folder}?",
        "readonly database": f"{path} is in WAL mode and nobody has it open: reading it then needs leave to write in "
        f"{folder} (a group shared with the bot)",
        "no such table": f"a table is missing ({words})",
        "no such column": f"a column is missing ({words})",
        "not authorized": "a statement that would have written was refused",
    }
    return next((reason for sign, reason in reasons.items() if sign in words), words)


def load_psycopg() -> None:
    """Load psycopg, one thread at a time: where two begin together, one of them may find it half loaded.

    Raises ImportError where it is not installed.
    """
    with _LOADING:
        import psycopg.rows  # noqa: F401, PLC0415 - an optional extra, and heavy


def reads(statement: str) -> bool:
    """Whether a statement for PostgreSQL begins as one that only reads.

    A transaction's mode can be set anew by SQL, so SET, COMMIT and BEGIN are refused before they are sent.
    """
    return bool(_READS.match(statement))


def acting(statement: str) -> str | None:
    """The first function in a statement for PostgreSQL that does more than read, where one is known to.

    A comment within a comment and a name in Unicode escapes are taken for one: they could hide it.
    """
    return next((name for name, _ in _called(statement) if name in _STRANGE or _ACTS.fullmatch(name)), None)


def _called(statement: str) -> Iterator[tuple[str, bool]]:
    """The names in a statement that stand before a bracket, as PostgreSQL reads them: functions, and some keywords.

    With each comes whether its schema stands before it.
    """
    pieces = [piece for piece in _PIECES.finditer(statement) if piece.lastgroup != "no_code"]
    yield from ((piece[0][:2].upper(), False) for piece in pieces if piece.lastgroup == "strange")
    for number, piece in enumerate(pieces):
        if piece[0] == "(" and number and (name := _name(pieces[number - 1])):
            yield name, number > 1 and pieces[number - 2][0] == "."


def _name(piece: re.Match[str]) -> str:
    """Without quotes a name is the same in capitals and small letters."""
    if piece.lastgroup == "quoted":
        return piece[0][1:-1].replace('""', '"')
    return piece[0].lower() if piece.lastgroup == "name" else ""


def volatile_among(statement: str) -> str | None:
    """A question to PostgreSQL: which functions that a statement calls may do more than read, as far as it knows.

    None where it calls none that would have to be asked about. A name counts whatever its arguments are, and one with a
    schema whatever that is.
    """
    found = {one for one in _called(statement) if not _LOOKS.fullmatch(one[0])}
    plain, qualified = (_listed(name for name, dotted in found if dotted is wanted) for wanted in (False, True))
    return (
        f"SELECT DISTINCT proname::text AS name FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND "  # noqa: S608
        f"(proname IN ({plain}) AND pg_catalog.pg_function_is_visible(oid) OR proname IN ({qualified})) ORDER BY 1"
        if found
        else None
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(names)) or "NULL"


def postgresql_settings(timeout: float) -> dict[str, Any]:
    """What to connect with, so that a server that is gone is noticed in about `timeout` seconds."""
    return {
        "application_name": "reporter",
        "connect_timeout": max(2, round(timeout)),  # libpq takes no less
        "tcp_user_timeout": round(timeout * 1000),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "prepare_threshold": None,
    }


def postgresql_limits(timeout: float) -> str:
    """A statement that limits the transaction that it stands in, and nothing behind a connection pooler beyond it.

    A statement, and a pause between two, may take `timeout` seconds.
    """
    longest = round(timeout * 1000)
    return (
        f"SELECT set_config('statement_timeout', '{longest}', true), "
        # In text a backslash is one: else a text could end elsewhere than whoever checks a statement sees it end.
        "set_config('standard_conforming_strings', 'on', true), "
        f"set_config('lock_timeout', '{round(LOCK_WAIT * 1000)}', true), "
        f"set_config('idle_in_transaction_session_timeout', '{longest}', true)"
    )
