"""An alert as a syslog message: what it says, and that it fits."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.message import Alert
from gateway.alerts.rfc5424 import BOM, Severity
from gateway.alerts.syslog_message import BODIES, Format, Origin, encode
from tests.support.alerts import HARD, SILENT, an_alert, heartbeat
from tests.support.syslog_reading import parse_cef, parse_syslog

FORMATS = sorted(BODIES)


def origin(form: Format = "cef", longest: int = 8192) -> Origin:
    return Origin("local4", "gw1.example", "main", 32473, form, longest)


def ours(alert: Alert, **other: Any) -> dict[str, str]:
    return parse_syslog(encode(alert, origin(**other))).elements["adtGateway@32473"]


def test_structured_data_is_enough_to_route_join_and_drop_repeats() -> None:
    assert ours(an_alert()) == {
        "schema": "adt-gateway-alert-1",
        "alert": "main/incident/7/opened",
        "instance": "main",
        "incident": "7",
        "event": "opened",
        "kind": "threshold",
        "level": "quarantine",
        "state": "candidate",
        "marking": "confidential",
        "user": "90-B3-D5-1F-30-01-00-00",
    }


def test_a_heartbeat_says_nothing_about_incidents() -> None:
    said = ours(heartbeat())
    assert said["event"] == "heartbeat"
    assert not {"incident", "state", "level", "kind", "marking"} & set(said)


def test_a_heartbeat_has_its_figures() -> None:
    elements = parse_syslog(encode(heartbeat(), origin())).elements
    assert elements["adtFigures@32473"] == {"communications": "12", "open_incidents": "0"}
    assert "adtFigures@32473" not in parse_syslog(encode(an_alert(), origin())).elements


@pytest.mark.parametrize(
    ("alert", "severity"),
    [
        (an_alert(), Severity.CRITICAL),
        (an_alert(facts=SILENT), Severity.WARNING),
        (an_alert(facts=None), Severity.ERROR),
        (msgspec.structs.replace(an_alert(), event="closed"), Severity.NOTICE),
        (msgspec.structs.replace(an_alert(), event="updated", state="closed"), Severity.NOTICE),
        (heartbeat(), Severity.INFORMATIONAL),
    ],
)
def test_severity_follows_level_and_event(alert: Alert, severity: Severity) -> None:
    parsed = parse_syslog(encode(alert, origin()))
    assert (parsed.facility, parsed.severity) == (20, severity)


@pytest.mark.parametrize("form", FORMATS)
@given(longest=st.integers(1024, 2048), length=st.integers(0, 4000))
def test_it_fits_and_says_that_it_was_cut(form: Format, longest: int, length: int) -> None:
    alert = an_alert(title=("ü" + HARD) * (length // 40) + "x" * (length % 40))
    raw = encode(alert, origin(form, longest))
    assert len(raw) <= longest
    parsed = parse_syslog(raw)
    whole = len(encode(alert, origin(form, 1_000_000)))
    cut = parsed.elements["adtGateway@32473"].get("cut")
    assert cut == (str(whole) if whole > longest else None)
    if form == "cef":
        parse_cef(parsed.body.decode())
    elif parsed.body.startswith(BOM):
        parsed.body.decode()
    else:
        json.loads(parsed.body)
