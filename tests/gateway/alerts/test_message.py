"""An alert reads back as it was written, on one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.message import Alert, alert_id, decode, encode

ALERTS = st.from_type(Alert)


@given(ALERTS)
def test_an_alert_reads_back_as_it_was_written(alert: Alert) -> None:
    assert decode(encode(alert)) == alert


@given(ALERTS)
def test_an_alert_is_one_line_of_json_that_names_its_schema(alert: Alert) -> None:
    assert b"\n" not in encode(alert)
    assert b"\r" not in encode(alert)
    assert b'"schema":"' in encode(alert)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", 1, "opened"), ("a", 1, "closed")),
        (("a", 1, "opened"), ("b", 1, "opened")),
        (("a", 1, "x"), ("a", 11, "x")),
    ],
)
def test_the_identity_tells_instances_incidents_and_events_apart(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    assert alert_id(*one) == alert_id(*one) != alert_id(*other)
