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


def check_known(version: str | None) -> None:
    """Raises StoreError for a version that none of our migrations makes."""
    try:
        ScriptDirectory(str(FOLDER)).get_revisions(version or ())
    except CommandError:
        raise StoreError(
            f"the store is of version {version}, which this program does not know: it was made by a newer reporter. "
            f"Upgrade reporter, or restore the store from before"
        ) from None


def upgrade(connection: Connection, version: str | None, target: str = "head") -> None:
    """Run what lies between `version` and `target`, in the caller's transaction. Raises StoreError."""
    check_known(version)
    alembic_upgrade(settings(connection), target)


def settings(connection: Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
