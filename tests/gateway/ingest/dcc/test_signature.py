"""Signatures of the DCC: what is verified is what is read, and nothing else is believed."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.errors import SettingsError
from gateway.ingest.dcc.certificates import load_certificates
from gateway.ingest.dcc.checked import AHEAD_MS, Message, read_and_check
from gateway.ingest.dcc.response import read_response
from gateway.ingest.dcc.signature import Trust, Verdict, check_signature
from tests.support.dcc import DSIG, SIGNED_INFO, TestDcc, quarantine
from tests.support.duis_messages import request_id

MATERIAL = Path(__file__).parents[5] / "shared" / "duis"
AT_MS = 1_796_083_200_000
DCC = TestDcc()
OTHER = TestDcc()
SIGNED = DCC.sign(quarantine())


def check(data: bytes, *known: TestDcc, at_ms: int = AT_MS) -> Verdict:
    return check_signature(data, [each.certificate for each in known], at_ms)


def test_what_the_dcc_signed_is_verified_and_read_from_what_was_signed() -> None:
    found = check(SIGNED, OTHER, DCC)
    assert (found.trust, found.why) == (Trust.VERIFIED, "")
    assert read_response(found.signed) == read_response(quarantine())
    assert b"Signature" not in found.signed
    assert str(DCC.certificate.serial_number) in found.signer


def test_an_exclusive_canonicalisation_among_the_transforms_is_taken_too() -> None:
    enveloped = f'<ds:Transform Algorithm="{DSIG}enveloped-signature"/>'
    both = enveloped + '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    assert (
        check(DCC.sign(quarantine(), info=SIGNED_INFO.replace(enveloped, both)), DCC).trust is Trust.VERIFIED
    )


def test_the_key_decides_and_not_the_certificate_that_the_message_names() -> None:
    """The DCC's own test messages name another certificate of the same key."""
    assert check(DCC.sign(quarantine(), serial=1), OTHER, DCC).trust is Trust.VERIFIED


def test_wrong_and_could_not_check_are_different() -> None:
    assert check(quarantine(), DCC).trust is Trust.UNSIGNED
    assert check(SIGNED).trust is Trust.UNCHECKED
    assert check(SIGNED, OTHER).trust is Trust.UNKNOWN_SIGNER
    assert check(SIGNED.replace(b">42<", b">43<"), DCC).trust is Trust.WRONG
    assert check(OTHER.sign(quarantine(), serial=DCC.certificate.serial_number), DCC).trust is Trust.WRONG


@pytest.mark.parametrize(
    ("old", "new", "trust"),
    [
        ("xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha1", Trust.UNCHECKED),
        ("2001/04/xmldsig-more#ecdsa-sha256", "2000/09/xmldsig#hmac-sha1", Trust.UNCHECKED),
        ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1", Trust.UNCHECKED),
        ("2001/10/xml-exc-c14n#", "TR/2001/REC-xml-c14n-20010315", Trust.UNCHECKED),
        ('URI=""', 'URI="#a"', Trust.WRONG),
        ('URI=""', 'URI="file:///etc/passwd"', Trust.WRONG),
        ('URI=""', "", Trust.WRONG),
        (f'"{DSIG}enveloped-signature"', '"http://www.w3.org/TR/1999/REC-xslt-19991116"', Trust.WRONG),
        (f'"{DSIG}enveloped-signature"', '"http://www.w3.org/TR/1999/REC-xpath-19991116"', Trust.WRONG),
        ("</ds:SignedInfo>", "<ds:Reference/></ds:SignedInfo>", Trust.WRONG),
    ],
)
def test_another_algorithm_or_form_is_not_taken_though_the_key_is_right(
    old: str, new: str, trust: Trust
) -> None:
    assert old in SIGNED_INFO
    found = check(DCC.sign(quarantine(), info=SIGNED_INFO.replace(old, new)), DCC)
    assert found.trust is trust
    assert found.why
    assert found.signed == b""


def _wrapped() -> Sequence[bytes]:
    """Return messages around a true signature whose readable content is another's."""
    evil = quarantine(request_id(666)).decode()
    true = SIGNED.decode().partition("?>")[2]
    signature = true[true.index("<ds:Signature") : true.index("</ds:Signature>") + len("</ds:Signature>")]
    end = "</sr:Response>"
    moved = evil.replace(end, signature + end)
    inside = evil.replace(
        end, signature.replace("</ds:KeyInfo>", f"</ds:KeyInfo><ds:Object>{true}</ds:Object>") + end
    )
    beside = evil.replace(end, f"{signature}<sr:Other>{true}</sr:Other>{end}")
    before = evil.replace("<sr:Header>", f"{true}<sr:Header>", 1)
    twice = SIGNED.decode().replace(end, signature + end)
    reference = f'<sr:Response Id="a" {true.removeprefix("<sr:Response ")}'
    by_id = evil.replace(end, signature.replace('URI=""', 'URI="#a"') + reference + end)
    return [each.encode() for each in (moved, inside, beside, before, twice, by_id)]


@pytest.mark.parametrize("number", range(6))
def test_a_true_signature_does_not_carry_another_content(number: int) -> None:
    data = _wrapped()[number]
    etree.fromstring(data)
    found = check(data, DCC)
    assert found.trust in {Trust.WRONG, Trust.UNSIGNED}
    assert found.signed == b""


def test_a_certificate_or_key_inside_the_message_is_not_trusted() -> None:
    pem = OTHER.certificate.public_bytes(Encoding.PEM).decode().splitlines()
    inside = f"<ds:X509Data><ds:X509Certificate>{''.join(pem[1:-1])}</ds:X509Certificate></ds:X509Data>"
    assert check(OTHER.sign(quarantine(), more=inside), DCC).trust is Trust.UNKNOWN_SIGNER
    assert check(OTHER.sign(quarantine(), more=inside)).trust is Trust.UNCHECKED


def test_the_certificate_has_to_be_valid_at_the_time_of_the_message() -> None:
    first, last = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    expired = TestDcc(first, last)
    data = expired.sign(quarantine())
    assert check(data, expired, at_ms=int(last.timestamp()) * 1000 + 1000).trust is Trust.WRONG
    assert check(data, expired, at_ms=int(first.timestamp()) * 1000 - 1000).trust is Trust.WRONG
    assert "valid from 2026-01-01 to 2026-06-01" in check(data, expired).why
    assert check(data, expired, at_ms=int(last.timestamp()) * 1000).trust is Trust.VERIFIED


def test_a_renewed_certificate_of_the_same_key_counts_whichever_is_named_or_looked_at_first() -> None:
    """A true alert may not be told to be wrong because the expired certificate still lies in the folder."""
    first, renewed, last = (dt.datetime(year, 6, 1, tzinfo=dt.UTC) for year in (2020, 2026, 2030))
    old = TestDcc(first, renewed)
    new = TestDcc(renewed, last, key=old.key)
    for serial in (None, new.certificate.serial_number, 1):
        data = old.sign(quarantine(), serial=serial)
        assert check(data, old, new).trust is check(data, new, old).trust is Trust.VERIFIED
    late = check(new.sign(quarantine()), old)
    assert (late.trust, "is not configured" in late.why) == (Trust.UNKNOWN_SIGNER, True), "it may come yet"


def test_a_message_from_the_future_could_not_be_checked_and_is_once_its_time_has_come() -> None:
    """Our own clock may be behind: what the DCC signed is not wrong because of that."""
    ahead = Message(SIGNED, "http", AT_MS - AHEAD_MS - 1)
    early = read_and_check(ahead, [DCC.certificate])
    assert (early.verdict.trust, "clock" in early.verdict.why) == (Trust.UNCHECKED, True)
    assert read_and_check(Message(SIGNED, "http", AT_MS), [DCC.certificate]).is_believed
    assert not read_and_check(ahead, [DCC.certificate], AT_MS - AHEAD_MS - 1).is_believed
    assert read_and_check(ahead, [DCC.certificate], AT_MS - AHEAD_MS).is_believed
    forged = Message(SIGNED.replace(b">42<", b">43<"), "http", AT_MS - AHEAD_MS - 1)
    assert read_and_check(forged, [DCC.certificate]).verdict.trust is Trust.WRONG, "whatever the time"


@pytest.mark.parametrize(
    "break_it",
    [
        lambda text: text.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        lambda text: text.replace("<ds:SignatureValue>", "<ds:SignatureValue><a/>"),
        lambda text: text.replace("<ds:DigestValue>", "<ds:DigestValue>AA"),
        lambda text: text.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyValue/>"),
        lambda text: text.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyValue><ds:DSAKeyValue/></ds:KeyValue>"),
        lambda text: text[: text.index("<ds:SignedInfo")] + text[text.index("</ds:SignedInfo>") + 16 :],
        lambda text: (
            text[: text.index("<ds:SignatureValue")] + text[text.index("</ds:SignatureValue>") + 20 :]
        ),
        lambda text: text[: text.index("<ds:KeyInfo")] + text[text.index("</ds:KeyInfo>") + 13 :] + " ",
    ],
)
def test_a_broken_signature_is_an_answer_and_no_failure(break_it: object) -> None:
    data = break_it(SIGNED.decode()).encode()  # type: ignore[operator]
    assert data != SIGNED
    found = check(data, DCC)
    # A signature without KeyInfo is tried with every certificate, and is true all the same.
    assert (found.trust is Trust.VERIFIED) == (b"KeyInfo" not in data)


def test_utf_16_and_comments_are_verified_as_they_came() -> None:
    text = SIGNED.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    found = check(text.encode("utf-16"), DCC)
    assert found.trust is Trust.VERIFIED
    commented = SIGNED.replace(b">42<", b">4<!-- no part of what is signed -->2<")
    assert read_response(check(commented, DCC).signed) == read_response(quarantine())


@pytest.mark.skipif(not MATERIAL.is_dir(), reason="the DCC's material is not at ../shared/duis")
def test_a_real_message_of_the_dcc_is_verified_and_a_changed_one_is_not() -> None:
    paths = sorted((MATERIAL / "test-certificates").glob("*.pem"))
    certificates = [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths]
    data = (MATERIAL / "messages" / "read-inventory-response-5.4.xml").read_bytes()
    response = read_response(data)
    found = check_signature(data, certificates, response.responded_at_ms)
    assert found.trust is Trust.VERIFIED
    assert read_response(found.signed) == response
    changed = data.replace(b"Commissioned<", b"Commissioned <", 1)
    assert check_signature(changed, certificates, response.responded_at_ms).trust is Trust.WRONG
    other = (MATERIAL / "messages" / "readfw-response.xml").read_bytes()
    assert check_signature(other, certificates, response.responded_at_ms).trust is Trust.UNKNOWN_SIGNER
    unsigned = (MATERIAL / "messages" / "acknowledgement-error.xml").read_bytes()
    assert check_signature(unsigned, certificates, 0).trust is Trust.UNSIGNED


def test_certificates_come_from_a_folder_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    assert load_certificates(None) == ()
    folder = OTHER.write(DCC.write(tmp_path / "dcc"))
    assert {each.serial_number for each in load_certificates(folder)} == {
        DCC.certificate.serial_number,
        OTHER.certificate.serial_number,
    }
    for name, content in {
        "a.pem": b"not a certificate",
        "b.crt": TestDcc(curve=ec.SECP384R1()).certificate.public_bytes(Encoding.PEM),
    }.items():
        (folder / name).write_bytes(content)
        with pytest.raises(SettingsError, match=name):
            load_certificates(folder)
        (folder / name).unlink()
    for empty in (tmp_path / "none", tmp_path):
        with pytest.raises(SettingsError, match=str(empty)):
            load_certificates(empty)
