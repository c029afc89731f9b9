"""The project's own schema: what any bot can write so that its trading is reported (docs/native-schema.md)."""

from __future__ import annotations

from importlib.resources import files


def ddl(dialect: str) -> str:
    """The statements that make the native schema in an empty `sqlite` or `postgresql` database."""
    return files("reporter.ledger").joinpath(f"native.{dialect}.sql").read_text(encoding="utf-8")
