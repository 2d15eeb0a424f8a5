"""The tables of decisions on quarantined requests, and of how signed files are delivered.

A decision is an Exit Quarantine file and has its number: that a second person approved it is held by the
constraints of `adt_files`, for files of every kind.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
    true,
)

from gateway.store.metadata import metadata

decisions = Table(
    "decisions",
    metadata,
    Column("file_id", ForeignKey("adt_files.id"), primary_key=True, autoincrement=False),
    Column("action", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("chosen", Text, nullable=False),  # the filter as JSON, for people: the rows are below
    Column("oldest_at", BigInteger, nullable=False),  # when the first of its requests was held
    Column("ended_at", BigInteger, index=True),  # when the last of its requests was seen to have ended
    CheckConstraint("action IN ('RELEASE','DELETE')", name="action"),
)

decision_rows = Table(
    "decision_rows",
    metadata,
    Column("file_id", ForeignKey("decisions.file_id"), primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("quarantined_id", ForeignKey("quarantined.id"), nullable=False),
    # As they stand in the file, whatever becomes of the row that they were taken from.
    Column("user_id", String(23), nullable=False),
    Column("event_ref", String(21), nullable=False),
    Column("request_id", String(68), nullable=False),
    # False once the file was rejected, withdrawn or failed: then another decision may take the request.
    Column("live", Boolean, nullable=False, server_default=true()),
    Column("ended_at", BigInteger),
    Column("ended_how", String(12)),  # answered, confirmed
    Column("ended_by", String(64)),
    Column("ended_reason", Text),
    # A request is in one decision at a time: no path through the code can put it into two.
    Index(
        "ix_decision_rows_once",
        "quarantined_id",
        unique=True,
        sqlite_where=text("live"),
        postgresql_where=text("live"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("file_id", ForeignKey("adt_files.id"), primary_key=True, autoincrement=False),
    Column("channel", String(12), nullable=False),  # folder, sftp, by_hand
    Column("place", Text, nullable=False),
    Column("attempts", Integer, nullable=False),  # since the last success
    Column("tried_at", BigInteger, nullable=False),
    Column("error_code", String(64)),
    Column("error", Text),
    Column("delivered_at", BigInteger),
    Column("delivered_by", String(64)),
    Column("said", Text),  # what the other side said of itself and of the files
    Column("reference", Text),  # of the receipt, where somebody gave one
    Index(None, "delivered_at"),
)
