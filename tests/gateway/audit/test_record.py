"""A record's bytes are canonical and its hash is theirs."""

import hashlib
from typing import Any

import pytest
from hypothesis import given

from gateway.audit.record import GENESIS, AuditRecord, Entry, append
from tests.support.chains import AT, ENTRIES, content_of


def test_the_first_record_byte_by_byte() -> None:
    """The format of the chain: were it to change, no older chain could be verified."""
    entry = Entry("ann", "adt_file.approved", "adt-file/3", {"rows": 2, "a": ["é", 1.5, None, True]})
    record = append(None, entry, AT)
    body = (
        '{"action":"adt_file.approved","actor":"ann","at":"2026-12-01T00:00:00.000Z",'
        '"detail":{"a":["é",1.5,null,true],"rows":2},"number":1,"previous":"' + "0" * 64 + '",'
        '"subject":"adt-file/3"}'
    ).encode()
    assert record == AuditRecord(1, body, hashlib.sha256(b"adt-gateway audit record v1\n" + body).hexdigest())


@given(ENTRIES, ENTRIES)
def test_a_record_says_its_entry_its_number_and_the_hash_before(one: Entry, two: Entry) -> None:
    first = append(None, one, AT)
    second = append(first, two, AT)
    assert content_of(first)["previous"] == GENESIS
    assert content_of(second) == {
        "number": 2,
        "previous": first.hash,
        "at": AT,
        "actor": two.actor,
        "action": two.action,
        "subject": two.subject,
        "detail": two.detail,
    }


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), b"bytes", {1, 2}, {1: "number as key"}, "\ud800"]
)
def test_what_canonical_json_cannot_say_is_refused(value: Any) -> None:
    """Rounding a number or dropping a value would make the evidence say something else."""
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind: nothing is appended
        append(None, Entry("ann", "test", "test", {"value": value}), AT)
