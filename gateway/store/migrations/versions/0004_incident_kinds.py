"""Candidate incidents of every kind: one open at the most for each subject, and the forecasts that are raised."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("subject_key", sa.String(120)))
    op.add_column("incidents", sa.Column("updated_at", sa.BigInteger()))
    op.add_column("incidents", sa.Column("tell_at", sa.BigInteger()))
    op.create_index("ix_incidents_tell_at", "incidents", ["tell_at"])
    op.create_index(
        "ix_incidents_open_subject",
        "incidents",
        ["kind", "subject_key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "forecasts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("communication", sa.String(12), nullable=False),
        sa.Column("service", sa.String(12), nullable=False),
        sa.Column("period_seconds", sa.Integer(), nullable=False),
        sa.Column("alignment", sa.String(8), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("clear_since", sa.BigInteger()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_forecasts_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint(
            "user_id",
            "communication",
            "service",
            "period_seconds",
            "alignment",
            name=op.f("uq_forecasts_user_id_communication_service_period_seconds_alignment"),
        ),
    )
