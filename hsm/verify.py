"""Verification of a signature over data, without a token.

A verdict says what was found, step by step. It is `valid` only if every step passed. What could not be
checked at all raises `CannotVerify` instead: it is neither right nor wrong.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.verification import VerificationError

from hsm.claim import Claim, cannot, read_claim, read_trust
from hsm.model import Container
from hsm.path import certification_path, summarise
from hsm.untrusted import why_untrusted
from hsm.verdict import STEP_NAMES, JudgedBy, Outcome, Step, Verdict

_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS: Final = 2048


class _Failed(Exception):
    """A step found something wrong."""


# 1. Sizes and trust    a signature of at most 1 MiB beside its content; at least one trusted root
# 2. Container          exactly one signer, whose certificate is known; algorithms and keys that are accepted
# 3. Content            content inside the container, if any, is the data, octet for octet
# 4. Signed attributes  content type and message digest are there and right
# 5. Signature          made over the attributes (or the data) by the signer's key
# 6. Certification path from the signer to a trusted root, at the time of judgement
#
# Steps 1 and 2 raise CannotVerify. Steps 3 to 6 decide; after the first that fails no other is reached.
# THE CALLER MUST STILL compare `signer` with whom it expects: a trusted root vouches for many.


def verify(
    data: bytes,
    signature: bytes,
    trust_pem: bytes,
    *,
    container: Container | None = None,
    certificate_pem: bytes | None = None,
    at: dt.datetime | None = None,
) -> Verdict:
    """Verify *signature* over *data* against the trusted roots in *trust_pem*; raises `CannotVerify`.

    The container is detected if it is not given. A bare signature needs *certificate_pem*, the signer first.
    Certificates are judged at *at*, or else at the signing time, which is the signer's own claim.
    """
    # Step 1
    anchors = read_trust(data, signature, trust_pem)
    # Step 2
    claim = read_claim(signature, container, certificate_pem)
    check_key = _accepted_key(claim)
    judged_at, judged_by = _time_of_judgement(claim, at)
    steps = _run(
        {
            3: lambda: _check_content(claim, data),
            4: lambda: _check_attributes(claim, data),
            5: lambda: check_key(data),
            6: lambda: _check_path(claim, anchors, judged_at),
        }
    )
    return _verdict(claim, steps, judged_at, judged_by)


def _verdict(claim: Claim, steps: tuple[Step, ...], judged_at: dt.datetime, judged_by: JudgedBy) -> Verdict:
    passed = {step.number: step.outcome is Outcome.PASSED for step in steps}
    return Verdict(
        valid=all(passed.values()),
        content_matches=passed[3] and passed[4],
        signature_matches=passed[5],
        chain_trusted=passed[6],
        container=claim.container,
        steps=steps,
        signer=summarise(claim.signer),
        signing_time=claim.signing_time,
        judged_at=judged_at,
        judged_by=judged_by,
    )


def _run(checks: dict[int, Callable[[], str]]) -> tuple[Step, ...]:
    """Run the deciding steps in order until one fails."""
    steps = [Step(number, STEP_NAMES[number], Outcome.PASSED, "") for number in (1, 2)]
    failed = False
    for number, check in checks.items():
        outcome, detail = (Outcome.NOT_REACHED, "") if failed else _attempt(check)
        failed = failed or outcome is Outcome.FAILED
        steps.append(Step(number, STEP_NAMES[number], outcome, detail))
    return tuple(steps)


def _attempt(check: Callable[[], str]) -> tuple[Outcome, str]:
    try:
        return Outcome.PASSED, check()
    except _Failed as failure:
        return Outcome.FAILED, str(failure)


def _accepted_key(claim: Claim) -> Callable[[bytes], str]:
    """Step 2, the signer's key; returns step 5 for it."""
    key = _public_key(claim.signer)
    kind = None if claim.cms is None else claim.cms.key_kind
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES) and kind != "rsa":
        return lambda data: _check_signature(claim, lambda: _verify_ec(key, claim, data))
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS and kind != "ec":
        return lambda data: _check_signature(claim, lambda: _verify_rsa(key, claim, data))
    raise cannot("algorithm_unsupported", "The signer's key is of a kind or size that is not accepted.")


def _public_key(certificate: x509.Certificate) -> Any:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise cannot("algorithm_unsupported", f"The signer's key cannot be read: {error}.") from error


def _time_of_judgement(claim: Claim, at: dt.datetime | None) -> tuple[dt.datetime, JudgedBy]:
    if at is not None:
        return at, JudgedBy.CALLER
    if claim.signing_time is not None:
        return claim.signing_time, JudgedBy.SIGNING_TIME
    return dt.datetime.now(dt.UTC), JudgedBy.CLOCK


def _check_content(claim: Claim, data: bytes) -> str:
    """Step 3."""
    if claim.cms is None or claim.cms.content is None:
        return "the signature is detached from its content"
    if claim.cms.content != data:
        message = "the content inside the signature is not the data"
        raise _Failed(message)
    return "the content inside the signature is the data"


def _check_attributes(claim: Claim, data: bytes) -> str:
    """Step 4 (RFC 5652, sections 5.4 and 11)."""
    if claim.cms is None or claim.cms.signed_attributes is None:
        return "there are none; the signature is over the data itself"
    if claim.cms.attribute_content_type != claim.cms.content_type:
        message = "the content type attribute is missing or wrong"
        raise _Failed(message)
    if claim.cms.message_digest is None:
        message = "the message digest attribute is missing"
        raise _Failed(message)
    if claim.cms.message_digest != _digest(claim.digest, data):
        message = f"the {claim.digest} digest of the data is not the one that was signed"
        raise _Failed(message)
    return f"the {claim.digest} digest of the data is the one that was signed"


def _digest(name: str, data: bytes) -> bytes:
    digest = hashes.Hash(_HASHES[name]())
    digest.update(data)
    return digest.finalize()


def _check_signature(claim: Claim, verify_with_key: Callable[[], None]) -> str:
    """Step 5."""
    try:
        verify_with_key()
    except InvalidSignature:
        message = "the signer's key did not make this signature"
        raise _Failed(message) from None
    return f"made by the key in certificate {claim.signer.serial_number:X}"


def _signed_octets(claim: Claim, data: bytes) -> bytes:
    attributes = None if claim.cms is None else claim.cms.signed_attributes
    return data if attributes is None else attributes


def _verify_ec(key: ec.EllipticCurvePublicKey, claim: Claim, data: bytes) -> None:
    key.verify(claim.signature, _signed_octets(claim, data), ec.ECDSA(_HASHES[claim.digest]()))


def _verify_rsa(key: rsa.RSAPublicKey, claim: Claim, data: bytes) -> None:
    octets = _signed_octets(claim, data)
    key.verify(claim.signature, octets, padding.PKCS1v15(), _HASHES[claim.digest]())


def _check_path(claim: Claim, anchors: Sequence[x509.Certificate], at: dt.datetime) -> str:
    """Step 6."""
    try:
        path = certification_path(claim.signer, claim.others, anchors, at)
    except (VerificationError, ValueError) as error:
        why = why_untrusted(claim.signer, claim.others, anchors, at, error)
        message = f"the certificate does not lead to a trusted root: {why}"
        raise _Failed(message) from error
    return " < ".join(certificate.subject.rfc4514_string() for certificate in path)
