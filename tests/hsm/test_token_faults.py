"""Every fault of a token has its code, and is met once and for real."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hsm.config import TokenConfig
from hsm.development_ca import DevelopmentCa
from hsm.errors import TokenError
from hsm.initialise import initialise_token
from hsm.model import Container
from hsm.pin import forget_refusal
from hsm.token import Token
from tests.hsm.conftest import Faulty
from tests.support.pki import request_for
from tests.support.softhsm import ReadyToken, empty_token_directory, needs_softhsm, run_on_token

pytestmark = needs_softhsm

OpenToken = Callable[[TokenConfig], Token]
change = msgspec.structs.replace


async def code_of_signing(token: Token) -> str:
    """Sign, which must fail, and return the code of the error, whose text and remedy must not be empty."""
    with pytest.raises(TokenError) as caught:
        await token.sign(b"data", Container.CMS_DETACHED)
    assert str(caught.value).strip()
    assert caught.value.remedy
    return caught.value.code


async def test_a_module_that_is_not_there_or_is_no_module(ready: ReadyToken, open_token: OpenToken) -> None:
    assert await code_of_signing(open_token(change(ready.config, module="/nowhere.so"))) == "token_module"
    assert await code_of_signing(open_token(change(ready.config, module="libc.so.6"))) == "token_module"


async def test_a_wrong_label_or_serial_number_is_an_absent_token(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    wrong_label = change(ready.config, token_label="other")
    wrong_serial = change(ready.config, token_serials=("0000",))
    assert await code_of_signing(open_token(wrong_label)) == "token_absent"
    assert await code_of_signing(open_token(wrong_serial)) == "token_absent"


async def test_a_permitted_serial_number_is_found(ready: ReadyToken, open_token: OpenToken) -> None:
    serial = (await open_token(ready.config).describe()).serial
    described = await open_token(change(ready.config, token_serials=("0000", serial))).describe()
    assert described.serial == serial


async def test_a_wrong_pin_is_offered_once_even_after_a_restart(
    faulty: Faulty, open_token: OpenToken
) -> None:
    right = faulty.config.pin_file.read_bytes()
    faulty.config.pin_file.write_bytes(b"99999999")
    token = open_token(faulty.config)
    assert await code_of_signing(token) == "pin_refused"
    assert await code_of_signing(token) == "pin_refused"
    assert await code_of_signing(open_token(faulty.config)) == "pin_refused"
    assert faulty.logins == 1

    faulty.config.pin_file.write_bytes(right)
    await token.ping()
    assert faulty.logins == 2


async def test_a_refused_pin_is_offered_again_after_the_refusal_is_forgotten(
    faulty: Faulty, open_token: OpenToken
) -> None:
    faulty.config.pin_file.write_bytes(b"99999999")
    token = open_token(faulty.config)
    assert await code_of_signing(token) == "pin_refused"
    forget_refusal(faulty.config.refusal_file)
    assert await code_of_signing(token) == "pin_refused"
    assert faulty.logins == 2


async def test_no_pin_is_offered_on_the_last_try(faulty: Faulty, open_token: OpenToken) -> None:
    faulty.fault("final-try")
    assert await code_of_signing(open_token(faulty.config)) == "pin_last_try"
    assert faulty.logins == 0


async def test_no_pin_is_offered_where_a_refusal_could_not_be_recorded(
    faulty: Faulty, open_token: OpenToken, tmp_path: Path
) -> None:
    config = change(faulty.config, refusal_file=tmp_path / "nowhere" / "refused.json")
    assert await code_of_signing(open_token(config)) == "refusal_file"
    assert faulty.logins == 0


async def test_a_pin_file_that_is_missing_or_open_to_others(ready: ReadyToken, open_token: OpenToken) -> None:
    token = open_token(ready.config)
    ready.config.pin_file.chmod(0o640)
    assert await code_of_signing(token) == "pin_file"
    ready.config.pin_file.unlink()
    assert await code_of_signing(token) == "pin_file"


async def test_a_missing_key(ready: ReadyToken, open_token: OpenToken) -> None:
    assert await code_of_signing(open_token(change(ready.config, key_label="other"))) == "key_missing"


async def test_two_keys_with_one_label(ready: ReadyToken, open_token: OpenToken) -> None:
    run_on_token(
        ready.config,
        "session.generate_keypair(KeyType.RSA, 2048, label='file-signing', id=b'2', store=True)",
    )
    assert await code_of_signing(open_token(ready.config)) == "key_ambiguous"


async def test_a_key_that_can_leave_the_token_never_signs(ready: ReadyToken, open_token: OpenToken) -> None:
    run_on_token(
        ready.config,
        "session.generate_keypair(KeyType.RSA, 2048, label='loose', id=b'2', store=True,"
        " private_template={Attribute.EXTRACTABLE: True})",
    )
    token = open_token(change(ready.config, key_label="loose"))
    assert await code_of_signing(token) == "key_exportable"
    with pytest.raises(TokenError, match="can leave the token"):
        await token.csr("Loose")
    described = await token.describe()
    assert described.key is not None
    assert described.key.extractable


async def test_a_key_without_a_certificate(ready: ReadyToken, open_token: OpenToken) -> None:
    run_on_token(
        ready.config,
        "for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}): found.destroy()",
    )
    assert await code_of_signing(open_token(ready.config)) == "certificate_missing"


async def test_a_certificate_with_the_key_id_but_for_another_key(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    chain = ready.ca.issue(request_for(ec.generate_private_key(ec.SECP256R1())))
    path = ready.directory / "other.pem"
    path.write_bytes(chain)
    run_on_token(
        ready.config,
        "from cryptography import x509\n"
        f"other = x509.load_pem_x509_certificate(open({str(path)!r}, 'rb').read())\n"
        "from cryptography.hazmat.primitives.serialization import Encoding\n"
        "key = session.get_key(ObjectClass.PRIVATE_KEY, label='file-signing')\n"
        "for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}): found.destroy()\n"
        "session.create_object({Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.TOKEN: True,"
        " Attribute.CERTIFICATE_TYPE: CertificateType.X_509, Attribute.ID: key.id,"
        " Attribute.SUBJECT: other.subject.public_bytes(), Attribute.VALUE: other.public_bytes(Encoding.DER)})",
    )
    assert await code_of_signing(open_token(ready.config)) == "certificate_wrong_key"


async def test_a_certificate_that_expires_while_the_token_is_open(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    await replace_certificate(token, ready, dt.timedelta(hours=-1), dt.timedelta(seconds=10))
    artefact = await token.sign(b"data", Container.CMS_DETACHED)
    left = artefact.certificate.not_after - dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.1)
    await asyncio.sleep(left.total_seconds())
    assert await code_of_signing(token) == "certificate_expired"


async def test_expired_and_future_certificates_are_not_imported(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    hour, day = dt.timedelta(hours=1), dt.timedelta(days=1)
    with pytest.raises(TokenError, match="expired at"):
        await replace_certificate(token, ready, -day, -hour)
    with pytest.raises(TokenError, match="is valid from"):
        await replace_certificate(token, ready, hour, day)
    await token.sign(b"data", Container.CMS_DETACHED)


async def replace_certificate(
    token: Token, ready: ReadyToken, start: dt.timedelta, end: dt.timedelta
) -> None:
    now = dt.datetime.now(dt.UTC)
    csr = await token.csr("Renewed")
    await token.import_certificates(ready.ca.issue(csr, not_before=now + start, not_after=now + end))


async def test_an_unknown_root_and_a_missing_trust_file(ready: ReadyToken, open_token: OpenToken) -> None:
    token = open_token(ready.config)
    await token.sign(b"data", Container.CMS_DETACHED)
    ready.trust_file.write_bytes(DevelopmentCa(dt.datetime.now(dt.UTC)).trust_pem)
    assert await code_of_signing(token) == "certificate_chain"
    ready.trust_file.unlink()
    assert await code_of_signing(token) == "trust_file"
    assert await code_of_signing(open_token(change(ready.config, trust_file=None))) == "trust_file"


async def test_a_certificate_for_another_key_or_of_another_root_is_not_imported(
    ready: ReadyToken, open_token: OpenToken
) -> None:
    token = open_token(ready.config)
    foreign = DevelopmentCa(dt.datetime.now(dt.UTC)).issue(await token.csr("Foreign"))
    other_key = ready.ca.issue(request_for(ec.generate_private_key(ec.SECP256R1())))
    for pem, code in (
        (foreign, "certificate_chain"),
        (other_key, "certificate_wrong_key"),
        (b"no certificate", "certificate_file"),
        (b"x" * 70_000, "certificate_file"),
    ):
        with pytest.raises(TokenError) as caught:
            await token.import_certificates(pem)
        assert caught.value.code == code
    assert (await token.describe()).chain_length == 2


async def test_a_renewed_certificate_replaces_the_old_one(ready: ReadyToken, open_token: OpenToken) -> None:
    token = open_token(ready.config)
    before = (await token.describe()).certificate
    renewed = await token.import_certificates(ready.ca.issue(await token.csr("Renewed", "Supplier")))
    again = await token.import_certificates(ready.ca.issue(await token.csr("Renewed", "Supplier")))
    count = run_on_token(
        ready.config,
        "print(len(list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))))",
    )
    artefact = await token.sign(b"data", Container.CMS_DETACHED)

    assert before != renewed.certificate != again.certificate
    assert artefact.certificate == again.certificate
    assert again.certificate is not None
    assert "CN=Renewed" in again.certificate.subject
    assert count.strip() == "2"


async def test_initialising_keeps_a_token_that_has_a_key_and_makes_a_second_key_beside_it(
    ready: ReadyToken,
) -> None:
    with pytest.raises(TokenError) as caught:
        await initialise_token(ready.config, ready.directory / "so-pin")
    assert caught.value.code == "key_exists"

    described = await initialise_token(change(ready.config, key_label="second"), ready.directory / "so-pin")
    assert described.key is not None
    assert not described.key.exportable
    assert described.certificate is None


async def test_a_module_without_tokens_says_absent(tmp_path: Path, open_token: OpenToken) -> None:
    ca = DevelopmentCa(dt.datetime.now(dt.UTC))
    config = empty_token_directory(tmp_path / "empty", ca)
    assert await code_of_signing(open_token(config)) == "token_absent"


@pytest.mark.parametrize("eui64", ["90-B3", "not an EUI", "90-B3-D5-1F-30-01-00-00-00"])
async def test_a_request_with_an_unusable_eui64_is_refused(
    ready: ReadyToken, open_token: OpenToken, eui64: str
) -> None:
    with pytest.raises(TokenError) as caught:
        await open_token(ready.config).csr("Name", None, eui64)
    assert caught.value.code == "name_unusable"
