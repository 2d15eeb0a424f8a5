"""How the client verbs find the daemon and say who they are."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.client import DEFAULT_URL, access_token, daemon_url
from gateway.errors import NotAuthenticated
from tests.gateway.cli.conftest import Run
from tests.support.daemon import Daemon


@pytest.mark.parametrize("value", [None, "", "  "], ids=["not set", "empty", "blank"])
def test_an_address_that_is_not_set_is_the_default(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("ADT_GATEWAY_URL", value)
    assert daemon_url() == DEFAULT_URL


def test_a_slash_at_the_end_of_the_address_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADT_GATEWAY_URL", "http://gateway:1/")
    assert daemon_url() == "http://gateway:1"


def test_the_access_token_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("adtgw_file\n")
    monkeypatch.setenv("ADT_GATEWAY_TOKEN", "adtgw_other")
    monkeypatch.setenv("ADT_GATEWAY_TOKEN_FILE", str(file))
    assert access_token() == "adtgw_file"


def test_a_token_file_that_is_not_there_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADT_GATEWAY_TOKEN", "adtgw_other")
    monkeypatch.setenv("ADT_GATEWAY_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(NotAuthenticated):
        access_token()


def test_without_an_access_token_it_exits_with_5(run: Run) -> None:
    ran = run("files")
    assert (ran.code, ran.out) == (5, "")
    assert "[access_token_missing]" in ran.err


@pytest.mark.parametrize("token", ["adtgw_unknown", "two\nlines", "ümlaut", "x" * 5_000])
def test_an_access_token_that_is_not_known_exits_with_5_and_is_not_shown(
    token: str,
    daemon: Daemon,
    as_person: Callable[[Daemon, str], None],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_person(daemon, "alice")
    monkeypatch.setenv("ADT_GATEWAY_TOKEN", token)
    ran = run("files")
    assert (ran.code, ran.out) == (5, "")
    assert token not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "nonsense", "ftp://127.0.0.1/", "http://[", "http://a b/"]
)
def test_a_daemon_that_cannot_be_reached_fails_with_its_address(
    url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADT_GATEWAY_URL", url)
    monkeypatch.setenv("ADT_GATEWAY_TOKEN", "adtgw_x")
    ran = run("rates")
    assert (ran.code, ran.out) == (1, "")
    assert "[daemon_unreachable]" in ran.err
    assert url.rstrip("/") in ran.err
    assert "adtgw_x" not in ran.err


@contextmanager
def _somebody_else(status: int, body: bytes) -> Iterator[str]:
    """Answer every request as no daemon of ours would."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (404, b"<html>"), (502, b""), (500, b"[]"), (503, b'{"code":"x"}')],
    ids=["page", "page not found", "proxy", "list", "half a problem"],
)
def test_an_answer_of_somebody_else_is_named_as_such(
    status: int, body: bytes, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _somebody_else(status, body) as url:
        monkeypatch.setenv("ADT_GATEWAY_URL", url)
        monkeypatch.setenv("ADT_GATEWAY_TOKEN", "adtgw_x")
        ran = run("rates")
    assert (ran.code, ran.out) == (1, "")
    assert "[unexpected_answer]" in ran.err
