"""The service catalogue against the DCC's own matrix and schema, and how requests are counted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from thresholds.catalogue import ServiceVariant, load_catalogue, parse_catalogue
from thresholds.errors import CatalogueError
from thresholds.model import CommunicationClass as Class

DUIS = Path(__file__).parents[3] / "shared" / "duis"
MATRIX = DUIS / "service-request-matrix.json"
CATALOGUE = load_catalogue()

needs_duis = pytest.mark.skipif(
    not MATRIX.exists(), reason="the DCC's DUIS material is not beside the project"
)

LIKELY_ENCRYPTED = "4.1.1 4.1.2 4.1.3 4.1.4 4.3 4.4.2 4.4.3 4.4.4 4.6.1 4.8.1 4.10 4.14 4.17"
FUTURE = {"": "No", "dsp": "DSP", "device": "Device", "both": "DSP & Device"}


def _as_matrix(variant: ServiceVariant) -> dict[str, Any]:
    yes = {True: "Yes", False: "No"}
    return {
        "Service Reference Variant": variant.variant,
        "Service Request Name": variant.name,
        "Service Reference": variant.service,
        "Critical": yes[variant.critical],
        "On Demand": yes[variant.on_demand],
        "Future Dated Response Pattern": FUTURE[variant.future_dated],
        "DCC Scheduled": yes[variant.dcc_scheduled],
        "Non-Device Request": yes[variant.non_device],
        "Eligible User Roles": sorted(variant.roles),
    }


def _tidy(row: dict[str, Any]) -> dict[str, Any]:
    """One line and plain hyphens in names, roles in order, 6.20 as the schema and templates have it."""
    name = " ".join(row["Service Request Name"].partition("\n")[0].replace("\N{EN DASH}", "-").split())
    service = "6.20" if row["Service Reference Variant"].startswith("6.20.") else row["Service Reference"]
    roles = sorted(row["Eligible User Roles"])
    return {**row, "Service Request Name": name, "Service Reference": service, "Eligible User Roles": roles}


@needs_duis
def test_every_field_is_what_the_matrix_says() -> None:
    matrix = [_tidy(row) for row in json.loads(MATRIX.read_text("utf-8"))]
    assert [_as_matrix(variant) for variant in CATALOGUE] == matrix


@needs_duis
def test_variants_and_service_references_are_those_of_the_schema() -> None:
    schema = (DUIS / "schema" / "DUIS-5.4.xsd").read_text("utf-8")

    def values(name: str) -> set[str]:
        block = schema.partition(f'simpleType name="{name}">')[2].partition("</xs:simpleType>")[0]
        return set(re.findall(r'enumeration value="([^"]+)"', block))

    assert {variant.variant for variant in CATALOGUE} == values("ServiceReferenceVariant")
    # The schema has 6.2 as well as 6.20.
    assert set(CATALOGUE.services()) == values("ServiceReference")


@needs_duis
def test_templates_of_each_variant_name_the_service_reference_of_the_catalogue() -> None:
    for path in (DUIS / "templates").iterdir():
        text = path.read_text("utf-8", "replace")
        service = re.search(r"ServiceReference>([^<]+)<", text)
        variant = re.search(r"ServiceReferenceVariant>([^<]+)<", text)
        assert service
        assert variant
        assert CATALOGUE[variant[1]].service == service[1], path.name


def test_the_catalogue_holds_129_variants_37_of_them_critical() -> None:
    assert len(CATALOGUE) == 129
    assert sum(variant.critical for variant in CATALOGUE) == 37
    assert sum(variant.non_device for variant in CATALOGUE) == 16


def test_likely_encrypted_responses_are_marked_as_likely() -> None:
    marked = [variant.variant for variant in CATALOGUE if variant.encrypted_response]
    assert marked == LIKELY_ENCRYPTED.split()
    assert {CATALOGUE[variant].encrypted_response for variant in marked} == {"likely"}


@pytest.mark.parametrize(
    ("variant", "classes"),
    [
        ("4.1.1", "SR SR SR TRANSFORM SPC SPC SPC SR unknown"),
        ("7.2", "S1C S1C S1C TRANSFORM SPC SPC SPC SR unknown"),
        ("9.9", "unknown " * 9),
    ],
)
def test_a_request_is_counted_by_command_variant_and_criticality(variant: str, classes: str) -> None:
    assert [CATALOGUE.classify(number, variant) for number in range(1, 10)] == [
        Class(name) for name in classes.split()
    ]


@pytest.mark.parametrize("command_variant", [-1, 0, 9, 10, 2**64])
def test_a_command_variant_that_nobody_may_send_is_counted_as_unknown(command_variant: int) -> None:
    assert CATALOGUE.classify(command_variant, "7.2") is Class.UNKNOWN


def test_a_service_covers_its_variants() -> None:
    assert [v.variant for v in CATALOGUE.covered_by("4.1")] == ["4.1.1", "4.1.2", "4.1.3", "4.1.4"]
    assert [v.variant for v in CATALOGUE.covered_by("4.1.2")] == ["4.1.2"]
    assert [v.variant for v in CATALOGUE.covered_by("7.2")] == ["7.2"]
    assert len(CATALOGUE.covered_by("*")) == 129
    assert CATALOGUE.covered_by("6.2") != CATALOGUE.covered_by("6.20")
    assert CATALOGUE.covered_by("") == ()


def test_variants_are_looked_up_by_number() -> None:
    assert CATALOGUE["1.1.1"].name == "Update Import Tariff (Primary Element)"
    assert CATALOGUE.get("1.1.3") is None
    assert "1.1.1" in CATALOGUE
    assert load_catalogue() is CATALOGUE


def test_eligibility_needs_one_common_role_unless_no_role_is_published() -> None:
    assert CATALOGUE["1.1.1"].may_be_sent_by(frozenset({"GS", "ED"}))
    assert not CATALOGUE["1.1.1"].may_be_sent_by(frozenset({"ED"}))
    assert not CATALOGUE["1.1.1"].may_be_sent_by(frozenset())
    assert CATALOGUE["7.16"].may_be_sent_by(frozenset())


HEAD = (
    "variant,name,service,critical,roles,on_demand,future_dated,dcc_scheduled,non_device,encrypted_response\n"
)
LINE = "1.1.1,Name,1.1,yes,IS,yes,,no,no,\n"


@pytest.mark.parametrize(
    "text", [HEAD + LINE + LINE, HEAD + LINE.replace("yes", "ja"), HEAD + "1.1.1\n", "a\nb\n"]
)
def test_a_damaged_catalogue_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text)
    assert caught.value.code == "bad_catalogue"
