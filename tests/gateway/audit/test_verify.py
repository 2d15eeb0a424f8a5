"""The chain shows every change but two, and those two an anchor shows."""

import re
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.audit.record import GENESIS, AuditRecord, Entry, append, record_hash
from gateway.audit.verify import ChainVerdict, verify_chain
from tests.support.chains import ENTRIES, chains, content_of, make_chain, with_body


def broken_at(verdict: ChainVerdict, number: int) -> None:
    """Assert that the verdict names *number* and what was good before it."""
    assert not verdict.intact
    assert verdict.wrong_number == number
    assert f"record {number}" in verdict.reason
    assert verdict.last_number == number - 1


@given(chains())
def test_every_chain_verifies(chain: list[AuditRecord]) -> None:
    end = chain[-1].hash if chain else GENESIS
    assert verify_chain(chain) == ChainVerdict(True, len(chain), len(chain), end)


@given(chains(1), st.data())
def test_its_own_records_are_anchors_that_hold(chain: list[AuditRecord], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(chain)))
    assert verify_chain(chain, {record.number: record.hash for record in chosen}).intact


@given(chains(1), st.data())
def test_one_changed_byte_is_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    body = bytearray(chain[place].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    chain[place] = msgspec.structs.replace(chain[place], body=bytes(body))
    broken_at(verify_chain(chain), place + 1)


@given(chains(1), st.data())
def test_a_changed_hash_is_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    changed = data.draw(st.text("0123456789abcdefABCDEF", max_size=64))
    assume(changed != chain[place].hash)
    chain[place] = msgspec.structs.replace(chain[place], hash=changed)
    broken_at(verify_chain(chain), place + 1)


@given(chains(1), st.data())
def test_a_changed_number_is_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    changed = data.draw(st.integers().filter(lambda number: number != place + 1))
    chain[place] = msgspec.structs.replace(chain[place], number=changed)
    broken_at(verify_chain(chain), place + 1)


@given(chains(1), st.integers(0, 9))
def test_a_content_that_says_another_number_is_found(chain: list[AuditRecord], said: int) -> None:
    """Row, hash and link are right; an anchor by the number that it says would miss it."""
    assume(said != len(chain))
    body = rfc8785.dumps(content_of(chain[-1]) | {"number": said})
    chain[-1] = with_body(chain[-1], body)
    verdict = verify_chain(chain)
    broken_at(verdict, len(chain))
    assert f"says that it is number {said}" in verdict.reason


@given(chains(2), st.data())
def test_a_removed_record_is_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 2))
    del chain[place]
    broken_at(verify_chain(chain), place + 1)


@given(chains(2), st.data())
def test_a_removed_record_whose_successors_were_renumbered_is_found(
    chain: list[AuditRecord], data: st.DataObject
) -> None:
    """Numbers, contents and hashes of the rest are put right; the link is not."""
    place = data.draw(st.integers(0, len(chain) - 2))
    del chain[place]
    chain[place:] = [_renumbered(record, record.number - 1) for record in chain[place:]]
    broken_at(verify_chain(chain), place + 1)


def _renumbered(record: AuditRecord, number: int) -> AuditRecord:
    content = content_of(record) | {"number": number}
    return msgspec.structs.replace(with_body(record, rfc8785.dumps(content)), number=number)


@given(chains(1), ENTRIES, st.data())
def test_an_inserted_record_is_found(chain: list[AuditRecord], entry: Entry, data: st.DataObject) -> None:
    """It follows well from the one before it; the next one does not follow from it."""
    place = data.draw(st.integers(0, len(chain) - 1))
    chain.insert(place, append(chain[place - 1] if place else None, entry, "2026-12-01T00:00:00.001Z"))
    broken_at(verify_chain(chain), place + 2)


@given(chains(1), st.data())
def test_a_repeated_record_is_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    chain.insert(place, chain[place])
    broken_at(verify_chain(chain), place + 2)


@given(chains(2), st.data())
def test_swapped_records_are_found(chain: list[AuditRecord], data: st.DataObject) -> None:
    one = data.draw(st.integers(0, len(chain) - 2))
    two = data.draw(st.integers(one + 1, len(chain) - 1))
    chain[one], chain[two] = chain[two], chain[one]
    broken_at(verify_chain(chain), one + 1)


@given(chains(2), st.data())
def test_a_record_hashed_anew_without_its_successors_is_found(
    chain: list[AuditRecord], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(chain) - 2))
    content = content_of(chain[place])
    chain[place] = with_body(chain[place], rfc8785.dumps(content | {"actor": content["actor"] + "!"}))
    broken_at(verify_chain(chain), place + 2)


@given(chains(1), st.data())
def test_a_cut_end_is_found_by_an_anchor_alone(chain: list[AuditRecord], data: st.DataObject) -> None:
    kept = chain[: data.draw(st.integers(0, len(chain) - 1))]
    lost = data.draw(st.sampled_from(chain[len(kept) :]))
    assert verify_chain(kept).intact
    verdict = verify_chain(kept, {lost.number: lost.hash})
    assert not verdict.intact
    assert verdict.wrong_number == lost.number
    assert f"ends at {len(kept)}" in verdict.reason


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.data())
def test_a_chain_computed_anew_is_found_by_an_anchor_alone(entries: list[Entry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    forged_entry = msgspec.structs.replace(entries[place], actor=entries[place].actor + "!")
    true = make_chain(entries)
    forged = make_chain([*entries[:place], forged_entry, *entries[place + 1 :]])
    assert verify_chain(forged).intact
    anchor = data.draw(st.sampled_from(true[place:]))
    broken_at(verify_chain(forged, {anchor.number: anchor.hash}), anchor.number)


GOOD = make_chain([Entry("ann", "act", "thing", {"n": 1})])[0].body


@pytest.mark.parametrize(
    "body",
    [
        b" " + GOOD,
        GOOD + b"\n",
        GOOD.replace(b":1,", b": 1,"),
        GOOD.replace(b"{", b'{"action":"act",', 1),
        GOOD.replace(b'"ann"', b'"\\u0061nn"'),
        GOOD.replace(b'{"n":1}', b'{"n":1.0}'),
        GOOD.replace(b'{"n":1}', b'{"n":1e0}'),
        GOOD.replace(b'{"n":1}', b'{"n":-0}'),
        GOOD.replace(b'{"n":1}', b'{"n":9007199254740993}'),
        GOOD.replace(b'{"n":1}', b'{"n":' + b"9" * 10_000 + b"}"),
        GOOD.replace(b'{"n":1}', b'{"n":NaN}'),
        GOOD.replace(b'{"n":1}', b'{"n":1e999}'),
        GOOD.replace(b'{"n":1}', b'{"b":1,"a":1}'),
        GOOD.replace(b'{"n":1}', b'{"\\ud800":1}'),
        GOOD.replace(b'{"n":1}', b'{"n":"\\ud800"}'),
        GOOD.replace(b'{"n":1}', b'{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        GOOD.replace(b"ann", b"\xff"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        b"",
        b"{",
    ],
)
def test_only_the_canonical_form_of_a_content_is_accepted(body: bytes) -> None:
    """Two forms of one content would be two hashes of one content. The hash here always fits the bytes."""
    assert verify_chain([AuditRecord(1, GOOD, record_hash(GOOD))]).intact
    verdict = verify_chain([AuditRecord(1, body, record_hash(body))])
    broken_at(verdict, 1)
    assert verdict.reason == "record 1 is not canonical JSON"


@pytest.mark.parametrize(
    "change",
    [
        {"number": True},
        {"number": "1"},
        {"number": None},
        {"previous": None},
        {"detail": []},
        {"detail": None},
        {"actor": 3},
        {"more": 1},
        {"at": "\x1b[2J" * 10, "subject": ["\x1b[2J"]},
    ],
)
def test_a_content_of_another_shape_is_no_record(change: dict[str, Any]) -> None:
    """Its hash and its form are right; what it says is not what a record says."""
    body = rfc8785.dumps(msgspec.json.decode(GOOD) | change)
    verdict = verify_chain([AuditRecord(1, body, record_hash(body))])
    broken_at(verdict, 1)
    assert "does not hold what a record holds" in verdict.reason
    assert verdict.reason.isprintable()


@pytest.mark.parametrize("missing", ["number", "previous", "at", "actor", "action", "subject", "detail"])
def test_a_content_that_lacks_a_part_is_no_record(missing: str) -> None:
    content = msgspec.json.decode(GOOD)
    del content[missing]
    body = rfc8785.dumps(content)
    verdict = verify_chain([AuditRecord(1, body, record_hash(body))])
    broken_at(verdict, 1)
    assert missing in verdict.reason


ANYTHING: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.integers())
    | st.just({"a": 1})
)


@given(st.lists(st.builds(AuditRecord, ANYTHING, ANYTHING, ANYTHING), min_size=1, max_size=3))
def test_rows_of_any_types_give_a_verdict(rows: list[AuditRecord]) -> None:
    broken_at(verify_chain(rows, {1: "x"}), 1)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.from_regex(rb"[\[{\"\d:,}\]]{0,30}")))
def test_contents_of_any_bytes_give_a_verdict(body: bytes) -> None:
    broken_at(verify_chain([AuditRecord(1, body, record_hash(body))]), 1)


@given(chains(1, 3), st.dictionaries(st.integers(), st.text(), min_size=1))
def test_wrong_anchors_are_never_satisfied(chain: list[AuditRecord], anchors: dict[int, str]) -> None:
    verdict = verify_chain(chain, anchors)
    assert not verdict.intact
    assert re.search("receipt or an alert", verdict.reason)
