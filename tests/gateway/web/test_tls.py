"""A renewed certificate is taken with its key, both or neither, and the log says which of them was refused."""

import hashlib
import shutil
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from gateway.errors import SettingsError
from gateway.web.tls import ServerCertificate
from tests.support.tls import Authority, fingerprint


class Place:
    """The two files of a server's certificate, in a folder with an authority."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = folder / "server.pem", folder / "server.key"

    def issue(self, name: str, rsa_bits: int = 0) -> str:
        """Put another pair in place; return its fingerprint."""
        certificate, key = self.authority.issue(name, rsa_bits)
        shutil.copy(key, self.key)
        shutil.copy(certificate, self.certificate)
        return fingerprint(certificate)

    def server(self) -> ServerCertificate:
        return ServerCertificate(self.certificate, self.key, self.authority.file)

    def shown(self, server: ServerCertificate, client: ssl.SSLContext | None = None) -> str:
        """Return the fingerprint of what *server* shows to *client*; raise `ssl.SSLError` where they do not agree."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client or self.authority.trusting()
        here = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
        there = server.context.wrap_bio(to_server, to_client, server_side=True)
        waiting = [here, there]
        for _ in range(10):
            for side in list(waiting):
                try:
                    side.do_handshake()
                    waiting.remove(side)
                except ssl.SSLWantReadError:
                    pass
        assert not waiting
        return hashlib.sha256(here.getpeercert(binary_form=True) or b"").hexdigest()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refusal(server: ServerCertificate) -> str:
    """Have the files taken; return why they were refused, or nothing."""
    with capture_logs() as logs:
        server.take()
    return str(logs[-1]["error"]) if logs[-1]["event"] == "tls_certificate_refused" else ""


def test_a_pair_that_is_half_written_is_not_taken_and_the_whole_one_is(place: Place) -> None:
    """A renewal tool writes two files: between them stands a certificate with another's key."""
    first = place.issue("first")
    server = place.server()
    certificate, key = place.authority.issue("second")
    shutil.copy(certificate, place.certificate)
    why = refusal(server)
    assert str(place.certificate) in why
    assert f"{place.key} cannot be used: the key is not that of the certificate" in why
    assert place.shown(server) == first
    shutil.copy(key, place.key)
    assert refusal(server) == ""
    assert place.shown(server) == fingerprint(certificate)


def test_each_file_is_read_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was checked is what is shown: a swap after the reading changes nothing of it."""
    place.issue("first")
    server = place.server()
    second = place.issue("second")
    read, seen = Path.read_bytes, list[Path]()

    def swapping(path: Path) -> bytes:
        content = read(path)
        seen.append(path)
        if len(seen) == 2:
            place.issue("third")
        return content

    monkeypatch.setattr(Path, "read_bytes", swapping)
    assert refusal(server) == ""
    assert seen == [place.certificate, place.key]
    assert place.shown(server) == second


@pytest.mark.parametrize(
    ("name", "content", "setting", "why"),
    [
        ("server.key", b"no key", "http.tls_key_file", "no private key in PEM"),
        ("server.key", b"", "http.tls_key_file", "no private key in PEM"),
        ("server.key", None, "http.tls_key_file", "No such file"),
        ("server.pem", b"\xff no certificate", "http.tls_certificate_file", "no certificate in PEM"),
        ("server.pem", None, "http.tls_certificate_file", "No such file"),
    ],
)
def test_the_file_that_is_no_good_is_named(
    place: Place, name: str, content: bytes | None, setting: str, why: str
) -> None:
    present = place.issue("first")
    server = place.server()
    file = place.key.parent / name
    file.unlink() if content is None else file.write_bytes(content)
    said = refusal(server)
    assert said.startswith(f"{setting}: {file} cannot be used: ")
    assert why in said
    assert place.shown(server) == present
    with pytest.raises(SettingsError) as error:
        place.server()
    assert (error.value.code, error.value.message) == ("tls_unusable", said)


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(place: Place) -> None:
    place.issue("first")
    key = load_pem_private_key(place.key.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open"))
    place.key.write_bytes(locked)
    with pytest.raises(SettingsError, match="without a passphrase"):
        place.server()


def test_a_certificate_that_is_too_weak_is_named_and_not_its_key(place: Place) -> None:
    place.issue("weak", rsa_bits=1024)
    with pytest.raises(
        SettingsError, match=r"^http.tls_certificate_file: .*server.pem cannot be used: EE_KEY"
    ):
        place.server()


def test_one_of_another_kind_of_key_takes_the_place_of_the_one_before(place: Place) -> None:
    """Nobody is shown the old certificate for the reason that their ciphers are of its kind."""
    first = place.issue("first", rsa_bits=2048)
    server = place.server()
    of_rsa = place.authority.trusting()
    of_rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    of_rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert place.shown(server, of_rsa) == first
    second = place.issue("second")
    assert refusal(server) == ""
    assert place.shown(server) == second
    with pytest.raises(ssl.SSLError):
        place.shown(server, of_rsa)


def test_machines_are_known_after_a_renewal_too(place: Place, tmp_path: Path) -> None:
    """Their authorities go with the new certificate; a machine of another authority is still refused."""
    place.issue("first")
    server = place.server()
    second = place.issue("second")
    place.authority.file.rename(tmp_path / "own.pem")  # they stay as at the start
    assert refusal(server) == ""
    place.authority.file = tmp_path / "own.pem"
    assert place.shown(server, place.authority.trusting(place.authority.issue("machine"))) == second
    stranger = Authority(tmp_path, "another authority").issue("stranger")
    with pytest.raises(ssl.SSLError):
        place.shown(server, place.authority.trusting(stranger))
