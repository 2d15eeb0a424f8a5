"""One line of NDJSON: a header, or a whole request as a string."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.errors import IngestError
from gateway.ingest.header_line import LINE_MAX_BYTES, HeaderLine, read_header_line
from tests.support.duis_messages import DCC_ID, firmware_request, request_id, service_request_text
from thresholds.model import CommunicationClass

HEADER: dict[str, Any] = {
    "request_id": request_id(7),
    "command_variant": 1,
    "service_reference_variant": "4.1.1",
}
OBSERVED_AT = "2026-12-01T00:00:00Z"


def classify(command_variant: int, variant: str) -> CommunicationClass:
    assert variant
    return CommunicationClass.SPC if command_variant == 5 else CommunicationClass.SR


def read(line: bytes | dict[str, Any]) -> HeaderLine:
    return read_header_line(line if isinstance(line, bytes) else json.dumps(line).encode(), classify)


def code(line: bytes | dict[str, Any]) -> str:
    with pytest.raises(IngestError) as refused:
        read(line)
    assert refused.value.remedy
    assert len(refused.value.message) < 250
    return refused.value.code


def test_a_header_becomes_a_communication_and_its_time_in_milliseconds() -> None:
    message, observed_at_ms = read(HEADER | {"observed_at": OBSERVED_AT})
    assert message.request_id == request_id(7)
    assert (message.service_reference, message.service_reference_variant) == ("4.1", "4.1.1")
    assert message.communication_class is CommunicationClass.SR
    assert observed_at_ms == 1_796_083_200_000


def test_a_header_and_its_document_are_the_same_communication() -> None:
    for command_variant in range(1, 10):
        duis = service_request_text(request_id(7).lower(), command_variant, "4.1", "4.1.1")
        header = HEADER | {"command_variant": command_variant}
        assert read(header) == read({"duis": duis})


@pytest.mark.parametrize("declared", ["UTF-8", "UTF-16", "UTF-7"])
def test_a_document_in_a_string_has_the_encoding_of_the_string(declared: str) -> None:
    """What it declares was true before it became text (XML 1.0, 4.3.3)."""
    duis = service_request_text(
        request_id(7), 1, "4.1", "4.1.1", declaration=f'<?xml version="1.0" encoding="{declared}"?>'
    )
    assert read({"duis": duis}) == read(HEADER)


def test_a_large_firmware_request_fits_a_line() -> None:
    line = read({"duis": firmware_request(16 * 1024 * 1024).decode(), "observed_at": OBSERVED_AT})
    assert line.communication.target == DCC_ID


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-12-01T00:00:00.5Z", 1_796_083_200_500),
        ("2026-12-01T00:00:00.000999Z", 1_796_083_200_000),
        ("2026-12-01t00:00:00+00:00", 1_796_083_200_000),
        (None, None),
    ],
)
def test_times_that_are_read(text: str | None, milliseconds: int | None) -> None:
    assert read(HEADER | {"observed_at": text}).observed_at_ms == milliseconds


def test_a_line_may_name_no_time() -> None:
    assert read(HEADER).observed_at_ms is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1796083200",
        "2026-12-01",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00:00+01:00",
        "2026-13-01T00:00:00Z",
        "9" * 500,
    ],
)
def test_times_that_are_not_utc_as_in_rfc_3339(text: str) -> None:
    assert code(HEADER | {"observed_at": text}) == "observed_at_malformed"


@given(st.datetimes(timezones=st.just(dt.UTC), min_value=dt.datetime(1970, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_moment_reads_back_to_the_millisecond(moment: dt.datetime) -> None:
    milliseconds = read(HEADER | {"observed_at": moment.isoformat()}).observed_at_ms
    assert milliseconds is not None
    read_back = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=milliseconds)
    assert read_back == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"{}{}",
        b"\xff",
        b'{"request_id":"\xff"}',
        b'{"duis":"\\ud800"}',
        b'{"command_variant":' + b"9" * 10_000 + b"}",
        b'{"x":' * 100_000,
        b'{"request_id":' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_of_ours(line: bytes) -> None:
    assert code(line) == "line_malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"request_id": 1},
        {"command_variant": "1"},
        {"command_variant": 1.0},
        {"command_variant": True},
        {"observed_at": 1},
        {"duis": "<a/>"},
    ],
)
def test_members_that_are_unknown_or_of_another_type(change: dict[str, Any]) -> None:
    assert code(HEADER | change) == "line_malformed"


@pytest.mark.parametrize("name", HEADER)
def test_a_header_needs_all_three_values_and_the_error_names_the_missing_one(name: str) -> None:
    with pytest.raises(IngestError, match=name) as refused:
        read({key: value for key, value in HEADER.items() if key != name})
    assert refused.value.code == "field_missing"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"request_id": "x"}, "request_id_malformed"),
        ({"request_id": " " + request_id(7)}, "request_id_malformed"),
        ({"command_variant": 0}, "command_variant_malformed"),
        ({"command_variant": 10}, "command_variant_malformed"),
        ({"command_variant": -(10**300)}, "command_variant_malformed"),
        ({"service_reference_variant": "4"}, "service_reference_malformed"),
    ],
)
def test_values_that_are_malformed(change: dict[str, Any], expected: str) -> None:
    assert code(HEADER | change) == expected


def test_an_integer_of_as_many_digits_as_python_converts_is_refused_too() -> None:
    for digits in (4299, 4300, 4301):
        line = json.dumps(HEADER).replace('"command_variant": 1', f'"command_variant": {"9" * digits}')
        assert code(line.encode()) in {"command_variant_malformed", "line_malformed"}


def test_a_document_is_refused_as_it_is_without_a_line() -> None:
    assert code({"duis": "<a/>"}) == "not_a_request"
    assert code({"duis": ""}) == "not_well_formed"
    assert code({"duis": "<!DOCTYPE a><a/>"}) == "dtd_not_allowed"


def test_size_comes_first() -> None:
    assert code(b" " * (LINE_MAX_BYTES + 1)) == "too_large"
    assert code({"duis": firmware_request(16 * 1024 * 1024 + 1).decode()}) == "too_large"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    for candidate in (line, b'{"request_id":"' + line, json.dumps({"duis": line.decode("latin-1")}).encode()):
        try:
            read(candidate)
        except IngestError as error:
            assert error.code  # noqa: PT017 - nothing else may be raised


MEMBER = st.sampled_from(
    [None, 0, 1, -1, 2**70, True, "", "4.1.1", request_id(7), OBSERVED_AT, "<a/>", "\u00e9\x00"]
)


@given(st.dictionaries(st.sampled_from([*HEADER, "duis", "observed_at", "other"]), MEMBER, max_size=5))
def test_any_members_are_read_or_refused(members: dict[str, Any]) -> None:
    try:
        read(members)
    except IngestError as error:
        assert error.code  # noqa: PT017 - nothing else may be raised
