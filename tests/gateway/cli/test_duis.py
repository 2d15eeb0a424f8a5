"""`duis` prints the header of each message, or why it has none."""

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gateway.ingest.duis import NAMESPACE
from tests.gateway.cli.conftest import Run
from tests.support.api import COMMAND
from tests.support.duis_messages import request_id, service_request

TEMPLATES = Path(__file__).parents[4] / "shared" / "duis" / "templates"
NS = {"sr": NAMESPACE}


def _expected(path: Path) -> dict[str, object]:
    header = ET.parse(path).getroot().find("sr:Header", NS)
    assert header is not None
    originator, target, counter = header.findtext("sr:RequestID", "", NS).upper().split(":")
    return {
        "file": str(path),
        "request_id": f"{originator}:{target}:{counter}",
        "originator": originator,
        "target": target,
        "counter": int(counter),
        "command_variant": int(header.findtext("sr:CommandVariant", "", NS)),
        "service_reference": header.findtext("sr:ServiceReference", "", NS),
        "service_reference_variant": header.findtext("sr:ServiceReferenceVariant", "", NS),
    }


@pytest.mark.skipif(not TEMPLATES.is_dir(), reason="the DCC's material is not at ../shared/duis")
def test_every_template_reads_as_an_independent_parser_reads_it(run: Run) -> None:
    paths = sorted(TEMPLATES.iterdir())
    assert len(paths) == 177
    ran = run("duis", *paths)
    assert (ran.code, ran.err) == (0, "")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    classes = [line.pop("class") for line in lines]
    assert lines == [_expected(path) for path in paths]
    assert set(classes) <= {"SR", "TRANSFORM", "SPC", "S1C", "unknown"}


HOSTILE = {
    "empty": b"",
    "text": b"no XML at all",
    "zeros": b"\0" * 1000,
    "entities": b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
    "external": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "cut": service_request(request_id(), 1, "7.4", "7.4")[:200],
    "deep": b"<a>" * 5_000,
    "other": b"<html/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_an_error_object_and_exit_3(kind: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / f"{kind}.xml"
    path.write_bytes(HOSTILE[kind])
    ran = run("duis", path)
    assert ran.code == 3
    line = json.loads(ran.out)
    assert line["file"] == str(path)
    assert line["error"].keys() == {"code", "message"}
    assert "root:" not in ran.out


def test_a_bad_file_does_not_keep_others_from_being_read(tmp_path: Path, run: Run) -> None:
    bad, good = tmp_path / "bad.xml", tmp_path / "good.xml"
    bad.write_bytes(b"<x")
    good.write_bytes(service_request(request_id(7), 1, "7.4", "7.4"))
    ran = run("duis", bad, tmp_path / "absent.xml", tmp_path, "/dev/zero", good)
    assert ran.code == 3
    lines = [json.loads(line) for line in ran.out.splitlines()]
    codes = [line["error"]["code"] for line in lines[:4]]
    assert codes == ["not_well_formed", "file_unreadable", "file_unreadable", "too_large"]
    assert (lines[4]["counter"], lines[4]["class"]) == (7, "SR")


def test_a_file_name_that_is_no_text_is_printed_all_the_same(tmp_path: Path) -> None:
    name = bytes(tmp_path) + b"/bad\xff.xml"
    Path(name.decode("utf-8", "surrogateescape")).write_bytes(b"<x/>")
    environment = {"PYTHONIOENCODING": "utf-8:strict", "PATH": "/usr/bin"}
    done = subprocess.run(
        [bytes(COMMAND), b"duis", name], capture_output=True, check=False, env=environment, timeout=60
    )
    assert (done.returncode, done.stderr) == (3, b"")
    assert json.loads(done.stdout)["file"].encode("utf-8", "surrogateescape") == name
