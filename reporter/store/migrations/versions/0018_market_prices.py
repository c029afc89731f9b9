"""The prices of markets are kept for all jobs together, so that trades can be compared with them later.

Until now each of the market jobs kept its own prices of the last day; that state stays where it is, unread.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "market_prices",
        sa.Column("market", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("market", "source", "minute", name=op.f("pk_market_prices")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_market_prices_minute"), "market_prices", ["minute"], unique=False)
