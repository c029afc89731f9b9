"""Tells whether anything was written to a PostgreSQL database since a look, by its transactions."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

# Servers that speak its protocol count transactions in another way, and tables of other kinds hold other servers' rows.
_KNOWN = text(
    "SELECT pg_catalog.version() LIKE 'PostgreSQL %' AND pg_catalog.version() NOT LIKE '%-YB-%' "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') "
    "AND (SELECT count(*) FROM pg_catalog.unnest(CAST(:tables AS text[])) AS name JOIN pg_catalog.pg_class AS c "
    "ON c.oid = pg_catalog.to_regclass(name) AND c.relkind = 'r') = :count"
)
_SNAPSHOT = text("SELECT CAST(pg_catalog.txid_current_snapshot() AS text)")


def postgres_version(connection: Connection, tables: Collection[str]) -> object:
    """The transactions that are over in this look: others once anything was written; None where that tells nothing."""
    known = connection.execute(_KNOWN, {"tables": list(tables), "count": len(tables)}).scalar()
    return connection.execute(_SNAPSHOT).scalar() if known else None
