"""How far the count has come, so that a restart knows whether the newest group was counted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    table = op.create_table(
        "counted",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted")),
    )
    op.bulk_insert(table, [{"id": 1, "journal_id": 0, "evaluated_at": 0}])
