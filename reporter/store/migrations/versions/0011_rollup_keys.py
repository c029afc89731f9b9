"""Blocks of keys of ledgers that have no index on the closing time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "rollup_keys",
        sa.Column("ledger", sa.String(64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.Integer(), nullable=True),
        sa.Column("newest", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("ledger", "first", "last", name=op.f("pk_rollup_keys")),
    )
