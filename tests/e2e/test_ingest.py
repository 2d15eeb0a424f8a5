"""Service requests over HTTP: each is counted once, under what its header says."""

import re
from collections import Counter
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from tests.support.api import NDJSON, header_line
from tests.support.daemon import Daemon, ids, row
from tests.support.duis_messages import firmware_request, request_id, service_request, service_request_text
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import OTHER_SUPPLIER
from thresholds.catalogue import load_catalogue

pytestmark = needs_softhsm

TEMPLATES: Final = Path(__file__).parents[3] / "shared" / "duis" / "templates"
FIRMWARE_BYTES: Final = 16 * 1024 * 1024

Header = tuple[str, int, str, str]
"""RequestID, command variant, service reference variant and class."""

needs_templates = pytest.mark.skipif(not TEMPLATES.is_dir(), reason="the DCC's public templates are absent")


def own_header(data: bytes) -> Header:
    """Read a header with Python's own parser, which shares nothing with the gateway's."""
    header = next(e for e in ET.fromstring(data).iter() if e.tag.endswith("}Header"))
    fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in header}
    variant, cv = fields["ServiceReferenceVariant"], int(fields["CommandVariant"])
    return fields["RequestID"].upper(), cv, variant, str(load_catalogue().classify(cv, variant))


def journalled(daemon: Daemon) -> Counter[Header]:
    """Return what was counted, from the journal."""
    sent = [observation.communication for observation in daemon.journal()]
    return Counter(
        (c.request_id, c.command_variant, c.service_reference_variant, str(c.communication_class))
        for c in sent
    )


def unique_templates() -> dict[Header, bytes]:
    """Return the templates, each with a RequestID of its own."""
    found = {}
    for number, path in enumerate(sorted(TEMPLATES.iterdir()), start=1):
        text = path.read_bytes()
        fresh = re.sub(rb"(<[^>]*RequestID>[^<]*:)\d+(<)", rb"\g<1>%d\2" % (number + 70_000), text)
        found[own_header(fresh)] = fresh
    return found


@needs_templates
def test_every_template_of_the_dcc_is_counted_once_under_its_header(daemon: Daemon) -> None:
    templates = unique_templates()
    assert len(templates) == 177
    before = journalled(daemon)
    answers = [daemon.as_("adaptor").send(data) for data in templates.values()]
    assert {answer.status for answer in answers} == {202}
    assert sum(answer.json["accepted"] for answer in answers) == 177
    assert journalled(daemon) - before == Counter(list(templates))
    repeats = [daemon.as_("adaptor").send(data).json for data in list(templates.values())[::9]]
    assert all(answer == {"accepted": 0, "duplicate": 1, "rejected": []} for answer in repeats)
    assert journalled(daemon) - before == Counter(list(templates))


def test_a_threshold_for_everything_counts_every_class(daemon: Daemon) -> None:
    user = OTHER_SUPPLIER
    daemon.put_in_force(row(80, 100, user=user, communication="ALL", service="*"))
    lines = [
        header_line(1, "4.1.1", 1),
        header_line(2, "7.2", 4),
        header_line(2, "7.2", 5),
        header_line(3, "7.2", 1),
        header_line(4, "99.9", 1),
    ]
    own = [line | {"request_id": line["request_id"].replace("30-01", "30-02")} for line in lines]
    assert daemon.as_("adaptor").send_lines(own).json["accepted"] == 5
    rate = next(rate for rate in daemon.rates() if rate["user_id"] == user)
    sent = [o.communication for o in daemon.journal()]
    assert rate["count"] == sum(communication.originator == user for communication in sent)
    counted = [str(o.communication.communication_class) for o in daemon.journal()[-5:]]
    assert counted == ["SR", "TRANSFORM", "SPC", "S1C", "unknown"]


def test_one_request_sent_twice_counts_once_per_class(daemon: Daemon) -> None:
    adaptor = daemon.as_("adaptor")
    critical = [service_request(request_id(900), cv, "7.2", "7.2") for cv in (4, 5, 4, 6)]
    answers = [adaptor.send(data).json for data in critical]
    assert [answer["accepted"] for answer in answers] == [1, 1, 0, 0]
    assert [answer["duplicate"] for answer in answers] == [0, 0, 1, 1]
    assert ids(daemon.journal()).count(request_id(900)) == 2


def test_both_forms_of_a_line_are_read_and_bad_lines_are_named(daemon: Daemon) -> None:
    text = service_request_text(request_id(1001), 1, "4.1", "4.1.1")
    answer = daemon.as_("adaptor").send_lines(
        [
            header_line(1002),
            {"duis": text},
            {"duis": "<not xml"},
            header_line(1003, observed_at="2026-11-01T00:00:00+01:00"),
            header_line(1004, cv=17),
            {"request_id": "1"},
            header_line(1002),
            header_line(1005, observed_at="2026-11-01T00:00:00Z"),
            {"duis": text, "request_id": "1"},
            header_line(1006, extra=1),
        ]
    )
    assert answer.status == 202
    assert (answer.json["accepted"], answer.json["duplicate"]) == (3, 1)
    assert [(line["line"], line["code"]) for line in answer.json["rejected"]] == [
        (3, "not_well_formed"),
        (4, "observed_at_malformed"),
        (5, "command_variant_malformed"),
        (6, "field_missing"),
        (9, "line_malformed"),
        (10, "line_malformed"),
    ]


def test_a_line_that_is_no_json_spoils_no_other(daemon: Daemon) -> None:
    body = b'{"request_id": \n\n\xff\xfe\n[1]\nnull\n' + b"{" * 5000
    answer = daemon.as_("adaptor").send(body, NDJSON)
    assert answer.status == 202
    assert answer.json["accepted"] == 0
    assert [(line["line"], line["code"]) for line in answer.json["rejected"]] == [
        (number, "line_malformed") for number in (1, 3, 4, 5, 6)
    ]


def test_ten_thousand_lines_are_one_delivery_and_one_more_is_refused(daemon: Daemon) -> None:
    before = len(daemon.journal())
    lines = [header_line(20_000 + number) for number in range(10_000)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == 10_000
    assert daemon.as_("adaptor").send_lines(lines).json == {
        "accepted": 0,
        "duplicate": 10_000,
        "rejected": [],
    }
    refused = daemon.as_("adaptor").send_lines([*lines, header_line(1), header_line(2)])
    assert (refused.status, refused.code) == (413, "too_many_lines")
    assert len(daemon.journal()) == before + 10_000


def test_what_the_catalogue_does_not_know_is_counted_as_unknown_and_shown(daemon: Daemon) -> None:
    before = daemon.metric("communications_total", "unknown")
    answer = daemon.as_("adaptor").send_lines([header_line(1100, "98.7"), header_line(1101, "4.1.1", 9)])
    assert answer.json["accepted"] == 2
    assert daemon.metric("communications_total", "unknown") == before + 2
    assert '"event": "unknown_service"' in daemon.log


def test_a_firmware_request_of_16_mib_is_counted(daemon: Daemon) -> None:
    data = firmware_request(FIRMWARE_BYTES)
    assert len(data) == FIRMWARE_BYTES
    answer = daemon.as_("adaptor").send(data)
    assert answer.json == {"accepted": 1, "duplicate": 0, "rejected": []}
    assert daemon.journal()[-1].communication.service_reference_variant == "11.1"
