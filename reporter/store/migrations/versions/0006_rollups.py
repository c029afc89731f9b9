"""Roll-ups of the trading databases: their buckets, and how far each ledger's are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    whole = [sa.Column(name, sa.Integer(), nullable=False) for name in ("trades", "wins", "losses")]
    op.create_table(
        "rollups",
        sa.Column("ledger", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        *whole,
        sa.Column("whole", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.Text(), nullable=False),
        sa.Column("fees_known", sa.Integer(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("funding_known", sa.Integer(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("net", "high", "low", "fall")],
        sa.Column("checksum", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "ledger", "scope", "level", "start", "mode", "currency", "agent", name=op.f("pk_rollups")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollup_ledgers",
        sa.Column("ledger", sa.String(64), nullable=False),
        sa.Column("definition", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("through", sa.Integer(), nullable=False),
        sa.Column("trades", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=True),
        sa.Column("check_began", UtcTime(), nullable=True),
        sa.Column("recent", sa.Integer(), nullable=True),
        sa.Column("recent_began", UtcTime(), nullable=True),
        sa.Column("verified_at", UtcTime(), nullable=True),
        sa.Column("changed_at", UtcTime(), nullable=True),
        sa.Column("anchor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ledger", name=op.f("pk_rollup_ledgers")),
    )
