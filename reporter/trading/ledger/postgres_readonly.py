"""Keeps every read of a user's PostgreSQL database read-only: limits, and functions that are refused."""

from __future__ import annotations

import re
import threading
from typing import Any

from reporter.trading.ledger.sqlite_file import LOCK_WAIT

_LOADING = threading.Lock()

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

    A statement, and a pause between two, may take `timeout` seconds, and a statement one core of the server, where it
    has the setting: the others are the bot's.
    """
    longest = round(timeout * 1000)
    modest = "".join(
        f"CASE WHEN current_setting('{name}', true) IS NOT NULL THEN set_config('{name}', '{value}', true) END, "
        for name, value in (("max_parallel_workers_per_gather", "0"), ("jit", "off"))
    )
    return (
        f"SELECT {modest}set_config('statement_timeout', '{longest}', true), "
        # In text a backslash is one: else a text could end elsewhere than whoever checks a statement sees it end.
        "set_config('standard_conforming_strings', 'on', true), "
        f"set_config('lock_timeout', '{round(LOCK_WAIT * 1000)}', true), "
        f"set_config('idle_in_transaction_session_timeout', '{longest}', true)"
    )
