"""Silences, the alerts that they muted, and what lists of many incidents are found by."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("planned_work", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("level", sa.String(12), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("communication", sa.String(12), nullable=False),
        sa.Column("service", sa.String(12), nullable=False),
        sa.Column("quarantine", sa.Boolean(), nullable=False),
        sa.Column("record", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.String(64)),
        sa.Column("end_reason", sa.Text()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.CheckConstraint("ends_at > begins_at", name=op.f("ck_silences_it_ends")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index("ix_silences_settled_at_ends_at", "silences", ["settled_at", "ends_at"])
    op.create_table(
        "muted_alerts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("silence_id", NUMBER, nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("muted_at", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["silence_id"], ["silences.id"], name=op.f("fk_muted_alerts_silence_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_muted_alerts_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_muted_alerts")),
    )
    op.create_index("ix_muted_alerts_silence_id_id", "muted_alerts", ["silence_id", "id"])
    op.create_index("ix_muted_alerts_incident_id_told_at", "muted_alerts", ["incident_id", "told_at"])
