"""Announcements of the status page, jobs that are paused, and from where a token was used last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import ForeignText, UtcTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", ForeignText(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
    )
    op.create_index(op.f("ix_announcements_ends_at"), "announcements", ["ends_at"], unique=False)
    op.add_column("ping_states", sa.Column("paused_at", UtcTime()))
    op.add_column("web_keys", sa.Column("used_from", sa.String(length=64)))
