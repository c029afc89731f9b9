"""Keeps every read of a user's PostgreSQL database read-only: limits, and functions that are refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from reporter.trading.ledger.sqlite_file import LOCK_WAIT

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
