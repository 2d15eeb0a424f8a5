"""`verify`: 0 where the signature holds, 7 where it is wrong, 8 where it could not be checked."""

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest

from hsm.development_ca import DevelopmentCa
from tests.gateway.cli.conftest import Run
from tests.support.pki import Signer


class Signed(msgspec.Struct, frozen=True):
    file: Path
    signature: Path
    trust: Path


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    ca = DevelopmentCa(dt.datetime.now(dt.UTC))
    found = Signed(tmp_path / "adt.csv", tmp_path / "adt.csv.p7s", tmp_path / "trust.pem")
    found.file.write_bytes(b"a,b\n1,2\n")
    found.signature.write_bytes(Signer(ca).cms(found.file.read_bytes()))
    found.trust.write_bytes(ca.trust_pem)
    return found


def test_a_signature_that_holds_exits_with_0(signed: Signed, run: Run) -> None:
    ran = run("verify", signed.file, signed.signature, "--trust", signed.trust)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "VALID"


def test_a_changed_file_exits_with_7(signed: Signed, run: Run) -> None:
    signed.file.write_bytes(b"a,b\n1,3\n")
    ran = run("verify", signed.file, signed.signature, "--trust", signed.trust)
    assert ran.code == 7
    assert ran.out.splitlines()[-1].startswith("WRONG")


def test_another_root_exits_with_7(signed: Signed, run: Run) -> None:
    signed.trust.write_bytes(DevelopmentCa(dt.datetime.now(dt.UTC)).trust_pem)
    ran = run("verify", "--json", signed.file, signed.signature, "--trust", signed.trust)
    assert ran.code == 7
    verdict = json.loads(ran.out)
    assert (verdict["valid"], verdict["signature_matches"], verdict["chain_trusted"]) == (False, True, False)


@pytest.mark.parametrize("signature", [b"", b"rubbish", b"\x30\x80" + b"\0" * 100, b"\0" * (2 << 20)])
def test_what_is_no_signature_exits_with_8(signature: bytes, signed: Signed, run: Run) -> None:
    signed.signature.write_bytes(signature)
    ran = run("verify", signed.file, signed.signature, "--trust", signed.trust)
    assert ran.code == 8
    assert ran.out.startswith("COULD NOT VERIFY: ")
    assert "remedy: " in ran.out


def test_a_trust_file_that_is_none_exits_with_8_and_says_so_in_json(signed: Signed, run: Run) -> None:
    signed.trust.write_bytes(b"no certificate")
    ran = run("verify", "--json", signed.file, signed.signature, "--trust", signed.trust)
    assert ran.code == 8
    assert json.loads(ran.out).keys() == {"valid", "code", "message", "remedy"}


def test_a_file_that_is_not_there_exits_with_3(signed: Signed, run: Run) -> None:
    signed.signature.unlink()
    ran = run("verify", signed.file, signed.signature, "--trust", signed.trust)
    assert (ran.code, ran.out) == (3, "")
    assert "[file_unreadable]" in ran.err


def test_json_holds_the_steps_and_the_signer(signed: Signed, run: Run) -> None:
    verdict = json.loads(run("verify", "--json", signed.file, signed.signature, "--trust", signed.trust).out)
    assert verdict["valid"] is True
    assert {step["outcome"] for step in verdict["steps"]} == {"passed"}
    assert verdict["signer"]["subject"]
