"""Alerts that are given up and sent anew, and the row of each incident that comes next, found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("dead_at", sa.BigInteger(), nullable=True))
    op.add_column("outbox", sa.Column("resent_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_outbox_waiting", table_name="outbox")
    waiting = sa.text("sent_at IS NULL AND dead_at IS NULL")
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["channel", "id"],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    dead = sa.text("dead_at IS NOT NULL")
    op.create_index(
        "ix_outbox_dead", "outbox", ["channel", "id"], unique=False, sqlite_where=dead, postgresql_where=dead
    )
    op.create_index("ix_outbox_sent", "outbox", ["channel", "sent_at"], unique=False)
    op.create_index("ix_outbox_incident", "outbox", ["incident_id", "channel"], unique=False)
