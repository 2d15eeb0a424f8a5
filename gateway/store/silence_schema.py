"""The tables of silences and of the alerts that they muted. No row is ever removed."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from gateway.store.metadata import Number, metadata

silences = Table(
    "silences",
    metadata,
    Column("id", Number, primary_key=True),
    Column("created_by", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("planned_work", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begins_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    # What it is about; empty does not matter.
    Column("kind", String(24), nullable=False),
    Column("level", String(12), nullable=False),
    Column("user_id", String(23), nullable=False),
    Column("communication", String(12), nullable=False),
    Column("service", String(12), nullable=False),
    Column("quarantine", Boolean, nullable=False),
    Column("record", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # before its time, by somebody
    Column("ended_by", String(64)),
    Column("end_reason", Text),
    # When the SOC had been told of all that it had muted and was still open.
    Column("settled_at", BigInteger),
    CheckConstraint("ends_at > begins_at", name="it_ends"),
    Index(None, "settled_at", "ends_at"),
)

muted_alerts = Table(
    "muted_alerts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("silence_id", ForeignKey("silences.id"), nullable=False),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("event", String(16), nullable=False),
    Column("muted_at", BigInteger, nullable=False),
    Column("record", BigInteger, nullable=False),
    Column("told_at", BigInteger),  # when the SOC was told of it after all
    Column("over_at", BigInteger),  # when it needed no telling any more: its incident was closed meanwhile
    Index(None, "silence_id", "id"),
    Index(None, "incident_id", "told_at"),
)
