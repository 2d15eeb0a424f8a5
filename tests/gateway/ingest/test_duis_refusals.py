"""What is not a service request, and the code that says so."""

import pytest

from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.ingest.duis import COUNTER_MAX, NAMESPACE
from gateway.ingest.errors import IngestError, shown
from tests.support.duis_messages import (
    DEVICE_ID,
    EXAMPLES,
    USER_ID,
    firmware_request,
    service_request,
    service_request_text,
)
from tests.support.duis_reading import BLOW_UP, EXPECTED, ID, LAUGHS, PLAIN, code, read


def test_size_comes_first() -> None:
    assert code(firmware_request(DOCUMENT_MAX_BYTES + 1)) == "too_large"
    assert code(b"\x00" * 20_000_000) == "too_large"


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE a>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'>",
        "<!DOCTYPE a PUBLIC 'a' 'file:///etc/passwd'>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        LAUGHS + "]>",
        BLOW_UP,
        "<!DOCTYPE a [",
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("padding", [0, 5_000_000])
def test_every_dtd_is_refused(doctype: str, codec: str, padding: int) -> None:
    text = doctype + PLAIN.replace(":7<", ":&e;&e11;<").replace("<sr:Body>", f"<sr:Body a='{'&e;' * 99}'>")
    assert code((text + " " * (padding // 2)).encode(codec)) == "dtd_not_allowed"


def test_a_document_with_many_references_to_a_long_entity_is_refused() -> None:
    assert code(BLOW_UP + PLAIN.replace("5.4", "&e;" * 50_000)) == "dtd_not_allowed"


@pytest.mark.parametrize("padding", [0, 5_000_000])
def test_depth_is_bounded_at_256_elements_for_every_size(padding: int) -> None:
    def nested(depth: int) -> str:
        inner = "<sr:x>" * depth + "A" * padding + "</sr:x>" * depth
        return service_request_text(ID, 1, "4.1", "4.1.1", body=inner)

    assert read(nested(254)) == EXPECTED
    assert code(nested(255)) == "too_deep"
    assert code(nested(20_000)) == "too_deep"


@pytest.mark.parametrize("piece", ["<sr:x/>", "<sr:x></sr:x>", "<sr:x a='' b='' c='' d=''/>"])
def test_a_tree_far_larger_than_its_document_is_refused(piece: str) -> None:
    body = f"<sr:y>{piece * 101_000}</sr:y>"
    assert code(service_request_text(ID, 1, "4.1", "4.1.1", body=body)) == "too_complex"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\x00",
        b"hello",
        b"{}",
        b"<",
        PLAIN.encode() + b"x",
        PLAIN.encode() * 2,
        PLAIN.replace("5.4", "&x;").encode(),
    ],
)
def test_what_is_not_xml(data: bytes) -> None:
    assert code(data) == "not_well_formed"


def test_an_undeclared_entity_in_a_value() -> None:
    assert code(PLAIN.replace(":7<", ":&e;7<")) == "not_well_formed"


@pytest.mark.parametrize(
    "name", ["UTF-7", "UTF-32", "EBCDIC-CP-US", "windows-1252", "Shift_JIS", "UTF-16", "", "\u00e9"]
)
def test_encodings_that_are_not_read(name: str) -> None:
    """A one-byte document that declares UTF-16 contradicts itself."""
    assert code(f'<?xml version="1.0" encoding="{name}"?>{PLAIN}') == "encoding"


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-32-be", "cp037"])
def test_encodings_that_are_told_by_their_first_bytes(codec: str) -> None:
    assert code(f'<?xml version="1.0"?>{PLAIN}'.encode(codec)) == "encoding"


def test_bytes_that_are_not_of_their_encoding() -> None:
    assert code(PLAIN.encode().replace(b"5.4", b"\xff")) == "encoding"


def test_a_valid_document_cut_at_any_byte_is_refused() -> None:
    for data in (EXAMPLES[0], PLAIN.encode("utf-16")):
        for end in range(len(data)):
            assert code(data[:end]) in {"not_well_formed", "encoding"}


def test_a_document_that_is_no_request() -> None:
    assert (
        code(PLAIN.replace("sr:Request ", "sr:Response ").replace("/sr:Request>", "/sr:Response>"))
        == "not_a_request"
    )
    assert code(PLAIN.replace(NAMESPACE, NAMESPACE + "2")) == "not_a_request"
    assert code("<Request/>") == "not_a_request"
    assert code(f"<a>{PLAIN}</a>") == "not_a_request"


def _part(name: str) -> str:
    start, end = f"<sr:{name}>", f"</sr:{name}>"
    return PLAIN[PLAIN.index(start) : PLAIN.index(end) + len(end)]


@pytest.mark.parametrize("name", ["Header", "Body"])
def test_header_and_body_occur_once(name: str) -> None:
    assert code(PLAIN.replace(_part(name), "")) == f"{name.lower()}_missing"
    assert code(PLAIN.replace(_part(name), _part(name) * 2)) == f"{name.lower()}_repeated"


@pytest.mark.parametrize(
    "name", ["RequestID", "CommandVariant", "ServiceReference", "ServiceReferenceVariant"]
)
def test_each_field_occurs_once_and_the_error_names_it(name: str) -> None:
    for expected, text in (("field_missing", ""), ("field_repeated", _part(name) * 2)):
        with pytest.raises(IngestError, match=rf"\b{name}\b") as refused:
            read(PLAIN.replace(_part(name), text))
        assert refused.value.code == expected


def test_a_field_outside_the_header_does_not_count() -> None:
    moved = PLAIN.replace(_part("CommandVariant"), "").replace(
        "<sr:Body>", f"<sr:Body>{_part('CommandVariant')}"
    )
    assert code(moved) == "body_not_a_request"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        "<!-- <sr:ReadFirmwareVersion/> -->",
        "<sr:ReadFirmwareVersion/><sr:ReadFirmwareVersion/>",
        "<x/>",
        "<x xmlns='urn:other'/>",
        "<sr:ResponseMessage/>",
        "<sr:DCCAlertMessage/>",
    ],
)
def test_a_body_that_is_no_request(body: str) -> None:
    assert code(service_request_text(ID, 1, "4.1", "4.1.1", body=body)) == "body_not_a_request"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "7",
        f"{USER_ID}:{DEVICE_ID}",
        f"{USER_ID}:{DEVICE_ID}:",
        f"{USER_ID}:{DEVICE_ID}:07",
        f"{USER_ID}:{DEVICE_ID}:-1",
        f"{USER_ID}:{DEVICE_ID}:{COUNTER_MAX + 1}",
        f"{USER_ID}:{DEVICE_ID}:{10**20}",
        f"{USER_ID}:{DEVICE_ID}:\u0661",
        f"{USER_ID}:{DEVICE_ID}:1:2",
        f"{USER_ID} :{DEVICE_ID}:1",
        f"{USER_ID}\u00a0:{DEVICE_ID}:1",
        f"\u00a0{USER_ID}:{DEVICE_ID}:1",
        f"{USER_ID[:-2]}\ufb00:{DEVICE_ID}:1",
        f"{USER_ID[:-1]}G:{DEVICE_ID}:1",
        f"{USER_ID.replace('-', '')}:{DEVICE_ID}:1",
        f"{USER_ID}-00:{DEVICE_ID}:1",
        "9" * 100_000,
    ],
)
def test_request_ids_that_are_malformed(written: str) -> None:
    """Among them U+FB00, a ligature whose upper case is FF."""
    assert code(service_request(written, 1, "4.1", "4.1.1")) == "request_id_malformed"


@pytest.mark.parametrize("written", ["", "0", "10", "-1", "1.0", "1 1", "one", "\u0661", "1" * 5000])
def test_command_variants_that_are_malformed(written: str) -> None:
    assert code(service_request(ID, written, "4.1", "4.1.1")) == "command_variant_malformed"


@pytest.mark.parametrize(
    "written", ["", "4", "4.", ".1", "4.01", "4.1.1.1", "4.1.1 x", "4,1", "1234.1", "\u0664.1", "4.1\u00a0"]
)
def test_service_references_that_are_malformed(written: str) -> None:
    assert code(service_request(ID, 1, "4.1", written)) == "service_reference_malformed"
    if written != "4.1.1":
        assert code(service_request(ID, 1, written, "4.1.1")) == "service_reference_malformed"


@pytest.mark.parametrize(
    ("reference", "variant"), [("4.1", "4.2"), ("4.1", "4.10"), ("6.2", "6.21"), ("7.2", "7.4")]
)
def test_a_variant_of_another_service_reference(reference: str, variant: str) -> None:
    assert code(service_request(ID, 1, reference, variant)) == "service_reference_mismatch"


def test_no_error_shows_more_than_80_characters_of_the_sender() -> None:
    assert shown("a" * 80) == "a" * 80
    assert shown("a" * 81) == "a" * 77 + "..."
    assert shown("\x1b[31m\n\u202e") == "?[31m??"
