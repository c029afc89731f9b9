"""People who are paired in chat, and acknowledgements that end by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "chat_people",
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("paired_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_chat_people")),
    )
    op.add_column("incidents", sa.Column("acked_until", UtcTime()))
