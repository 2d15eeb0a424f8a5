"""What goes out together keeps the order of each incident."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.lanes import lanes
from gateway.store.outbox import WaitingAlert

DUE = st.lists(st.tuples(st.integers(1, 5), st.sampled_from([0, 0, 0, 1])), max_size=40).map(
    lambda rows: [WaitingAlert(n, incident, b"", tried, 0) for n, (incident, tried) in enumerate(rows)]
)


@given(DUE, st.integers(1, 8), st.integers(1, 4))
def test_of_each_incident_the_oldest_go_out_in_order_in_one_lane(
    due: list[WaitingAlert], batch: int, width: int
) -> None:
    found = lanes(due, batch, width)
    assert len(found) <= width
    assert all(1 <= len(lane) <= batch for lane in found)
    places: dict[int, list[int]] = {}
    for number, lane in enumerate(found):
        for alert in lane:
            places.setdefault(alert.incident_id, []).append(number)
    for incident, numbers in places.items():
        assert len(set(numbers)) == 1, "two lanes would race"
        sent = [alert.id for lane in found for alert in lane if alert.incident_id == incident]
        assert sent == [alert.id for alert in due if alert.incident_id == incident][: len(sent)]


@given(DUE, st.integers(1, 8), st.integers(1, 4))
def test_something_goes_out_where_something_is_due(due: list[WaitingAlert], batch: int, width: int) -> None:
    assert bool(lanes(due, batch, width)) is bool(due)


@given(DUE, st.integers(2, 8))
def test_what_has_failed_goes_alone(due: list[WaitingAlert], batch: int) -> None:
    for lane in lanes(due, batch, 3):
        assert len(lane) == 1 or all(alert.attempts == 0 for alert in lane)
