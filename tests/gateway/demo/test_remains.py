"""The demonstration keeps a token while its certificate lasts, and its paths may hold anything."""

import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.demo.remains import environment_script, token_lasts
from gateway.demo.stage import Stage
from hsm.development_ca import DevelopmentCa
from tests.support.adt import ROOT
from tests.support.softhsm import needs_softhsm

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def _request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


def _certify(folder: Path, not_after: dt.datetime) -> None:
    ca = DevelopmentCa(NOW)
    folder.mkdir(exist_ok=True)
    (folder / "chain.pem").write_bytes(ca.issue(_request(), not_after=not_after))
    (folder / "trust.pem").write_bytes(ca.trust_pem)


@pytest.mark.parametrize(
    ("left", "lasts"),
    [
        (dt.timedelta(days=1, seconds=1), True),
        (dt.timedelta(days=1), False),
        (dt.timedelta(minutes=1), False),
        (dt.timedelta(minutes=-1), False),
    ],
    ids=["more than a day", "a day", "a minute", "ended"],
)
def test_a_token_is_kept_while_its_certificate_lasts_more_than_a_day(
    left: dt.timedelta, lasts: bool, tmp_path: Path
) -> None:
    _certify(tmp_path, NOW + left)
    assert token_lasts(tmp_path, NOW.timestamp()) is lasts


@pytest.mark.parametrize("name", ["chain.pem", "trust.pem"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["absent", "empty", "no PEM"])
def test_a_token_that_was_not_finished_is_not_kept(content: bytes | None, name: str, tmp_path: Path) -> None:
    _certify(tmp_path, NOW + dt.timedelta(days=30))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert not token_lasts(tmp_path, NOW.timestamp())


@needs_softhsm
def test_a_token_whose_certificate_ends_is_made_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "demo", ROOT / "config" / "profiles" / "adt-1.toml")
    stage.clear()
    stage.prepare_token()
    chain = tmp_path / "demo" / "token" / "chain.pem"
    first = chain.read_bytes()
    stage.clear()
    stage.prepare_token()
    assert chain.read_bytes() == first
    _certify(chain.parent, NOW + dt.timedelta(hours=1))
    ending = chain.read_bytes()
    stage.clear()
    stage.prepare_token()
    assert chain.read_bytes() not in {first, ending}
    assert token_lasts(chain.parent, NOW.timestamp())


def test_what_an_earlier_run_made_is_put_aside_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    stage = Stage(folder, ROOT / "config" / "profiles" / "adt-1.toml")
    stage.clear()
    assert capsys.readouterr().out == ""
    for content in ("first", "second"):
        (folder / "data").mkdir()
        (folder / "data" / "gateway.sqlite").write_text(content)
        (folder / "mine.txt").write_text("not of the demonstration")
        stage.clear()
        kept = max((folder / "earlier").iterdir())
        assert f"kept in {kept};" in capsys.readouterr().out
        assert (kept / "data" / "gateway.sqlite").read_text() == content
        assert not (folder / "data").exists()
        assert (folder / "mine.txt").exists()
    assert len([*(folder / "earlier").iterdir()]) == 2


def test_the_script_for_a_shell_holds_any_path(tmp_path: Path) -> None:
    odd = tmp_path / "a $(touch pwned) 'b' \"c\"; d"
    odd.mkdir()
    script = odd / "environment"
    script.write_text(environment_script(odd / "gateway.toml", "http://127.0.0.1:1", odd / "olga.token"))
    command = '. "$0" && printf "%s\\n" "$ADT_GATEWAY_CONFIG" "$ADT_GATEWAY_URL" "$ADT_GATEWAY_TOKEN_FILE"'
    done = subprocess.run(
        ["sh", "-c", command, script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == [
        str(odd / "gateway.toml"),
        "http://127.0.0.1:1",
        str(odd / "olga.token"),
    ]
    assert not (tmp_path / "pwned").exists()
