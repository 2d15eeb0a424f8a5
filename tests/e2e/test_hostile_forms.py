"""Forms that no browser sends: each is refused as what it is, and none is a failure of the gateway."""

from collections.abc import Iterator

import pytest

from tests.support.api import Answer
from tests.support.daemon import Daemon
from tests.support.visitor import FORM, Visitor

MULTIPART = "multipart/form-data; boundary=x"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), token=False) as running:
        yield running


def upload(visitor: Visitor, path: str, headers: bytes) -> Answer:
    """Send a form with the form token and one part with these *headers*."""
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n' + visitor.form_token.encode(),
        b"--x\r\n" + headers + b"\r\n\r\nUserID",
        b"--x--\r\n",
    )
    return visitor.ask_raw("POST", path, b"\r\n".join(parts), {"Content-Type": MULTIPART})


HEADERS = (
    b'Content-Disposition: form-data; name="upload"; filename="a\x00.csv"',
    b'Content-Disposition: form-data; name="upload"; filename="a\x7f.csv"',
    b'Content-Disposition: form-data; name="upload"; filename="\xff.csv"',
    b"Content-Disposition: form-data; name=\"upload\"; filename*=UTF-8''%ff%00.csv",
    b'Content-Disposition: form-data; name="\xff"',
    b"Content-Disposition form-data",
    b": x",
    b"Content-Disposition: form-data; name=upload\r\nContent-Length: -1",
    b"Content-Disposition: form-data; name=upload\r\nContent-Transfer-Encoding: base64",
    b"Content-Disposition: form-data; name=upload\r\nContent-Type: multipart/mixed; boundary=y",
    b"X: " + b"y" * 20_000,
)


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_a_part_that_no_browser_sends_is_refused(daemon: Daemon, headers: bytes) -> None:
    visitor = Visitor(daemon.url)
    visitor.sign_in("alice")
    assert upload(visitor, "/files/new", headers).status == 422
    assert upload(Visitor(daemon.url), "/login", headers).status in {401, 422}
    assert "request_failed" not in daemon.log


def test_a_browser_whose_name_is_no_text_signs_in(daemon: Daemon) -> None:
    visitor = Visitor(daemon.url)
    body = b"name=ana&password=grey+heron+over+the+lake"
    headers = {"Content-Type": FORM, "User-Agent": "\xff\x80 <script>"}
    assert visitor.ask_raw("POST", "/login", body, headers).status == 303
    page = visitor.get("/account")
    assert page.status == 200
    assert b" <script>" not in page.body
    assert "request_failed" not in daemon.log
