"""Indexes for lists of incidents, and for the episodes of one."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index(
        op.f("ix_incidents_kind_level_user_id_state"), "incidents", ["kind", "level", "user_id", "state"]
    )
    op.create_index(op.f("ix_episodes_incident_id"), "episodes", ["incident_id"])
