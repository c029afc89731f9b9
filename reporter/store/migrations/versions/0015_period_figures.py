"""Roll-ups keep all figures of a period, so that a long one is no longer read trade by trade.

Sums that were kept do not say them: the roll-ups are built anew, as after every change of what they are made of.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for name in ("gross_profit", "gross_loss", "volume"):
        _text(name)
    for name in ("volume_known", "longs", "shorts"):
        _count(name)
    _text("squares")
    _text("held")
    _count("held_known")
    op.add_column("rollups", sa.Column("shortest", sa.BigInteger()))
    op.add_column("rollups", sa.Column("longest", sa.BigInteger()))
    op.add_column("rollups", sa.Column("runs", sa.Text(), nullable=False, server_default="[0, 0, 0, 0]"))
    op.add_column("rollups", sa.Column("best", sa.Text()))
    op.add_column("rollups", sa.Column("worst", sa.Text()))


def _text(name: str) -> None:
    op.add_column("rollups", sa.Column(name, sa.Text(), nullable=False, server_default="0"))


def _count(name: str) -> None:
    op.add_column("rollups", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
