"""Roll-ups keep trades that cannot be read by their ids, so that one of them costs no look through the whole past."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("rollup_ledgers", sa.Column("unreadable", sa.Text(), nullable=False, server_default="[]"))
