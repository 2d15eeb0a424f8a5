"""Wrong signatures are wrong, what cannot be checked says so, and no octets get anything else out of it."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from hsm.cms import MAX_SIGNATURE
from hsm.development_ca import DevelopmentCa
from hsm.errors import CannotVerify, SignatureInvalid
from hsm.model import Container
from hsm.verdict import JudgedBy, Outcome, Verdict, require_valid
from hsm.verify import verify
from tests.support.pki import ATTACHED, DETACHED, Signer, SoftKey, openssl

DATA = b"UserID,Communication\n90-B3-D5-1F-30-01-00-00,SPC\n"
NOW = dt.datetime.now(dt.UTC)
CA = DevelopmentCa(NOW)
SIGNER = Signer(CA)
TRUST = CA.trust_pem
GOOD = SIGNER.cms(DATA)


def failed_step(verdict: Verdict) -> int:
    """Return the number of the step that failed; the verdict must not be valid."""
    assert not verdict.valid
    with pytest.raises(SignatureInvalid, match="wrong"):
        require_valid(verdict)
    (number,) = [step.number for step in verdict.steps if step.outcome is Outcome.FAILED]
    return number


def code_of(
    data: bytes, signature: bytes, trust: bytes = TRUST, *, container: Container | None = None
) -> str:
    """Return the code of the `CannotVerify` that must be raised."""
    with pytest.raises(CannotVerify) as caught:
        verify(data, signature, trust, container=container)
    assert str(caught.value)
    assert caught.value.remedy
    return caught.value.code


def test_a_good_signature_passes_every_step_and_says_by_which_time_it_was_judged() -> None:
    verdict = verify(DATA, GOOD, TRUST)
    require_valid(verdict)
    assert verdict.content_matches
    assert verdict.signature_matches
    assert verdict.chain_trusted
    assert [step.number for step in verdict.steps] == [1, 2, 3, 4, 5, 6]
    assert {step.outcome for step in verdict.steps} == {Outcome.PASSED}
    assert verdict.judged_by is JudgedBy.SIGNING_TIME
    assert verdict.judged_at == verdict.signing_time


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 3072)]
)
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_every_accepted_algorithm_verifies(
    key: SoftKey, digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512
) -> None:
    signature = Signer(CA, key).cms(DATA, digest=digest)
    assert verify(DATA, signature, TRUST).valid
    assert failed_step(verify(DATA + b"x", signature, TRUST)) == 4


def test_changed_data_fails_the_message_digest_and_nothing_after_it_is_reached() -> None:
    verdict = verify(DATA.replace(b"SPC", b"SR"), GOOD, TRUST)
    assert failed_step(verdict) == 4
    assert not verdict.content_matches
    assert [step.outcome for step in verdict.steps[-2:]] == [Outcome.NOT_REACHED] * 2


def test_changed_data_beside_an_attached_signature_fails_the_content() -> None:
    assert failed_step(verify(DATA + b"\n", SIGNER.cms(DATA, ATTACHED), TRUST)) == 3


def test_a_changed_signature_value_fails_the_signature() -> None:
    changed = bytearray(GOOD)
    changed[-1] ^= 1
    assert failed_step(verify(DATA, bytes(changed), TRUST)) == 5


def test_a_signature_of_another_key_under_the_same_certificate_fails_the_signature() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    builder = PKCS7SignatureBuilder(DATA).add_signer(SIGNER.certificate, stranger, hashes.SHA256())
    forged = builder.sign(Encoding.DER, DETACHED)
    assert failed_step(verify(DATA, forged, TRUST)) == 5


def test_another_authority_of_the_same_name_is_not_trusted() -> None:
    verdict = verify(DATA, GOOD, DevelopmentCa(NOW).trust_pem)
    assert failed_step(verdict) == 6
    assert verdict.content_matches
    assert verdict.signature_matches
    assert not verdict.chain_trusted


def test_a_certificate_that_was_expired_when_it_signed_is_not_trusted() -> None:
    expired = Signer(CA, not_after=NOW - dt.timedelta(minutes=1))
    signature = expired.cms(DATA)
    assert failed_step(verify(DATA, signature, TRUST)) == 6
    assert verify(DATA, signature, TRUST, at=NOW - dt.timedelta(minutes=2)).valid


def test_the_caller_may_say_at_which_time_to_judge() -> None:
    verdict = verify(DATA, GOOD, TRUST, at=NOW + dt.timedelta(days=800))
    assert failed_step(verdict) == 6
    assert verdict.judged_by is JudgedBy.CALLER


def test_without_attributes_the_signature_is_over_the_data() -> None:
    options = [PKCS7Options.Binary, PKCS7Options.NoAttributes, PKCS7Options.DetachedSignature]
    signature = SIGNER.cms(DATA, options)
    verdict = verify(DATA, signature, TRUST)
    assert verdict.valid
    assert verdict.judged_by is JudgedBy.CLOCK
    assert failed_step(verify(DATA + b"x", signature, TRUST)) == 5


def test_signed_attributes_without_a_message_digest_are_wrong() -> None:
    info = cms.ContentInfo.load(GOOD)
    signer = info["content"]["signer_infos"][0]
    kept = [each for each in signer["signed_attrs"] if each["type"].native != "message_digest"]
    signer["signed_attrs"] = cms.CMSAttributes(kept)
    covered = cms.CMSAttributes(kept).dump()
    signer["signature"] = SIGNER.key.sign(covered, ec.ECDSA(hashes.SHA256()))  # type: ignore[call-arg,arg-type]  # EC
    assert failed_step(verify(DATA, info.dump(force=True), TRUST)) == 4


def test_a_signing_time_that_is_no_time_cannot_be_verified() -> None:
    info = cms.ContentInfo.load(GOOD)
    for attribute in info["content"]["signer_infos"][0]["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            year_zero = core.GeneralizedTime(contents=b"00000101000000Z")
            attribute["values"] = cms.SetOfTime([cms.Time("generalized_time", year_zero)])
    assert code_of(DATA, info.dump(force=True)) == "signature_unreadable"


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
)
def test_a_bare_signature_needs_the_certificate(key: SoftKey) -> None:
    signer = Signer(CA, key)
    if isinstance(key, rsa.RSAPrivateKey):
        bare = key.sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    else:
        bare = key.sign(DATA, ec.ECDSA(hashes.SHA256()))
    signature = base64.encodebytes(bare)

    assert verify(DATA, signature, TRUST, certificate_pem=signer.chain_pem).valid
    assert failed_step(verify(DATA + b"x", signature, TRUST, certificate_pem=signer.chain_pem)) == 5
    assert failed_step(verify(DATA, signature, TRUST, certificate_pem=SIGNER.chain_pem)) == 5
    assert code_of(DATA, signature) == "certificate_needed"


def openssl_signature(directory: Path, *options: str | Path) -> bytes:
    """Sign with `openssl cms` and SIGNER's key."""
    for name, certificate in (("leaf.pem", SIGNER.certificate), ("issuing.pem", SIGNER.issuing)):
        (directory / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "data").write_bytes(DATA)
    key = SIGNER.write_key(directory / "key.pem")
    done = openssl(
        *("cms", "-sign", "-binary", "-outform", "DER", "-in", directory / "data"),
        *("-signer", directory / "leaf.pem", "-inkey", key, "-certfile", directory / "issuing.pem"),
        *options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_signature_of_openssl_is_accepted(tmp_path: Path) -> None:
    assert verify(DATA, openssl_signature(tmp_path), TRUST).valid
    assert verify(DATA, openssl_signature(tmp_path, "-keyid", "-nodetach"), TRUST).valid


def test_sha1_cannot_be_verified(tmp_path: Path) -> None:
    assert code_of(DATA, openssl_signature(tmp_path, "-md", "sha1")) == "algorithm_unsupported"


def test_rsa_pss_and_small_or_odd_keys_cannot_be_verified() -> None:
    strong = Signer(CA, rsa.generate_private_key(65537, 2048))
    pss = PKCS7SignatureBuilder(DATA).add_signer(
        strong.certificate,
        strong.key,
        hashes.SHA256(),
        rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    )
    assert code_of(DATA, pss.sign(Encoding.DER, DETACHED)) == "algorithm_unsupported"
    small = Signer(CA, rsa.generate_private_key(65537, 1024))
    assert code_of(DATA, small.cms(DATA)) == "algorithm_unsupported"
    odd = Signer(CA, ec.generate_private_key(ec.SECP521R1()))
    assert code_of(DATA, odd.cms(DATA)) == "algorithm_unsupported"


def test_two_signers_or_none_cannot_be_verified() -> None:
    other = Signer(CA)
    builder = PKCS7SignatureBuilder(DATA).add_signer(SIGNER.certificate, SIGNER.key, hashes.SHA256())
    two = builder.add_signer(other.certificate, other.key, hashes.SHA256()).sign(Encoding.DER, DETACHED)
    assert code_of(DATA, two) == "signature_unreadable"

    info = cms.ContentInfo.load(GOOD)
    info["content"]["signer_infos"] = cms.SignerInfos([])
    assert code_of(DATA, info.dump(force=True)) == "signature_unreadable"


def test_a_signature_without_its_certificate_cannot_be_verified() -> None:
    without = SIGNER.cms(DATA, [*DETACHED, PKCS7Options.NoCerts])
    assert code_of(DATA, without) == "signer_unknown"


@pytest.mark.parametrize("trust", [b"", b"no certificates", SIGNER.chain_pem * 9, b"x" * 100_000])
def test_an_empty_or_unreadable_trust_list_cannot_verify(trust: bytes) -> None:
    assert code_of(DATA, GOOD, trust) == "trust_empty"


def test_the_size_is_judged_before_anything_is_read() -> None:
    assert code_of(b"", b"\x30" * (MAX_SIGNATURE + 1)) == "signature_too_large"


def test_another_container_than_the_one_asked_for_cannot_be_verified() -> None:
    assert code_of(DATA, GOOD, container=Container.CMS_ATTACHED) == "container_other"
    assert verify(DATA, GOOD, TRUST, container=Container.CMS_DETACHED).valid


@pytest.mark.parametrize(
    "signature", [b"", b"\n", b"\x30", b"\x30\x80", b"-----BEGIN PKCS7-----", TRUST, b"%%%"]
)
def test_what_is_no_signature_cannot_be_verified(signature: bytes) -> None:
    assert code_of(DATA, signature) == "signature_unreadable"


def test_octets_behind_a_signature_cannot_be_verified() -> None:
    assert code_of(DATA, GOOD + b"\x00") == "signature_unreadable"


@settings(max_examples=200)
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: b"\x30" + tail))
def test_garbage_is_never_anything_but_impossible_to_verify(garbage: bytes) -> None:
    with pytest.raises(CannotVerify):
        verify(DATA, garbage, TRUST)


@settings(max_examples=400)
@given(
    st.sampled_from([GOOD, SIGNER.cms(DATA, ATTACHED), SIGNER.cms(DATA, DETACHED, Encoding.PEM)]),
    st.data(),
    st.integers(1, 255),
)
def test_no_change_of_one_octet_makes_a_signature_fit_other_data(
    signature: bytes, draw: st.DataObject, difference: int
) -> None:
    changed = bytearray(signature)
    changed[draw.draw(st.integers(0, len(signature) - 1))] ^= difference
    try:
        verdict = verify(DATA + b"x", bytes(changed), TRUST)
    except CannotVerify:
        return
    assert not verdict.valid


@settings(max_examples=100)
@given(st.integers(0, len(GOOD) - 1))
def test_a_truncated_signature_cannot_be_verified(length: int) -> None:
    with pytest.raises(CannotVerify):
        verify(DATA, GOOD[:length], TRUST)
