"""Digests of the journal and a history by the minute, so that a restart need not read the journal again."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("seed", "folded_id", "history_until"):
        op.add_column("counted", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    counted = sa.table("counted", sa.column("seed", sa.BigInteger()))
    op.execute(counted.update().values(seed=secrets.randbits(63)))
    with op.batch_alter_table("counted") as table:
        for name in ("seed", "folded_id", "history_until"):
            table.alter_column(name, existing_type=sa.BigInteger(), server_default=None)
    op.create_table(
        "kinds",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=23), nullable=False),
        sa.Column("communication_class", sa.String(length=12), nullable=False),
        sa.Column("service_reference", sa.Text(), nullable=False),
        sa.Column("service_reference_variant", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kinds")),
        sa.UniqueConstraint(
            "user_id",
            "communication_class",
            "service_reference",
            "service_reference_variant",
            name=op.f("uq_kinds_user_id_communication_class_service_reference_service_reference_variant"),
        ),
    )
    op.create_table(
        "digests",
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_from", sa.BigInteger(), nullable=False),
        sa.Column("received_until", sa.BigInteger(), nullable=False),
        sa.Column("placed_from", sa.BigInteger(), nullable=False),
        sa.Column("placed_until", sa.BigInteger(), nullable=False),
        sa.Column("communications", sa.Integer(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprints", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_digests")),
    )
    op.create_table(
        "history",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("messages", sa.LargeBinary(), nullable=False),
        sa.Column("devices", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["kind_id"], ["kinds.id"], name=op.f("fk_history_kind_id_kinds")),
        sa.PrimaryKeyConstraint("day", "kind_id", name=op.f("pk_history")),
    )
