"""Rights that are wider than reading needs, and the GRANT lines that make a role which has no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from reporter.trading.ledger.mysql import wide_rights

_MAY_WRITE = text("SELECT has_table_privilege(current_user, CAST(:table AS text), 'INSERT, UPDATE, DELETE')")
# What no read-only transaction holds back: the files and programs of the server itself.
_MAY_MORE = text(
    "SELECT rolname FROM pg_roles WHERE rolname IN "
    "('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program') "
    "AND pg_has_role(current_user, oid, 'MEMBER') AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
)
_IS_SUPERUSER = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
_FOR_POSTGRESQL = (
    "CREATE ROLE reporter LOGIN PASSWORD '…'; GRANT USAGE ON SCHEMA {schema} TO reporter; "
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reporter"
)
_FOR_MYSQL = "CREATE USER reporter@'%' IDENTIFIED BY '…'; GRANT SELECT ON {database}.* TO reporter@'%'"


def warnings(connection: Connection, tables: Sequence[str]) -> Iterator[str]:
    """What the role may do beside reading; `tables` are those that are read, where these are known."""
    if connection.dialect.name == "mysql":
        yield from _of_mysql(connection)
        return
    schema = connection.execute(text("SELECT current_schema()")).scalar() or "public"
    better = _FOR_POSTGRESQL.format(schema=schema)
    wide = [name for name in tables if connection.execute(_MAY_WRITE, {"table": name}).scalar()]
    if wide:
        listed = ", ".join(wide)
        yield f"the role may write to {listed}; give it SELECT alone, and no mistake can change a trade: {better}"
    elif connection.execute(_IS_SUPERUSER).scalar():
        yield f"the role is a superuser, which no read-only transaction binds fully: {better}"
    if more := list(connection.execute(_MAY_MORE).scalars()):
        yield f"the role is a member of {', '.join(more)}, and may reach files of the server: {better}"


def _of_mysql(connection: Connection) -> Iterator[str]:
    grants = [str(row[0]) for row in connection.execute(text("SHOW GRANTS FOR CURRENT_USER()"))]
    if wide := wide_rights(grants):
        database = connection.execute(text("SELECT database()")).scalar()
        better = _FOR_MYSQL.format(database=database)
        yield f"the account has more than the right to read ({', '.join(wide)}): {better}"
