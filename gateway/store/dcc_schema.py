"""The tables of what the DCC tells us: alerts that speak of quarantine, requests that are held, the last answers."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store.metadata import Number, metadata

dcc_alerts = Table(
    "dcc_alerts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False, index=True),
    Column("source", String(16), nullable=False),  # http, mqtt
    Column("trust", String(16), nullable=False),  # verified, unsigned, wrong, unknown_signer, unchecked
    Column("why", Text, nullable=False),  # why it is not believed; empty where it is
    Column("signer", String(300)),  # issuer and serial number as the message names them
    Column("response_id", String(68)),
    Column("responded_at_ms", BigInteger),  # the DCC's own time
    Column("alert_code", String(16), nullable=False),
    Column("throttled_sequence", BigInteger),
    Column("throttled_count", BigInteger),
    # What the message says; for one that is not believed this is all there is of it.
    Column("breach", String(20), nullable=False),  # user_threshold, dcc_threshold, attribute_limits
    Column("request_id", String(68), nullable=False, index=True),
    Column("event_ref", String(21), nullable=False),
    # The same bytes again are the same alert.
    Column("sha256", String(64), nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),
    Index(None, "trust", "id"),
)

quarantined = Table(
    "quarantined",
    metadata,
    Column("id", Number, primary_key=True),
    Column("alert_id", ForeignKey("dcc_alerts.id"), nullable=False, index=True),  # the first that named it
    Column("user_id", String(23), nullable=False),
    Column("device", String(23), nullable=False),  # the target of the RequestID
    Column("request_id", String(68), nullable=False),
    Column("event_ref", String(21), nullable=False),
    Column("breach", String(20), nullable=False),
    Column("alerts", BigInteger, nullable=False),  # for how many alerts those stand that named it
    Column("notified_at_ms", BigInteger, nullable=False),  # the DCC's own time
    Column("received_at_ms", BigInteger, nullable=False),
    Column("matched", String(24), nullable=False),  # in_excess, predicted, not_predicted, sent, unknown
    # It was seen leaving between these two; both the same where that is known exactly.
    Column("sent_at_ms", BigInteger, index=True),
    Column("sent_until_ms", BigInteger),
    Column("communication_class", String(12)),
    Column("service_reference_variant", String(12)),
    Column("episode_id", ForeignKey("episodes.id")),
    Column("incident_id", ForeignKey("incidents.id"), index=True),
    # The last answer of the DCC to the request after it was held, by the DCC's own time.
    Column("answered_at_ms", BigInteger),
    Column("answer_code", String(16)),
    Column("state", String(16), nullable=False),  # held, decided, released, deleted, ended
    Column("decision_id", Integer, index=True),
    Column("ended_at", BigInteger),
    UniqueConstraint("request_id", "event_ref"),
    Index(None, "state", "received_at_ms"),
    Index(None, "user_id", "event_ref", "state"),
)

dcc_answers = Table(
    "dcc_answers",
    metadata,
    # Of the last answer in it: they are numbered from the first that ever came.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # The answers of one group, by RequestID (msgpack).
    Column("content", LargeBinary, nullable=False),
)
