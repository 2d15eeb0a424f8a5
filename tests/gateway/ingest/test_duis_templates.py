"""The DCC's published messages, each read as an independent parser reads it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gateway.ingest.duis import NAMESPACE, read_service_request, service_reference_of
from gateway.ingest.errors import IngestError
from thresholds.model import CommunicationClass

MATERIAL = Path(__file__).parents[4] / "shared" / "duis"
NS = {"sr": NAMESPACE}

pytestmark = pytest.mark.skipif(not MATERIAL.is_dir(), reason="the DCC's material is not at ../shared/duis")


def _messages(root_name: str) -> list[Path]:
    paths = sorted([*MATERIAL.glob("templates/*"), *MATERIAL.glob("messages/*")])
    return [path for path in paths if ET.parse(path).getroot().tag == f"{{{NAMESPACE}}}{root_name}"]


def _classify(command_variant: int, variant: str) -> CommunicationClass:
    assert variant
    return CommunicationClass.TRANSFORM if command_variant == 4 else CommunicationClass.SR


def test_there_are_requests_and_responses_to_read() -> None:
    assert len(_messages("Request")) >= 178
    assert _messages("Response")


def test_every_request_reads_as_an_independent_parser_reads_it() -> None:
    for path in _messages("Request"):
        header = ET.parse(path).getroot().find("sr:Header", NS)
        assert header is not None
        message = read_service_request(path.read_bytes(), _classify)
        request_id = header.findtext("sr:RequestID", "", NS).upper()
        assert message.request_id == request_id, path
        assert [message.originator, message.target, str(message.counter)] == request_id.split(":"), path
        assert message.command_variant == int(header.findtext("sr:CommandVariant", "", NS)), path
        assert message.service_reference == header.findtext("sr:ServiceReference", "", NS), path
        assert message.service_reference_variant == header.findtext("sr:ServiceReferenceVariant", "", NS), (
            path
        )
        assert message.communication_class is _classify(message.command_variant, "any"), path


def test_every_request_reads_the_same_in_utf_16() -> None:
    for path in _messages("Request"):
        text = path.read_text("utf-8").replace('encoding="UTF-8"', 'encoding="UTF-16"')
        message = read_service_request(path.read_bytes(), _classify)
        assert read_service_request(text.encode("utf-16"), _classify) == message, path


def test_every_response_is_refused_as_no_request() -> None:
    for path in _messages("Response"):
        with pytest.raises(IngestError) as refused:
            read_service_request(path.read_bytes(), _classify)
        assert refused.value.code == "not_a_request", path
        assert "Response" in refused.value.message


def test_the_rule_for_service_references_holds_for_every_variant_of_the_schema() -> None:
    """The schema lists references and variants apart: the rule maps one onto the other without rest."""
    schema = ET.parse(MATERIAL / "schema" / "DUIS-5.4.xsd").getroot()
    references = _enumeration(schema, "ServiceReference")
    variants = _enumeration(schema, "ServiceReferenceVariant")
    assert len(variants) == 129
    assert {service_reference_of(variant) for variant in variants} == references


def _enumeration(schema: ET.Element, name: str) -> set[str]:
    xs = "{http://www.w3.org/2001/XMLSchema}"
    simple_type = next(found for found in schema.iter(f"{xs}simpleType") if found.get("name") == name)
    return {value.attrib["value"] for value in simple_type.iter(f"{xs}enumeration")}
