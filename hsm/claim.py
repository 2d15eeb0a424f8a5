"""What a signature of any container claims, before anything of it is checked.

What cannot be read as one raises `CannotVerify`.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography import x509

from hsm.cms import MAX_SIGNATURE, SignedData, decode_raw, detect_container, parse_cms
from hsm.errors import CannotVerify
from hsm.model import Container
from hsm.path import load_certificates

REMEDIES: Final = {
    "signature_too_large": "Check that this is the signature file that belongs to the data.",
    "trust_empty": "Give one to sixteen certificates in PEM form that are trusted as roots.",
    "container_other": "Name the container that the signature has, or let it be detected.",
    "certificate_needed": "Give the signer's certificate in PEM form, with its issuing certificates behind it.",
    "signer_unknown": "Ask the sender for a signature that holds the signer's certificate.",
    "algorithm_unsupported": "Sign with an EC P-256, EC P-384 or RSA key of 2048 bits or more.",
}
"""What to do about each code of `CannotVerify` that is raised here and while verifying."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature of any container says."""

    container: Container
    cms: SignedData | None
    signature: bytes
    digest: str
    signer: x509.Certificate
    others: Sequence[x509.Certificate]
    signing_time: dt.datetime | None


def read_trust(data: bytes, signature: bytes, trust_pem: bytes) -> list[x509.Certificate]:
    """Return the trusted roots, once the size of the signature is right.

    An attached signature holds the data once more, in PEM a third larger.
    """
    if len(signature) > MAX_SIGNATURE + 2 * len(data):
        raise cannot("signature_too_large", f"The signature has {len(signature)} octets.")
    try:
        return load_certificates(trust_pem)
    except ValueError as error:
        raise cannot("trust_empty", f"The trusted certificates cannot be read: {error}.") from error


def read_claim(signature: bytes, container: Container | None, certificate_pem: bytes | None) -> Claim:
    """Read the claim of a signature, in the container asked for or in the one that is detected."""
    found = detect_container(signature)
    if container not in {None, found}:
        raise cannot("container_other", f"The signature is {found}, not {container}.")
    if found is Container.RAW_BASE64:
        return _raw_claim(signature, certificate_pem)
    parsed = parse_cms(signature)
    if parsed.signer is None:
        message = "The signature does not hold exactly one certificate that its signer names."
        raise cannot("signer_unknown", message)
    return Claim(
        container=found,
        cms=parsed,
        signature=parsed.signature,
        digest=parsed.digest,
        signer=parsed.signer,
        others=parsed.others,
        signing_time=parsed.signing_time,
    )


def _raw_claim(signature: bytes, certificate_pem: bytes | None) -> Claim:
    if certificate_pem is None:
        raise cannot("certificate_needed", "A bare signature needs the signer's certificate beside it.")
    try:
        signer, *others = load_certificates(certificate_pem)
    except ValueError as error:
        raise cannot("certificate_needed", f"The signer's certificate cannot be read: {error}.") from error
    return Claim(
        container=Container.RAW_BASE64,
        cms=None,
        signature=decode_raw(signature),
        digest="sha256",
        signer=signer,
        others=others,
        signing_time=None,
    )


def cannot(code: str, message: str) -> CannotVerify:
    """Make the `CannotVerify` of *code*, with its remedy."""
    return CannotVerify(code, message, REMEDIES[code])
