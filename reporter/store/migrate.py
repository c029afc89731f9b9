"""Migrates an older store with Alembic's numbered migrations."""

from __future__ import annotations

from pathlib import Path

from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from reporter.errors import StoreError

FOLDER = Path(__file__).resolve().parent / "migrations"


def upgrade(connection: Connection, version: str | None) -> None:
    """Run what lies between `version` and the newest migration, in the caller's transaction. Raises StoreError."""
    config = settings(connection)
    try:
        ScriptDirectory.from_config(config).get_revisions(version or ())
        alembic_upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"the store is of version {version}, which this program does not know: it was made by a newer reporter. "
            f"Upgrade reporter, or restore the store from before"
        ) from None


def settings(connection: Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
