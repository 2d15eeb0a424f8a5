"""Hostile bodies: the right status and a stable code, nothing counted, memory stays flat."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.ingest.receive import BATCH_LINES
from tests.support.api import NDJSON, XML, header_line, side_by_side
from tests.support.daemon import Daemon
from tests.support.duis_messages import firmware_request, request_id, service_request
from tests.support.softhsm import needs_softhsm

pytestmark = needs_softhsm

MIB: Final = 1024 * 1024
GOOD: Final = service_request(request_id(1), 1, "4.1", "4.1.1")
BODY: Final = GOOD.partition(b"?>")[2]
LAUGHS: Final = b"<!DOCTYPE a [<!ENTITY a 'ha'>" + b"".join(
    b"<!ENTITY b%d '%s'>" % (n, b"&b%d;" % (n - 1) * 10) for n in range(1, 12)
)
EXTERNAL: Final = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'

HOSTILE: Final = {
    "entities": (LAUGHS + b"]>" + BODY, 422, "dtd_not_allowed"),
    "external entity": (EXTERNAL + BODY, 422, "dtd_not_allowed"),
    "external DTD": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">' + BODY, 422, "dtd_not_allowed"),
    "entity without DTD": (BODY.replace(b"4.1.1<", b"&x;<"), 422, "not_well_formed"),
    "deep": (b"<a>" * 5_000 + b"</a>" * 5_000, 422, "too_deep"),
    "many elements": (b"<a>" + b"<b/>" * 150_000 + b"</a>", 422, "too_complex"),
    "truncated": (GOOD[:-30], 422, "not_well_formed"),
    "two headers": (
        BODY.replace(b"<sr:Body>", BODY[BODY.find(b"<sr:Header>") : BODY.find(b"<sr:Body>")] + b"<sr:Body>"),
        422,
        "header_repeated",
    ),
    "no body": (
        GOOD[: GOOD.find(b"<sr:Body>")] + b"</sr:Request>",
        422,
        "body_missing",
    ),
    "body of a response": (
        GOOD.replace(b"ReadInstantaneousImportRegisters", b"DCCAlertMessage"),
        422,
        "body_not_a_request",
    ),
    "not DUIS": (b"<a/>", 422, "not_a_request"),
    "empty": (b"", 422, "not_well_formed"),
    "binary": (bytes(range(256)) * 64, 422, "not_well_formed"),
    "odd RequestID": (GOOD.replace(request_id(1).encode(), b"1:2:3"), 422, "request_id_malformed"),
    "other encoding": (b'<?xml version="1.0" encoding="UTF-7"?>' + BODY, 422, "encoding"),
    "20 MB": (firmware_request(20 * MIB), 413, "too_large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_with_its_code_and_counts_nothing(daemon: Daemon, name: str) -> None:
    data, status, code = HOSTILE[name]
    before = len(daemon.journal())
    answer = daemon.as_("adaptor").send(data)
    assert (answer.status, answer.code) == (status, code)
    assert b"root:" not in answer.body
    assert len(daemon.journal()) == before


def chunks(size: int) -> Iterator[bytes]:
    """Yield *size* bytes in chunks, so that nothing says beforehand how many will come."""
    for _ in range(size // MIB):
        yield b" " * MIB


@pytest.mark.parametrize("kind", [XML, NDJSON])
def test_a_body_without_a_length_is_cut_off_at_the_limit(daemon: Daemon, kind: str) -> None:
    size = {XML: 20, NDJSON: 36}[kind] * MIB
    answer = daemon.as_("adaptor").send(chunks(size), kind)
    assert (answer.status, answer.code) == (413, "too_large")


def test_memory_stays_flat_under_hostile_bodies(daemon: Daemon) -> None:
    adaptor = daemon.as_("adaptor")
    small = [data for name, (data, _, _) in HOSTILE.items() if name != "20 MB"]

    def storm(rounds: int) -> None:
        for _ in range(rounds):
            for data in small:
                assert adaptor.send(data).status == 422
        assert adaptor.send(HOSTILE["20 MB"][0]).status == 413
        assert adaptor.send(chunks(20 * MIB)).status == 413

    storm(2)
    before = daemon.resident_bytes
    for _ in range(4):
        storm(5)
    assert daemon.resident_bytes - before < 48 * MIB


def test_another_content_type_is_not_read(daemon: Daemon) -> None:
    for kind in ("", "application/json", "text/plain", "multipart/form-data"):
        answer = daemon.as_("adaptor").send(GOOD, kind)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_requests_are_taken_from_adaptors_alone(daemon: Daemon) -> None:
    before = len(daemon.journal())
    strange = {
        "": "access_token_missing",
        "garbage": "access_token_unknown",
        "x" * 500: "access_token_missing",
        "adtgw_' OR 1=1 --": "access_token_unknown",
    }
    for access_token, code in strange.items():
        answer = daemon.stranger(access_token).send(GOOD)
        assert (answer.status, answer.code) == (401, code)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for name in ("alice", "bob", "olga", "ana", "adam"):
        answer = daemon.as_(name).send(GOOD)
        assert (answer.status, answer.code) == (403, "role_missing")
        assert "adaptor" in answer.json["detail"]
    assert len(daemon.journal()) == before


def test_a_locked_database_answers_503_and_counts_nothing_then(daemon: Daemon) -> None:
    lines = [header_line(number) for number in range(50, 60)]
    before = len(daemon.journal())
    with daemon.locked_database():
        answer = daemon.as_("adaptor").send_lines(lines)
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert len(daemon.journal()) == before
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == 10


def test_more_than_the_queue_holds_is_refused_whole(tmp_path: Path) -> None:
    with Daemon(tmp_path, token=False, ingest={"queue_limit": BATCH_LINES}) as daemon:
        adaptor = daemon.as_("adaptor")
        size = BATCH_LINES * 6 // 10
        batches = [[header_line(size * batch + number) for number in range(size)] for batch in range(3)]
        with daemon.locked_database():
            answers = side_by_side(*(functools.partial(adaptor.send_lines, batch) for batch in batches))
        assert sorted(answer.code for answer in answers) == ["queue_full", "queue_full", "store_unavailable"]
        assert all(answer.headers["Retry-After"] for answer in answers)
        assert daemon.journal() == []
        largest = [header_line(number) for number in range(BATCH_LINES)]
        assert adaptor.send_lines(largest).json["accepted"] == BATCH_LINES
