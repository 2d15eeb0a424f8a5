"""What the DCC tells us: alerts that speak of quarantine, and the requests that are held."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _alerts()
    _quarantined()


def _alerts() -> None:
    op.create_table(
        "dcc_alerts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("trust", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("signer", sa.String(length=300), nullable=True),
        sa.Column("response_id", sa.String(length=68), nullable=True),
        sa.Column("responded_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("alert_code", sa.String(length=16), nullable=False),
        sa.Column("throttled_sequence", sa.BigInteger(), nullable=True),
        sa.Column("throttled_count", sa.BigInteger(), nullable=True),
        sa.Column("breach", sa.String(length=20), nullable=False),
        sa.Column("request_id", sa.String(length=68), nullable=False),
        sa.Column("event_ref", sa.String(length=21), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dcc_alerts")),
        sa.UniqueConstraint("sha256", name=op.f("uq_dcc_alerts_sha256")),
    )
    for columns in (["received_at_ms"], ["request_id"], ["trust", "id"]):
        op.create_index(op.f(f"ix_dcc_alerts_{'_'.join(columns)}"), "dcc_alerts", columns, unique=False)


def _quarantined() -> None:
    op.create_table(
        "quarantined",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("alert_id", NUMBER, nullable=False),
        sa.Column("user_id", sa.String(length=23), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("request_id", sa.String(length=68), nullable=False),
        sa.Column("event_ref", sa.String(length=21), nullable=False),
        sa.Column("breach", sa.String(length=20), nullable=False),
        sa.Column("alerts", sa.BigInteger(), nullable=False),
        sa.Column("notified_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("matched", sa.String(length=24), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("sent_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("communication_class", sa.String(length=12), nullable=True),
        sa.Column("service_reference_variant", sa.String(length=12), nullable=True),
        sa.Column("episode_id", NUMBER, nullable=True),
        sa.Column("incident_id", NUMBER, nullable=True),
        sa.Column("answered_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("answer_code", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["dcc_alerts.id"], name=op.f("fk_quarantined_alert_id")),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_quarantined_episode_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_quarantined_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined")),
        sa.UniqueConstraint("request_id", "event_ref", name=op.f("uq_quarantined_request_id_event_ref")),
    )
    for columns in (
        ["alert_id"],
        ["sent_at_ms"],
        ["incident_id"],
        ["decision_id"],
        ["state", "received_at_ms"],
        ["user_id", "event_ref", "state"],
    ):
        op.create_index(op.f(f"ix_quarantined_{'_'.join(columns)}"), "quarantined", columns, unique=False)
