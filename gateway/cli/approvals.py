"""What passkeys gave at approvals, kept elsewhere and verified with the chain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind
from gateway.cli.reading import read_input
from gateway.errors import InvalidInput

APPROVAL_BYTES: Final = 65_536
ACTIONS: Final = ("passkey.added", "passkey.removed", *(kind.action("approved") for kind in FileKind))
"""The actions of the records that evidence is compared with."""


class Given(msgspec.Struct, frozen=True):
    """A file with evidence: its bytes, and what they say in a sentence."""

    data: bytes
    summary: str


def read_approvals(paths: tuple[Path, ...]) -> dict[str, Given]:
    """Return the evidence in each file, by its path; raise `InvalidInput` where there is none."""
    return {str(path): _read(path) for path in paths}


def _read(path: Path) -> Given:
    from gateway.audit.approval import SCHEMA, Evidence

    data = read_input(path, APPROVAL_BYTES)
    try:
        evidence = msgspec.json.decode(data, type=Evidence)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(path) from error
    if evidence.schema != SCHEMA:
        raise _malformed(path)
    claim = evidence.claim
    summary = f"{claim.person} signed for file {claim.file}, SHA-256 {claim.sha256}, at {evidence.origin}"
    return Given(data, summary)


def _malformed(path: Path) -> InvalidInput:
    remedy = "Give NAME.approval.json as adt-gateway fetch wrote it."
    return InvalidInput("approval_malformed", f"{path} is not what a passkey gave at an approval", remedy)


def approval_faults(given: Mapping[str, Given], records: dict[int, Content]) -> list[str]:
    """Return what the passkeys themselves, or *records* of the chain, say against what was given."""
    from gateway.audit.approval import Evidence, evidence_fault

    faults = []
    for place, each in given.items():
        evidence = msgspec.json.decode(each.data, type=Evidence)
        if fault := evidence_fault(evidence, each.data, records):
            faults.append(f"{place}: {fault}")
    return faults
