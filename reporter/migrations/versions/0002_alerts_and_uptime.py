"""What alerts remember beyond their state, and what uptime is counted from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "spans",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("start", UtcTime(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Integer(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("lowest", sa.Float(), nullable=True),
        sa.Column("highest", sa.Float(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "start", name=op.f("pk_spans")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_spans_until"), "spans", ["until"], unique=False)
    op.create_table(
        "standing",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("start", UtcTime(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Integer(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("lowest", sa.Float(), nullable=True),
        sa.Column("highest", sa.Float(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_standing")),
    )
    op.add_column("samples", sa.Column("detail", sa.Text(), nullable=True))
