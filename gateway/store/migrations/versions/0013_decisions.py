"""Decisions on quarantined requests, signed files of more than one kind, and how they are delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "adt_files", sa.Column("kind", sa.String(length=16), server_default="adt-file", nullable=False)
    )
    _decisions()
    _rows()
    _deliveries()


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("file_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("oldest_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("action IN ('RELEASE','DELETE')", name=op.f("ck_decisions_action")),
        sa.ForeignKeyConstraint(["file_id"], ["adt_files.id"], name=op.f("fk_decisions_file_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_ended_at"), "decisions", ["ended_at"], unique=False)


def _rows() -> None:
    op.create_table(
        "decision_rows",
        sa.Column("file_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quarantined_id", NUMBER, nullable=False),
        sa.Column("user_id", sa.String(length=23), nullable=False),
        sa.Column("event_ref", sa.String(length=21), nullable=False),
        sa.Column("request_id", sa.String(length=68), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_how", sa.String(length=12), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["decisions.file_id"], name=op.f("fk_decision_rows_file_id")),
        sa.ForeignKeyConstraint(
            ["quarantined_id"], ["quarantined.id"], name=op.f("fk_decision_rows_quarantined_id")
        ),
        sa.PrimaryKeyConstraint("file_id", "line", name=op.f("pk_decision_rows")),
    )
    op.create_index(
        "ix_decision_rows_once",
        "decision_rows",
        ["quarantined_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("file_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_by", sa.String(length=64), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["adt_files.id"], name=op.f("fk_deliveries_file_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_delivered_at"), "deliveries", ["delivered_at"], unique=False)
