"""Checks the XMLDSig of a DUIS Response: enveloped, exclusive C14N, ECDSA P-256 with SHA-256, and nothing else.

The key comes from a configured certificate, never from the message. What `Verdict.signed` holds are the bytes that
were signed: whoever believes the message reads these and not the ones that came (signature wrapping).
"""

import dataclasses
import enum
import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from lxml.etree import _Element
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from gateway.ingest.dcc.response import RESPONSE
from gateway.ingest.document import encoding_of, read_document
from gateway.ingest.errors import shown

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
ENVELOPED: Final = f"{DSIG}enveloped-signature"

_CONFIGURATION: Final = SignatureConfiguration(
    location="./",
    expect_references=1,
    signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
    # XMLDSig 4.4.3.2: where no transform canonicalises, Canonical XML 1.0 does.
    default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
)


class Trust(enum.StrEnum):
    """What the check of a signature came to; `verified` alone is believed."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    WRONG = "wrong"
    """It was checked, and does not hold."""
    UNKNOWN_SIGNER = "unknown_signer"
    """No configured certificate is that of the signer."""
    UNCHECKED = "unchecked"
    """It could not be checked: no certificates are configured, the algorithm is none that is taken, or it is from the future."""


class Verdict(msgspec.Struct, frozen=True):
    """What is known of a signature."""

    trust: Trust
    why: str = ""
    """Why it is not believed; empty where it is."""
    signer: str = ""
    """Issuer and serial number as the message names them."""
    signed: bytes = b""
    """The bytes that were signed, where it is verified."""


class _Refused(Exception):
    def __init__(self, trust: Trust, why: str) -> None:
        super().__init__(why)
        self.trust = trust
        self.why = why


class _WrongKey(Exception):
    """The signature is not by the key of this certificate."""


def check_signature(data: bytes, certificates: Sequence[x509.Certificate], at_ms: int) -> Verdict:
    """Return what the signature of the DUIS Response *data* is worth; *data* is readable XML.

    *at_ms* is the message's own time: the certificate has to be valid then.
    """
    root = read_document(data)
    signatures = list(root.iterchildren(f"{{{DSIG}}}Signature"))
    if root.tag != RESPONSE or not signatures:
        return Verdict(Trust.UNSIGNED, "the message has no signature")
    if len(signatures) != 1:
        return Verdict(Trust.WRONG, f"the message has {len(signatures)} signatures, not one")
    named = _named(signatures[0])
    signer = shown(f"{named[0]}, serial {named[1]}") if any(named) else ""
    try:
        _check_form(signatures[0])
        signed = _verify(data, certificates, named, at_ms)
    except _Refused as refused:
        return Verdict(refused.trust, refused.why, signer)
    return Verdict(Trust.VERIFIED, "", signer, signed)


def _named(signature: _Element) -> tuple[str, str]:
    """Return issuer and serial number that the signature names; both are hints, the key decides."""
    place = f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509IssuerSerial/"
    issuer = signature.findtext(f"{place}{{{DSIG}}}X509IssuerName") or ""
    serial = signature.findtext(f"{place}{{{DSIG}}}X509SerialNumber") or ""
    return issuer.strip(), serial.strip()


def _check_form(signature: _Element) -> None:
    """Refuse every signature but an enveloped one over the whole document by the one algorithm."""
    info = signature.find(f"{{{DSIG}}}SignedInfo")
    references = [] if info is None else list(info.iterchildren(f"{{{DSIG}}}Reference"))
    if info is None or len(references) != 1 or signature.find(f"{{{DSIG}}}Object") is not None:
        raise _Refused(Trust.WRONG, "the signature does not cover the message alone, by one reference")
    reference = references[0]
    transforms = [found.get("Algorithm") for found in reference.iterfind(f"{{{DSIG}}}Transforms/*")]
    if reference.get("URI") != "":
        raise _Refused(Trust.WRONG, "the signature covers a part of the message, not the whole of it")
    if transforms not in ([ENVELOPED], [ENVELOPED, EXCLUSIVE]):
        raise _Refused(Trust.WRONG, "the signature changes the message in another way than is agreed")
    for name, wanted, parent in (
        ("CanonicalizationMethod", EXCLUSIVE, info),
        ("SignatureMethod", ECDSA_SHA256, info),
        ("DigestMethod", SHA256, reference),
    ):
        found = parent.find(f"{{{DSIG}}}{name}")
        algorithm = "" if found is None else found.get("Algorithm", "")
        if algorithm != wanted:
            raise _Refused(Trust.UNCHECKED, f"{name} is {shown(algorithm) or 'missing'}, not {wanted}")


def _verify(
    data: bytes, certificates: Sequence[x509.Certificate], named: tuple[str, str], at_ms: int
) -> bytes:
    """Return what was signed by the key of one of *certificates*.

    The certificate that is named is tried alone. Where it is none of them the others are: the DCC's own test
    messages name another certificate of the same key, and what is named is no part of what is signed.
    """
    if not certificates:
        raise _Refused(Trust.UNCHECKED, "no certificate of the DCC is configured (dcc.certificates)")
    known = [found for found in certificates if str(found.serial_number) == named[1]]
    for certificate in known or certificates:
        try:
            signed = _verify_with(data, certificate, at_ms)
        except _WrongKey:
            continue
        _check_validity([each for each in certificates if _same_key(each, certificate)], named, at_ms)
        return signed
    if known:
        raise _Refused(Trust.WRONG, "the signature is not by the key of the certificate that it names")
    raise _Refused(Trust.UNKNOWN_SIGNER, "no configured certificate is that of the signer")


def _verify_with(data: bytes, certificate: x509.Certificate, at_ms: int) -> bytes:
    root = etree.fromstring(data, _parser(encoding_of(data)))
    moment = min(max(_moment(at_ms), certificate.not_valid_before_utc), certificate.not_valid_after_utc)
    configuration = dataclasses.replace(_CONFIGURATION, verification_time=moment)
    try:
        result = XMLVerifier().verify(
            root,
            x509_cert=certificate,
            validate_schema=False,
            parser=_parser(),
            expect_config=configuration,
        )
    except InvalidDigest:
        raise _Refused(Trust.WRONG, "the message is not what was signed") from None
    except InvalidSignature:
        raise _WrongKey from None
    except Exception as error:  # noqa: BLE001 - a hostile signature may not stop those beside it
        why = f"the signature cannot be read: {shown(str(error) or type(error).__name__)}"
        raise _Refused(Trust.WRONG, why) from None
    if isinstance(result, list) or result.signed_xml is None or result.signed_xml.tag != RESPONSE:
        raise _Refused(Trust.WRONG, "what was signed is not the message")
    return bytes(result.signed_data)


@functools.cache
def _parser(encoding: str | None = None) -> etree.XMLParser:
    """Return a parser that keeps all that is signed, and reads nothing but the document; to make one takes long."""
    return etree.XMLParser(encoding=encoding, resolve_entities=False, no_network=True, remove_comments=True)


def _same_key(one: x509.Certificate, other: x509.Certificate) -> bool:
    return one.public_key() == other.public_key()


def _check_validity(certificates: Sequence[x509.Certificate], named: tuple[str, str], at_ms: int) -> None:
    """Refuse a message at whose time none of *certificates*, which are all of the signer's key, was valid.

    Where it names another certificate, that may be a renewal of the same key which is not configured yet.
    """
    spans = [(each.not_valid_before_utc, each.not_valid_after_utc) for each in certificates]
    if any(first <= _moment(at_ms) <= last for first, last in spans):
        return
    first, last = spans[0]
    msg = f"the certificate was valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, not at the message's time"
    if named[1] and all(str(each.serial_number) != named[1] for each in certificates):
        raise _Refused(Trust.UNKNOWN_SIGNER, f"{msg}; the one that the message names is not configured")
    raise _Refused(Trust.WRONG, msg)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def is_usable(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate can have signed a message: its key is on the curve P-256."""
    key = certificate.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
