"""The receipt of a signature: what an auditor needs beside the file, as JSON for people and machines."""

import hashlib
from typing import Final

import msgspec

from gateway.audit.record import AuditRecord
from gateway.clock import to_text
from gateway.store.adt_files import StoredFile
from hsm.model import SignedArtefact

SCHEMA: Final = "adt-gateway-receipt-1"


def make_receipt(file: StoredFile, artefact: SignedArtefact, record: AuditRecord) -> bytes:
    """Return the receipt of *file*; `audit_record` is the anchor into the chain."""
    certificate = artefact.certificate
    approved = {
        "by": file.approved_by,
        "at": to_text(file.approved_at or 0),
        "audit_record": file.approval_record,
    }
    if file.approval_evidence_sha256:
        approved["evidence_sha256"] = file.approval_evidence_sha256
    receipt = {
        "schema": SCHEMA,
        "file": {"name": file.name, "sha256": file.sha256, "profile": file.profile, "rows": file.row_count},
        "signature": {
            "name": file.name + artefact.suffix,
            "container": str(artefact.container),
            "sha256": hashlib.sha256(artefact.signature).hexdigest(),
            "signed_at": to_text(artefact.signed_at.timestamp()),
        },
        "certificate": {
            "serial": certificate.serial,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "not_after": to_text(certificate.not_after.timestamp()),
        },
        "token": {
            "label": artefact.token_label,
            "serial": artefact.token_serial,
            "key": msgspec.to_builtins(artefact.key),
        },
        "submitted": {"by": file.submitted_by, "at": to_text(file.submitted_at)},
        "approved": approved,
        "audit_record": {"number": record.number, "hash": record.hash},
    }
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"
