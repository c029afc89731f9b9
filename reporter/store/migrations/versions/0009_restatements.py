"""What reports have said of each ledger, what was found changed since, and the trades of the last weeks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from reporter.store.tables import ForeignText, UtcTime

revision = "0009"
down_revision = "0008"


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    op.create_table(
        "rollup_trades",
        _needed("ledger", sa.String(64)),
        _needed("start", sa.Integer()),
        _needed("mode", sa.String(8)),
        _needed("currency", sa.Text()),
        _needed("trades", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("ledger", "start", "mode", "currency", name=op.f("pk_rollup_trades")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollup_changes",
        _needed("id", sa.Integer()),
        _needed("ledger", sa.String(64)),
        _needed("start", sa.Integer()),
        _needed("mode", sa.String(8)),
        _needed("currency", sa.Text()),
        _needed("found_at", UtcTime()),
        _needed("detail", ForeignText(whole=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_changes")),
    )
    op.create_index(op.f("ix_rollup_changes_ledger_start"), "rollup_changes", ["ledger", "start"])
    op.create_index(op.f("ix_rollup_changes_found_at"), "rollup_changes", ["found_at"])
    unique = ["job", "period_start", "period_end", "ledger", "mode", "currency"]
    op.create_table(
        "told_figures",
        _needed("id", sa.Integer()),
        _needed("job", sa.String(64)),
        _needed("label", sa.Text()),
        _needed("period_start", UtcTime()),
        _needed("period_end", UtcTime()),
        _needed("zone", sa.String(64)),
        _needed("ledger", sa.String(64)),
        _needed("mode", sa.String(8)),
        _needed("currency", sa.Text()),
        _needed("trades", sa.Integer()),
        _needed("pnl", sa.Text()),
        sa.Column("fees", sa.Text(), nullable=True),
        _needed("made_by", sa.String(32)),
        _needed("told_at", UtcTime()),
        _needed("state", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_told_figures")),
        sa.UniqueConstraint(*unique, name=op.f("uq_told_figures_" + "_".join(unique))),
    )
    op.create_index(op.f("ix_told_figures_ledger_state"), "told_figures", ["ledger", "state"])
    op.create_index(op.f("ix_told_figures_told_at"), "told_figures", ["told_at"])
    op.create_table(
        "restatements",
        _needed("id", sa.Integer()),
        _needed("job", sa.String(64)),
        _needed("label", sa.Text()),
        _needed("period_start", UtcTime()),
        _needed("ledger", sa.String(64)),
        _needed("mode", sa.String(8)),
        _needed("currency", sa.Text()),
        _needed("cause", sa.String(16)),
        _needed("told_at", UtcTime()),
        _needed("found_at", UtcTime()),
        _needed("trades_before", sa.Integer()),
        _needed("trades", sa.Integer()),
        _needed("pnl_before", sa.Text()),
        _needed("pnl", sa.Text()),
        sa.Column("fees_before", sa.Text(), nullable=True),
        sa.Column("fees", sa.Text(), nullable=True),
        _needed("detail", ForeignText(whole=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restatements")),
    )
    op.create_index(op.f("ix_restatements_ledger_id"), "restatements", ["ledger", "id"])
    op.create_index(op.f("ix_restatements_job_period_start"), "restatements", ["job", "period_start"])
    op.create_index(op.f("ix_restatements_found_at"), "restatements", ["found_at"])
