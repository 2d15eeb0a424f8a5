"""The life of candidate incidents: steps, notes, attachments, notifications, nominees and groups."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN_SUBJECT = "ix_incidents_open_subject"
NOT_CLOSED = "state <> 'closed'"


def upgrade() -> None:
    op.create_table(
        "incident_groups",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_groups")),
    )
    change_incidents()
    add_table(
        "incident_steps",
        "done",
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    add_table("incident_notes", "added", sa.Column("text", sa.Text(), nullable=False))
    add_table(
        "incident_attachments",
        "added",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    add_table(
        "incident_notifications",
        "added",
        sa.Column("whom", sa.String(200), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
    )
    for table in ("steps", "notes", "notifications"):
        op.create_index(f"ix_incident_{table}_incident_id", f"incident_{table}", ["incident_id"])
    op.create_index(
        "ix_incident_attachments_incident_id_sha256",
        "incident_attachments",
        ["incident_id", "sha256"],
        unique=True,
    )
    op.create_table(
        "incident_nominees",
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_nominees_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "person", name=op.f("pk_incident_nominees")),
    )


def change_incidents() -> None:
    op.drop_index(OPEN_SUBJECT, "incidents")
    op.execute("UPDATE incidents SET state = 'candidate' WHERE state = 'open'")
    op.create_index(
        OPEN_SUBJECT,
        "incidents",
        ["kind", "subject_key"],
        unique=True,
        sqlite_where=sa.text(NOT_CLOSED),
        postgresql_where=sa.text(NOT_CLOSED),
    )
    op.add_column("incidents", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("incidents", sa.Column("finding", sa.String(16)))
    op.add_column("incidents", sa.Column("assigned_to", sa.String(64)))
    op.add_column("incidents", sa.Column("ticket", sa.String(200)))
    op.add_column("incidents", sa.Column("marking", sa.String(12), nullable=False, server_default=""))
    # SQLite adds a foreign key with its column alone, and Alembic does not write it so.
    for column, table in (("reopens", "incidents"), ("group_id", "incident_groups")):
        constraint = f"CONSTRAINT fk_incidents_{column} REFERENCES {table} (id)"
        kind = NUMBER.compile(dialect=op.get_bind().dialect)
        op.execute(f"ALTER TABLE incidents ADD COLUMN {column} {kind} {constraint}")
        op.create_index(f"ix_incidents_{column}", "incidents", [column])
    op.create_index("ix_incidents_user_id_opened_at", "incidents", ["user_id", "opened_at"])
    op.add_column("incidents", sa.Column("licence", sa.String(3)))
    op.add_column("incidents", sa.Column("sec", sa.String(16)))


def add_table(name: str, verb: str, *columns: sa.Column[object]) -> None:
    """Add a table of what somebody did to an incident, with its audit record."""
    op.create_table(
        name,
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("incident_id", NUMBER, nullable=False),
        sa.Column(f"{verb}_at", sa.BigInteger(), nullable=False),
        sa.Column(f"{verb}_by", sa.String(64), nullable=False),
        *columns,
        sa.Column("record", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f(f"fk_{name}_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
