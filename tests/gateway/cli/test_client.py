"""How the client verbs find the daemon and say who they are."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.address import DEFAULT_URL, Address, daemon_address
from gateway.cli.client import access_token
from gateway.errors import NotAuthenticated
from tests.gateway.cli.conftest import Run
from tests.support.daemon import Daemon


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write settings whose daemon does not run."""
    path = tmp_path / "gateway.toml"
    path.write_text('data_directory = "var"\n[http]\nhost = "::1"\nport = 9\n')
    (tmp_path / "var").mkdir()
    return path


@pytest.mark.parametrize("value", [None, "", "  "], ids=["not set", "empty", "blank"])
def test_an_address_that_is_not_set_is_the_one_that_the_daemon_left(
    value: str | None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("ADT_GATEWAY_URL", value)
    left = config.parent / "var" / "address"
    left.write_text("http://127.0.0.1:7\n")
    assert daemon_address(config) == Address("http://127.0.0.1:7", f"from {left}; ADT_GATEWAY_URL is not set")


def test_where_the_daemon_left_no_address_it_is_the_one_of_the_settings(config: Path) -> None:
    found = daemon_address(config)
    assert found.url == "http://[::1]:9"
    assert "http.host and http.port" in found.source
    assert str(config.parent / "var" / "address") in found.source


@pytest.mark.parametrize("text", [None, "colour = 1"], ids=["no settings", "settings of no use"])
def test_without_settings_the_address_is_the_default(text: str | None, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    if text is not None:
        config.write_text(text)
    found = daemon_address(config)
    assert found.url == DEFAULT_URL == "http://127.0.0.1:8470"
    assert "[settings_" in found.source


def test_a_slash_at_the_end_of_the_address_is_no_matter(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADT_GATEWAY_URL", "http://gateway:1/")
    assert daemon_address(config) == Address("http://gateway:1", "ADT_GATEWAY_URL")


def test_a_verb_finds_the_daemon_by_its_settings_alone(
    daemon: Daemon, as_person: Callable[[Daemon, str], None], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_person(daemon, "adam")
    monkeypatch.delenv("ADT_GATEWAY_URL")
    assert run("files", config=daemon.config).code == 0


def test_a_daemon_that_does_not_run_is_named_with_what_was_tried(
    config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADT_GATEWAY_TOKEN", "adtgw_x")
    ran = run("rates", config=config)
    assert (ran.code, ran.out) == (1, "")
    assert "the daemon at http://[::1]:9 (http.host and http.port of" in ran.err
    assert "[daemon_unreachable]" in ran.err


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
