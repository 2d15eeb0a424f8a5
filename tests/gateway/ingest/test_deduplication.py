"""A communication is known for the horizon, by RequestID and class, and forgotten soon after."""

from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.deduplication import (
    GENERATIONS,
    Deduplication,
    fingerprint,
    found_in,
    packed,
    unpacked,
)
from thresholds.model import Communication, CommunicationClass, UserId

USER = UserId("90-B3-D5-1F-30-01-00-00")
SEED = 7


def communication(
    counter: int = 1, target: str = "00-DB-12-34-56-78-90-AB", *, spc: bool = True
) -> Communication:
    return Communication(
        request_id=f"{USER}:{target}:{counter}",
        originator=USER,
        target=target,
        counter=counter,
        command_variant=5 if spc else 4,
        service_reference="7.2",
        service_reference_variant="7.2",
        communication_class=CommunicationClass.SPC if spc else CommunicationClass.TRANSFORM,
    )


def test_a_request_is_known_by_its_id_and_its_class() -> None:
    same = communication()
    assert fingerprint(same, SEED) == fingerprint(communication(), SEED)
    others = [communication(2), communication(target="00-DB-12-34-56-78-90-AC"), communication(spc=False)]
    assert len({fingerprint(each, SEED) for each in (same, *others)}) == 4


def test_a_fingerprint_is_the_same_in_every_process_and_holds_the_counter() -> None:
    """The upper half is XXH3 of "SPC" and the RequestID; another seed gives another."""
    found = fingerprint(communication(2**64 - 1), SEED)
    assert found & (2**64 - 1) == 2**64 - 1
    assert found >> 64 == 13_636_284_167_791_035_609
    assert fingerprint(communication(2**64 - 1), SEED + 1) != found


@given(st.lists(st.integers(0, 2**128 - 1)))
def test_fingerprints_come_back_as_they_were_packed(keys: list[int]) -> None:
    assert len(packed(keys)) == 16 * len(keys) + 1
    assert list(unpacked(packed(keys))) == sorted(keys)
    assert list(unpacked(as_arrived(keys))) == keys


@given(
    st.integers(60, 86_400),
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 50)), min_size=1, max_size=60),
)
def test_what_came_within_the_horizon_is_known_and_what_is_older_by_an_eighth_is_not(
    horizon: int, arrivals: list[tuple[int, int]]
) -> None:
    remembered = Deduplication(horizon, SEED)
    last: dict[int, int] = {}
    now = 1_790_000_000
    for pause, key in arrivals:
        now += pause
        remembered.remember([key], now)
        last[key] = now
    for key, instant in last.items():
        if now - instant < horizon:
            assert key in remembered
        elif now - instant > horizon + 2 * (horizon // GENERATIONS + 1):
            assert key not in remembered


def test_a_clock_set_back_forgets_nothing() -> None:
    remembered = Deduplication(3600, SEED)
    remembered.remember([1], 1_790_000_000)
    remembered.remember([2], 1_790_000_000 - 86_400)
    assert 1 in remembered
    assert 2 in remembered


def as_arrived(keys: list[int]) -> bytes:
    """Return fingerprints as earlier versions kept them: in the order of arrival."""
    halves = [key >> 64 for key in keys] + [key & (2**64 - 1) for key in keys]
    return array("Q", halves).tobytes()


@pytest.mark.parametrize("keep", [packed, as_arrived])
def test_what_is_wanted_is_found_though_others_have_the_same_counter_or_hash(
    keep: Callable[[list[int]], bytes],
) -> None:
    kept = [(hashed << 64) | counter for hashed in range(4, 0, -1) for counter in (7, 8)]
    wanted = {kept[0], kept[5], (9 << 64) | 7, (1 << 64) | 9}
    assert found_in(keep(kept), wanted) == {kept[0], kept[5]}
    assert found_in(keep(kept), {(9 << 64) | 7}) == found_in(keep([]), wanted) == set()


@given(st.sets(st.integers(0, 2**128 - 1), max_size=40), st.sets(st.integers(0, 2**128 - 1), max_size=5))
def test_what_is_found_is_what_is_in_both_in_either_way_of_keeping(kept: set[int], others: set[int]) -> None:
    wanted = others | set(list(kept)[:3])
    for keep in (packed, as_arrived):
        assert found_in(keep(list(kept)), wanted) == kept & wanted


def test_what_was_kept_in_the_order_of_arrival_is_found_in_every_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.ingest.deduplication.SLICE", 3)
    kept = [(number * 2**90) | number for number in range(10, 0, -1)]
    for key in kept:
        assert found_in(as_arrived(kept), {key, 5}) == {key}
