"""Of each transition, how much of the trouble nobody observed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("transitions", sa.Column("unobserved", sa.Integer(), nullable=True))
