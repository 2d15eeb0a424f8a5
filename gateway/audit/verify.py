"""Offline verification of the chain: takes rows, trusts nothing, names the record that is wrong."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import rfc8785

from gateway.audit.record import GENESIS, AuditRecord, Content, record_hash
from gateway.audit.two_people import TwoPeople

SAFE: Final = 2**53


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
    withheld: int = 0
    """How many came without their bytes: of them only the place in the chain is known."""
    withheld_numbers: tuple[int, ...] = ()
    """The numbers of these."""


class Place(msgspec.Struct, frozen=True):
    """The last record that was found good: where verification goes on."""

    number: int = 0
    hash: str = GENESIS


START: Final = Place()
"""Before number 1."""


def verify_chain(
    records: Iterable[AuditRecord],
    anchors: Mapping[int, str] | None = None,
    after: Place = START,
    *,
    people: TwoPeople | None = None,
    may_be_withheld: bool = False,
) -> ChainVerdict:
    """Verify *records* in the order given; they follow *after*, without it they are the whole chain.

    *anchors* are hashes by record number that were kept elsewhere (in a receipt, in an alert). They show
    what the chain by itself cannot: that nobody computed it anew, and that its end is still there.
    *people* is what has seen the records before *after*; each signature needs the approval of a second person
    before it.

    A record about a classified incident comes with its hash alone to whoever may not see it. Where that
    *may_be_withheld* the next record has to follow from that hash, and the verdict says how many there were.
    """
    seen = people or TwoPeople()
    wanted = dict(anchors or {})
    number, previous, read = after.number, after.hash, 0
    withheld: list[int] = []
    for record in records:
        read += 1
        anchor = wanted.pop(number + 1, None)
        if may_be_withheld and record.withheld:
            withheld.append(number + 1)
            reason = _fault_of_withheld(record, number + 1, anchor)
        else:
            reason = _fault(record, number + 1, previous, anchor, seen)
        if reason:
            return ChainVerdict(False, read, number, previous, number + 1, reason)
        number, previous = record.number, record.hash
    if wanted:
        missing = min(wanted)
        reason = f"record {missing} is named by a receipt or an alert but the chain ends at {number}"
        return ChainVerdict(False, read, number, previous, missing, reason)
    return ChainVerdict(
        True, read, number, previous, withheld=len(withheld), withheld_numbers=tuple(withheld)
    )


def _fault(record: AuditRecord, number: int, previous: str, anchor: str | None, seen: TwoPeople) -> str:
    """Return what is wrong with *record*, or nothing."""
    # 1. It is a record and stands where it should.
    if not _is_record(record):
        return f"record {number} is no record: its number, its content or its hash is of another type"
    if record.number != number:
        return f"record {number} should follow, but number {record.number} was found"
    # 2. Its hash is the hash of its bytes.
    if record_hash(record.body) != record.hash:
        return f"record {number} was changed: its hash is not the hash of its content"
    # 3. The bytes say the same place and name the record before.
    try:
        content = json.loads(record.body, parse_int=_number)
        canonical = rfc8785.dumps(content)
    except (ValueError, RecursionError):
        return f"record {number} is not canonical JSON"
    if canonical != record.body:
        return f"record {number} is not canonical JSON"
    try:
        content = msgspec.convert(content, Content)
    except msgspec.ValidationError as error:
        return f"record {number} does not hold what a record holds: {error}"
    if content.number != number:
        return f"record {number} says that it is number {content.number}"
    if content.previous != previous:
        return (
            f"record {number} does not follow from record {number - 1}: one was changed, removed or inserted"
        )
    # 4. It is the one that was known elsewhere. 5. Whoever signed had the approval of a second person.
    return _fault_of_anchor(record, number, anchor) or seen.fault(content)


def _fault_of_withheld(record: AuditRecord, number: int, anchor: str | None) -> str:
    """Return what is wrong with a record of which the hash alone is known, or nothing."""
    if not _is_record(record) or record.body:
        return f"record {number} is no record, nor one that is withheld"
    if record.number != number:
        return f"record {number} should follow, but number {record.number} was found"
    return _fault_of_anchor(record, number, anchor)


def _fault_of_anchor(record: AuditRecord, number: int, anchor: str | None) -> str:
    if anchor is not None and anchor != record.hash:
        return f"record {number} is not the one that a receipt or an alert names"
    return ""


def _is_record(record: Any) -> bool:
    """Tell whether the columns have their types: a SQLite row can hold anything."""
    return type(record.number) is int and isinstance(record.body, bytes) and isinstance(record.hash, str)


def _number(text: str) -> int | float:
    """Read a number as RFC 8785 does: a double, which is whole without doubt below 2**53 alone."""
    value = float(text)
    return int(value) if abs(value) < SAFE else value
