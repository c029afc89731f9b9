"""The table `lanes` becomes `channel_states`, and columns of the outbox get the names that the program uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.rename_table("lanes", "channel_states")
    for table, old, new in (
        ("channel_states", "place", "destination"),
        ("sent", "place", "destination"),
        ("outbox", "expires_at", "keep_until"),
    ):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE channel_states RENAME CONSTRAINT pk_lanes TO pk_channel_states")
    # `of` was 0 until a message was fitted. A new column instead of a changed one: SQLite would build the table again,
    # and drop the rows of `sent` with the old one.
    op.add_column("outbox", sa.Column("parts", sa.Integer(), nullable=True))
    op.execute('UPDATE outbox SET parts = "of" WHERE "of" > 0')
    op.drop_column("outbox", "of")
