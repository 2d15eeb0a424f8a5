"""The tables of people and of what they sign in with."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from gateway.store.metadata import Number, metadata

people = Table(
    "people",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("roles", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("password_hash", String(200)),
    Column("password_set_at", BigInteger),
    Column("password_expires_at", BigInteger),  # set for a password that its person has not chosen
    Column("issuer", String(500)),  # set with the subject for whoever comes from an OpenID Connect provider
    Column("subject", String(255)),
    Index("ix_people_identity", "issuer", "subject", unique=True),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Number, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("credential_id", String(1400), nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", String(80), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("removed_at", BigInteger),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("roles", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("label", String(80), nullable=False, server_default=""),
    Column("expires_at", BigInteger),  # none for those of before there was an expiry
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Number, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("provider_session", String(255)),  # by which an OpenID Connect provider ends it
)
