"""Server-sent events of a real daemon: what happens is told at once, to many, and costs no memory."""

import contextlib
import functools
import time
from pathlib import Path

import pytest

from gateway.live import MOST_OF_ONE, QUEUE_EVENTS
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.viewer import EVENTS, Viewer

pytestmark = needs_softhsm

PERIODS = 1200
"""Thresholds of one service that all change with each request: an event of some 400 kB."""

CLOSING = {"reason": "seen", "finding": "false_positive"}


def count_on(daemon: Daemon, first: int, requests: int = 1) -> None:
    lines = [header_line(number) for number in range(first, first + requests)]
    assert daemon.as_("adaptor").send_lines(lines).json["accepted"] == requests


def has_count(viewer: Viewer, key: tuple[str, str], count: int) -> bool:
    return viewer.rates().get(key, {}).get("count") == count


def many_periods() -> list[list[str]]:
    return [row(100_000, 200_000, period=f"PT{minutes}M") for minutes in range(1, PERIODS + 1)]


def test_a_viewer_follows_a_count_from_the_file_to_the_breach_and_its_end(own_daemon: Daemon) -> None:
    daemon = own_daemon
    with Viewer(daemon.as_("adam")) as viewer:
        assert viewer.of("resync") == [{"reason": "connected"}]
        assert viewer.lines[0] == "retry: 3000\n"
        wait_for("every count", lambda: viewer.of("rates"))
        assert viewer.of("rates")[0] | {"at": ""} == {"at": "", "complete": True, "rates": []}
        number = daemon.put_in_force(row(2, 4))
        wait_for("the thresholds", lambda: viewer.of("thresholds") == [{"count": 1}])
        states = ["submitted", "approved", "signed", "delivered", "acknowledged", "in force"]
        assert viewer.of("file") == [{"id": number, "name": "adt.csv", "state": state} for state in states]
        key = ("7.4", "PT1H")
        for sent in range(1, 6):
            count_on(daemon, sent)
            wait_for("the count", functools.partial(has_count, viewer, key, sent))
        assert viewer.rates()[key]["state"] == "quarantine"
        wait_for("the incidents", lambda: len(viewer.of("incident")) == 3)
        ana = daemon.as_("ana")
        assert ana.post("/api/v1/incidents/2/close", CLOSING).status == 200
        wait_for("the end", lambda: len(viewer.of("incident")) == 5)
        told = [(each["change"], each["id"], each["level"], each["state"]) for each in viewer.of("incident")]
        assert told == [
            ("opened", 1, "warning", "candidate"),
            ("opened", 2, "quarantine", "candidate"),
            ("closed", 1, "warning", "closed"),
            ("updated", 2, "quarantine", "false_positive"),
            ("closed", 2, "quarantine", "closed"),
        ]
        (rate,) = daemon.rates()
        wait_for("the same as the API shows", lambda: viewer.rates()[key] == rate)
        daemon.put_in_force(row(2, 4, service="7.1"), name="other.csv")
        wait_for("the other threshold", lambda: set(viewer.rates()) == {("7.1", "PT1H")})
        assert viewer.of("file")[-1] == {"id": number, "name": "adt.csv", "state": "superseded"}


def test_a_viewer_gets_what_it_asks_for_and_always_the_heartbeat(own_daemon: Daemon) -> None:
    daemon = own_daemon
    with Viewer(daemon.as_("olga"), "?only=file,incident") as viewer:
        daemon.put_in_force(row(1, 4))
        count_on(daemon, 1, 2)
        wait_for("the incident", lambda: viewer.of("incident"))
        wait_for("the heartbeat", lambda: viewer.of("heartbeat"))
        beat = viewer.of("heartbeat")[0]
        assert (beat["instance"], beat["ready"]) == ("test", True)
        assert {kind for kind, _ in viewer.events} == {"resync", "file", "incident", "heartbeat"}
    assert daemon.as_("olga").get(f"{EVENTS}?only=rates,nothing").code == "query_malformed"
    assert daemon.as_("adaptor").get(EVENTS).code == "role_missing"


def test_there_is_a_most_of_viewers_of_one_person_and_a_place_becomes_free(daemon: Daemon) -> None:
    person = daemon.as_("adam")
    with contextlib.ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(person, "?only=file")) for _ in range(MOST_OF_ONE)]
        answer = person.get(EVENTS)
        assert (answer.status, answer.code) == (503, "too_many_viewers")
        assert "Retry-After" in answer.headers
        with Viewer(daemon.as_("olga"), "?only=file") as other:
            assert not other.ended.is_set()
        number = daemon.submit(row(7, 9))
        wait_for("all of them", lambda: all(viewer.of("file") for viewer in viewers))
        assert {viewer.of("file")[0]["id"] for viewer in viewers} == {number}
    wait_for("a free place", lambda: person.get(EVENTS).status == 200, 40)


def test_a_disabled_person_sees_nothing_after_a_minute(own_daemon: Daemon) -> None:
    daemon = own_daemon
    with Viewer(daemon.as_("adam")) as viewer, Viewer(daemon.as_("olga")) as other:
        assert daemon.cli("user", "disable", "adam").returncode == 0
        wait_for("the end", viewer.ended.is_set, 60)
        assert not other.ended.is_set()


@pytest.mark.parametrize("reads", [True, False])
def test_the_daemon_stops_in_time_with_viewers(tmp_path: Path, reads: bool) -> None:
    with Daemon(tmp_path) as daemon, contextlib.ExitStack() as stack:
        if not reads:
            daemon.put_in_force(*many_periods())
        person = daemon.as_("adam")
        viewers = [stack.enter_context(Viewer(person, reads=reads)) for _ in range(50)]
        if not reads:
            fill_pipes(daemon)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 8
        assert "Traceback" not in daemon.log
        if reads:
            wait_for("the ends", lambda: all(viewer.ended.is_set() for viewer in viewers))


def fill_pipes(daemon: Daemon, seconds: float = 10) -> None:
    """Have events made for longer than what the sockets of a viewer that does not read can hold."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        count_on(daemon, number)
        time.sleep(0.25)


def test_viewers_that_do_not_read_cost_no_memory_and_those_that_do_see_all(tmp_path: Path) -> None:
    """Each is sent some 4 MB; were that kept for each of a hundred, it would be 400 MB."""
    with Daemon(tmp_path) as daemon, contextlib.ExitStack() as stack:
        daemon.put_in_force(*many_periods())
        person = daemon.as_("adam")
        reader = stack.enter_context(Viewer(person))
        before = daemon.resident_bytes
        for number in range(100):
            stack.enter_context(Viewer(daemon.as_(("bob", "olga")[number % 2]), reads=False))
        fill_pipes(daemon)
        wait_for("them to be hung up on", lambda: daemon.log.count('"viewer_does_not_read"') == 100, 30)
        assert daemon.resident_bytes - before < 100 * 2**20
        count = daemon.rates()[0]["count"]
        wait_for("the count", lambda: reader.rates()["7.4", "PT1200M"]["count"] == count)
        assert reader.of("resync") == [{"reason": "connected"}]


def test_a_viewer_that_was_too_slow_is_told_to_read_anew_and_goes_on(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(*many_periods())
        with Viewer(daemon.as_("adam"), reads=False) as viewer:
            fill_pipes(daemon)
            for number in range(QUEUE_EVENTS + 10):
                daemon.submit(row(1000 + number, 3000), name=f"{number}.csv")
            viewer.read()
            wait_for("the loss to be told", lambda: {"reason": "slow"} in viewer.of("resync"))
            last = daemon.submit(row(1, 3000))
            wait_for("what comes then", lambda: [each for each in viewer.of("file") if each["id"] == last])
            begun_anew = viewer.events.index(("resync", {"reason": "slow"})) + 1
            kind, rates = viewer.events[begun_anew]
            assert (kind, rates["complete"], len(rates["rates"])) == ("rates", True, PERIODS)
