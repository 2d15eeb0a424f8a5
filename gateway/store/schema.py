"""The tables. Instants are whole seconds since the epoch (UTC) unless a name ends in `_ms`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store import incident_schema  # noqa: F401 - incidents refer to its groups
from gateway.store.metadata import Number, metadata

audit_records = Table(
    "audit_records",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("subject", String(120), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("hash", String(64), nullable=False),
)

adt_files = Table(
    "adt_files",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", String(16), nullable=False, server_default="adt-file"),
    Column("name", String(200), nullable=False),
    Column("profile", String(64), nullable=False),
    # The rules of a file are those of its submission, whatever profile is set later.
    Column("profile_sha256", String(64)),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("effective_from", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("submitted_by", String(64), nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("approved_by", String(64)),
    Column("approved_at", BigInteger),
    Column("approval_record", BigInteger),
    Column("approval_evidence", LargeBinary),
    Column("approval_evidence_sha256", String(64)),
    Column("signature", LargeBinary),
    Column("signature_name", String(220)),
    Column("receipt", LargeBinary),
    Column("signed_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledgement", Text),
    Column("in_force_at", BigInteger),
    Column("in_force_record", BigInteger),
    Column("superseded_at", BigInteger),
    Column("reason", Text),
    # The two-person rule stands where the row is written: no path through the code can break it.
    CheckConstraint("approved_by IS NULL OR approved_by <> submitted_by", name="second_person"),
    CheckConstraint(
        "state IN ('submitted','rejected','withdrawn') OR approved_by IS NOT NULL", name="approved_first"
    ),
)

profiles = Table(
    "profiles",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
)

thresholds = Table(
    "thresholds",
    metadata,
    Column("id", Number, primary_key=True),
    Column("file_id", ForeignKey("adt_files.id"), nullable=False, index=True),
    Column("line", Integer, nullable=False),
    Column("user_id", String(23), nullable=False),
    Column("communication", String(12), nullable=False),
    Column("service", String(12), nullable=False),
    Column("period_seconds", Integer, nullable=False),
    Column("period", String(32), nullable=False),
    Column("alignment", String(8), nullable=False),
    Column("warning", BigInteger, nullable=False),
    Column("quarantine", BigInteger, nullable=False),
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger),
    Column("in_force_at", BigInteger, nullable=False),
    Column("superseded_at", BigInteger, index=True),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Number, primary_key=True),
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("communications", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

counted = Table(
    "counted",
    metadata,
    Column("id", Integer, primary_key=True),  # there is one row
    Column("journal_id", BigInteger, nullable=False),
    Column("evaluated_at", BigInteger, nullable=False),
    # Fingerprints of what was counted are keyed with it.
    Column("seed", BigInteger, nullable=False),
    # How far the journal is in digests, and digests are in the history.
    Column("folded_id", BigInteger, nullable=False),
    Column("history_until", BigInteger, nullable=False),
)

kinds = Table(
    "kinds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String(23), nullable=False),
    Column("communication_class", String(12), nullable=False),
    Column("service_reference", Text, nullable=False),
    Column("service_reference_variant", Text, nullable=False),
    UniqueConstraint("user_id", "communication_class", "service_reference", "service_reference_variant"),
)

digests = Table(
    "digests",
    metadata,
    # The last journal row in it.
    Column("journal_id", BigInteger, primary_key=True, autoincrement=False),
    Column("received_from", BigInteger, nullable=False),
    Column("received_until", BigInteger, nullable=False),
    Column("placed_from", BigInteger, nullable=False),
    Column("placed_until", BigInteger, nullable=False),
    Column("communications", Integer, nullable=False),
    Column("places", LargeBinary, nullable=False),
    Column("fingerprints", LargeBinary, nullable=False),
)

history = Table(
    "history",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),  # since 1970-01-01
    Column("kind_id", ForeignKey("kinds.id"), primary_key=True, autoincrement=False),
    Column("messages", LargeBinary, nullable=False),
    Column("devices", LargeBinary, nullable=False),  # empty where it is the same as messages
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("level", String(12), nullable=False),
    Column("user_id", String(23), nullable=False),
    Column("title", String(200), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("record", BigInteger, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", String(64)),
    Column("reason", Text),
    Column("superseded_by", ForeignKey("incidents.id")),
    Column("subject_key", String(120)),
    Column("updated_at", BigInteger),
    Column("tell_at", BigInteger, index=True),
    # Grows with each step of a person: who decides on an older one is told what happened meanwhile.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("finding", String(16)),  # what a person found it to be; stays when it is closed
    Column("assigned_to", String(64)),
    Column("ticket", String(200)),
    Column("marking", String(12), nullable=False, server_default="", index=True),
    Column("reopens", ForeignKey("incidents.id"), index=True),
    Column("group_id", ForeignKey("incident_groups.id"), index=True),
    # Letters of the licence's Security Incident, and the words of the SEC; none where nobody has decided.
    Column("licence", String(3)),
    Column("sec", String(16)),
    # What lasts or comes back adds to the one that is open; a threshold's incidents have no subject.
    Index(
        "ix_incidents_open_subject",
        "kind",
        "subject_key",
        unique=True,
        sqlite_where=text("state <> 'closed'"),
        postgresql_where=text("state <> 'closed'"),
    ),
    # What lists are filtered by, in their order: they are read from these alone, the newest first.
    Index("ix_incidents_list", "id", "state", "kind", "level", "user_id", "marking"),
    Index(
        "ix_incidents_open",
        "id",
        "kind",
        "level",
        "user_id",
        "marking",
        sqlite_where=text("state <> 'closed'"),
        postgresql_where=text("state <> 'closed'"),
    ),
    Index(None, "user_id"),
    Index(None, "opened_at"),  # what else was wrong at a time
    Index(None, "user_id", "opened_at"),  # breaches that belong together
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("user_id", String(23), nullable=False),
    Column("communication", String(12), nullable=False),
    Column("service", String(12), nullable=False),
    Column("period_seconds", Integer, nullable=False),
    Column("alignment", String(8), nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("clear_since", BigInteger),
    # The raised ones alone are kept: what has become of the others stands in their incident.
    UniqueConstraint("user_id", "communication", "service", "period_seconds", "alignment"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), index=True),
    Column("user_id", String(23), nullable=False),
    Column("communication", String(12), nullable=False),
    Column("service", String(12), nullable=False),
    Column("period_seconds", Integer, nullable=False),
    Column("alignment", String(8), nullable=False),
    Column("level", String(12), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("quiet", Boolean, nullable=False),
    # Since when the count has been low: a restart goes on from there.
    Column("below_since", BigInteger),
    Column("ended_at", BigInteger, index=True),
    Column("ended_because", String(16)),
    # One episode is one breach: recording it again after a restart finds it already there.
    UniqueConstraint(
        "user_id", "communication", "service", "period_seconds", "alignment", "level", "opened_at"
    ),
)

excess = Table(
    "excess",
    metadata,
    Column("episode_id", ForeignKey("episodes.id"), primary_key=True),
    Column("request_id", String(68), primary_key=True),
    Column("communication_class", String(12), primary_key=True),
    Column("observed_at_ms", BigInteger, nullable=False),
    Column("service_reference_variant", String(12)),  # None where an earlier version kept it
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("sent_at", BigInteger),
    # Given up: it waits no more until a person sends it anew, and then counts its attempts from there.
    Column("dead_at", BigInteger),
    Column("resent_at", BigInteger),
    Index(
        "ix_outbox_waiting",
        "channel",
        "id",
        sqlite_where=text("sent_at IS NULL AND dead_at IS NULL"),
        postgresql_where=text("sent_at IS NULL AND dead_at IS NULL"),
    ),
    Index(
        "ix_outbox_dead",
        "channel",
        "id",
        sqlite_where=text("dead_at IS NOT NULL"),
        postgresql_where=text("dead_at IS NOT NULL"),
    ),
    Index("ix_outbox_sent", "channel", "sent_at"),
    Index("ix_outbox_incident", "incident_id", "channel"),
)
