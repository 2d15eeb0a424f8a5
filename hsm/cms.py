"""Reading CMS SignedData (RFC 5652) of unknown origin with `asn1crypto`.

Everything that is not exactly what we are able to check raises `CannotVerify`.
"""

import base64
import binascii
import datetime as dt
from typing import Any, Final, NoReturn

import msgspec
from asn1crypto import cms, pem
from cryptography import x509

from hsm.errors import CannotVerify
from hsm.model import Container
from hsm.path import MAX_CERTIFICATES, load_certificate

MAX_SIGNATURE: Final = 1024 * 1024
"""Largest detached or bare signature in octets. An attached one may be as much larger as its data."""

DIGESTS: Final = ("sha256", "sha384", "sha512")
"""Digest algorithms that are accepted."""

_ALGORITHMS: Final = {
    "sha256_ecdsa": ("ec", "sha256"),
    "sha384_ecdsa": ("ec", "sha384"),
    "sha512_ecdsa": ("ec", "sha512"),
    "sha256_rsa": ("rsa", "sha256"),
    "sha384_rsa": ("rsa", "sha384"),
    "sha512_rsa": ("rsa", "sha512"),
    "rsassa_pkcs1v15": ("rsa", None),
}
"""Signature algorithms that are accepted: kind of key and digest, where the algorithm names one."""


class SignedData(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a SignedData with exactly one signer."""

    container: Container
    content: bytes | None
    """What was signed, if it is inside."""
    content_type: str
    digest: str
    """Name of the digest algorithm, one of `DIGESTS`."""
    key_kind: str
    """`ec` or `rsa`."""
    signature: bytes
    signed_attributes: bytes | None
    """Their DER as a SET OF, which is what the signature covers; None without attributes."""
    attribute_content_type: str | None
    message_digest: bytes | None
    signing_time: dt.datetime | None
    signer: x509.Certificate | None
    """The certificate that the signer names; None if it is not inside."""
    others: list[x509.Certificate]


def detect_container(signature: bytes) -> Container:
    """Tell the container from the first octets; `CannotVerify` if it is none of ours."""
    start = signature.lstrip()[:11]
    if start == b"-----BEGIN ":
        return Container.CMS_PEM
    if signature[:1] == b"\x30":
        return parse_cms(signature).container
    decode_raw(signature)
    return Container.RAW_BASE64


def decode_raw(signature: bytes) -> bytes:
    """Decode the base64 of a bare signature."""
    try:
        decoded = base64.b64decode(b"".join(signature.split()), validate=True)
    except (binascii.Error, ValueError):
        _unreadable("is neither DER, PEM nor base64")
    if not decoded:
        _unreadable("is empty")
    return decoded


def parse_cms(signature: bytes) -> SignedData:
    """Read SignedData in DER or PEM; `CannotVerify` for everything else."""
    try:
        return _parse(signature)
    except CannotVerify:
        raise
    except Exception as error:  # noqa: BLE001 - asn1crypto raises what it likes on hostile input
        _unreadable(f"cannot be read as CMS SignedData ({type(error).__name__})")


def _parse(signature: bytes) -> SignedData:
    armoured = signature.lstrip()[:11] == b"-----BEGIN "
    der = _unarmour(signature) if armoured else signature
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        _unreadable("is not CMS SignedData")
    data = info["content"]
    if len(data["signer_infos"]) != 1:
        _unreadable(f"has {len(data['signer_infos'])} signers; exactly one is needed")
    content = data["encap_content_info"]["content"].native
    return _assemble(data, content, _container(armoured, content))


def _container(armoured: bool, content: bytes | None) -> Container:
    if armoured:
        return Container.CMS_PEM
    return Container.CMS_DETACHED if content is None else Container.CMS_ATTACHED


def _unarmour(signature: bytes) -> bytes:
    label, _, der = pem.unarmor(signature)
    if label not in {"PKCS7", "CMS"}:
        _unreadable("is a PEM file of something else")
    return bytes(der)


def _assemble(data: Any, content: bytes | None, container: Container) -> SignedData:
    signer = data["signer_infos"][0]
    key_kind, digest = _algorithms(signer)
    attributes = _attributes(signer)
    certificates = _certificates(data)
    named = [each for each in certificates if _is_named(each, signer["sid"])]
    return SignedData(
        container=container,
        content=content,
        content_type=data["encap_content_info"]["content_type"].native,
        digest=digest,
        key_kind=key_kind,
        signature=signer["signature"].native,
        signed_attributes=signer["signed_attrs"].untag().dump() if attributes else None,
        attribute_content_type=attributes.get("content_type"),
        message_digest=attributes.get("message_digest"),
        signing_time=attributes.get("signing_time"),
        signer=named[0] if len(named) == 1 else None,
        others=[each for each in certificates if each not in named],
    )


def _algorithms(signer: Any) -> tuple[str, str]:
    digest = signer["digest_algorithm"]["algorithm"].native
    algorithm = signer["signature_algorithm"]["algorithm"].native
    if digest not in DIGESTS or algorithm not in _ALGORITHMS:
        _unsupported(f"{digest} with {algorithm}")
    key_kind, own_digest = _ALGORITHMS[algorithm]
    if own_digest not in {None, digest}:
        _unsupported(f"{digest} with {algorithm}")
    return key_kind, digest


def _attributes(signer: Any) -> dict[str, Any]:
    """Return the signed attributes; each may be there once, with one value (RFC 5652, 5.3 and 11)."""
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"]:
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            _unreadable(f"has the signed attribute {name} more than once")
        found[name] = attribute["values"][0].native
    if not isinstance(found.get("signing_time"), dt.datetime | None):
        _unreadable("has a signing time outside the years 1 to 9999")
    return found


def _certificates(data: Any) -> list[x509.Certificate]:
    chosen = [choice.chosen.dump() for choice in data["certificates"] if choice.name == "certificate"]
    if len(chosen) > MAX_CERTIFICATES:
        _unreadable(f"holds more than {MAX_CERTIFICATES} certificates")
    return [load_certificate(der) for der in chosen]


def _is_named(certificate: x509.Certificate, sid: Any) -> bool:
    if sid.name == "subject_key_identifier":
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return bool(extension.value.digest == sid.chosen.native)
    same_issuer = certificate.issuer.public_bytes() == sid.chosen["issuer"].dump()
    return same_issuer and bool(certificate.serial_number == sid.chosen["serial_number"].native)


def _unreadable(what: str) -> NoReturn:
    raise CannotVerify(
        "signature_unreadable",
        f"The signature {what}.",
        "Check that this is the signature file that belongs to the data, complete and unchanged.",
    )


def _unsupported(what: str) -> NoReturn:
    raise CannotVerify(
        "algorithm_unsupported",
        f"The signature uses {what[:80]}, which is not accepted.",
        "Sign with SHA-256, SHA-384 or SHA-512 and EC P-256, EC P-384 or RSA PKCS#1 v1.5.",
    )
