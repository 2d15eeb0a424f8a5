"""Syslog messages keep the grammar of RFC 5424 whatever they say."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.rfc5424 import (
    BOM,
    CONTROL,
    FACILITIES,
    Element,
    Message,
    Severity,
    encode,
    line_framed,
    octet_counted,
    on_one_line,
)
from tests.support.syslog_reading import parse_syslog

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
AT = dt.datetime(2026, 12, 1, 10, 0, 0, 123_456, tzinfo=dt.UTC)


def make(**other: object) -> Message:
    values = {
        "facility": "local4",
        "severity": Severity.CRITICAL,
        "at": AT,
        "hostname": "host.example",
        "app_name": "adt-gateway",
        "process": "main",
        "kind": "threshold-opened",
        "elements": (),
        "body": b"CEF:0|",
    }
    return Message(**values | other)  # type: ignore[arg-type]


def test_a_message_is_what_the_rfc_shows() -> None:
    element = Element("adtGateway@32473", {"alert": 'a"b\\c]d', "level": "quarantine"})
    assert encode(make(elements=(element,))) == (
        b"<162>1 2026-12-01T10:00:00.123Z host.example adt-gateway main threshold-opened "
        rb'[adtGateway@32473 alert="a\"b\\c\]d" level="quarantine"] CEF:0|'
    )


@given(
    st.sampled_from(FACILITIES),
    st.sampled_from(Severity),
    st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    st.tuples(TEXT, TEXT, TEXT, TEXT),
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9@]{1,20}", fullmatch=True),
        st.dictionaries(st.from_regex(r"[A-Za-z]{1,20}", fullmatch=True), TEXT, max_size=4),
        max_size=3,
    ),
    TEXT,
)
def test_whatever_it_says_the_grammar_is_kept_and_nothing_is_lost(
    facility: str,
    severity: Severity,
    at: dt.datetime,
    headers: tuple[str, str, str, str],
    elements: dict[str, dict[str, str]],
    body: str,
) -> None:
    host, app, process, kind = headers
    raw = encode(
        make(
            facility=facility,
            severity=severity,
            at=at,
            hostname=host,
            app_name=app,
            process=process,
            kind=kind,
            elements=[Element(name, parameters) for name, parameters in elements.items()],
            body=body,
        )
    )
    parsed = parse_syslog(raw)
    assert (FACILITIES[parsed.facility], parsed.severity) == (facility, severity)
    assert abs(dt.datetime.fromisoformat(parsed.time) - at) < dt.timedelta(milliseconds=1)
    assert parsed.elements == {
        name: {key: on_one_line(value) for key, value in parameters.items()}
        for name, parameters in elements.items()
    }
    assert parsed.body == BOM + body.encode()


@given(TEXT)
def test_no_value_of_structured_data_ends_a_line(value: str) -> None:
    raw = encode(make(elements=(Element("a@1", {"b": value}),)))
    assert not CONTROL.search(raw.decode())


@pytest.mark.parametrize(("body", "sent"), [("über", BOM + "über".encode()), (b'{"a":1}', b'{"a":1}')])
def test_text_for_people_has_a_byte_order_mark_and_what_programs_read_has_none(
    body: str | bytes, sent: bytes
) -> None:
    assert encode(make(body=body)).endswith(b" - " + sent)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_octet_counting_tells_messages_apart_whatever_they_hold(messages: list[bytes]) -> None:
    stream, found = b"".join(map(octet_counted, messages)), []
    while stream:
        length, _, rest = stream.partition(b" ")
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    assert found == messages


@given(st.binary(max_size=300))
def test_a_line_is_one_line(message: bytes) -> None:
    assert line_framed(message).count(b"\n") == 1
