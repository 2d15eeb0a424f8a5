"""A threshold of DEVICES counts the target devices that messages name, one message or many."""

from itertools import starmap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.adt import GAS_SUPPLIER, GOOD_ROW, NETWORK, adt_text, check
from tests.support.mixed import counts
from tests.support.oracle import MONDAY, Oracle, row
from tests.support.traffic import communication, ordered, report, reports
from thresholds.breach import Change
from thresholds.catalogue import load_catalogue
from thresholds.model import ALL, DEVICES, CommunicationClass, Level
from thresholds.monitor import Monitor

STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 320), st.sampled_from([0, 1, 1, 3, 7, 260])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.sampled_from([60, 90, 3660]), st.integers(0, 12), st.integers(0, 300))
def test_episodes_of_devices_equal_the_brute_force(
    steps: list[tuple[int, int, int]], period: int, warning: int, more: int
) -> None:
    rows = [row(period, warning, warning + more, communication=DEVICES)]
    monitor, oracle, now = Monitor(rows, MONDAY), Oracle(rows, MONDAY), MONDAY
    changes: list[Change] = []
    for gap, late, devices in steps:
        now += gap
        changes += monitor.observe(communication(devices=devices), now - late, now).changes
        if devices:
            oracle.observe(now - late, now, devices)
    changes += monitor.advance(now + 200)
    oracle.advance(now + 200)
    assert reports(changes) == ordered(oracle.reports)


def test_one_message_to_50_000_devices_jumps_over_both_levels_at_its_second() -> None:
    """It counts once under ALL, which counts messages."""
    rows = [row(3600, 40_000, 50_100, communication=name, service="11.1") for name in (DEVICES, ALL)]
    monitor = Monitor(rows, MONDAY)
    firmware = communication("11.1", reference="11.1", devices=50_000)
    first = monitor.observe(firmware, MONDAY, MONDAY)
    second = monitor.observe(firmware, MONDAY + 1, MONDAY + 9)
    assert [report(c) for c in first.changes] == [("opened", Level.WARNING, MONDAY, 50_000, 40_000, None)]
    assert [report(c) for c in second.changes] == [
        ("opened", Level.QUARANTINE, MONDAY + 1, 100_000, 50_100, MONDAY)
    ]
    assert [episode.key.communication for episode in second.excess] == [DEVICES]
    assert {key.communication: n for key, n in counts(monitor).items()} == {DEVICES: 100_000, ALL: 2}


def test_a_message_to_no_device_is_not_in_the_excess_of_devices() -> None:
    monitor = Monitor([row(60, 0, 1, communication=DEVICES, service="*")], MONDAY)
    assert monitor.observe(communication(devices=2), MONDAY, MONDAY).excess
    observed = monitor.observe(communication("8.2", devices=0), MONDAY, MONDAY)
    assert (observed.changes, observed.excess) == ((), ())
    assert list(counts(monitor).values()) == [2]


def test_every_class_of_a_service_counts_its_devices() -> None:
    monitor = Monitor([row(60, 90, 99, communication=DEVICES, service="4.1")], MONDAY)
    for number, name in enumerate(CommunicationClass):
        monitor.observe(communication(communication_class=name, devices=10**number), MONDAY, MONDAY)
    assert list(counts(monitor).values()) == [11_111]


def test_seeded_devices_count_under_devices_and_seeded_messages_under_the_others() -> None:
    rows = [row(communication=name) for name in ("SR", ALL, DEVICES)]
    monitor = Monitor(rows, MONDAY)
    kind = (rows[0].user_id, CommunicationClass.SR, "4.1", "4.1.1")
    monitor.seed(kind, MONDAY, 2, 70_000, {rows[2].key, rows[0].key})
    assert {key.communication: n for key, n in counts(monitor).items()} == {"SR": 2, ALL: 0, DEVICES: 70_000}


@pytest.mark.parametrize(
    ("variant", "listed", "devices"),
    [
        ("4.1.1", 0, 1),
        ("11.1", 50_000, 50_000),
        ("11.4", 2, 2),
        ("11.1", 0, 1),
        ("8.2", 0, 0),
        ("99.9", 0, 1),
    ],
)
def test_how_many_devices_a_request_names(variant: str, listed: int, devices: int) -> None:
    assert load_catalogue().devices(variant, listed) == devices


def test_only_firmware_updates_list_their_devices() -> None:
    catalogue = load_catalogue()
    named = {variant.variant: catalogue.devices(variant.variant) for variant in catalogue}
    assert {variant for variant, n in named.items() if n == 0} == {
        variant.variant for variant in catalogue if variant.non_device
    } - {"11.1", "11.4"}


def adt_row(user: str, service: str) -> tuple[str, ...]:
    return (user, DEVICES, service, *GOOD_ROW[3:])


def test_an_adt_file_may_limit_the_devices_of_critical_and_other_services() -> None:
    rows = [adt_row(GOOD_ROW[0], service) for service in ("7.2", "4.1.1", "11.1", "6.15", "*")]
    found = check(adt_text(rows))
    assert (found.faults, found.warnings) == ((), ())
    assert {threshold.communication for threshold in found.thresholds} == {DEVICES}


def test_the_devices_of_an_adt_file_are_those_of_a_service_that_the_user_may_send() -> None:
    rows = starmap(adt_row, [(GAS_SUPPLIER, "0.0"), (NETWORK, "7.2")])
    assert [(fault.code, fault.line) for fault in check(adt_text(rows)).faults] == [
        ("unknown_service", 2),
        ("role_may_not_send", 3),
    ]
