"""Documents made to harm: no file, no network and no growth."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from gateway.ingest.document import _PARSERS
from tests.support.duis_reading import PLAIN, code


def _outside(uri: str) -> list[str]:
    return [
        f"<!DOCTYPE a SYSTEM '{uri}'>",
        f"<!DOCTYPE a [<!ENTITY e SYSTEM '{uri}'>]>",
        f"<!DOCTYPE a [<!ENTITY % p SYSTEM '{uri}'> %p;]>",
        f"<?xml-stylesheet href='{uri}'?><x:include xmlns:x='http://www.w3.org/2001/XInclude' href='{uri}'/>",
    ]


def _read_doctype_refused(data: bytes) -> None:
    assert code(data) in {"dtd_not_allowed", "not_well_formed", "not_a_request"}


def _parse_alone(data: bytes) -> None:
    """Parse without the search for a DTD: the parser itself keeps to the document as well."""
    for parser in _PARSERS.values():
        with contextlib.suppress(etree.XMLSyntaxError):
            etree.fromstring(data, parser)


@pytest.mark.parametrize("parse", [_read_doctype_refused, _parse_alone])
def test_neither_a_file_nor_the_network_is_touched(parse: Callable[[bytes], None], tmp_path: Path) -> None:
    """The file's access time and a listening socket would tell; the first is tried out at the end."""
    secret = tmp_path / "secret.dtd"
    secret.write_text("<!ENTITY e 'stolen'>")
    os.utime(secret, (0, time.time()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for uri in (secret.as_uri(), str(secret), url):
            for outside in _outside(uri):
                parse(f"{outside}<a>&e;</a>".encode())
                parse(f"{outside}<a/>".encode())
        with pytest.raises(BlockingIOError):
            server.accept()
    assert secret.stat().st_atime == 0
    secret.read_text()
    if secret.stat().st_atime == 0:
        pytest.skip("this file system keeps no access times")


def test_the_word_of_a_dtd_is_refused_wherever_it_stands() -> None:
    assert code(PLAIN.replace("<sr:Body>", "<!-- <!DOCTYPE a> --><sr:Body>")) == "dtd_not_allowed"


HOSTILE = """
import psutil
from gateway.ingest.errors import IngestError
from gateway.ingest.duis import read_service_request
from tests.support.duis_reading import BLOW_UP, LAUGHS, PLAIN, classify
from tests.support.duis_messages import firmware_request

hostile = [
    LAUGHS + "]>" + PLAIN.replace("5.4", "&e11;"),
    BLOW_UP + PLAIN.replace("5.4", "&e;" * 50_000),
    "<a>" * 300_000,
    "<a>" * 30_000 + "x" * 5_000_000,
    "<a/>" * 1_000_000,
    PLAIN.replace("5.4", "x" * 3_000_000)[:-1],
    "A" * 20_000_000,
]
documents = [text.encode() for text in hostile] + [firmware_request(12_000_000)[:-1]]
process = psutil.Process()

def refuse_all():
    for data in documents:
        try:
            read_service_request(data, classify)
        except IngestError:
            continue
        raise SystemExit("a hostile document was read")

for _ in range(3):
    refuse_all()
before = process.memory_info().rss
for _ in range(15):
    refuse_all()
print(process.memory_info().rss - before)
"""


def test_memory_stays_flat_under_hostile_documents() -> None:
    """15 rounds of about 30 MB each; a leak of one document per round would show."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000_000
