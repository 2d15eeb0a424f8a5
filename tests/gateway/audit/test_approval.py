"""What a passkey signed holds for one file, one person, one time and one address, and the chain has to agree."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.approval import AssertionWrong, Claim, Evidence, evidence_fault, verify_evidence
from gateway.audit.record import Content
from tests.support.soft_key import PRESENT, VERIFIED, SoftKey

KEY, OTHER = SoftKey(), SoftKey()
CLAIM = Claim(3, "ab" * 32, "bob", "a random number")

claims = st.builds(
    Claim,
    file=st.integers(1, 2**31),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    person=st.from_regex(r"[a-z][a-z0-9._-]{0,62}", fullmatch=True),
    nonce=st.text(min_size=1, max_size=50, alphabet=st.characters(exclude_categories=["Cs"])),
)


@given(claims, claims)
def test_a_challenge_is_of_one_claim_alone(one: Claim, other: Claim) -> None:
    assert (one.challenge() == other.challenge()) is (one == other)


@given(claims)
def test_evidence_is_read_as_it_was_written(claim: Claim) -> None:
    evidence = KEY.evidence(claim, KEY.assertion(b"x"))
    assert msgspec.json.decode(evidence.encode(), type=Evidence) == evidence


def test_an_assertion_for_the_claim_holds_and_tells_its_count() -> None:
    assert verify_evidence(KEY.evidence(CLAIM, KEY.assertion(CLAIM.challenge(), count=7)), 6) == 7


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"origin": "https://gateway.example.elsewhere"}, "origin"),
        ({"origin": "http://gateway.example"}, "origin"),
        ({"domain": "elsewhere"}, "RP ID"),
        ({"flags": PRESENT}, "User verification"),
        ({"flags": VERIFIED}, "present"),
        ({"count": 5}, "sign count"),
        ({"count": 0}, "sign count"),
        ({"kind": "webauthn.create"}, "type"),
    ],
)
def test_what_was_truly_signed_but_otherwise_is_refused(changes: dict[str, Any], why: str) -> None:
    """At another address, without the person, by a copy of the key that counts by itself."""
    evidence = KEY.evidence(CLAIM, KEY.assertion(CLAIM.challenge(), **changes))
    with pytest.raises(AssertionWrong, match=why):
        verify_evidence(evidence, 5)


@pytest.mark.parametrize("part", ["file", "sha256", "person", "nonce"])
def test_an_assertion_for_another_claim_is_refused(part: str) -> None:
    other = msgspec.structs.replace(CLAIM, **{part: 4 if part == "file" else "other"})
    with pytest.raises(AssertionWrong, match="challenge"):
        verify_evidence(KEY.evidence(CLAIM, KEY.assertion(other.challenge())))


def test_the_signature_of_another_key_is_refused() -> None:
    with pytest.raises(AssertionWrong, match="signature"):
        verify_evidence(KEY.evidence(CLAIM, OTHER.assertion(CLAIM.challenge())))


@given(st.sampled_from(["authenticator_data", "client_data", "signature", "credential_id"]), st.text())
def test_nonsense_is_refused_and_nothing_else_happens(part: str, text: str) -> None:
    assertion = msgspec.structs.replace(KEY.assertion(CLAIM.challenge()), **{part: text})
    try:
        verify_evidence(KEY.evidence(CLAIM, assertion))
    except AssertionWrong:
        return
    assert part == "credential_id"  # that is not signed; the chain says which key has which


def record(place: int, actor: str, action: str, subject: str, /, **detail: Any) -> Content:
    return Content(place, "", "2026-11-21T12:00:00.000Z", actor, action, subject, detail)


def chain(evidence: Evidence, *more: Content) -> dict[int, Content]:
    """Return what the chain says of an approval by this evidence."""
    digest = hashlib.sha256(evidence.encode()).hexdigest()
    passkey = {"number": 1, "evidence_sha256": digest}
    key = {"public_key": evidence.public_key, "credential_id": evidence.assertion.credential_id}
    records = (
        record(2, "bob", "passkey.added", "person/bob", number=1, label="key", **key),
        record(9, "bob", "adt_file.approved", "adt-file/3", sha256=CLAIM.sha256, passkey=passkey),
        *more,
    )
    return {each.number: each for each in records}


GOOD = KEY.evidence(CLAIM)


def test_evidence_that_the_chain_names_has_no_fault() -> None:
    assert evidence_fault(GOOD, GOOD.encode(), chain(GOOD)) == ""


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (record(9, "carol", "adt_file.approved", "adt-file/3", sha256=CLAIM.sha256), "names this evidence"),
        (record(2, "bob", "passkey.added", "person/carol", number=1), "had no passkey"),
        (record(5, "bob", "passkey.removed", "person/bob", number=1), "had no passkey"),
        (record(2, "bob", "passkey.added", "person/bob", number=1, public_key="x"), "is another key"),
    ],
)
def test_evidence_that_the_chain_does_not_bear_out_is_refused(other: Content, why: str) -> None:
    assert why in evidence_fault(GOOD, GOOD.encode(), chain(GOOD, other))


@pytest.mark.parametrize(("part", "value"), [("file", 4), ("sha256", "cd" * 32), ("person", "carol")])
def test_true_evidence_of_another_approval_is_refused(part: str, value: Any) -> None:
    """An approval on record that names the evidence of another file or person."""
    evidence = KEY.evidence(msgspec.structs.replace(CLAIM, **{part: value}))
    assert "another approval" in evidence_fault(evidence, evidence.encode(), chain(evidence))


def test_a_key_that_was_removed_afterwards_still_approved() -> None:
    removed = record(12, "ada", "passkey.removed", "person/bob", number=1)
    assert evidence_fault(GOOD, GOOD.encode(), chain(GOOD, removed)) == ""
