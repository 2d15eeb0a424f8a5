"""Why a certificate is not trusted, and what a file holds that should hold one, is said in plain words."""

import datetime as dt
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import VerificationError

from hsm.development_ca import DevelopmentCa
from hsm.path import certification_path, load_certificates
from hsm.untrusted import why_untrusted
from tests.support.pki import Signer, request_for

NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
CA, OTHER = DevelopmentCa(NOW), DevelopmentCa(NOW)
SIGNER = Signer(CA)
ROOT, OTHER_ROOT = load_certificates(CA.trust_pem), load_certificates(OTHER.trust_pem)
YEAR = dt.timedelta(days=400)


@pytest.mark.parametrize(
    ("leaf", "others", "anchors", "at", "why"),
    [
        (
            SIGNER.certificate,
            [],
            ROOT,
            NOW,
            "issuer, CN=ADT Gateway Development Issuing Authority, is neither",
        ),
        (
            SIGNER.certificate,
            [SIGNER.issuing],
            OTHER_ROOT,
            NOW,
            "CN=ADT Gateway Development Root that is there",
        ),
        (
            SIGNER.certificate,
            [Signer(OTHER).issuing],
            ROOT,
            NOW,
            "Issuing Authority that is there has another",
        ),
        (
            SIGNER.certificate,
            [SIGNER.issuing],
            ROOT,
            NOW + YEAR,
            "Development File Signing expired on 2027-11-30",
        ),
        (
            SIGNER.certificate,
            [SIGNER.issuing],
            ROOT,
            NOW - YEAR,
            "Development File Signing is valid from 2026-11",
        ),
        (
            ROOT[0],
            [],
            OTHER_ROOT,
            NOW,
            "issued its certificate itself, and it is not among the trusted roots",
        ),
        (SIGNER.issuing, [], ROOT, NOW, "its key usage lacks digitalSignature"),
    ],
    ids=["no issuer", "other root", "other issuer", "expired", "not yet", "self-signed", "key usage"],
)
def test_what_is_wrong_on_the_way_to_the_root_is_named(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
    why: str,
) -> None:
    with pytest.raises(VerificationError) as caught:
        certification_path(leaf, others, anchors, at)
    assert why in why_untrusted(leaf, others, anchors, at, caught.value)


def test_certificates_that_issued_each_other_are_no_endless_way() -> None:
    with pytest.raises(VerificationError) as caught:
        certification_path(SIGNER.certificate, [SIGNER.issuing] * 3, OTHER_ROOT, NOW)
    assert why_untrusted(SIGNER.certificate, [SIGNER.issuing] * 3, OTHER_ROOT, NOW, caught.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it holds no certificate in PEM form"),
        (b"a,b\n", "it holds no certificate in PEM form"),
        (SIGNER.chain_pem[:300], "a certificate in it is damaged or cut off"),
        (request_for(ec.generate_private_key(ec.SECP256R1())), "it holds a signing request"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it holds a private key"),
        (SIGNER.certificate.public_bytes(Encoding.DER), "it is binary (DER)"),
    ],
    ids=["nothing", "no PEM", "cut off", "request", "key", "DER"],
)
def test_what_a_file_holds_in_place_of_certificates_is_said(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z ]") as caught:
        load_certificates(data)
    assert str(caught.value).startswith(why)
    assert "cryptography" not in str(caught.value)
