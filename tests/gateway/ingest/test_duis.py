"""Reading the header of a service request, in every spelling of XML."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ingest.document import DOCUMENT_MAX_BYTES
from gateway.ingest.duis import COUNTER_MAX, NAMESPACE, read_service_request, service_reference_of
from gateway.ingest.errors import IngestError
from tests.support.duis_messages import (
    EXAMPLES,
    USER_ID,
    firmware_request,
    request_id,
    service_request,
    service_request_text,
)
from tests.support.duis_reading import EXPECTED, ID, PLAIN, classify, code, read
from thresholds.model import Communication, UserId


def test_a_request_becomes_a_communication() -> None:
    assert read(PLAIN) == EXPECTED
    assert EXPECTED.originator == USER_ID


def test_the_class_is_what_the_classifier_says() -> None:
    assert [read(data).communication_class.value for data in EXAMPLES] == ["SR"] * 3 + ["SPC"] + ["SR"] * 3


@pytest.mark.parametrize("prefix", ["", "sr", "ns0", "Request"])
def test_any_prefix_is_read(prefix: str) -> None:
    assert read(service_request(ID, 1, "4.1", "4.1.1", prefix=prefix)) == EXPECTED


def test_a_prefix_that_is_bound_again_means_what_it_is_bound_to() -> None:
    foreign = PLAIN.replace("<sr:CommandVariant>", '<sr:CommandVariant xmlns:sr="urn:other">')
    assert code(foreign) == "field_missing"
    mixed = PLAIN.replace(
        "<sr:CommandVariant>", f'<x:CommandVariant xmlns:x="{NAMESPACE}" xmlns:sr="urn:other">'
    )
    assert read(mixed.replace("</sr:CommandVariant>", "</x:CommandVariant>")) == EXPECTED


def test_fields_of_other_namespaces_are_not_header_fields() -> None:
    extra = PLAIN.replace(
        "<sr:CommandVariant>", '<CommandVariant xmlns="urn:other">9</CommandVariant><sr:CommandVariant>'
    )
    assert read(extra) == EXPECTED


@pytest.mark.parametrize(
    "spelled",
    [
        "1<!-- c -->23",
        "<!-- 9 -->123",
        "123<?pi 9?>",
        "<![CDATA[123]]>",
        "1<![CDATA[2]]>3",
        "&#49;2&#x33;",
        "123\t\r\n",
    ],
)
def test_comments_cdata_references_and_white_space_inside_a_value(spelled: str) -> None:
    message = read(PLAIN.replace(":7</", f":{spelled}</"))
    assert message.counter == 123
    assert message.request_id == request_id(123)


@pytest.mark.parametrize("value", [ID, "1", "4.1", "4.1.1"])
def test_white_space_around_a_value_is_dropped(value: str) -> None:
    assert read(PLAIN.replace(f">{value}<", f">\r\n\t {value} &#10;<")) == EXPECTED


def test_comments_and_white_space_between_the_fields() -> None:
    assert read(PLAIN.replace("><", ">\n <!-- <sr:Header/> --> <?pi?> <")) == EXPECTED


def test_an_element_inside_a_value_is_refused_not_cut() -> None:
    assert code(PLAIN.replace(":7</", ":7<sr:x/>8</")) == "request_id_malformed"


def test_eui64s_are_upper_case_whatever_was_sent() -> None:
    assert read(service_request(ID.lower(), 1, "4.1", "4.1.1")) == EXPECTED


@pytest.mark.parametrize("version", ["5.4", "1.0", "99", "x"])
def test_any_schema_version_is_read(version: str) -> None:
    assert read(PLAIN.replace('"5.4"', f'"{version}"')) == EXPECTED


@pytest.mark.parametrize("counter", [0, 1, 2**32, COUNTER_MAX])
def test_counters_to_64_bits(counter: int) -> None:
    assert read(service_request(request_id(counter), 1, "4.1", "4.1.1")).counter == counter


@pytest.mark.parametrize("written", ["1", "01", "+1", " 0001 "])
def test_a_command_variant_is_an_integer_as_xml_schema_writes_it(written: str) -> None:
    assert read(service_request(ID, written, "4.1", "4.1.1")).command_variant == 1


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("US-ASCII", "ascii"),
        ("ISO-8859-1", "latin-1"),
    ],
)
def test_encodings_that_are_read(declared: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{PLAIN}'
    assert read(text.encode(codec)) == EXPECTED


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_a_byte_order_mark_and_no_declaration(codec: str) -> None:
    assert read(f"\ufeff{PLAIN}".encode(codec)) == EXPECTED


def test_an_encoding_known_from_outside_wins() -> None:
    text = f'<?xml version="1.0" encoding="UTF-16"?>{PLAIN}'
    assert read_service_request(text.encode(), classify, encoding="UTF-8") == EXPECTED


@pytest.mark.parametrize("size", [11_000_000, DOCUMENT_MAX_BYTES])
def test_a_firmware_image_of_the_largest_size_is_read(size: int) -> None:
    data = firmware_request(size)
    assert len(data) == size
    assert read(data).service_reference_variant == "11.1"


@pytest.mark.parametrize(
    ("variant", "reference"),
    [
        ("6.2.4", "6.2"),
        ("6.2.10", "6.2"),
        ("7.4", "7.4"),
        ("8.14.1", "8.14"),
        ("6.20.1", "6.20"),
        ("11.1", "11.1"),
    ],
)
def test_the_service_reference_is_the_first_two_parts_of_the_variant(variant: str, reference: str) -> None:
    assert service_reference_of(variant) == reference


@pytest.mark.parametrize(
    ("variant", "body", "devices"),
    [
        ("7.4", "<ReadSupplyStatus/>", 1),
        ("8.2", "<ReadInventory/>", 0),
        ("11.1", "<UpdateFirmware><DeviceIDList>{}</DeviceIDList></UpdateFirmware>", 3),
        ("11.4", "<UpdatePPMIDFirmware><DeviceIDList>{}</DeviceIDList></UpdatePPMIDFirmware>", 3),
        ("11.1", "<UpdateFirmware/>", 1),
        ("7.4", "<UpdateFirmware><DeviceIDList>{}</DeviceIDList></UpdateFirmware>", 1),
    ],
)
def test_a_request_names_the_devices_of_its_list_or_its_target(variant: str, body: str, devices: int) -> None:
    listed = "00-DB-12-34-56-78-90-A0,00-DB-12-34-56-78-90-A1,00-DB-12-34-56-78-90-A2"
    header = (
        f"<RequestID>{ID}</RequestID><CommandVariant>1</CommandVariant><ServiceReference>"
        f"{service_reference_of(variant)}</ServiceReference><ServiceReferenceVariant>{variant}</ServiceReferenceVariant>"
    )
    text = (
        f'<Request xmlns="{NAMESPACE}"><Header>{header}</Header><Body>{body.format(listed)}</Body></Request>'
    )
    assert read(text.encode()).devices == devices


def test_6_20_may_be_filed_under_6_2_and_is_counted_as_6_20() -> None:
    assert read(service_request(ID, 1, "6.2", "6.20.1")).service_reference == "6.20"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for document in (data, b"<?xml" + data, PLAIN.encode()[:80] + data):
        try:
            read(document)
        except IngestError as error:
            assert error.code  # noqa: PT017 - nothing else may be raised


@given(st.integers(0, len(PLAIN) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_a_damaged_request_is_read_or_refused(at: int, inserted: bytes, dropped: int) -> None:
    data = PLAIN.encode()
    try:
        message = read(data[:at] + inserted + data[at + dropped :])
    except IngestError:
        return
    assert message.request_id == f"{message.originator}:{message.target}:{message.counter}"


EUI64 = st.binary(min_size=8, max_size=8).map(lambda octets: octets.hex("-"))
NOISE = st.sampled_from(["", "<!-- 1 -->", "<?p 1?>", "<![CDATA[]]>"])
AROUND = st.sampled_from(["", " ", "\n\t", "<!-- x --> ", "&#10;"])


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """*text* as XML may write it: characters, references, CDATA, with comments between."""
    forms = ["{0}", "&#{1};", "&#x{1:X};", "<![CDATA[{0}]]>"]
    chars = [draw(NOISE) + draw(st.sampled_from(forms)).format(char, ord(char)) for char in text]
    return draw(AROUND) + "".join(chars) + draw(AROUND)


@settings(max_examples=150)
@given(st.data())
def test_a_request_in_any_spelling_reads_back_exactly(data: st.DataObject) -> None:
    draw = data.draw
    originator, target, counter = draw(EUI64), draw(EUI64), draw(st.integers(0, COUNTER_MAX))
    command_variant = draw(st.integers(1, 9))
    variant = draw(st.sampled_from(["1.1.1", "4.10", "6.2.10", "7.2", "8.14.1", "6.20.2"]))
    sent = f"{originator}:{target}:{counter}"
    values = (
        draw(st.sampled_from([sent, sent.upper()])),
        str(command_variant),
        service_reference_of(variant),
        variant,
    )
    codec, declared = draw(
        st.sampled_from(
            [
                ("utf-8", "UTF-8"),
                ("utf-8-sig", "UTF-8"),
                ("utf-16", "UTF-16"),
                ("utf-16-be", "UTF-16"),
                ("latin-1", "iso-8859-1"),
            ]
        )
    )
    text = service_request_text(
        *(draw(spelled(value)) for value in values),
        prefix=draw(st.sampled_from(["", "sr", "_x.1"])),
        declaration=f'<?xml version="1.0" encoding="{declared}"?>{draw(st.sampled_from(["", "<!-- x -->", "<?p?>"]))}',
    )
    assert read(text.encode(codec)) == Communication(
        f"{originator}:{target}:{counter}".upper(),
        UserId(originator.upper()),
        target.upper(),
        counter,
        command_variant,
        service_reference_of(variant),
        variant,
        classify(command_variant, variant),
        0 if variant == "8.14.1" else 1,
    )
