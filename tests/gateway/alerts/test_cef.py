"""CEF says what the alert says, whatever stands in it, and keeps its sense where it is cut."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.cef import FIELDS, LABELS, PRODUCT, VENDOR, VERSION, encode, severity, values
from gateway.alerts.facts import Facts
from gateway.alerts.message import Alert
from gateway.alerts.rfc5424 import on_one_line
from tests.support.alerts import BREACH, FORECAST, HARD, HELD, NOT_SEEN, SILENT, an_alert, heartbeat
from tests.support.syslog_reading import parse_cef

INSTANTS = st.sampled_from(["2026-12-01T10:00:00.123Z", "2026-12-01T10:00:00Z", ""])
ALERTS = st.builds(lambda alert, at: msgspec.structs.replace(alert, at=at), st.from_type(Alert), INSTANTS)


SORTS = (BREACH, FORECAST, SILENT, HELD, NOT_SEEN)


def as_sent(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(map(on_one_line, lines))


@given(ALERTS, st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_is_written_is_what_another_reader_reads(alert: Alert, host: str) -> None:
    header, extension = parse_cef(encode(alert, host))
    assert header[:4] == ["0", VENDOR, PRODUCT, VERSION]
    assert header[6] == str(severity(alert))
    expected = {key: as_sent(str(value)) for key, value in values(alert, host).items()}
    read = {key: value for key, value in extension.items() if not key.endswith("Label")}
    assert {key: value.strip() for key, value in read.items()} == {
        key: value.strip() for key, value in expected.items()
    }
    labels = {key.removesuffix("Label"): value for key, value in extension.items() if key.endswith("Label")}
    assert labels == {key: LABELS[key] for key in expected if key in LABELS}


def test_a_breach_says_what_a_soc_asks_first() -> None:
    header, extension = parse_cef(encode(an_alert(), "gw1"))
    assert header == [
        "0",
        "ADT Gateway",
        "adt-gateway",
        VERSION,
        "threshold-opened",
        "Breach of a threshold",
        "9",
    ]
    assert (
        extension
        | {
            "rt": "1796119200123",
            "externalId": "7",
            "act": "opened",
            "outcome": "candidate",
            "cat": "anomaly-threshold",
            "suser": "90-B3-D5-1F-30-01-00-00",
            "cnt": "125",
            "cn1": "100",
            "cn1Label": "threshold",
            "cn3": "25",
            "start": "1796115600000",
            "end": "1796119200000",
            "cs1": "7.2",
            "cs1Label": "serviceReferenceVariant",
            "cs5": "PT1H rolling",
            "cs6": "41:" + "cd" * 32,
            "msg": HARD,
            "flexString1": "confidential",
            "dvchost": "gw1",
        }
        == extension
    )


def test_every_field_of_the_table_is_sent_by_some_alert_and_no_other_is() -> None:
    sent = {key for facts in SORTS for key in values(an_alert(facts=facts), "gw1")}
    assert sent == set(FIELDS)


@pytest.mark.parametrize(("facts", "level"), [(BREACH, 9), (FORECAST, 9), (SILENT, 6), (HELD, 9), (None, 7)])
def test_severity_follows_the_level_and_is_high_where_that_is_kept_back(
    facts: Facts | None, level: int
) -> None:
    assert severity(an_alert(facts=facts)) == level


def test_requests_that_the_dcc_holds_are_counted_and_named() -> None:
    held = parse_cef(encode(an_alert(facts=HELD), "gw1"))[1]
    assert (held["cat"], held["cnt"], held["adtQuarantineEvent"]) == ("dcc-quarantine", "25", "Q-7")
    assert held["adtQuarantineReason"] == "user_threshold"
    unseen = parse_cef(encode(an_alert(facts=NOT_SEEN), "gw1"))[1]
    assert (unseen["cnt"], unseen["adtRequestIds"]) == ("2", NOT_SEEN.figures["request_ids"])
    assert (unseen["adtFinding"], unseen["adtGroup"]) == ("confirmed", "5")


def test_a_heartbeat_is_about_no_incident() -> None:
    header, extension = parse_cef(encode(heartbeat(), "gw1"))
    assert (header[4], header[6]) == ("heartbeat", "0")
    assert "externalId" not in extension
    assert "outcome" not in extension


@given(st.integers(200, 3000))
def test_cut_it_loses_whole_fields_from_the_end(longest: int) -> None:
    line = encode(an_alert(), "gw1", longest)
    assert len(line.encode()) <= longest
    whole = parse_cef(encode(an_alert(), "gw1"))[1]
    cut = parse_cef(line)[1]
    assert list(cut.items()) == list(whole.items())[: len(cut)]
