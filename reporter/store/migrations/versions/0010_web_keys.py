"""Tokens, sessions and login links of the web."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "web_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("may", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_web_keys_digest")),
    )
    op.create_index(op.f("ix_web_keys_kind_name"), "web_keys", ["kind", "name"], unique=False)
