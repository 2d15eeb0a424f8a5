"""The profile that each file was submitted under, so that a restart does not change its rules."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_profiles")),
    )
    # Empty for files of before: they are checked by the profile that is set, as they were.
    op.add_column("adt_files", sa.Column("profile_sha256", sa.String(length=64), nullable=True))
