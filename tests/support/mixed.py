"""Thresholds of several keys and a traffic that touches some of them, drawn by hypothesis."""

from hypothesis import strategies as st

from tests.support.oracle import USER, row
from tests.support.traffic import communication
from thresholds.breach import Change
from thresholds.kind import Kind
from thresholds.model import ALL, DEVICES, CommunicationClass, ThresholdKey
from thresholds.monitor import Monitor

SR, SPC, UNKNOWN = CommunicationClass.SR, CommunicationClass.SPC, CommunicationClass.UNKNOWN
SERVICES = ("4.1.1", "4.1", "4.2.1", "*", "7.2")
PLACES = [(name, service) for name in ("SR", "SPC", ALL, DEVICES) for service in SERVICES]
SENT = st.tuples(
    st.sampled_from([SR, SPC, UNKNOWN]),
    st.sampled_from(["4.1.1", "4.2.1", "7.2", "0.0"]),
    st.sampled_from([1, 1, 0, 2, 5]),
)
TRAFFIC = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 50), SENT), min_size=1, max_size=40)
Traffic = list[tuple[int, int, tuple[CommunicationClass, str, int]]]

ROWS = st.lists(
    st.builds(
        lambda place, period, low: row(period, low, low + 2, communication=place[0], service=place[1]),
        st.sampled_from(PLACES),
        st.sampled_from([60, 90, 3660]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda threshold: threshold.key,
)


def drive(monitor: Monitor, traffic: Traffic, now: int) -> list[Change]:
    """Send *traffic* from *now* on and wait a little; return what changed."""
    changes: list[Change] = []
    for gap, late, (name, variant, devices) in traffic:
        now += gap
        sent = communication(variant, name, devices=devices)
        changes += monitor.observe(sent, now - late, now).changes
    return [*changes, *monitor.advance(now + 200)]


def counts(monitor: Monitor) -> dict[ThresholdKey, int]:
    """Return the count of every key."""
    return {rate.key: rate.count for rate in monitor.rates()}


def kind(name: CommunicationClass, variant: str) -> Kind:
    """Return what a communication of `traffic.communication` touches."""
    return USER, name, variant.rpartition(".")[0], variant
