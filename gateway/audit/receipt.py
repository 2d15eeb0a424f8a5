"""Comparison of a signature's receipt with the records of the chain that it tells of. Pure.

The hash of its record shows that the chain is the one of the receipt, and nothing of what else the receipt
says: each of its fields that the chain holds too is compared here. The chain does not hold when the
signature itself was made, the certificate's names and end, nor the token's label and key attributes; the
signature and the certificate say those themselves.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind, actions

SCHEMA: Final = "adt-gateway-receipt-1"

STEPS: Final = tuple(kind.action(step) for kind in FileKind for step in ("submitted", "approved", "signed"))
"""The actions of the records that a receipt tells of."""

SECOND: Final = 1.0
"""A receipt gives whole seconds, a record thousandths."""


class FileFacts(msgspec.Struct, frozen=True):
    """The file that was signed."""

    name: str
    sha256: str
    profile: str
    rows: int


class SignatureFacts(msgspec.Struct, frozen=True):
    """The signature."""

    name: str
    container: str
    sha256: str


class Serial(msgspec.Struct, frozen=True):
    """The certificate, or the token, by its serial number."""

    serial: str


class Step(msgspec.Struct, frozen=True):
    """Who did something, and when (RFC 3339)."""

    by: str
    at: str
    audit_record: int = 0
    evidence_sha256: str | None = None
    """Of what a passkey gave."""


class Place(msgspec.Struct, frozen=True):
    """A record of the chain."""

    number: int
    hash: str


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt says, as far as the chain says it too."""

    file: FileFacts
    signature: SignatureFacts
    certificate: Serial
    token: Serial
    submitted: Step
    approved: Step
    audit_record: Place


def receipt_faults(receipt: Receipt, records: Mapping[int, Content]) -> Iterator[str]:
    """Yield each field of *receipt* that the chain says otherwise.

    *records* are the verified records of the actions `STEPS`, by number.
    """
    signed = records.get(receipt.audit_record.number)
    if signed is None or signed.action not in actions("signed"):
        yield f"audit_record.number: record {receipt.audit_record.number} is of no signature"
        return
    kind = FileKind(signed.action.removesuffix(".signed").replace("_", "-"))
    submitted = _of(records, signed, kind.action("submitted"))
    approved = records.get(receipt.approved.audit_record)
    if approved is None or (approved.action, approved.subject) != (kind.action("approved"), signed.subject):
        number = receipt.approved.audit_record
        yield f"approved.audit_record: record {number} is of no approval of {signed.subject}"
        return
    if submitted is None:
        yield f"submitted: no record says that {signed.subject} was submitted"
        return
    yield from _differences(receipt, submitted, approved, signed)


def _of(records: Mapping[int, Content], signed: Content, action: str) -> Content | None:
    found = [each for each in records.values() if (each.action, each.subject) == (action, signed.subject)]
    return found[0] if found else None


def _differences(receipt: Receipt, submitted: Content, approved: Content, signed: Content) -> Iterator[str]:
    file, signature = receipt.file, receipt.signature
    said: list[tuple[str, Any, Content, Any]] = [
        ("file.name", file.name, submitted, submitted.detail.get("name")),
        ("file.sha256", file.sha256, submitted, submitted.detail.get("sha256")),
        ("file.sha256", file.sha256, approved, approved.detail.get("sha256")),
        ("file.sha256", file.sha256, signed, signed.detail.get("sha256")),
        ("file.profile", file.profile, submitted, submitted.detail.get("profile")),
        ("file.rows", file.rows, submitted, submitted.detail.get("rows")),
        ("signature.sha256", signature.sha256, signed, signed.detail.get("signature_sha256")),
        ("signature.container", signature.container, signed, signed.detail.get("container")),
        ("certificate.serial", receipt.certificate.serial, signed, signed.detail.get("certificate_serial")),
        ("token.serial", receipt.token.serial, signed, signed.detail.get("token_serial")),
        ("submitted.by", receipt.submitted.by, submitted, submitted.actor),
        ("approved.by", receipt.approved.by, approved, approved.actor),
        ("approved.evidence_sha256", receipt.approved.evidence_sha256, approved, _evidence(approved)),
    ]
    for field, value, record, recorded in said:
        if value != recorded:
            yield f"{field}: the receipt says {value!r:.80}, record {record.number} says {recorded!r:.80}"
    for field, step, record in (
        ("submitted.at", receipt.submitted, submitted),
        ("approved.at", receipt.approved, approved),
    ):
        if not _same_time(step.at, record.at):
            yield f"{field}: the receipt says {step.at!r:.80}, record {record.number} says {record.at!r:.80}"
    if not signature.name.startswith(file.name):
        yield f"signature.name: {signature.name!r:.80} does not belong to {file.name!r:.80}"


def _evidence(approved: Content) -> Any:
    passkey = approved.detail.get("passkey")
    return passkey.get("evidence_sha256") if isinstance(passkey, dict) else None


def _same_time(said: str, recorded: str) -> bool:
    try:
        apart = datetime.fromisoformat(said) - datetime.fromisoformat(recorded)
    except (ValueError, TypeError):
        return False
    return abs(apart.total_seconds()) <= SECOND
