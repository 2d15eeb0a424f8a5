"""DUIS Responses: what they say, and what is refused."""

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.dcc.response import (
    QUARANTINE_MAX_BYTES,
    RESPONSE_MAX_BYTES,
    BreachKind,
    Held,
    read_response,
)
from gateway.ingest.errors import IngestError
from tests.support.dcc import alert, answer, quarantine, response
from tests.support.duis_messages import DEVICE_ID, USER_ID, request_id, service_request
from tests.support.duis_reading import BLOW_UP, LAUGHS

AT = 1_796_083_200


def code(data: bytes) -> str:
    with pytest.raises(IngestError) as refused:
        read_response(data)
    assert refused.value.remedy
    return refused.value.code


@pytest.mark.parametrize(
    ("element", "breach"),
    [
        ("ADUserThresholdBreach", BreachKind.USER_THRESHOLD),
        ("ADDCCThresholdBreach", BreachKind.DCC_THRESHOLD),
        ("ADAttributeLimitsBreach", BreachKind.ATTRIBUTE_LIMITS),
    ],
)
def test_each_kind_of_quarantine_is_known_by_its_element(element: str, breach: BreachKind) -> None:
    found = read_response(quarantine(request_id(5).lower(), "0042", breach=element))
    assert found.kind == "quarantine"
    assert found.held == Held(breach, request_id(5), "42")
    assert (found.held.user_id, found.held.device) == (USER_ID, DEVICE_ID)
    assert found.responded_at_ms == AT * 1000


@pytest.mark.parametrize("alert_code", ["AD1", "N1", "N999"])
def test_the_alert_code_says_nothing_of_quarantine(alert_code: str) -> None:
    data = quarantine().replace(b"N46", alert_code.encode())
    assert read_response(data).kind == "quarantine"
    other = alert("<sr:PowerOutageEvent/>", code=alert_code)
    assert (read_response(other).kind, read_response(other).alert) == ("alert", "PowerOutageEvent")


def test_a_throttled_alert_stands_for_as_many_as_it_says() -> None:
    found = read_response(quarantine(count=250))
    assert (found.throttled_sequence, found.throttled_count, found.stands_for) == (3, 250, 250)
    assert read_response(quarantine(count=0)).stands_for == 1
    assert read_response(quarantine()).stands_for == 1


def test_an_answer_has_the_request_and_its_code() -> None:
    found = read_response(answer(request_id(9), "E65"))
    assert (found.kind, found.request_id, found.response_code) == ("answer", request_id(9), "E65")
    assert found.held is None


def test_every_prefix_and_schema_version_is_read() -> None:
    plain = quarantine().replace(b"<sr:", b"<").replace(b"</sr:", b"</").replace(b"xmlns:sr", b"xmlns")
    newer = plain.replace(b'"5.4"', b'"9.1"')
    assert read_response(newer) == read_response(quarantine())


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("2026-12-01T00:00:00Z", AT * 1000),
        ("2026-12-01T00:00:00", AT * 1000),
        ("2026-12-01T01:00:00.1234567+01:00", AT * 1000 + 123),
        ("2026-11-30T22:00:00.5-02:00", AT * 1000 + 500),
    ],
)
def test_the_time_of_the_dcc_is_read_as_the_schema_writes_it(written: str, milliseconds: int) -> None:
    data = re.sub(rb"(DateTime>)[^<]+", rb"\g<1>" + written.encode(), quarantine(), count=1)
    assert read_response(data).responded_at_ms == milliseconds


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("<sr:DCCAlertCode>N46</sr:DCCAlertCode>", "", "element_missing"),
        ("<sr:DCCAlertCode>N46", "<sr:DCCAlertCode>'; DROP", "element_malformed"),
        ("QuarantineEventRef>42<", f"QuarantineEventRef>{'9' * 21}<", "element_malformed"),
        ("QuarantineEventRef>42<", "QuarantineEventRef><a/><", "element_malformed"),
        (":00-DB-12", ":00-XX-12", "request_id_malformed"),
        ("ADUserThresholdBreach", "ADOtherBreach", "alert_unknown"),
        ("2026-12-01T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "element_malformed"),
        ("2026-12-01T00:00:00.000Z", "1969-12-01T00:00:00.000Z", "element_malformed"),
        ("<sr:DCCAlert>", "<sr:DCCAlert><sr:PowerOutageEvent/>", "element_repeated"),
        ("<sr:Body>", "<sr:Body><sr:ResponseMessage/>", "element_repeated"),
        ("<sr:Body>", "<sr:Body/><sr:Body>", "element_repeated"),
        ("DCCAlertMessage", "Evil", "element_malformed"),
        ("</sr:Response>", "", "not_well_formed"),
    ],
)
def test_what_is_malformed_is_refused_with_a_code(old: str, new: str, wanted: str) -> None:
    data = quarantine().replace(old.encode(), new.encode())
    assert data != quarantine()
    assert code(data) == wanted


def test_a_request_is_no_response() -> None:
    assert code(service_request(request_id(), 1, "4.1", "4.1.1")) == "not_a_response"


def test_size_comes_first() -> None:
    assert code(b"<" * (RESPONSE_MAX_BYTES + 1)) == "too_large"
    padded = quarantine().replace(b"<sr:Body>", b"<!--" + b"x" * QUARANTINE_MAX_BYTES + b"--><sr:Body>")
    assert code(padded) == "too_large"


def test_hostile_xml_is_refused_quickly() -> None:
    plain = quarantine().decode().partition("?>")[2]
    hostile = {
        LAUGHS + "]>" + plain.replace("5.4", "&e11;"): "dtd_not_allowed",
        BLOW_UP + plain.replace("5.4", "&e;" * 50_000): "dtd_not_allowed",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x'>" + plain: "dtd_not_allowed",
        "<a>" * 300_000: "too_complex",
        "<a>" * 30_000: "too_deep",
    }
    started = time.process_time()
    for text, wanted in hostile.items():
        assert code(text.encode()) in {wanted, "too_deep"}
    assert time.process_time() - started < 10


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for message in (data, quarantine().replace(b"42", data, 1)):
        with contextlib.suppress(IngestError):
            read_response(message)


def test_a_comment_inside_a_value_does_not_cut_it() -> None:
    """`12<!-- -->34` is one value for those who sign; a reader that takes its first piece would be misled."""
    data = quarantine(event="12<!-- x -->34")
    assert read_response(data).held == Held(BreachKind.USER_THRESHOLD, request_id(), "1234")


def test_a_device_alert_is_passed_by() -> None:
    data = response("<sr:DeviceAlertMessage><sr:GBCSPayload>AA==</sr:GBCSPayload></sr:DeviceAlertMessage>")
    assert read_response(data).kind == "device_alert"
