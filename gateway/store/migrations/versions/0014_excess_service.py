"""Requests in excess with their service: a threshold on any service does not tell it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("excess", sa.Column("service_reference_variant", sa.String(12), nullable=True))
