"""The tables of what people do with candidate incidents; but for the nominees no row is ever changed or removed."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from gateway.store.metadata import Number, metadata

incident_groups = Table(
    "incident_groups",
    metadata,
    Column("id", Number, primary_key=True),
    Column("made_at", BigInteger, nullable=False),
)

incident_steps = Table(
    "incident_steps",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False, index=True),
    Column("done_at", BigInteger, nullable=False),
    Column("done_by", String(64), nullable=False),
    Column("action", String(40), nullable=False),  # as the audit record names it
    Column("what", Text, nullable=False),
    Column("state", String(16), nullable=False),  # after it
    Column("reason", Text, nullable=False),
    Column("record", BigInteger, nullable=False),
)

incident_notes = Table(
    "incident_notes",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False, index=True),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("record", BigInteger, nullable=False),
)

incident_attachments = Table(
    "incident_attachments",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("record", BigInteger, nullable=False),
    Index(None, "incident_id", "sha256", unique=True),
)

incident_notifications = Table(
    "incident_notifications",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False, index=True),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("whom", String(200), nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("reference", String(200), nullable=False),
    Column("record", BigInteger, nullable=False),
)

# Who may see an incident that is marked `classified`; the audit chain holds who could before.
incident_nominees = Table(
    "incident_nominees",
    metadata,
    Column("incident_id", ForeignKey("incidents.id"), primary_key=True),
    Column("person", String(64), primary_key=True),
)
