"""What jobs keep from one run to the next: their states, and the items that they have dealt with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "job_states",
        sa.Column("job", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", "name", name="pk_job_states"),
    )
    op.create_table(
        "job_items",
        sa.Column("job", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", "name", "item", name="pk_job_items"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_job_items_job_name_at", "job_items", ["job", "name", "at"])
