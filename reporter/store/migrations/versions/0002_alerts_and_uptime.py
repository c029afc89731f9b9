"""Adds the tables of alerts beyond their state, and of uptime."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("worst", sa.String(length=16), nullable=False),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("untold", sa.Text(), nullable=True),
        sa.Column("grouped", sa.String(length=16), nullable=True),
        sa.Column("acked_at", UtcTime(), nullable=True),
        sa.Column("acked_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("escalated", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_grouped"), "incidents", ["grouped"], unique=False)
    op.create_index(op.f("ix_incidents_resolved_at"), "incidents", ["resolved_at"], unique=False)
    op.create_index(op.f("ix_incidents_subject_opened_at"), "incidents", ["subject", "opened_at"], unique=False)
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(length=200), nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("reminded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index(op.f("ix_silences_ends_at"), "silences", ["ends_at"], unique=False)
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
    op.add_column("outbox", sa.Column("repost", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_outbox_settled_at"), "outbox", ["settled_at"], unique=False)
    op.create_index(op.f("ix_runs_outcome_started_at"), "runs", ["outcome", "started_at"], unique=False)
    op.add_column("samples", sa.Column("detail", sa.Text(), nullable=True))
    op.create_index(op.f("ix_sent_channel_edited_id"), "sent", ["channel", "edited", "id"], unique=False)
    op.create_index(op.f("ix_sent_channel_message_id"), "sent", ["channel", "message_id"], unique=False)
    op.add_column("transitions", sa.Column("incident", sa.String(length=16), nullable=True))
    op.add_column("transitions", sa.Column("told", sa.Boolean(), nullable=True))
    op.add_column("transitions", sa.Column("why", sa.Text(), nullable=True))
    op.add_column("transitions", sa.Column("channels", sa.Text(), nullable=True))
    op.add_column("transitions", sa.Column("until", UtcTime(), nullable=True))
    op.add_column("transitions", sa.Column("headline", sa.Text(), nullable=True))
    op.add_column("transitions", sa.Column("notes", sa.Text(), nullable=True))
    op.create_index(op.f("ix_transitions_incident"), "transitions", ["incident"], unique=False)
