"""Viewers: what they want, how much waits for one, and how many there may be."""

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Unavailable
from gateway.live import (
    MOST_OF_ONE,
    MOST_VIEWERS,
    QUEUE_EVENTS,
    FileEvent,
    Kind,
    Live,
    ResyncEvent,
    ThresholdsEvent,
    encode,
)


def test_a_viewer_that_does_not_take_loses_its_queue_and_nobody_elses() -> None:
    live = Live()
    with live.watching({Kind.FILE}) as slow, live.watching({Kind.FILE}) as quick:
        for number in range(QUEUE_EVENTS + 10):
            live.tell(FileEvent(number, "adt.csv", "submitted"))
            assert len(quick.take()) == 1
        assert (slow.lost, slow.take(), quick.lost) == (True, [], False)
        slow.lost = False
        live.tell(FileEvent(1, "adt.csv", "approved"))
        assert len(slow.take()) == 1


def test_events_are_encoded_once_for_all() -> None:
    live = Live()
    with live.watching({Kind.FILE}) as one, live.watching({Kind.FILE}) as other:
        live.tell(FileEvent(1, "adt.csv", "submitted"))
        assert one.take()[0] is other.take()[0]


def test_a_viewer_gets_what_it_wants_and_what_everybody_gets() -> None:
    live = Live()
    with live.watching({Kind.FILE}) as viewer:
        live.tell(ThresholdsEvent(1))
        live.tell(ResyncEvent("slow"))
        live.tell(FileEvent(1, "adt.csv", "submitted"))
        assert [event.split(b"\n")[0] for event in viewer.take()] == [b"event: resync", b"event: file"]
        assert (live.watched(Kind.FILE), live.watched(Kind.RATES)) == (True, False)
    assert not live.watched(Kind.FILE)


def test_there_are_no_more_viewers_than_places_and_each_gives_its_own_back() -> None:
    live = Live()
    with ExitStack() as stack:
        for number in range(MOST_VIEWERS):
            stack.enter_context(live.watching((), str(number)))
        with pytest.raises(Unavailable) as caught, live.watching((), "one more"):
            pass
        assert caught.value.code == "too_many_viewers"
    with live.watching(()):
        pass


def test_one_person_does_not_take_the_places_of_all() -> None:
    live = Live()
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            stack.enter_context(live.watching((), "olga"))
        with pytest.raises(Unavailable), live.watching((), "olga"):
            pass
        with live.watching((), "adam"):
            pass


async def test_the_end_wakes_who_waits_hangs_up_on_who_is_stuck_and_stays() -> None:
    live = Live()
    hung_up: list[bool] = []
    with live.watching(()) as viewer, live.watching(()) as stuck:
        stuck.hang_up = lambda: hung_up.append(True)
        live.close()
        async with asyncio.timeout(1):
            assert await viewer.next() == b""
        assert (viewer.ended, hung_up) == (True, [True])
    with live.watching(()) as late:
        assert late.ended


@given(st.text(), st.text())
def test_an_event_is_two_lines_and_a_blank_one_whatever_it_says(name: str, state: str) -> None:
    lines = encode(FileEvent(1, name, state)).split(b"\n")
    assert len(lines) == 4
    assert lines[2:] == [b"", b""]
    assert b"\r" not in lines[1]
