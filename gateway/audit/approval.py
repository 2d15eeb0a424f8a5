"""What a passkey gave at an approval: evidence that its key signed for this file. Pure; verified offline.

The authenticator signs over a challenge that is made of the file's SHA-256, its number, the person and a random
number: the signature is of this file, by this person, and of no other.
"""

import hashlib
from typing import Any, Final

import msgspec
import rfc8785
from webauthn import verify_authentication_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    PublicKeyCredentialType,
)

from gateway.audit.record import Content
from gateway.audit.signed_file import FileKind, actions

SCHEMA: Final = "adt-gateway-approval-1"
DOMAIN: Final = b"adt-gateway approval of a file v1\n"
"""Put before what is hashed, so that a challenge can mean nothing else."""


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person signs for."""

    file: int
    """Number of the file."""
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    person: str
    nonce: str
    """Random, used once."""

    def challenge(self) -> bytes:
        """Return what the authenticator is given to sign."""
        return hashlib.sha256(DOMAIN + rfc8785.dumps(msgspec.structs.asdict(self))).digest()


class Assertion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authenticator answered (WebAuthn, 5.2.2), each part base64url."""

    credential_id: str
    authenticator_data: str
    client_data: str
    signature: str


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is needed to verify an approval by passkey."""

    claim: Claim
    assertion: Assertion
    public_key: str
    """COSE_Key, base64url."""
    origin: str
    rp_id: str
    """Domain that the passkey belongs to."""
    schema: str = SCHEMA

    def encode(self) -> bytes:
        """Return it as canonical JSON."""
        return rfc8785.dumps(msgspec.to_builtins(self))


class AssertionWrong(Exception):
    """The assertion does not hold; the text says why."""


def verify_evidence(evidence: Evidence, sign_count: int = 0) -> int:
    """Return how often the authenticator says the key was used; raise `AssertionWrong`.

    *sign_count* is what it said the last time; offline nothing is known of that.
    """
    try:
        verified = verify_authentication_response(
            credential=_credential(evidence.assertion),
            expected_challenge=evidence.claim.challenge(),
            expected_rp_id=evidence.rp_id,
            expected_origin=evidence.origin,
            credential_public_key=base64url_to_bytes(evidence.public_key),
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except WebAuthnException as error:
        raise AssertionWrong(str(error)) from error
    except Exception as error:  # the library tells what cannot be read in many ways
        why = f"it cannot be read: {type(error).__name__}"
        raise AssertionWrong(why) from error
    return verified.new_sign_count


def _credential(assertion: Assertion) -> AuthenticationCredential:
    raw = base64url_to_bytes(assertion.credential_id)
    return AuthenticationCredential(
        id=bytes_to_base64url(raw),
        raw_id=raw,
        type=PublicKeyCredentialType.PUBLIC_KEY,
        response=AuthenticatorAssertionResponse(
            client_data_json=base64url_to_bytes(assertion.client_data),
            authenticator_data=base64url_to_bytes(assertion.authenticator_data),
            signature=base64url_to_bytes(assertion.signature),
        ),
    )


def evidence_fault(evidence: Evidence, data: bytes, records: dict[int, Content]) -> str:
    """Return what speaks against the evidence in the bytes *data*, or nothing.

    *records* are the verified records that passkeys were added, removed and used, by number: they have to say that this evidence
    belongs to the approval of this file, and that the key was this person's at that time.
    """
    try:
        verify_evidence(evidence)
    except AssertionWrong as error:
        return f"the assertion does not hold: {error}"
    approval = _approval(hashlib.sha256(data).hexdigest(), records)
    if approval is None:
        return "no approval in the chain names this evidence"
    claim = evidence.claim
    kind = FileKind(approval.action.removesuffix(".approved").replace("_", "-"))
    said = (kind.subject(claim.file), claim.sha256, claim.person)
    recorded = (approval.subject, approval.detail.get("sha256"), approval.actor)
    if said != recorded:
        return f"record {approval.number} is of another approval than the evidence: {recorded}"
    return _key_fault(evidence, approval, records)


def _approval(digest: str, records: dict[int, Content]) -> Content | None:
    for record in records.values():
        passkey = record.detail.get("passkey") if record.action in actions("approved") else None
        if isinstance(passkey, dict) and passkey.get("evidence_sha256") == digest:
            return record
    return None


def _key_fault(evidence: Evidence, approval: Content, records: dict[int, Content]) -> str:
    """Return why the key was not the person's when they approved, or nothing."""
    subject, number = f"person/{evidence.claim.person}", approval.detail["passkey"].get("number")
    of_key = [
        record
        for _, record in sorted(records.items())
        if record.number < approval.number
        and (record.subject, record.detail.get("number")) == (subject, number)
        and record.action in {"passkey.added", "passkey.removed"}
    ]
    if not of_key or of_key[-1].action != "passkey.added":
        return f"{evidence.claim.person} had no passkey {number} at record {approval.number}"
    said: tuple[Any, ...] = (evidence.public_key, evidence.assertion.credential_id)
    added = of_key[-1].detail
    if said != (added.get("public_key"), added.get("credential_id")):
        return f"record {of_key[-1].number} says that passkey {number} is another key"
    return ""
