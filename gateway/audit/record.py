"""One audit record: what it says, its canonical bytes and its hash."""

import hashlib
from typing import Any, Final

import msgspec
import rfc8785

DOMAIN: Final = b"adt-gateway audit record v1\n"
"""Put before the canonical bytes, so that a hash of this chain can mean nothing else."""

GENESIS: Final = "0" * 64
"""`previous` of record number 1."""


class Entry(msgspec.Struct, frozen=True):
    """What somebody did, before it has its place in the chain."""

    actor: str
    """Name of the person, or `system`."""
    action: str
    """Such as `adt_file.approved`."""
    subject: str
    """What it was done to, such as `adt-file/3`."""
    detail: dict[str, Any] = {}
    """JSON values only; integers below 2**53 (RFC 8785)."""


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the canonical bytes of a record say: all of it and nothing else."""

    number: int
    previous: str
    """Hash of the record before."""
    at: str
    """RFC 3339, UTC."""
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class AuditRecord(msgspec.Struct, frozen=True):
    """A record in its place: `body` is what is hashed, byte for byte."""

    number: int
    """From 1, without gaps."""
    body: bytes
    """Canonical JSON (RFC 8785) of a `Content`."""
    hash: str
    """SHA-256 in hexadecimal of `DOMAIN` + `body`."""
    withheld: bool = False
    """Whether `body` is empty because whoever reads this may not see it; an empty one in the store was changed."""


def record_hash(body: bytes) -> str:
    """Return the hash of a record's canonical bytes."""
    return hashlib.sha256(DOMAIN + body).hexdigest()


def append(previous: AuditRecord | None, entry: Entry, at: str) -> AuditRecord:
    """Return the record that follows *previous*; *at* is RFC 3339 UTC.

    Raises `ValueError` where the entry holds what canonical JSON cannot say.
    """
    number = previous.number + 1 if previous else 1
    content = Content(
        number=number,
        previous=previous.hash if previous else GENESIS,
        at=at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        detail=entry.detail,
    )
    body = rfc8785.dumps(msgspec.structs.asdict(content))
    return AuditRecord(number, body, record_hash(body))
