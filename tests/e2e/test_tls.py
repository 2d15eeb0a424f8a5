"""TLS: the daemon's certificate, its renewal without losing a connection, and machines known by theirs."""

import datetime as dt
import functools
import hashlib
import http.client
import json
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.api import Answer, header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.tls import Authority, fingerprint
from tests.support.with_people import PASSWORD

RATES = "/api/v1/rates"
REQUESTS = "/api/v1/service-requests"
SHORT = dt.timedelta(seconds=10)
"""Long enough to connect with."""


class Place:
    """A daemon with TLS, and what it takes to connect to it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.machine = self.authority.issue("machine")
        self.unmapped = self.authority.issue("unmapped")
        self.person = self.authority.issue("person")
        self.certificate, self.key = (folder / "server.pem", folder / "server.key")
        self.renew("first")
        self.daemon = Daemon(
            folder / "daemon",
            token=False,
            http={
                "port": 0,
                "tls_certificate_file": self.certificate,
                "tls_key_file": self.key,
                "client_ca_file": self.authority.file,
            },
        )
        with self.daemon.config.open("a") as file:
            for shown, name in ((self.machine, "adaptor"), (self.person, "ada")):
                file.write(
                    f'[[client_certificates]]\nsha256 = "{fingerprint(shown[0])}"\nperson = "{name}"\n'
                )

    def renew(self, name: str) -> Path:
        """Put another certificate where the daemon's is; return where it came from."""
        certificate, key = self.authority.issue(name)
        shutil.copy(key, self.key)
        shutil.copy(certificate, self.certificate)
        return certificate

    def connect(self, client: tuple[Path, Path] | None = None) -> http.client.HTTPSConnection:
        netloc = urlsplit(self.daemon.url).netloc
        return http.client.HTTPSConnection(netloc, timeout=20, context=self.authority.trusting(client))

    def on_session(
        self, context: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> tuple[bytes, bool, ssl.SSLSession | None]:
        """Send a request on a TLS *session* of before; return its status line, whether that was taken, and the next one."""
        parts = urlsplit(self.daemon.url)
        plain = socket.create_connection((parts.hostname, parts.port), timeout=20)
        with context.wrap_socket(plain, server_hostname=parts.hostname, session=session) as secure:
            head = (
                f"POST {REQUESTS} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/x-ndjson\r\n"
            )
            secure.sendall(f"{head}Content-Length: {len(line())}\r\n\r\n".encode() + line())
            status = secure.recv(4096).partition(b"\r\n")[0]
            return status, bool(secure.session_reused), secure.session

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        client: tuple[Path, Path] | None = None,
        **headers: str,
    ) -> Answer:
        with closing(self.connect(client)) as connection:
            connection.request(
                method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def shows(self, digest: str) -> bool:
        return self.shown() == digest

    def shown(self) -> str:
        """Return the SHA-256 of the certificate that the daemon shows to a new connection."""
        parts = urlsplit(self.daemon.url)
        with (
            socket.create_connection((parts.hostname, parts.port), timeout=20) as plain,
            self.authority.trusting().wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    there = Place(tmp_path_factory.mktemp("tls"))
    with there.daemon:
        yield there


def line() -> bytes:
    return json.dumps(header_line(1)).encode()


def test_the_address_says_that_there_is_tls(place: Place) -> None:
    assert place.daemon.url.startswith("https://127.0.0.1:")
    assert place.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_present_versions_are_spoken(place: Place, version: ssl.TLSVersion) -> None:
    context = place.authority.trusting()
    context.minimum_version = context.maximum_version = version
    connection = http.client.HTTPSConnection(urlsplit(place.daemon.url).netloc, timeout=20, context=context)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def test_an_old_version_is_not_spoken(place: Place) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(place.authority.file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    parts = urlsplit(place.daemon.url)
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=20) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(plain, server_hostname=parts.hostname)


def test_a_machine_is_known_by_its_certificate_alone(place: Place) -> None:
    answer = place.ask("POST", REQUESTS, line(), place.machine, Content_Type="application/x-ndjson")
    assert (answer.status, answer.json["accepted"]) == (202, 1)


def test_a_certificate_gives_the_role_adaptor_and_no_other(place: Place) -> None:
    """Nor does one that is mapped to a person who is no machine."""
    assert place.ask("GET", RATES, client=place.machine).code == "role_missing"
    for client in (place.person, place.unmapped):
        answer = place.ask("POST", REQUESTS, line(), client, Content_Type="application/x-ndjson")
        assert (answer.status, answer.code) == (401, "client_certificate_unknown")


def test_without_a_certificate_an_access_token_does(place: Place) -> None:
    token = f"Bearer {place.daemon.as_('adam').access_token}"
    assert place.ask("GET", RATES, Authorization=token).status == 200
    assert place.ask("GET", RATES).code == "access_token_missing"
    assert place.ask("GET", RATES, client=place.machine, Authorization=token).status == 200


def test_a_certificate_of_another_authority_is_refused_by_tls(place: Place, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "another authority").issue("machine")
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        place.ask("POST", REQUESTS, line(), stranger, Content_Type="application/x-ndjson")


def test_an_expired_certificate_is_none_on_a_connection_of_before_either(place: Place) -> None:
    """TLS looks at it once: not while a connection stays open, and not where a session is taken up again."""
    short = place.authority.issue("short", lasts=SHORT)
    with place.daemon.config.open("a") as file:
        file.write(f'[[client_certificates]]\nsha256 = "{fingerprint(short[0])}"\nperson = "adaptor"\n')
    assert place.daemon.process
    place.daemon.process.send_signal(signal.SIGHUP)
    context = place.authority.trusting(short)
    wait_for("the reload", lambda: place.on_session(context)[0] == b"HTTP/1.1 202 Accepted")
    _, _, before = place.on_session(context)
    with closing(place.connect(short)) as connection:

        def code() -> str:
            connection.request("POST", REQUESTS, line(), {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            return str(json.loads(answer.read()).get("code", answer.status))

        assert code() == "202"
        wait_for("the end", lambda: code() == "client_certificate_expired", SHORT.total_seconds() + 10)
    status, taken, _ = place.on_session(context, before)
    assert (status, taken) == (b"HTTP/1.1 401 Unauthorized", True)


def test_the_cookie_of_a_session_is_for_tls_and_this_host_alone(place: Place) -> None:
    body = f"name=ada&password={PASSWORD.replace(' ', '+')}&next=/".encode()
    answer = place.ask("POST", "/login", body, Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 303
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-adt-gateway=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_renewed_certificate_is_shown_without_losing_a_connection(place: Place) -> None:
    held = place.connect()
    held.request("GET", "/healthz")
    assert held.getresponse().read()
    for name, signalled in (("second", True), ("third", False)):
        wanted = fingerprint(place.renew(name))
        if signalled and place.daemon.process:
            place.daemon.process.send_signal(signal.SIGHUP)
        wait_for("the renewed certificate", functools.partial(place.shows, wanted))
    held.request("GET", "/healthz")
    assert held.getresponse().read()
    held.close()
    answer = place.ask("POST", REQUESTS, line(), place.machine, Content_Type="application/x-ndjson")
    assert answer.status == 202


def test_a_faulty_renewal_leaves_the_present_certificate(place: Place) -> None:
    present = place.shown()
    place.key.write_text("no key")
    assert place.daemon.process
    place.daemon.process.send_signal(signal.SIGHUP)
    wait_for("the refusal", lambda: "tls_certificate_refused" in place.daemon.log)
    assert place.shown() == present
    place.renew("fourth")


def test_a_key_that_does_not_fit_is_refused_at_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (certificate, _), (_, key) = authority.issue("one"), authority.issue("two")
    daemon = Daemon(
        tmp_path / "daemon", token=False, http={"tls_certificate_file": certificate, "tls_key_file": key}
    )
    ended = daemon.cli("serve")
    assert ended.returncode == 2
    assert "[tls_unusable]" in ended.stderr
