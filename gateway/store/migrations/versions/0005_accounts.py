"""Passwords, sessions of the console, and access tokens that end; present access tokens keep working."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("people", sa.Column("password_hash", sa.String(length=200), nullable=True))
    op.add_column("people", sa.Column("password_set_at", sa.BigInteger(), nullable=True))
    op.add_column("people", sa.Column("password_expires_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "access_tokens", sa.Column("label", sa.String(length=80), server_default="", nullable=False)
    )
    for name in ("expires_at", "revoked_at", "used_at"):
        op.add_column("access_tokens", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_sessions_sha256")),
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"], unique=False)
