"""Silences, the alerts that they muted, and what lists of many incidents are found by."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

PAGE = 1000
WORD = re.compile(r"[^\W_]+(?:[.:-][^\W_]+)*")
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
    index_lists()
    add_words()


def index_lists() -> None:
    """Let lists of many incidents be read from narrow indexes alone."""
    is_open = sa.text("state <> 'closed'")
    op.drop_index("ix_incidents_kind_level_user_id_state", "incidents")
    columns = ["kind", "level", "user_id", "marking"]
    op.create_index("ix_incidents_list", "incidents", ["id", "state", *columns])
    op.create_index(
        "ix_incidents_open",
        "incidents",
        ["id", *columns],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_incidents_user_id", "incidents", ["user_id"])
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])


def add_words() -> None:
    """Keep the words of every incident that there is."""
    word = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
    table = op.create_table(
        "incident_words",
        sa.Column("word", word, nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_words_incident_id")
        ),
        sa.PrimaryKeyConstraint("word", "incident_id", name=op.f("pk_incident_words")),
    )
    op.create_index("ix_incident_words_incident_id", "incident_words", ["incident_id"])
    connection, last = op.get_bind(), 0
    page = sa.text("SELECT id, title, reason FROM incidents WHERE id > :last ORDER BY id LIMIT :page")
    while rows := connection.execute(page, {"last": last, "page": PAGE}).all():
        last = rows[-1][0]
        found = [{"word": each, "incident_id": row[0]} for row in rows for each in words(*row[1:])]
        if found:
            op.bulk_insert(table, found)


def words(*texts: str | None) -> set[str]:
    """Return the words of a title and a reason, as they were told apart when this was written."""
    return {word[:40] for text in texts for word in WORD.findall((text or "").lower())}
