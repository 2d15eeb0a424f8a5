"""Every container with every key type is accepted by OpenSSL, by pyHanko and by our own verification."""

import base64
import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import cms, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from hsm.config import TokenConfig
from hsm.model import Container, KeyType
from hsm.token import Token
from hsm.verify import verify
from tests.support.pki import openssl, openssl_accepts_cms, public_pem
from tests.support.softhsm import make_token, needs_softhsm

pytestmark = needs_softhsm

DATA = b"UserID,Communication\r\n90-B3-D5-1F-30-01-00-00,SPC\n\x00\xff"
OpenToken = Callable[[TokenConfig], Token]


@pytest.mark.parametrize("key_type", list(KeyType))
async def test_every_container_verifies_with_openssl_and_with_us(
    key_type: KeyType, tmp_path: Path, open_token: OpenToken
) -> None:
    ready = make_token(tmp_path, key_type)
    token = open_token(ready.config)
    for container in Container:
        artefact = await token.sign(DATA, container)

        verdict = verify(
            DATA, artefact.signature, ready.trust_pem, certificate_pem=artefact.chain_pem.encode()
        )

        assert verdict.valid, verdict
        assert verdict.container is container
        assert verdict.signer == artefact.certificate
        if container is Container.RAW_BASE64:
            leaf = x509.load_pem_x509_certificate(artefact.chain_pem.encode())
            assert openssl_accepts_raw(tmp_path, leaf, artefact.signature)
        else:
            assert verdict.signing_time == artefact.signed_at
            as_pem = container is Container.CMS_PEM
            assert openssl_accepts_cms(tmp_path, DATA, artefact.signature, ready.trust_file, pem=as_pem)


def openssl_accepts_raw(directory: Path, leaf: x509.Certificate, signature: bytes) -> bool:
    (directory / "key.pem").write_bytes(public_pem(leaf))
    (directory / "raw").write_bytes(base64.b64decode(signature))
    (directory / "data").write_bytes(DATA)
    arguments = ("-verify", directory / "key.pem", "-signature", directory / "raw", directory / "data")
    return openssl("dgst", "-sha256", *arguments).returncode == 0


@pytest.mark.parametrize("key_type", list(KeyType))
async def test_pyhanko_finds_the_detached_signature_valid_and_trusted(
    key_type: KeyType, tmp_path: Path, open_token: OpenToken
) -> None:
    ready = make_token(tmp_path, key_type)
    artefact = await open_token(ready.config).sign(DATA, Container.CMS_DETACHED)
    _, _, root = pem.unarmor(ready.trust_pem)
    context = ValidationContext(trust_roots=[asn1_x509.Certificate.load(root)], allow_fetching=False)
    signed = cms.ContentInfo.load(artefact.signature)["content"]

    status = await async_validate_detached_cms(
        DATA,
        signed,
        signer_validation_context=context,
        key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature"}),
    )

    assert status.intact
    assert status.valid
    assert status.trusted


async def test_signed_data_holds_the_chain_without_root_and_no_smime_capabilities(
    tmp_path: Path, open_token: OpenToken
) -> None:
    ready = make_token(tmp_path)
    artefact = await open_token(ready.config).sign(DATA, Container.CMS_DETACHED)

    signed = cms.ContentInfo.load(artefact.signature)["content"]
    subjects = {each.chosen.subject.native["common_name"] for each in signed["certificates"]}
    attributes = {each["type"].native for each in signed["signer_infos"][0]["signed_attrs"]}

    assert subjects == {"Development File Signing", "ADT Gateway Development Issuing Authority"}
    assert attributes == {"content_type", "message_digest", "signing_time"}


async def test_the_artefact_says_what_a_receipt_needs(tmp_path: Path, open_token: OpenToken) -> None:
    ready = make_token(tmp_path)
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    artefact = await open_token(ready.config).sign(DATA, Container.CMS_ATTACHED)

    assert artefact.suffix == ".p7m"
    assert artefact.sha256 == hashlib.sha256(DATA).hexdigest()
    assert before <= artefact.signed_at <= dt.datetime.now(dt.UTC)
    assert artefact.token_label == ready.config.token_label
    assert artefact.token_serial
    assert artefact.key.local
    assert not artefact.key.exportable
    assert artefact.chain_pem.count("BEGIN CERTIFICATE") == 2
    signed = cms.ContentInfo.load(artefact.signature)["content"]
    assert signed["encap_content_info"]["content"].native == DATA
