"""Offline verification of the chain: takes rows, trusts nothing, names the record that is wrong."""

import json
from collections.abc import Iterable, Mapping

import msgspec
import rfc8785

from gateway.audit.record import GENESIS, AuditRecord, record_hash


class ChainVerdict(msgspec.Struct, frozen=True):
    """What the chain is worth."""

    intact: bool
    """Every record follows from the one before, from number 1 to the last."""
    records: int
    """How many were read up to and including the first wrong one."""
    last_number: int
    """Number of the last good record (0 when there is none)."""
    last_hash: str
    """Its hash: compare it with one kept elsewhere to see that the end was not cut off."""
    wrong_number: int | None = None
    """The number at which the chain breaks."""
    reason: str = ""
    """What is wrong there."""


def verify_chain(records: Iterable[AuditRecord], anchors: Mapping[int, str] | None = None) -> ChainVerdict:
    """Verify *records* in the order given.

    *anchors* are hashes by record number that were kept elsewhere (in a receipt, in an alert). They show
    what the chain by itself cannot: that nobody computed it anew, and that its end is still there.
    """
    wanted = dict(anchors or {})
    number, previous, read = 0, GENESIS, 0
    for record in records:
        read += 1
        reason = _fault(record, number + 1, previous, wanted.pop(record.number, None))
        if reason:
            return ChainVerdict(False, read, number, previous, number + 1, reason)
        number, previous = record.number, record.hash
    if wanted:
        missing = min(wanted)
        reason = f"record {missing} is named by a receipt or an alert but the chain ends at {number}"
        return ChainVerdict(False, read, number, previous, missing, reason)
    return ChainVerdict(True, read, number, previous)


def _fault(record: AuditRecord, number: int, previous: str, anchor: str | None) -> str:
    """Return what is wrong with *record*, or nothing."""
    # 1. It stands where it should.
    if record.number != number:
        return f"record {number} should follow, but number {record.number} was found"
    # 2. Its hash is the hash of its bytes.
    if record_hash(record.body) != record.hash:
        return f"record {number} was changed: its hash is not the hash of its content"
    # 3. The bytes say the same place and name the record before.
    try:
        content = json.loads(record.body)
        canonical = rfc8785.dumps(content)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        return f"record {number} is not canonical JSON"
    if not isinstance(content, dict) or canonical != record.body:
        return f"record {number} is not canonical JSON"
    if content.get("number") != number:
        return f"record {number} says that it is number {content.get('number')}"
    if content.get("previous") != previous:
        return (
            f"record {number} does not follow from record {number - 1}: one was changed, removed or inserted"
        )
    # 4. It is the one that was known elsewhere.
    if anchor is not None and anchor != record.hash:
        return f"record {number} is not the one that a receipt or an alert names"
    return ""
